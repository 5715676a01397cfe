"""CPU-seconds of one picture per recipe, without drawing by a model and without cutting out: `python -m benchmarks.recipes [--json FILE] [RECIPE ...]`.

Cases are rows of recipes.yaml. One thread; each case is composed once to warm up, then `--repeat` times; medians, beside them what the first one
takes (fonts and textures are kept after it). A row with `again` measures further pictures of one cut-out, others find the product's part anew each
time. The product is of the demo catalog, enlarged where a row says so.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import yaml

from generation.known_parts import KNOWN
from generation.render import render_group
from generation.resolve import resolve
from tools.demo_product import demo_product, recipe_with

CASES = Path(__file__).with_name("recipes.yaml")


def measured(case: dict[str, Any], repeat: int) -> dict[str, Any]:
    """One row of the table."""
    shown = demo_product(case["sku"], long_side_px=case.get("photo_px"), **case.get("product", {}))
    recipe = recipe_with(case["recipe"], case.get("set", {}))
    resolved = resolve(recipe, shown.product, shown.kit, case.get("index", 0))
    spent = []
    for _ in range(repeat + 1):
        if not case.get("again"):
            KNOWN.forget()
            shown = replace(shown, source=replace(shown.source))
        start = time.process_time()
        render_group([resolved], [7], shown.source, None)
        spent.append(time.process_time() - start)
    return {
        **case,
        "first_cpu_s": round(spent[0], 3),
        "cpu_s": round(statistics.median(spent[1:]), 3),
        "worst_cpu_s": round(max(spent[1:]), 3),
    }


def main() -> None:
    """Measure the cases of the recipes that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        measured(case, asked.repeat)
        for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))
        if not asked.recipes or case["recipe"] in asked.recipes
    ]
    print("| recipe | size px | bar CPU-s | median | worst | first |\n|---|---|---|---|---|---|")
    for row in rows:
        told = row.get("set", {})
        size = " ".join(told["formats"]) if "formats" in told else f"{told['width_px']} x {told['height_px']}"
        size += ", again" if row.get("again") else ""
        more = ", ".join(f"{name} {value}" for name, value in told.items() if name not in {"formats", "width_px", "height_px"})
        print(
            f"| {row['recipe']}{', ' + more if more else ''} | {size} | {row.get('bar_cpu_s', '')} | {row['cpu_s']} | {row['worst_cpu_s']} | {row['first_cpu_s']} |"
        )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
