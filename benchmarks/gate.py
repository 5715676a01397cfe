"""How well the gate tells good pictures from bad: harmless variants and faults of true composites, tuned on one half of the products.

The 8 variants and 31 faults of the quality reference, and, counted apart, those of `further_corruptions.py`.

    python -m benchmarks.gate --evidence known --half held_out

Evidence: `known` (placement and expected picture), `placed` (placement only, as in a cell), `files` (source photo, its alpha, the expected
picture), `found` (source photo and its alpha; the product is searched for in the render). Products are the cut-outs of VITRINE_TEST_ASSETS
(default ../shared) and the demo catalog, as far as they are present; families stay in one half.
"""

import argparse
import json
import os
import re
import sys
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.corruptions import BENIGN, FAULTS, Scene, gradient_scene, jpeg, place_product
from benchmarks.further_corruptions import MORE_BENIGN, MORE_FAULTS, stage
from catalog.recipe import read_recipe
from catalog.verdict import Verdict
from quality.judge_files import for_a_person, gather_evidence
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules

cv2.setNumThreads(1)
ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ("known", "placed", "files", "found")
PLAIN_RGB = (222, 205, 180)
"""The beige studio wall on which source photos are composited."""


def assets_folder() -> Path:
    return Path(os.environ.get("VITRINE_TEST_ASSETS", ROOT.parent / "shared"))


def product_files() -> dict[str, tuple[Path, Path | None]]:
    """Name -> (picture, alpha): the cut-outs with true alphas, and the demo catalog's photos whose alpha was rendered with them."""
    found: dict[str, tuple[Path, Path | None]] = {}
    for path in sorted((assets_folder() / "photos").glob("s*__*.png")):
        alpha = path.parent / "gt_alpha" / path.name
        if alpha.is_file():
            found[path.stem] = (path, alpha)
    for folder in (Path(os.environ.get("VITRINE_DEMO_PHOTOS", ROOT / "demo" / "catalog" / "photos")),):
        for path in sorted(folder.glob("*.jpg")):
            for alpha in (
                path.with_name(path.stem + "_alpha.png"),
                folder.parent / "alphas" / f"{path.stem}.png",
                folder / "alpha" / f"{path.stem}.png",
            ):
                if alpha.is_file():
                    found[f"demo__{path.stem}"] = (path, alpha)
    return found


def family(name: str) -> str:
    """Pictures of one product or of its sisters: they must not be split between tuning and reporting."""
    return re.sub(r"(front|back|blue|dark|white|gray|black|red|apple|bean|carrot|long-sleeve|\d+|[-_])", "", name.lower())


def half_of(name: str) -> str:
    return "tuned_on" if zlib.crc32(family(name).encode()) % 2 == 0 else "held_out"


def load_product(picture: Path, alpha: Path | None) -> np.ndarray:
    """RGBA uint8, long side at most 1400 px."""
    rgba = np.asarray(Image.open(picture).convert("RGBA"))
    if alpha is not None:
        mask = Image.open(alpha).convert("L").resize((rgba.shape[1], rgba.shape[0]), Image.Resampling.BICUBIC)
        rgba = np.dstack([rgba[..., :3], np.asarray(mask)])
    scale = min(1.0, 1400 / max(rgba.shape[:2]))
    if scale < 1:
        weight = rgba[..., 3:].astype(np.float32) / 255
        size = (round(rgba.shape[1] * scale), round(rgba.shape[0] * scale))
        small = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        color = cv2.resize(rgba[..., :3] * weight, size, interpolation=cv2.INTER_AREA) / np.maximum(small[..., None], 1e-3)
        rgba = np.dstack([np.clip(color, 0, 255), small * 255]).astype(np.uint8)
    return rgba


def source_photo(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The product as a studio would deliver it: on a beige wall, JPEG 92, 1000 px; and its true alpha."""
    scene = place_product(rgba, 1000, fill=0.7, seed=0, background_HW3=np.full((1000, 1000, 3), PLAIN_RGB, np.float32))
    return jpeg(scene.flat(), 92), np.rint(scene.alpha_HW * 255).astype(np.uint8)


def variants(rgba: np.ndarray, side_px: int, seed: int) -> list[tuple[str, str, Scene, np.ndarray]]:
    """(kind/name, recipe, clean scene, picture) for every harmless variant and fault; `ok` and `bad` are the reference's, `fine` and `more` ours.

    A fault that a product cannot have (a gray one turned in hue) is left out.
    """
    white = place_product(rgba, side_px, fill=0.86, seed=seed)
    sloped = place_product(rgba, side_px, fill=0.80, seed=seed, background_HW3=gradient_scene(side_px, seed))
    places = {"white": (white, "packshot_white"), "gradient": (sloped, "backdrop"), "stage": (stage(rgba, side_px, seed), "staged_scene")}
    wanted = [(f"ok/{name}", make, "gradient" if name == "gradient_scene" else "white") for name, make in BENIGN.items()]
    wanted += [(f"bad/{name}", fault.make, fault.on) for name, fault in FAULTS.items()]
    wanted += [(f"fine/{name}", fault.make, fault.on) for name, fault in MORE_BENIGN.items()]
    wanted += [(f"more/{name}", fault.make, fault.on) for name, fault in MORE_FAULTS.items() if fault.shows_on(places[fault.on][0])]
    return [(name, places[on][1], places[on][0], make(places[on][0])) for name, make, on in wanted]


def evidence_of(kind: str, recipe_name: str, scene: Scene, picture: np.ndarray, source: tuple[np.ndarray, np.ndarray]) -> RenderEvidence:
    rules = read_rules(recipe_name)
    if kind in ("known", "placed"):
        return RenderEvidence(
            pixels_HW3=picture,
            product_rgb_HW3=np.clip(np.rint(scene.rgb_HW3), 0, 255).astype(np.uint8),
            product_alpha_HW=np.rint(scene.alpha_HW * 255).astype(np.uint8),
            expected_HW3=scene.flat() if kind == "known" else None,
            facts={"background": rules.background},
            file_format="JPEG",
        )
    recipe = read_recipe(ROOT / "generation" / "recipes" / f"{recipe_name}.yaml")
    return gather_evidence(
        recipe=recipe, rules=rules, source_HW3=source[0], render_HW3=picture, alpha_HW=source[1], facts={}, file_format="JPEG",
        expected_HW3=scene.flat() if kind == "files" else None,
    )  # fmt: skip


def measure_all(kind: str, side_px: int, cache: Path | None, half: str | None) -> list[dict[str, Any]]:
    """One measured row per product and variant; appended to a JSON-lines file when one is given, so that a run goes on where it stopped."""
    rows = [json.loads(line) for line in cache.read_text().splitlines()] if cache is not None and cache.is_file() else []
    done = {row["product"] for row in rows}
    for name, files in product_files().items():
        if name in done or (half is not None and half_of(name) != half):
            continue
        rgba = load_product(*files)
        source = source_photo(rgba)
        fresh = []
        for variant, recipe, scene, picture in variants(rgba, side_px, zlib.crc32(name.encode())):
            start = time.process_time()
            evidence = evidence_of(kind, recipe, scene, picture, source)
            columns = {"placement": evidence.placement, **measure_render(evidence)}
            spent = time.process_time() - start
            fresh.append(
                {"render_id": f"{name}|{variant}", "recipe": recipe, "variant": variant, "product": name, "cpu_s": spent, **columns}
            )
        print(f"{name}: {len(fresh)} rows", file=sys.stderr, flush=True)
        rows += fresh
        if cache is not None:
            with cache.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in fresh)
    return rows


def judge_all(rows: list[dict[str, Any]]) -> dict[str, tuple[Verdict, list[str]]]:
    import pandas as pd

    from quality.gate import judge_table

    verdicts = {}
    for recipe in sorted({row["recipe"] for row in rows}):
        frame = pd.DataFrame([row for row in rows if row["recipe"] == recipe])
        unregistered = {row["render_id"] for row in rows if row.get("placement") == "not_registered"}
        for judged in judge_table(frame, read_rules(recipe)):
            judgment = for_a_person(judged) if judged.render_id in unregistered else judged
            verdicts[judgment.render_id] = (judgment.verdict, [reason.code for reason in judgment.reasons])
    return verdicts


def report(rows: list[dict[str, Any]], half: str | None) -> dict[str, Any]:
    rows = [row for row in rows if half is None or half_of(row["product"]) == half]
    verdicts = judge_all(rows)
    flagged: dict[str, list[bool]] = defaultdict(list)
    reasons: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    alarms = []
    for row in rows:
        verdict, codes = verdicts[row["render_id"]]
        flagged[row["variant"]].append(verdict != Verdict.APPROVED)
        for code in codes:
            reasons[row["variant"]][code] += 1
        if row["variant"].startswith(("ok/", "fine/")) and verdict != Verdict.APPROVED:
            alarms.append(f"{row['render_id']}: {', '.join(codes)}")

    def share(kind: str) -> float:
        values = [value for name, found in flagged.items() if name.startswith(f"{kind}/") for value in found]
        return round(sum(values) / len(values), 4)

    return {
        "half": half or "all",
        "products": len({row["product"] for row in rows}),
        "false_alarms": share("ok"),
        "detected": share("bad"),
        "more_false_alarms": share("fine"),
        "more_detected": share("more"),
        "by_variant": {name: round(sum(values) / len(values), 3) for name, values in flagged.items()},
        "alarms": alarms,
        "reasons": {name: dict(sorted(codes.items(), key=lambda item: -item[1])[:4]) for name, codes in reasons.items()},
        "cpu_s_median": round(float(np.median([row["cpu_s"] for row in rows])), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evidence", choices=EVIDENCE, default="known")
    parser.add_argument("--half", choices=("tuned_on", "held_out"), default=None)
    parser.add_argument("--side-px", type=int, default=560)
    parser.add_argument("--cache", type=Path, default=None, help="JSON-lines file of measured rows, written once and read afterwards")
    options = parser.parse_args()
    if not product_files():
        sys.exit(f"No products found: neither {assets_folder() / 'photos'} nor demo/catalog/photos has cut-outs with alphas.")
    result = report(measure_all(options.evidence, options.side_px, options.cache, options.half), options.half)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
