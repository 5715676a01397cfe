"""What 10,000 images cost per family of base models and GPU: measured seconds times the prices in gpus.yaml, against the brief's 200 to 400 dollars.

    python -m benchmarks.cost
    python -m benchmarks.cost docs/benchmarks/batching-cuda.json --json docs/benchmarks/cost.json

Reads reports that `benchmarks.throughput` and `benchmarks.batching` wrote on a GPU. A cell says how it came about: *measured* on that GPU; *estimate*,
another GPU's measured share of its maker's figure (MFU) taken for this one's; or *not measured*, which has no cost. Where nothing was measured nothing is
estimated. A second table gives the least that the counted operations could cost at the makers' figures: a bound that no software reaches.
Left out: loading, idling, retries, judging, storage, text encoders. Measures nothing itself.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.command_line import finish, report_file
from benchmarks.family_drawing import Drawing, drawings_of, flops_per_picture
from benchmarks.family_models import FAMILIES, sizes_of
from benchmarks.gpus import Gpu, find_gpu, read_gpus, usd_per_10000

CLAIM_USD = (200, 400)
"""What the product brief says 10,000 images cost: the list prices of picture APIs, 2 to 4 cents an image."""
REPORTS = Path(__file__).resolve().parents[1] / "docs/benchmarks"
READ = ("throughput", "batching")
BYTES_PER_WEIGHT = 2
"""bfloat16."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one report says of one workload: the fastest that our engine drew it on a GPU."""

    workload: str
    gpu: str
    seconds: float
    flops: float
    disturbed: bool


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One cell: seconds per image and dollars per 10,000 images, from the lowest to the highest price; None where there is none.

    `how` is "measured", "estimate" or "not measured"; `remark` says on which GPU, with which share, or why there is no number.
    """

    workload: str
    gpu: str
    how: Literal["measured", "estimate", "not measured"]
    seconds: float | None = None
    usd: tuple[float, float] | None = None
    remark: str = ""


def read_reports(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Reports of drawing. Stops with a message for a file that is none, and for one that was made to see whether the command runs."""
    reports = []
    for file in files:
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SystemExit(f"{file} is no report of a benchmark: {error}") from error
        if not isinstance(report, dict) or report.get("benchmark") not in READ:
            raise SystemExit(f"{file} is no report of benchmarks.{' or benchmarks.'.join(READ)}.")
        if any(str(remark).startswith("TINY") for remark in report.get("remarks", ())):
            raise SystemExit(f"{file} was written with --tiny: its numbers say nothing. Measure without it.")
        reports.append(report)
    return reports


def measured_in(reports: Sequence[Mapping[str, Any]]) -> list[Measured]:
    """All workloads that reports measured on a GPU; reports of a CPU have none."""
    found = []
    for report in reports:
        device_name = report["machine"].get("gpu")
        for row in report["rows"] if device_name is not None else ():
            sides = [row["ours"]] if report["benchmark"] == "throughput" else list(row["batches"].values())
            if sides and row["flops_per_picture"] is not None:
                seconds = min(side["wall_seconds_per_item"] for side in sides)
                found.append(
                    Measured(
                        workload=row["workload"], gpu=device_name, seconds=seconds, flops=row["flops_per_picture"],
                        disturbed=report["machine"]["disturbed"],
                    )
                )  # fmt: skip
    return found


def cost_of(drawing: Drawing, gpu: Gpu, measured: Sequence[Measured]) -> Cost:
    """One cell of the table."""
    mine = [one for one in measured if one.workload == drawing.name]
    here = [one for one in mine if (known := find_gpu(one.gpu, [gpu])) is not None and known.name == gpu.name]
    cell = {"workload": drawing.name, "gpu": gpu.name}
    if here:
        best = min(here, key=lambda one: one.seconds)
        return Cost(how="measured", seconds=best.seconds, usd=_usd(best.seconds, gpu), remark=_remark(best, gpu), **cell)
    if (why := _too_large(drawing, gpu)) is not None:
        return Cost(how="not measured", remark=why, **cell)
    known = [(one, found) for one in mine if (found := find_gpu(one.gpu, read_gpus())) is not None]
    if not known:
        return Cost(how="not measured", **cell)
    best, measured_on = min(known, key=lambda pair: pair[0].seconds)
    share = best.flops / best.seconds / (measured_on.bf16_tflops * 1e12)
    seconds = best.flops / (share * gpu.bf16_tflops * 1e12)
    return Cost(how="estimate", seconds=seconds, usd=_usd(seconds, gpu), remark=f"MFU {100 * share:.0f} % of {best.gpu}", **cell)


