"""What `enhance` brings back of photos spoiled on purpose: `python -m benchmarks.enhance [--json FILE] [SKU ...]`.

Every photo of the demo that can be cut out is spoiled in six ways (tools/spoiled_photos.py) and enhanced; the truth is the photo before. Tables:
distance to the truth inside the product (CIEDE2000, mean) before and after, the angle that was found, noise, edges, CPU-seconds. One thread.
The yellow ones twice: as found, and told that the paper is white.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from generation.kind import RenderSource
from generation.render import render_group
from generation.resolve import resolve
from imaging.color import delta_e2000, srgb_to_lab
from tools.demo_product import demo_product, recipe_with
from tools.spoiled_photos import LEAN_DEG, SPOILED, lean_matrix

Uint8 = npt.NDArray[np.uint8]
SKUS = ("BAG-002", "BAG-007", "DRK-001", "DRK-003", "DRK-006", "LGT-001", "LGT-004", "LGT-008", "SEA-001", "SEA-003", "SEA-005")
STAYING = ("dark", "yellow", "yellow, told", "noise", "blur")
"""Ways after which the product still stands where it stood, so that colors can be compared pixel by pixel."""


def enhanced(sku: str, way: str) -> dict[str, Any]:
    """One row: a product's photo spoiled in one way, and what became of it."""
    shown = demo_product(sku)
    truth, mask = shown.photo_HW3, shown.source.alpha_HW
    height, width = mask.shape
    spoil = way.partition(",")[0]
    photo = truth if way == "as it is" else SPOILED[spoil](truth)
    if spoil == "lean":
        mask = np.asarray(cv2.warpAffine(mask, lean_matrix(width, height), (width, height)), np.uint8)
    told = {"white_balance": "background"} if way.endswith("told") else {}
    recipe = recipe_with("enhance", {"width_px": width, "height_px": height, **told})
    source = RenderSource(foreground_HW3=photo, alpha_HW=mask, photo=lambda: photo)
    start = time.process_time()
    try:
        [made] = render_group([resolve(recipe, shown.product, shown.kit, 0)], [5], source, None)
    except RenderError as error:
        return {"sku": sku, "way": way, "refused": str(error)}
    row: dict[str, Any] = {"sku": sku, "way": way, "megapixels": width * height / 1e6, "cpu_s": time.process_time() - start}
    done = made.facts["enhanced"]
    row |= {"tilt_deg": done["geometry"]["tilt_deg"], "keystone_deg": done["geometry"]["keystone_deg"], "noise": done["noise"]}
    row |= {"blur_px": done["blur"]["sigma_px"], "ev": done["exposure"]["ev"], "witness": done["white_balance"]["witness"]}
    if made.pixels_HW3.shape == truth.shape and not (row["tilt_deg"] or row["keystone_deg"]) and way not in ("lean", "keystone"):
        row |= {"before_delta_e": _apart(photo, truth, mask), "after_delta_e": _apart(made.pixels_HW3, truth, mask)}
    return row


def _apart(one: Uint8, truth: Uint8, mask: Uint8) -> float:
    inside = mask > 200
    return float(delta_e2000(srgb_to_lab(one)[inside], srgb_to_lab(truth)[inside]).mean())


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """The tables, as Markdown."""
    lines = ["| spoiled | photos | refused | dE before | dE after | worst after | CPU-s per MP |", "|---|---|---|---|---|---|---|"]
    for way in ("as it is", *STAYING):
        of = [row for row in rows if row["way"] == way]
        good = [row for row in of if "after_delta_e" in row]
        if good:
            before, after = ([row[name] for row in good] for name in ("before_delta_e", "after_delta_e"))
            cost = statistics.median(row["cpu_s"] / row["megapixels"] for row in good)
            numbers = f"{statistics.median(before):.1f} | {statistics.median(after):.1f} | {max(after):.1f} | {cost:.2f}"
            lines.append(f"| {way} | {len(good)} | {sum('refused' in row for row in of)} | {numbers} |")
    leaning = [row for row in rows if row["way"] == "lean" and "refused" not in row]
    found = [row for row in leaning if row["tilt_deg"]]
    wrong = [row["sku"] for row in rows if row["way"] in ("as it is", "keystone") and row.get("tilt_deg")]
    if leaning:
        error = max((abs(row["tilt_deg"] - LEAN_DEG) for row in found), default=0.0)
        lines.append(f"\nLean of {LEAN_DEG:g} degrees: found on {len(found)} of {len(leaning)}, {error:.2f} degrees off at most; ")
        lines.append(f"turned without need: {', '.join(wrong) or 'none'}.")
    return lines


def main() -> None:
    """Measure the products that are named, or all of SKUS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skus", nargs="*")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    ways = ("as it is", *STAYING, "lean", "keystone")
    rows = [enhanced(sku, way) for sku in asked.skus or SKUS for way in ways]
    print("\n".join(summary(rows)))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
