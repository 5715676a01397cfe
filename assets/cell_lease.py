"""One run at a time works on a cell or a category's LoRA: a step's function under the lease of its partition, behind the ledger's fence.

The lease belongs to the run; what leases and fences are, `resources/leases.py` says. A step that finds another run at work ends with a message
that names it, and what it was asked for stays in the plan.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from assets.house_rules import told_at_once
from resources.leases import LeaseTimes, free_again, holder_now, holding
from resources.project import Project, VitrineResource

TIMES = LeaseTimes()


@dataclass(frozen=True)
class LeasedVitrine:
    """What a step under a lease gets in place of the resource: the project that was opened when the lease was taken."""

    project: Project

    def open(self) -> Project:
        """The project, its ledger behind the fence."""
        return self.project


def under_lease(*, shared: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a partitioned step's function, `step(context, vitrine, ...)`, under its partition's lease.

    `shared`: steps of one run that work side by side (shards). All others shut out former attempts of their own run, too.
    """

    def decorate(step: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(step):

            @functools.wraps(step)
            def yielding(context: Any, vitrine: VitrineResource, *rest: Any, **inputs: Any) -> Iterator[Any]:
                with told_at_once(), _leased(context, vitrine.open(), shared) as project:
                    yield from step(context, LeasedVitrine(project), *rest, **inputs)

            return yielding

        @functools.wraps(step)
        def leased(context: Any, vitrine: VitrineResource, *rest: Any, **inputs: Any) -> Any:
            with told_at_once(), _leased(context, vitrine.open(), shared) as project:
                return step(context, LeasedVitrine(project), *rest, **inputs)

        return leased

    return decorate


@contextmanager
def _leased(context: Any, project: Project, shared: bool) -> Iterator[Project]:
    resource = resource_of(context.partition_key)
    # Runs that are kept nowhere cannot be asked whether they are over, so nobody should have to wait for them.
    times = replace(TIMES, between_steps_s=0.0) if context.instance.is_ephemeral else TIMES
    asked = functools.partial(run_is_over, context.instance)
    # A campaign tries its cells again by itself, within its budget and for its recipes; the sensor would start them without either.
    wants = project.run.campaign is None
    with holding(project.ledger, resource, context.run.run_id, fresh=not shared, is_over=asked, times=times, wants=wants) as fenced:
        yield project.with_ledger(fenced)


def resource_of(partition_key: str) -> str:
    """What a partition's lease is called: `cell/<category>/<drop>` or `lora/<category>`."""
    category, _, drop = partition_key.partition("|")
    return f"cell/{category}/{drop}" if drop else f"lora/{category}"


def cells_free_again(project: Project, instance: dg.DagsterInstance) -> list[tuple[str, str, int]]:
    """Category, drop and lease epoch of cells whose run is over and which another run waited for in vain."""
    rows = free_again(project.ledger, "cell/", functools.partial(run_is_over, instance))
    return [(*row["resource"].split("/")[1:], row["epoch"]) for row in rows]


def is_cell_taken(project: Project, instance: dg.DagsterInstance, category: str, drop: str) -> bool:
    """Whether a run that is not known to be over holds a cell: another one would wait for it in vain and fail."""
    holder = holder_now(project.ledger, resource_of(f"{category}|{drop}"))
    return holder is not None and not run_is_over(instance, holder)


def run_is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Dagster knows a run and knows it to have ended. One that it never heard of may be at work under another instance."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished
