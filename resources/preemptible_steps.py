"""Dagster and SIGTERM: a worker that loses its machine ends by itself and tells Dagster nothing; that it is gone is what gets its step retried.

Dagster would raise its own error at any instruction, and fail a step for good whose SIGTERM came between two of its functions. A worker that
reports a retry and then dies with 143 could be counted twice, once by its report and once by its death. So SIGTERM is taken from Dagster in
worker processes; an interrupt (SIGINT: a person's cancel, Ctrl-C) stays Dagster's. Replaces one private function, which is why Dagster's version is
pinned exactly and a test kills real steps.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from catalog.preemption import Preempted, end_process, listen, stop_point

P = ParamSpec("P")
R = TypeVar("R")


def listen_in_worker() -> None:
    """Take SIGTERM as a notice in this worker process, now and when Dagster sets its handlers again."""
    from dagster._utils import interrupts

    interrupts.setup_interrupt_handlers = _leave_sigterm_alone
    listen()


def preemptible(work: Callable[P, R]) -> Callable[P, R]:
    """Make a step's function end its process with exit code 143 when SIGTERM came, before it starts or at one of its stop points."""

    @functools.wraps(work)
    def stopping(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            stop_point()
            return work(*args, **kwargs)
        except Preempted:
            end_process()

    return stopping


def _leave_sigterm_alone() -> None:
    """In place of Dagster's function that gives SIGTERM whatever handler SIGINT has."""
