"""Log lines as JSON, one object per line, with what was being worked on; or text as before, on a terminal. Secrets are taken out of both.

Only formats and where lines go. What Dagster's own processes log is set by `--log-format json`; its run and step events come through
`orchestration/json_console.py` into the same formatter.
"""

import datetime as dt
import json
import logging
import sys
from typing import Any

from resources.redaction import redacted
from resources.work_context import FACTS, current_work

PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "dagster_meta", "color_message"}
"""Attributes every log record has; whatever else a record carries was given by `extra=` and is shown."""

OUR_LOGGERS = ("vitrine", "orchestration", "assets", "resources", "training", "generation", "quality", "publishing", "imaging", "catalog")
"""Told from INFO up in JSON; libraries from WARNING up, as everywhere."""

MAX_DEPTH = 3
"""How far fields of a line may be nested."""

STACK_CHARACTERS = 8000
"""A stack longer than this is cut in the middle: log collectors drop lines above 16 to 256 KB."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: at, level, logger, message, the facts of the work in hand, `extra` fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, without its newline."""
        dagster = _dagster_facts(record)
        line: dict[str, Any] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": dagster.pop("message", None) or record.getMessage(),
        }
        work = {**dagster, **current_work()}
        line |= {name: work[name] for name in FACTS if work.get(name)}
        if dagster:  # its records carry whole events, contact sheets and all; the kind of event is enough
            line |= {"event": event.event_type_value} if (event := dagster["event"]) else {}
        else:
            line |= {name: value for name, value in record.__dict__.items() if name not in PLAIN and name not in line}
        if error := _error(record, dagster):
            line["error"] = error
        return json.dumps(_clean(line), ensure_ascii=False, separators=(",", ":"))


class RedactingFormatter(logging.Formatter):
    """Plain text without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return redacted(super().format(record))


class _OurHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic in the type stubs only
    """Marks the handler that `configure_logging` added, so that a second call adds none. Writes to whatever stderr is now."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure_logging(log_format: str) -> None:
    """Send this process's log lines to standard error in a format, `json` or `text`; calling it again changes nothing.

    Text leaves logging as Python has it, warnings only, but hides secrets.
    """
    root = logging.getLogger()
    ours = next((handler for handler in root.handlers if isinstance(handler, _OurHandler)), None)
    if log_format != "json":
        if logging.lastResort is not None:
            logging.lastResort.setFormatter(RedactingFormatter())
        if ours is not None:
            root.removeHandler(ours)
        return
    if ours is None:
        ours = _OurHandler()
        root.addHandler(ours)
    ours.setFormatter(JsonFormatter())
    # diffusers and transformers bring handlers of their own that have no formatter; this is what logging formats those with.
    logging._defaultFormatter = JsonFormatter()  # type: ignore[attr-defined]  # not documented, in every version
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)


def _dagster_facts(record: logging.LogRecord) -> dict[str, Any]:
    """Run, job, step and cell of a record that went through Dagster's log manager."""
    meta = getattr(record, "dagster_meta", None)
    if not isinstance(meta, dict):
        return {}
    partition = (meta.get("job_tags") or {}).get("dagster/partition", "")
    return {
        "message": meta.get("orig_message"),
        "run_id": meta.get("run_id"),
        "job": meta.get("job_name"),
        "step": meta.get("step_key"),
        "cell": partition if "|" in partition else None,
        "category": partition.split("|")[0],
        "event": meta.get("dagster_event"),
    }


def _error(record: logging.LogRecord, dagster: dict[str, Any]) -> dict[str, str] | None:
    if record.exc_info and record.exc_info[0] is not None:
        kind, value, _ = record.exc_info
        stack = logging.Formatter().formatException(record.exc_info)
        return {"type": kind.__name__, "message": str(value), "stack": _shortened(stack)}
    failed = getattr(getattr(dagster.get("event"), "event_specific_data", None), "error", None)
    if failed is None:
        return None
    return {"type": failed.cls_name or "", "message": failed.message.strip(), "stack": _shortened(failed.to_string())}


def _shortened(stack: str) -> str:
    half = STACK_CHARACTERS // 2
    return stack if len(stack) <= STACK_CHARACTERS else f"{stack[:half]}\n[...]\n{stack[-half:]}"


def _clean(value: Any, depth: int = 0) -> Any:
    """Plain data without secrets. What lies deeper than any log line should, or is no plain data, is told as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < MAX_DEPTH and isinstance(value, dict):
        return {redacted(str(key)): _clean(item, depth + 1) for key, item in value.items()}
    if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth + 1) for item in value]
    try:
        return redacted(str(value))
    except Exception as error:  # noqa: BLE001 - a value that cannot say what it is must not cost the line
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
