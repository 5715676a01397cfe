"""Makes a step tell of itself: its log lines know the run and the cell, it is a span, and what it used is recorded.

`@observed` stands right above an asset's or op's function. It never changes what a step does or whether it succeeds; a ledger that cannot be
written is a warning here.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from catalog.errors import VitrineError
from resources.instruments import STEP_GPU_MEMORY, STEP_MEMORY, STEP_RETRIES, STEP_TIME
from resources.logs import configure_logging
from resources.observing_tables import step_usage
from resources.project import Project, VitrineResource
from resources.settings import log_format, utc_now
from resources.step_meter import StepMeter, Usage
from resources.tallies import tallied
from resources.telemetry import flush_telemetry, measured, span, start_telemetry
from resources.work_context import working_on

log = logging.getLogger("vitrine.step")

Compute = Callable[..., Any]


def observed(compute: Compute) -> Compute:
    """A step's function that logs, measures and records itself. Its first argument is the context; it has the resource `vitrine`."""
    if inspect.isgeneratorfunction(compute):

        @functools.wraps(compute)
        def generator(context: Any, vitrine: VitrineResource, *args: Any, **inputs: Any) -> Iterator[Any]:
            with _watched(context, vitrine):
                yield from compute(context, vitrine, *args, **inputs)

        return generator

    @functools.wraps(compute)
    def function(context: Any, vitrine: VitrineResource, *args: Any, **inputs: Any) -> Any:
        with _watched(context, vitrine):
            return compute(context, vitrine, *args, **inputs)

    return function


@contextmanager
def _watched(context: Any, vitrine: VitrineResource) -> Iterator[None]:
    project = vitrine.open()
    configure_logging(log_format(project.settings))
    start_telemetry(project.settings)
    step = getattr(context, "op_execution_context", context)
    op, attempt = step.op_def.name, step.retry_number
    partition = step.partition_key if step.has_partition_key else ""
    cell, category = (partition, partition.split("|")[0]) if "|" in partition else ("", partition)
    run_id = str(step.run_id)
    if attempt:
        measured(STEP_RETRIES, 1, op=op)
    meter, outcome = StepMeter(), "done"
    with working_on(run_id=run_id, job=step.job_name, step=op, attempt=str(attempt or ""), cell=cell, category=category):
        log.info("step begins")
        try:
            with tallied(project), span(op):
                yield
        except Exception:
            outcome = "failed"
            raise
        except BaseException:  # an interrupt or a generator that was closed: the step did not end by itself
            outcome = "interrupted"
            raise
        finally:
            usage = meter.read()
            _measure(op, outcome, usage)
            _record(project, op, partition, run_id, attempt, outcome, usage)
            log.info(
                "step ends", extra={"outcome": outcome, "wall_s": round(usage.wall_s, 3), "memory_peak_bytes": usage.memory_peak_bytes}
            )
            flush_telemetry()


def _measure(op: str, outcome: str, usage: Usage) -> None:
    measured(STEP_TIME, usage.wall_s, op=op, outcome=outcome)
    measured(STEP_MEMORY, usage.memory_peak_bytes, op=op)
    if usage.gpu_reserved_peak_bytes is not None:
        measured(STEP_GPU_MEMORY, usage.gpu_reserved_peak_bytes, op=op)


def _record(project: Project, op: str, partition: str, run_id: str, attempt: int, outcome: str, usage: Usage) -> None:
    row = {
        "op": op,
        "partition": partition,
        "run_id": run_id,
        "attempt": attempt,
        "outcome": outcome,
        "wall_s": usage.wall_s,
        "cpu_s": usage.cpu_s,
        "rss_peak_bytes": usage.rss_peak_bytes,
        "child_rss_peak_bytes": usage.child_rss_peak_bytes,
        "cgroup_peak_bytes": usage.cgroup_peak_bytes,
        "gpu_allocated_peak_bytes": usage.gpu_allocated_peak_bytes,
        "gpu_reserved_peak_bytes": usage.gpu_reserved_peak_bytes,
        "at": utc_now().replace(tzinfo=None),
    }
    try:
        project.ledger.append(step_usage, [row])
    except (VitrineError, OSError) as error:
        log.warning("what the step used could not be recorded: %s", error)
