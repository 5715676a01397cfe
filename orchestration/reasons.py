"""Why a run failed, in one line for people: the innermost error of its first failed step, not Dagster's wrapping of it."""

from collections.abc import Iterable

import dagster as dg

BLOCKED = "blocked by its brand gate; see the verdicts in the report"
"""A run without a failed step: its blocking check failed, and Dagster skipped the rest."""


def first_failure(events: Iterable[dg.DagsterEvent]) -> tuple[str, str] | None:
    """Step key and message of the first failed step; None when no step failed."""
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            text = ((error.message if error else event.message) or "no message").strip()
            # Dagster writes "module.ErrorClass: message".
            return event.step_key or "", text.partition(": ")[2] or text
    return None
