"""What 10,000 images cost per base model and GPU: measured seconds times the prices in gpus.yaml, against the product brief's 200 to 400 dollars.

    python -m benchmarks.cost docs/benchmarks/throughput-cuda.json ...

Reads reports that `benchmarks.throughput` wrote. A GPU that nothing was measured on has no cost here; nothing is scaled from one GPU to another.
For the decision whether a GPU is worth measuring, a second table gives the least that the counted operations could cost at the maker's figure:
a bound that no software reaches, not an estimate of what ours does. Left out: loading, idling, retries, judging, storage.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpus import Gpu, find_gpu, read_gpus, usd_per_10000
from benchmarks.random_models import flops_per_image
from benchmarks.workloads import SDXL_BAR, SDXL_FAST, SDXL_PX

CLAIM_USD = (200, 400)
"""What the product brief says 10,000 images cost: the list prices of picture APIs, 2 to 4 cents an image."""
REPORTS = Path(__file__).resolve().parents[1] / "docs/benchmarks"


def read_reports(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Throughput reports. Stops with a message for a file that is none."""
    reports = []
    for file in files:
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SystemExit(f"{file} is no report of a benchmark: {error}") from error
        if not isinstance(report, dict) or report.get("benchmark") != "throughput":
            raise SystemExit(f"{file} is no report of benchmarks.throughput.")
        reports.append(report)
    return reports


def cost_rows(reports: Sequence[dict[str, Any]], gpus: Sequence[Gpu]) -> list[dict[str, Any]]:
    """One row per workload measured on a GPU, and price of that GPU; a GPU without a price gives one row without a cost."""
    rows = []
    for report in reports:
        device_name = report["machine"].get("gpu")
        if device_name is None:
            continue
        gpu = find_gpu(device_name, gpus)
        for measured in report["rows"]:
            seconds = measured["ours"]["wall_seconds_per_item"]
            row = {"workload": measured["workload"], "gpu": device_name, "seconds": seconds, "disturbed": report["machine"]["disturbed"]}
            prices = gpu.prices if gpu is not None else ()
            rows += [row | {"price": price, "usd": usd_per_10000(seconds, price)} for price in prices] or [
                row | {"price": None, "usd": None}
            ]
    return rows


def bound_rows(counted: Mapping[str, float], gpus: Sequence[Gpu]) -> list[dict[str, Any]]:
    """The least that each workload's counted operations could cost on each GPU with a price: its lowest price, all of the maker's arithmetic."""
    rows = []
    for workload, flops in counted.items():
        for gpu in gpus:
            if gpu.prices:
                seconds = flops / (gpu.bf16_tflops * 1e12)
                usd = min(usd_per_10000(seconds, price)[0] for price in gpu.prices)
                rows.append({"workload": workload, "gpu": gpu.name, "seconds": seconds, "usd": usd})
    return rows


def counted_operations() -> dict[str, float]:
    """Operations per image of the workloads that `benchmarks.throughput` measures on a GPU, counted without weights."""
    counted = {}
    for steps, guidance in (SDXL_BAR, SDXL_FAST):
        guided = f"guidance {guidance:g}" if guidance > 1 else "no guidance"
        counted[f"sdxl, {SDXL_PX} px, {steps} steps, {guided}"] = flops_per_image("sdxl", SDXL_PX, steps=steps, guided=guidance > 1)
    return counted


def table_of(costs: Sequence[dict[str, Any]], bounds: Sequence[dict[str, Any]]) -> str:
    """Both tables, or in place of the first the sentence that nothing was measured."""
    lines = []
    if costs:
        lines += ["| workload | GPU | s/image | price | $ per 10,000 images |", "|---|---|---|---|---|"]
        for row in costs:
            price, usd = row["price"], row["usd"]
            told = "not in gpus.yaml" if price is None else f"{price.kind}, {price.where}, {price.date}"
            cost = "-" if usd is None else f"{usd[0]:.2f}" if usd[0] == usd[1] else f"{usd[0]:.2f}-{usd[1]:.2f}"
            seconds = f"{row['seconds']:.3f}" + (" (disturbed)" if row["disturbed"] else "")
            lines.append(f"| {row['workload']} | {row['gpu']} | {seconds} | {told} | {cost} |")
    else:
        lines.append("No report measured a GPU: no cost is given. Run `python -m benchmarks.throughput --device cuda --json FILE` on one.")
    lines += ["", "The least that the counted operations could cost, at 100 % of the maker's figure and the lowest price:", ""]
    lines += ["| workload | GPU | s/image at the least | $ per 10,000 at the least |", "|---|---|---|---|"]
    lines += [f"| {row['workload']} | {row['gpu']} | {row['seconds']:.3f} | {row['usd']:.2f} |" for row in bounds]
    return "\n".join([*lines, "", f"The product brief says ${CLAIM_USD[0]}-{CLAIM_USD[1]}."])


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "reports", type=Path, nargs="*", help=f"without any: throughput-*.json under {REPORTS.relative_to(REPORTS.parents[1])}"
    )
    parser.add_argument("--json", type=Path, default=None, help="the tables are also written there")
    options = parser.parse_args()
    reports = read_reports(options.reports or sorted(REPORTS.glob("throughput-*.json")))
    costs, bounds = cost_rows(reports, read_gpus()), bound_rows(counted_operations(), read_gpus())
    print(table_of(costs, bounds))
    if options.json is not None:
        told = {"benchmark": "cost", "measured": costs, "bounds": bounds}
        options.json.write_text(json.dumps(told, indent=1, default=lambda price: price.model_dump(mode="json")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