def bound_of(drawing: Drawing, gpu: Gpu) -> Cost:
    """The least that the counted operations could cost: all of the maker's arithmetic, at the lowest price."""
    seconds = flops_per_picture(drawing) / (gpu.bf16_tflops * 1e12)
    usd = _usd(seconds, gpu)
    why = _too_large(drawing, gpu)
    least = None if usd is None or why else (usd[0], usd[0])
    return Cost(workload=drawing.name, gpu=gpu.name, how="not measured", seconds=seconds, usd=least, remark=why or "bound")


def table_of(cells: Sequence[Cost], title: str) -> str:
    """Workloads down, GPUs across."""
    gpus = list(dict.fromkeys(cell.gpu for cell in cells))
    lines = [f"| {title} | " + " | ".join(name.removeprefix("NVIDIA ") for name in gpus) + " |", "|---|" + "---|" * len(gpus)]
    for workload in dict.fromkeys(cell.workload for cell in cells):
        mine = {cell.gpu: cell for cell in cells if cell.workload == workload}
        lines.append(f"| {workload} | " + " | ".join(_words(mine[name]) for name in gpus) + " |")
    return "\n".join(lines)


def prices_table(gpus: Sequence[Gpu]) -> str:
    """Where the prices come from."""
    lines = ["| GPU | $ per hour | where | source | read |", "|---|---|---|---|---|"]
    for gpu in gpus:
        for price in gpu.prices:
            lines.append(f"| {gpu.name} | {_range(price.usd_per_hour)}, {price.kind} | {price.where} | {price.source} | {price.date} |")
        if not gpu.prices:
            lines.append(f"| {gpu.name} | none found | | | |")
    return "\n".join(lines)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shown = REPORTS.relative_to(REPORTS.parents[1])
    parser.add_argument("reports", type=Path, nargs="*", help=f"without any: throughput-*.json and batching-*.json under {shown}")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES, metavar="FAMILY", help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--json", type=report_file, default=None, help="the tables are also written there")
    options = parser.parse_args()
    reports = read_reports(options.reports or sorted(file for name in READ for file in REPORTS.glob(f"{name}-*.json")))
    gpus, measured, drawings = read_gpus(), measured_in(reports), drawings_of(options.families, small=False)
    costs = [cost_of(drawing, gpu, measured) for drawing in drawings for gpu in gpus]
    bounds = [bound_of(drawing, gpu) for drawing in drawings for gpu in gpus]
    print(table_of(costs, "$ per 10,000 images"))
    if not measured:
        print("\nNo report measured a GPU: no cost is given. Run `python -m benchmarks.batching --device cuda --json FILE` on one.")
    print("\nThe least that the counted operations could cost, at 100 % of the maker's figure and the lowest price; no estimate:\n")
    print(table_of(bounds, "$ per 10,000 at the least"))
    print(f"\n{prices_table(gpus)}\n\nThe product brief says ${CLAIM_USD[0]}-{CLAIM_USD[1]}.")
    finish({"benchmark": "cost", "costs": [asdict(cell) for cell in costs], "bounds": [asdict(cell) for cell in bounds]}, options.json)
    return 0


def _usd(seconds: float, gpu: Gpu) -> tuple[float, float] | None:
    return None if gpu.usd_per_hour is None else usd_per_10000(seconds, gpu.usd_per_hour)


def _remark(one: Measured, gpu: Gpu) -> str:
    remarks = (["disturbed"] if one.disturbed else []) + (["no price in gpus.yaml"] if gpu.usd_per_hour is None else [])
    return ", ".join(remarks)


def _too_large(drawing: Drawing, gpu: Gpu) -> str | None:
    weights_gb = sizes_of(drawing.family)["parameters"] * BYTES_PER_WEIGHT / 1e9
    return f"{weights_gb:.0f} GB of weights, {gpu.memory_gb:.0f} GB of memory" if weights_gb > gpu.memory_gb else None


def _words(cell: Cost) -> str:
    if cell.remark == "bound":
        return "no price" if cell.usd is None else f"{cell.usd[0]:.2f}"
    if cell.how == "not measured":
        return cell.remark or "not measured"
    cost = "no price" if cell.usd is None else _range(cell.usd)
    remark = f"; {cell.remark}" if cell.remark else ""
    return f"{cost} ({cell.how}, {cell.seconds:.3f} s{remark})"


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.2f}" if pair[0] == pair[1] else f"{pair[0]:.2f}-{pair[1]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
