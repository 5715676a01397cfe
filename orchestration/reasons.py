"""Why a run failed, in one message for people: our own error of its first failed step, not what it was wrapped in or caused by."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from catalog.errors import VitrineError

BLOCKED = "held back by its brand gate: too few of its renders are approved (gate.min_approved_share); see the verdicts in the report"
"""A run without a failed step: its blocking check failed, and Dagster skipped the rest."""


def first_failure(events: Iterable[dg.DagsterEvent]) -> tuple[str, str] | None:
    """Step key and message of the first failed step; None when no step failed.

    Our own errors say what to do, so the outermost of them is told; of others the innermost, because the outer ones are Dagster's.
    """
    for event in events:
        if event.is_step_failure:
            chain = list(_chain(event.step_failure_data.error))
            ours = [error for error in chain if error.message.startswith(f"{VitrineError.__module__}.")]
            text = (ours[0].message if ours else chain[-1].message if chain else event.message or "no message").strip()
            if "blocking asset check" in text:
                return event.step_key or "", BLOCKED
            # Dagster writes "module.ErrorClass: message".
            return event.step_key or "", text.partition(": ")[2] or text
    return None


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause
