"""Measure the cut-out against ground truth: IoU, edge error, what is accepted, CPU time.

    python benchmarks/cutout.py                      table on the terminal
    python benchmarks/cutout.py --json out.json --sheets DIR

Products with a ground-truth alpha (test assets) are composited on white, beige, a gray gradient and clutter, in light as a
lens does, and saved as JPEG quality 90 before they are cut out; the `studio` rows add a soft shadow that touches the product. Demo photographs
come with their rendered alphas (demo/catalog/alphas) when these are present. Products are split into two halves by name:
thresholds were chosen on half A; half B was only looked at for reporting. The `fringe` rows are drawn (tools/drawn_fringes.py), in
halves by kind; `--fringe` measures them alone. `--opponent N` cuts every Nth picture out with OpenCV's GrabCut, too, at full size and from a frame
of 2 % that is background, its 5 rounds as in OpenCV's own example: speeds of other machines compare by the ratio.
"""

import argparse
import csv
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from imaging.cutout import CUTOUT_VERSION, Cutout, cut_out  # noqa: E402
from imaging.linear_light import light_of_fine_levels, to_levels  # noqa: E402
from tools.drawn_fringes import BACKDROPS, all_drawings, draw, photo_of  # noqa: E402

PLAIN = ("white", "beige", "gray")
KINDS = (*PLAIN, "clutter", "studio")
HAIR = ("lemur",)
"""Not a solid product: outside what a classical cut-out promises."""
BAD_IOU = 0.95


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture measured."""

    product: str
    kind: str
    half: str
    accepted: bool
    confidence: float
    reasons: tuple[str, ...]
    iou: float
    sad_thousand: float
    edge_error: float
    cpu_ms_per_mp: float
    grabcut_iou: float | None
    grabcut_cpu_ms_per_mp: float | None
    measurements: dict[str, float]


def assets_dir() -> Path:
    """Where the shared test photographs lie."""
    return Path(os.environ.get("VITRINE_TEST_ASSETS", ROOT.parent / "shared"))


def half_of(product: str) -> str:
    """A or B, from the name alone; views of one product (`-1`, `_back`) stay together."""
    stem = Path(product).stem.split("__")[-1]
    if stem in {f"{kind}-{color}" for kind, color in all_drawings()}:
        stem = stem.split("-")[0]
    family = "-".join(part for part in stem.replace("_", "-").split("-") if part.isalpha())
    for view in ("-front", "-back"):
        family = family.removesuffix(view)
    return "AB"[hashlib.sha256(family.encode()).digest()[0] % 2]


def load_product(photo: Path, alpha: Path, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A product on a transparent square, and its true alpha; float32 (size, size, 4) 0..255 and (size, size) 0..1."""
    image = Image.open(photo).convert("RGBA").convert("RGBa")
    truth = Image.open(alpha).convert("L")
    scale = size_px / max(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    box = np.s_[top : top + height, left : left + width]
    rgba = np.zeros((size_px, size_px, 4), np.float32)
    rgba[box] = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS).convert("RGBA"))
    true_alpha = np.zeros((size_px, size_px), np.float32)
    true_alpha[box] = np.asarray(truth.resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255
    return rgba, true_alpha


def background(kind: str, size_px: int, rng: np.random.Generator, clutter: list[Path]) -> np.ndarray:
    """An empty background; float32 (size, size, 3), 0..255."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / size_px
    if kind == "white":
        return np.full((size_px, size_px, 3), 255, np.float32)
    if kind == "gray":
        value = 243 - 28 * y - 8 * np.abs(x - 0.5)
        plain = np.stack([value * 0.985, value * 0.995, value], -1)
        return plain + rng.normal(0, 1.5, plain.shape).astype(np.float32)
    if kind == "beige":
        value = 1 - 0.10 * y - 0.08 * x
        plain = np.stack([222 * value, 205 * value, 180 * value], -1)
        return plain + rng.normal(0, 2, plain.shape).astype(np.float32)
    if kind == "studio":
        value = 250 - 22 * np.hypot(x - 0.5, y - 0.45) ** 2
        plain = np.stack([value, value * 0.998, value * 0.992], -1)
        return plain + rng.normal(0, 1.0, plain.shape).astype(np.float32)
    photo = Image.open(clutter[rng.integers(len(clutter))]).convert("RGB")
    side = min(photo.size)
    square = photo.crop((0, 0, side, side)).resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(square, np.float32)


def light_left_by_shadow(true_alpha: np.ndarray) -> np.ndarray:
    """How much light reaches the floor around a product standing on it; float32, 0..1."""
    size_px = true_alpha.shape[0]
    rows, columns = np.nonzero(true_alpha > 0.5)
    bottom, width, center = rows.max(), np.ptp(columns), columns.mean()
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32)
    light = np.ones_like(true_alpha)
    for depth, spread, drop in ((0.55, 0.035, 0.0), (0.30, 0.09, 0.01)):
        radius_x, radius_y = width * (0.46 + spread), max(6.0, width * (0.05 + spread))
        distance = np.hypot((x - center - 0.04 * width) / radius_x, (y - bottom - drop * size_px) / radius_y)
        light = light * (1 - depth * np.exp(-1.2 * distance**3))
    return np.asarray(light, np.float32)


def scene(rgba: np.ndarray, true_alpha: np.ndarray, kind: str, seed: int, clutter: list[Path]) -> np.ndarray:
    """The product on a background, as a JPEG of quality 90 shows it; uint8 (size, size, 3) sRGB."""
    empty = background(kind, rgba.shape[0], np.random.default_rng(seed), clutter)
    alpha = rgba[..., 3:] / 255
    if kind == "studio":
        empty = empty * light_left_by_shadow(true_alpha)[..., None]
        alpha = np.minimum(alpha, true_alpha[..., None])
    picture = to_levels(light_of_fine_levels(rgba[..., :3]) * alpha + light_of_fine_levels(empty) * (1 - alpha))
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].copy()


def shared_scenes(size_px: int, kinds: tuple[str, ...]) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Product, kind, photo and true alpha of every composited scene."""
    photos = assets_dir() / "photos"
    with (photos / "index.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    clutter = [photos / row["file"] for row in rows if not row["gt_alpha"]]
    products = [row for row in rows if row["gt_alpha"] and not any(name in row["file"] for name in HAIR)]
    for seed, row in enumerate(products):
        rgba, true_alpha = load_product(photos / row["file"], photos / row["gt_alpha"], size_px)
        for kind in kinds:
            yield row["file"], kind, scene(rgba, true_alpha, kind, seed, clutter), true_alpha


def demo_scenes(catalog: Path) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Demo photographs that have a rendered alpha."""
    for alpha in sorted((catalog / "alphas").glob("*.png")):
        for photo in sorted((catalog / "photos").glob(f"{alpha.stem}.*")):
            image = np.asarray(Image.open(photo).convert("RGB"))
            half_size = Image.open(alpha).convert("L")
            truth = np.asarray(half_size.resize(image.shape[1::-1], Image.Resampling.BILINEAR), np.float32) / 255
            yield photo.name, "demo", image, truth


def fringe_scenes(size_px: int) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Drawn brushes, collars, pompoms, rugs, scarves and tassels, each in three colors on three backdrops."""
    for seed, (kind, color) in enumerate(all_drawings()):
        drawn, true_alpha = draw(kind, color, size_px, seed)
        yield f"{kind}-{color}", "fringe", photo_of(drawn, true_alpha, tuple(BACKDROPS)[seed % 3], seed=seed), true_alpha


def by_grabcut(photo: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """IoU and CPU milliseconds per megapixel of OpenCV's GrabCut from a frame that is background."""
    height, width = photo.shape[:2]
    frame_px = max(2, round(0.02 * max(height, width)))
    labels = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(0)
    started = time.process_time()
    inner = (frame_px, frame_px, width - 2 * frame_px, height - 2 * frame_px)
    cv2.grabCut(photo[..., ::-1].copy(), labels, inner, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
    cpu_ms = (time.process_time() - started) * 1000
    found = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return float((found & true).sum() / max(1, (found | true).sum())), cpu_ms / (true.size / 1e6)


def measure(product: str, kind: str, photo: np.ndarray, true_alpha: np.ndarray, *, opponent: bool = False) -> tuple[Row, Cutout]:
    """Cut one picture out and compare it with the truth, and with what GrabCut makes of it when an opponent is asked for."""
    started = time.process_time()
    cutout = cut_out(photo)
    cpu_ms = (time.process_time() - started) * 1000
    alpha = cutout.alpha_HW.astype(np.float32) / 255
    found, true = alpha > 0.5, true_alpha > 0.5
    other_iou, other_ms = by_grabcut(photo, true) if opponent else (None, None)
    kernel = np.ones((9, 9), np.uint8)
    band = (cv2.dilate(true.astype(np.uint8), kernel) > 0) & ~(cv2.erode(true.astype(np.uint8), kernel) > 0)
    row = Row(
        product=product,
        kind=kind,
        half=half_of(product),
        accepted=cutout.accepted,
        confidence=cutout.confidence,
        reasons=cutout.reasons,
        iou=float((found & true).sum() / max(1, (found | true).sum())),
        sad_thousand=float(np.abs(alpha - true_alpha).sum() / 1000),
        edge_error=float(np.abs(alpha - true_alpha)[band].mean()) if band.any() else 0.0,
        cpu_ms_per_mp=cpu_ms / (true_alpha.size / 1e6),
        grabcut_iou=other_iou,
        grabcut_cpu_ms_per_mp=other_ms,
        measurements=cutout.measurements,
    )
    return row, cutout


def summarize(rows: list[Row]) -> list[dict[str, object]]:
    """One line per kind and half: medians, acceptance, bad among accepted."""
    lines: list[dict[str, object]] = []
    kinds = [*dict.fromkeys(row.kind for row in rows), "plain"]
    for kind in kinds:
        for half in ("A", "B", "AB"):
            group = [row for row in rows if row.half in half and row.kind in (PLAIN if kind == "plain" else (kind,))]
            if not group:
                continue
            kept = [row for row in group if row.accepted]
            bad = float(np.mean([row.iou < BAD_IOU for row in kept])) if kept else 0.0
            lines.append(
                {
                    "kind....": kind,
                    "half": half,
                    "pictures": len(group),
                    "median_iou": round(float(np.median([row.iou for row in group])), 4),
                    "over_97_pct": round(100 * float(np.mean([row.iou > 0.97 for row in group])), 1),
                    "edge_error": round(float(np.median([row.edge_error for row in group])), 4),
                    "accepted_pct": round(100 * len(kept) / len(group), 1),
                    "bad_among_accepted_pct": round(100 * bad, 1),
                    "worst_accepted_iou": round(min((row.iou for row in kept), default=1.0), 3),
                    "cpu_ms_per_mp": round(float(np.median([row.cpu_ms_per_mp for row in group]))),
                    **opponent_of(group),
                }
            )
    return lines


def opponent_of(group: list[Row]) -> dict[str, object]:
    """The same of GrabCut, where it was asked for."""
    ious = [row.grabcut_iou for row in group if row.grabcut_iou is not None]
    times = [row.grabcut_cpu_ms_per_mp for row in group if row.grabcut_cpu_ms_per_mp is not None]
    return {"grabcut_iou": round(float(np.median(ious)), 4), "grabcut_ms_per_mp": round(float(np.median(times)))} if ious else {}


def write_sheet(path: Path, tiles: list[np.ndarray], columns: int = 4) -> None:
    """A contact sheet of tiles of one size."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    Image.fromarray(np.vstack(lines)).save(path)


def tile(row: Row, photo: np.ndarray, cutout: Cutout, height_px: int = 240) -> np.ndarray:
    """Photo and cut-out on magenta side by side, framed green (accepted) or red."""
    alpha = cutout.alpha_HW[..., None].astype(np.float32) / 255
    on_magenta = cutout.foreground_HW3 * alpha + np.array([255, 0, 255], np.float32) * (1 - alpha)
    pair = np.hstack([photo, on_magenta.astype(np.uint8)])
    small = cv2.resize(pair, (2 * height_px, height_px), interpolation=cv2.INTER_AREA)
    small[:3] = small[-3:] = (0, 200, 0) if row.accepted else (230, 0, 0)
    label = f"{Path(row.product).stem.split('__')[-1][:22]} {row.kind} {row.iou:.3f} {row.confidence:.2f}"
    cv2.putText(small, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 255), 1)
    return small


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="side of the composited scenes, px")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--demo", type=Path, default=ROOT / "demo" / "catalog")
    parser.add_argument("--fringe", action="store_true", help="only the drawn fringes; needs no test photographs")
    parser.add_argument(
        "--opponent", type=int, default=0, metavar="N", help="GrabCut beside every Nth picture; it takes many times as long"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets on magenta")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if not arguments.fringe and not (assets_dir() / "photos" / "index.csv").exists():
        sys.exit(f"No test photographs in {assets_dir()}; set VITRINE_TEST_ASSETS to the folder that holds photos/.")
    rows: list[Row] = []
    tiles: dict[str, list[np.ndarray]] = {}
    kinds = tuple(kind for kind in arguments.kinds.split(",") if kind)
    others = () if arguments.fringe else (shared_scenes(arguments.size, kinds), demo_scenes(arguments.demo))
    for source in (fringe_scenes(arguments.size), *others):
        for product, kind, photo, true_alpha in source:
            row, cutout = measure(
                product, kind, photo, true_alpha, opponent=bool(arguments.opponent and len(rows) % arguments.opponent == 0)
            )
            rows.append(row)
            if arguments.sheets:
                tiles.setdefault(kind, []).append(tile(row, photo, cutout))
    summary = summarize(rows)
    print(f"cut-out version {CUTOUT_VERSION}")
    print("  ".join(summary[0]))
    for line in summary:
        print("  ".join(f"{value!s:>{len(name)}}" for name, value in line.items()))
    if arguments.json:
        report = {"version": CUTOUT_VERSION, "summary": summary, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    for kind, kind_tiles in tiles.items():
        arguments.sheets.mkdir(parents=True, exist_ok=True)
        write_sheet(arguments.sheets / f"cutout_{kind}.png", kind_tiles)


if __name__ == "__main__":
    main()
