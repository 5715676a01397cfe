"""The progress bar of a run: counts in the ledger, polled; workers need not know that anyone watches."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from orchestration.running import CategoryTask
from resources.project import Project

POLL_S = 1.0
POLL_SHARE = 50
"""A count of millions of renders takes a second: counting takes at most a fiftieth of the time."""


class RunProgress:
    """Shows renders made, judged and LoRAs trained since the start; silent when quiet or when there is nothing to do."""

    def __init__(self, project: Project, tasks: Sequence[CategoryTask], *, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._project, self._before, self._next = project, project.ledger_counts(), 0.0
        self._bar = None
        if tasks and not quiet:
            columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, transient=False)
            loras = sum(task.train for task in tasks)
            renders = self._expected_renders(tasks)
            self._tasks = {
                "loras": self._bar.add_task("LoRAs", total=loras, visible=loras > 0),
                "renders": self._bar.add_task("renders", total=renders),
                "judgments": self._bar.add_task("verdicts", total=renders),
            }

    def _expected_renders(self, tasks: Sequence[CategoryTask]) -> int:
        from orchestration.stale import stale_cells

        cells = {(task.category, drop) for task in tasks for drop in task.drops}
        needs = stale_cells(self._project, sorted({category for category, _ in cells}))
        return sum(need.renders for need in needs if (need.category, need.drop) in cells)

    def update(self) -> None:
        """Read the counts anew, at most once a second."""
        if self._bar is None or time.monotonic() < self._next:
            return
        start = time.monotonic()
        now = self._project.ledger_counts()
        self._next = start + max(POLL_S, POLL_SHARE * (time.monotonic() - start))
        for name, task in self._tasks.items():
            self._bar.update(task, completed=now[name] - self._before[name])

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._next = 0.0
            self.update()
            for task in self._tasks.values():  # refused photos and missing colorways made fewer renders than were expected
                self._bar.update(task, total=self._bar.tasks[task].completed)
            self._bar.stop()
