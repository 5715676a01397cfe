"""Compares what each op's pod asks for with what its steps used, and recommends numbers with headroom and their sample size.

Asked is `placement.py` with the deployment's `cluster.steps`; used is the ledger's `step_usage`. Changes nothing: a person corrects the sizes.
A pod that the kernel ended for want of memory leaves no line: such steps are in the run's events, and get more memory by themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from orchestration.placement import PLACEMENTS, Placement, placement_of
from resources.ledger import Row
from resources.observing_tables import step_usage
from resources.project import Project

HEADROOM = 1.3
"""Recommended memory over the largest peak seen: what fits once has to fit next month's larger photos too, and an end for want of memory
costs a whole attempt."""

MIN_SAMPLES = 10
"""Fewer finished steps recommend nothing: the largest of three says little about the largest of a thousand."""

MAX_SAMPLES = 2000
"""Newest steps per op that are looked at."""

CPU_QUANTILE = 0.95
"""CPU is shared in time, so the request follows what nearly all steps use on average, not the peak."""

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class OpReport:
    """One op: asked and used. Memory in GiB, CPU in cores; `None` where nothing is known or it is too little to recommend."""

    op: str
    samples: int
    asked_memory_gib: float | None
    used_memory_gib: float
    pod_memory_gib: float | None
    recommended_memory_gib: int | None
    asked_cpu: float | None
    used_cpu: float
    recommended_cpu: float | None
    asked_gpus: int
    used_gpu_gib: float | None
    longest_s: float
    max_runtime_s: int | None
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def resource_report(project: Project) -> list[OpReport]:
    """A line per op that has run, in the placement table's order; ops without a line in that table come last."""
    order = list(PLACEMENTS)
    ops = [row["op"] for row in project.ledger.rows(sa.select(step_usage.c.op).distinct())]
    places = {op: placement_of(op, project.settings.cluster) for op in ops if op in PLACEMENTS}
    return [
        _of(op, places.get(op), _newest(project, op))
        for op in sorted(ops, key=lambda op: (order.index(op) if op in order else len(order), op))
    ]


def _newest(project: Project, op: str) -> list[Row]:
    query = sa.select(step_usage).where(step_usage.c.op == op).order_by(step_usage.c.id.desc()).limit(MAX_SAMPLES)
    return project.ledger.rows(query)


def _of(op: str, place: Placement | None, rows: Sequence[Row]) -> OpReport:
    memory = max(row["rss_peak_bytes"] + row["child_rss_peak_bytes"] for row in rows) / GIB
    cpus = sorted(row["cpu_s"] / row["wall_s"] for row in rows if row["wall_s"] > 1.0)  # a shorter step says how fast it starts
    cpu = cpus[min(len(cpus) - 1, int(CPU_QUANTILE * len(cpus)))] if cpus else 0.0
    enough = len(rows) >= MIN_SAMPLES
    gpu = [row["gpu_reserved_peak_bytes"] for row in rows if row["gpu_reserved_peak_bytes"]]
    pod = [row["cgroup_peak_bytes"] for row in rows if row["cgroup_peak_bytes"]]
    shm = place.shm_gib if place else 0
    wanted = math.ceil(memory * HEADROOM) + shm if enough else None
    return OpReport(
        op=op,
        samples=len(rows),
        asked_memory_gib=place.memory_gib if place else None,
        used_memory_gib=round(memory, 2),
        pod_memory_gib=round(max(pod) / GIB, 2) if pod else None,
        recommended_memory_gib=wanted,
        asked_cpu=place.cpu if place else None,
        used_cpu=round(cpu, 2),
        recommended_cpu=max(0.25, math.ceil(cpu * 4) / 4) if enough and cpus else None,
        asked_gpus=place.gpus if place else 0,
        used_gpu_gib=round(max(gpu) / GIB, 2) if gpu else None,
        longest_s=round(max(row["wall_s"] for row in rows), 1),
        max_runtime_s=place.max_runtime_s if place else None,
        note=_note(place.memory_gib if place else None, wanted, rows),
    )


def _note(asked_gib: float | None, wanted_gib: int | None, rows: Sequence[Row]) -> str:
    lost = sum(row["outcome"] == "interrupted" for row in rows)
    words = [f"{lost} steps were interrupted"] if lost else []
    if wanted_gib is None:
        words.append(f"{len(rows)} of {MIN_SAMPLES} samples: too few to recommend")
    elif asked_gib is not None and wanted_gib > asked_gib:
        words.append("asks for too little memory")
    elif asked_gib is not None and wanted_gib < asked_gib / 2:
        words.append("asks for more than twice the memory it needs")
    return "; ".join(words)


def table_of(rows: Sequence[OpReport]) -> str:
    """The report as text for a terminal."""
    if not rows:
        return "No step was measured yet. Run something first: vitrine run"
    head = ("op", "samples", "mem asked", "used", "pod", "advised", "cpu asked", "used", "advised", "gpu GiB", "longest", "")
    lines = [head, *(_line(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = [
        "  ".join(
            text.ljust(width) if n in (0, len(head) - 1) else text.rjust(width)
            for n, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    footer = (
        f"Memory in GiB, CPU in cores. Used: largest peak of process and child; CPU of {CPU_QUANTILE:.0%} of the steps.",
        "Pod: with file cache, so no need by itself.",
        f"Advised: used x {HEADROOM} and shared memory, from {MIN_SAMPLES} samples up. To correct: cluster.steps in vitrine.yaml",
    )
    return "\n".join([*(line.rstrip() for line in shown), "", *footer])


def _line(row: OpReport) -> tuple[str, ...]:
    def said(value: float | None) -> str:
        return "-" if value is None else f"{value:g}"

    memory = (said(row.asked_memory_gib), said(row.used_memory_gib), said(row.pod_memory_gib), said(row.recommended_memory_gib))
    cpu = (said(row.asked_cpu), said(row.used_cpu), said(row.recommended_cpu))
    return (row.op, str(row.samples), *memory, *cpu, said(row.used_gpu_gib), f"{row.longest_s:g} s", row.note)
