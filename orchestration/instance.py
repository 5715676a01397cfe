"""The Dagster instance of a project on one machine: its home folder, its dagster.yaml, and opening it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import yaml

from orchestration.jobs import HEAVY_TAG
from resources.settings import Settings, deployment_home

DAGSTER_YAML = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},  # no sign-up dialog in front of the first page
    "concurrency": {
        # One place more than heavy runs may take: reading the catalog and publishing do not wait for hours of rendering.
        "runs": {"max_concurrent_runs": 3, "tag_concurrency_limits": [{"key": HEAVY_TAG, "limit": 2}]},
        "pools": {"granularity": "op"},
    },
    "run_monitoring": {
        "enabled": True,
        "max_resume_run_attempts": 0,  # with resume on, a user's cancel does not reach the steps
        "free_slots_after_run_end_seconds": 60,  # without it a dead run blocks its pool for ever
    },
    "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
    "retention": {
        "schedule": {"purge_after_days": 30},
        "sensor": {"purge_after_days": {"skipped": 3, "failure": 30, "success": 30}},
    },
}
"""One machine's instance. SQLite storage under the home folder is Dagster's default and needs no entry."""


def write_dagster_home(settings: Settings) -> None:
    """Make the Dagster home with its dagster.yaml; an existing file is left as it is, it may have been tuned."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists():
        file.write_text(yaml.safe_dump(DAGSTER_YAML, sort_keys=False), encoding="utf-8")


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance, opened for a block."""
    write_dagster_home(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


@contextmanager
def present_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance that a command looks at: the project's own where there is one, else the deployment's, which DAGSTER_HOME names."""
    home = deployment_home()
    if home is None or (settings.dagster_home / "dagster.yaml").exists():
        with open_instance(settings) as instance:
            yield instance
    else:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
