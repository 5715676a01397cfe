"""Why a run failed, in one message for people: our own error of its first failed step, not what it was wrapped in or caused by."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from catalog.errors import LeaseRefused, VitrineError

BLOCKED = "held back by its brand gate: too few of its renders are approved (gate.min_approved_share); see the verdicts in the report"
"""A run without a failed step: its blocking check failed, and Dagster skipped the rest."""

REFUSED = f"{LeaseRefused.__module__}.{LeaseRefused.__name__}"


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


def gave_way(events: Iterable[dg.DagsterEvent]) -> bool:
    """Whether a run ended because another one works on its cell or LoRA: what it was asked for is made all the same."""
    failed = (event.step_failure_data.error for event in events if event.is_step_failure)
    return any(link.message.startswith(REFUSED) for error in failed for link in _chain(error))


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause
