"""What `enhance` brings back of photos spoiled on purpose: `python -m benchmarks.enhance [--json FILE] [SKU ...]`.

Photos of the demo are spoiled in six ways (tools/spoiled_photos.py) and enhanced; the truth is the photo before. Tables: distance to the truth inside
the product (CIEDE2000, mean) before and after, what is left of leaning and converging verticals, and what the gate measures and says of every
result. The yellow ones twice: as found, and told that the paper is white. CPU-seconds are of one thread.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from catalog.errors import RenderError
from generation.kind import RenderSource
from generation.render import render_group
from generation.resolve import resolve
from imaging.color import delta_e2000, srgb_to_lab
from imaging.upright import moved_points
from quality.gate import judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.placed_product import placed_product
from quality.rules import read_rules
from tools.demo_product import demo_product, recipe_with
from tools.spoiled_photos import SPOILED, motion_matrix

Uint8 = npt.NDArray[np.uint8]
SKUS = ("BAG-002", "BAG-007", "DRK-001", "DRK-003", "DRK-006", "LGT-001", "LGT-004", "LGT-008", "SEA-001", "SEA-003", "SEA-005")
STAYING = ("as it is", "dark", "yellow", "yellow, told", "noise", "blur")
"""Ways after which the product still stands where it stood, so that colors can be compared pixel by pixel."""
WAYS = (*STAYING, "lean", "keystone")
COLUMNS = (
    "hue_kept_delta_e", "exposure_ev", "overshoot_delta_l", "sharpness_gain", "noise_gain", "white_chroma", "highlight_lightness",
)  # fmt: skip
"""What the gate measures of enhanced photos alone: the bounds in quality/rules/enhance.yaml stand on these."""


def enhanced(sku: str, ways: tuple[str, ...] = WAYS) -> list[dict[str, Any]]:
    """Rows: a product's photo spoiled in each way, what became of it, and what the gate measures of that."""
    shown = demo_product(sku)
    rows = []
    for way in ways:
        spoil = way.partition(",")[0]
        photo = shown.photo_HW3 if way == "as it is" else SPOILED[spoil](shown.photo_HW3)
        height, width = photo.shape[:2]
        motion = motion_matrix(spoil, width, height)
        mask = np.asarray(cv2.warpPerspective(shown.source.alpha_HW, motion, (width, height)), np.uint8)
        told = {"white_balance": "background"} if way.endswith("told") else {}
        recipe = recipe_with("enhance", {"width_px": width, "height_px": height, **told})
        source = RenderSource(foreground_HW3=photo, alpha_HW=mask, photo=lambda kept=photo: kept)
        row: dict[str, Any] = {"sku": sku, "way": way, "megapixels": width * height / 1e6}
        start = time.process_time()
        try:
            [made] = render_group([resolve(recipe, shown.product, shown.kit, 0)], [5], source, None)
        except RenderError as error:
            rows.append(row | {"refused": str(error)})
            continue
        row["cpu_s"] = time.process_time() - start
        done = made.facts["enhanced"]
        row |= {"tilt_deg": done["geometry"]["tilt_deg"], "keystone_deg": done["geometry"]["keystone_deg"], "noise": done["noise"]}
        row |= {"blur_px": done["blur"]["sigma_px"], "ev": done["exposure"]["ev"], "witness": done["white_balance"]["witness"]}
        row["before_lean_deg"], row["before_converge_deg"] = leaning(motion, width, height)
        after = np.array(done["geometry"]["matrix"]).reshape(3, 3) @ motion
        row["after_lean_deg"], row["after_converge_deg"] = leaning(after, width, height)
        if spoil in STAYING and made.pixels_HW3.shape == photo.shape and not (row["tilt_deg"] or row["keystone_deg"]):
            row |= {"before_delta_e": _apart(photo, shown.photo_HW3, mask)}
            row |= {"after_delta_e": _apart(made.pixels_HW3, shown.photo_HW3, mask)}
        rgb, placed = placed_product(photo, mask, made.placement, made.facts)
        row["measured"] = measure_render(
            RenderEvidence(
                pixels_HW3=made.pixels_HW3, product_rgb_HW3=rgb, product_alpha_HW=placed, photo=(photo, mask),
                facts=made.facts, file_format="PNG", icc="sRGB", file_bytes=9,
            )
        )  # fmt: skip
        rows.append(row)
    return rows


