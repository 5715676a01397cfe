"""Dagster's run and step events as JSON lines on standard error, in place of its colored console.

In the definitions only when the project's log format is `json`. Takes the console's configuration, so that run configs fit both.
"""

import logging
import sys

import dagster as dg

from resources.logs import JsonFormatter
from resources.settings import Settings, log_format


@dg.logger(
    config_schema={
        "log_level": dg.Field(str, is_required=False, default_value="DEBUG", description="The logger's threshold."),
        "name": dg.Field(str, is_required=False, default_value="dagster", description="The name of the logger."),
    },
    description="One JSON object per event, with run, step and cell; secrets are hidden.",
)
def json_console(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger of its own class, as Dagster's console is: not in the tree, so that no handler of the root repeats its lines."""
    level, name = context.logger_config["log_level"], context.logger_config["name"]
    logger = logging.getLoggerClass()(name, level=level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    return logger


def console_loggers(settings: Settings) -> dict[str, dg.LoggerDefinition]:
    """The loggers of the definitions: ours for JSON, else none, which means Dagster's colored console."""
    return {"console": json_console} if log_format(settings) == "json" else {}


def quiet_console(settings: Settings) -> dict[str, object]:
    """Run config of runs that a command makes itself: no events on a terminal, since the instance has each; all of them as JSON."""
    level = "DEBUG" if log_format(settings) == "json" else "CRITICAL"
    return {"loggers": {"console": {"config": {"log_level": level}}}}