def leaning(motion: npt.NDArray[np.float64], width: int, height: int) -> tuple[float, float]:
    """What a map does to verticals: how far they lean clockwise at the frame's middle, and by how much they converge upward across its width."""
    leans = []
    for x in (0.2 * width, 0.8 * width):
        (x0, y0), (x1, y1) = moved_points(np.array([[x, 0.8 * height], [x, 0.2 * height]]), motion)
        leans.append(float(np.degrees(np.arctan2(x1 - x0, y0 - y1))))
    return (leans[0] + leans[1]) / 2, (leans[0] - leans[1]) / 0.6


def judged(rows: list[dict[str, Any]]) -> None:
    """Put the gate's verdict and codes into every row that has measurements."""
    of = {f"{row['sku']} {row['way']}": row for row in rows if "measured" in row}
    table = pd.DataFrame([{"render_id": name, **row["measured"]} for name, row in of.items()])
    for one in judge_table(table, read_rules("enhance")):
        of[one.render_id] |= {"verdict": str(one.verdict), "codes": sorted(reason.code for reason in one.reasons)}


def _apart(one: Uint8, truth: Uint8, mask: Uint8) -> float:
    inside = mask > 200
    return float(delta_e2000(srgb_to_lab(one)[inside], srgb_to_lab(truth)[inside]).mean())


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """The tables, as Markdown."""
    return [*_colors(rows), "", *_geometry(rows), "", *_gate(rows)]


def _colors(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| spoiled | photos | refused | dE before | dE after | worst after | CPU-s per MP |", "|---|---|---|---|---|---|---|"]
    for way in STAYING:
        of = [row for row in rows if row["way"] == way]
        good = [row for row in of if "after_delta_e" in row]
        if good:
            before, after = ([row[name] for row in good] for name in ("before_delta_e", "after_delta_e"))
            cost = statistics.median(row["cpu_s"] / row["megapixels"] for row in good)
            numbers = f"{statistics.median(before):.1f} | {statistics.median(after):.1f} | {max(after):.1f} | {cost:.2f}"
            lines.append(f"| {way} | {len(good)} | {sum('refused' in row for row in of)} | {numbers} |")
    return lines


def _geometry(rows: list[dict[str, Any]]) -> list[str]:
    """How many photos were stood upright, and what was left on those: against what the same product's photo gets without the fault."""
    lines = [
        "| spoiled | degrees before | photos | mended | left on those, median | worst | turned or bent otherwise |",
        "|---|---|---|---|---|---|---|",
    ]
    plain = {row["sku"]: row for row in rows if row["way"] == "as it is" and "refused" not in row}
    for way, name, found, other in (
        ("lean", "lean_deg", "tilt_deg", "keystone_deg"),
        ("keystone", "converge_deg", "keystone_deg", "tilt_deg"),
    ):
        of = [row for row in rows if row["way"] == way and "refused" not in row and row["sku"] in plain]
        if of:
            left = [abs(row[f"after_{name}"] - plain[row["sku"]][f"after_{name}"]) for row in of if row[found]]
            numbers = f"{statistics.median(left):.2f} | {max(left):.2f}" if left else "- | -"
            before = abs(of[0][f"before_{name}"])
            lines.append(f"| {way} | {before:.1f} | {len(of)} | {len(left)} | {numbers} | {sum(bool(row[other]) for row in of)} |")
    moved = sorted(sku for sku, row in plain.items() if row["tilt_deg"] or row["keystone_deg"])
    return [*lines, "", f"Turned or bent as they are: {', '.join(moved) or 'none'}."]


def _gate(rows: list[dict[str, Any]]) -> list[str]:
    """Range of each column over the products, and verdicts, per way."""
    lines = ["| spoiled | " + " | ".join(f"`{name}`" for name in COLUMNS) + " | verdicts |", "|---" * (len(COLUMNS) + 2) + "|"]
    for way in dict.fromkeys(row["way"] for row in rows):
        of = [row for row in rows if row["way"] == way and "measured" in row]
        known = [[row["measured"][name] for row in of if row["measured"].get(name) is not None] for name in COLUMNS]
        ranges = " | ".join(f"{min(one):.2f} to {max(one):.2f}" if one else "-" for one in known)
        verdicts = Counter(row["verdict"] for row in of)
        lines.append(f"| {way} | {ranges} | {', '.join(f'{count} {name}' for name, count in verdicts.most_common())} |")
    return lines


def main() -> None:
    """Measure the products that are named, or all of SKUS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skus", nargs="*")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[dict[str, Any]] = []
    for sku in asked.skus or SKUS:
        rows += enhanced(sku)
        if asked.json:  # what is measured is kept when the rest is stopped
            asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    judged(rows)
    print("\n".join(summary(rows)))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
