"""Measure the screening of photos: how many good ones it refuses, how many bad ones it catches and for the right reason.

    python benchmarks/screening.py                      tables on the terminal
    python benchmarks/screening.py --json out.json      and every picture's measurements
    python benchmarks/screening.py --half A             the tuning half only
    python benchmarks/screening.py --demo DIR           also the demo photographs in DIR, with their thinnest margins

Good are the packshots with ground-truth alpha in the test assets that show the whole product and have 1000 px a side or more (two
are left out: `solidus_hoodie_red_2`, 794 px and cut off, and `solidus_tote`, cut off at the left), flattened on white as they
come, and composited at 1200 px on white, beige, a gray gradient and a studio sweep with shadow, with sensor noise, as JPEG quality
90. Bad ones are made from these: blur and motion blur of the stated size at the 768 px at which sharpness is measured, before
noise and JPEG; a part of the file; a smaller copy; a smaller copy enlarged again; a frame through the product; clutter behind it; a date, a caption or a watermark over it.
Phone photos of the test assets are what they are: too small, most of them cluttered. Products are split into two halves by name:
thresholds were chosen on half A, half B was looked at only for reporting.
"""

import argparse
import csv
import io
import json
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cutout import assets_dir, background, half_of, light_left_by_shadow, load_product  # noqa: E402
from imaging.photo_measurements import WORK_LONG_SIDE_PX, measure_photo  # noqa: E402
from quality.screening import ScreeningRules, screen_photo  # noqa: E402
from tests.sample_photos import written_over  # noqa: E402

SIZE_PX = 1200
NOT_WHOLE = ("solidus__solidus_hoodie_red_2.png", "solidus__solidus_tote.png")
BACKGROUNDS = ("white", "beige", "gray", "studio")
BLURRED = {"blurred", "motion_blurred"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file screened."""

    product: str
    kind: str
    half: str
    codes: tuple[str, ...]
    warnings: tuple[str, ...]
    measurements: dict[str, float]


def screen(product: str, kind: str, name: str, data: bytes) -> Row:
    """Screen one file as the pipeline would."""
    result = screen_photo(data, name)
    codes, warnings = (tuple(reason.code for reason in group) for group in (result.reasons, result.warnings))
    return Row(
        product=product, kind=kind, half=half_of(product), codes=codes, warnings=warnings, measurements=result.measurements
    )  # fmt: skip


def jpeg(pixels: np.ndarray, rng: np.random.Generator, *, noise: float = 1.5, quality: int = 90) -> bytes:
    """A camera's file: sensor noise, then JPEG."""
    noisy = pixels + rng.normal(0, noise, pixels.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=quality)
    return out.getvalue()


def composites(photo: Path, alpha: Path, rng: np.random.Generator, clutter: list[Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(background, picture, true alpha) of a product; float32 (size, size, 3), 0..255."""
    rgba, truth = load_product(photo, alpha, SIZE_PX)
    mask = rgba[..., 3:] / 255
    for kind in (*BACKGROUNDS, "clutter"):
        behind = background(kind, SIZE_PX, rng, clutter)
        if kind == "studio":
            behind = behind * light_left_by_shadow(truth)[..., None]
        yield kind, rgba[..., :3] * mask + behind * (1 - mask), truth


def blurred(pixels: np.ndarray, sigma_px: float) -> np.ndarray:
    """Out of focus by `sigma_px` at the size where sharpness is measured."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma_px * max(pixels.shape) / WORK_LONG_SIDE_PX)


def moved(pixels: np.ndarray, length_px: float, angle_deg: float) -> np.ndarray:
    """Moved by `length_px` (at the measured size) during the exposure."""
    length = length_px * max(pixels.shape) / WORK_LONG_SIDE_PX
    size = 2 * round(length) + 1
    kernel = np.zeros((size, size), np.float32)
    step = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))]) * length / 2
    ends = [tuple(round(16 * (size // 2 + sign * float(v))) for v in step) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def resized(pixels: np.ndarray, size_px: int) -> np.ndarray:
    return cv2.resize(pixels, (size_px, size_px), interpolation=cv2.INTER_AREA if size_px < len(pixels) else cv2.INTER_CUBIC)


def cropped(pixels: np.ndarray, truth: np.ndarray, side: int) -> np.ndarray:
    """Cut a fifth of the product off on one side (0 top, 1 bottom, 2 left, 3 right), at 1000 px or more."""
    rows, columns = np.nonzero(truth > 0.5)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    height, width = (bottom - top) // 5, (right - left) // 5
    box = [(top + height, None, 0, None), (0, bottom - height, 0, None), (0, None, left + width, None), (0, None, 0, right - width)][side]
    part = pixels[box[0] : box[1], box[2] : box[3]]
    scale = max(1.0, 1024 / min(part.shape[:2]))
    return cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


BAD: dict[str, tuple[set[str], Callable[[np.ndarray, np.ndarray, np.random.Generator], bytes]]] = {
    **{f"blur {sigma}": (BLURRED, lambda p, _, rng, sigma=sigma: jpeg(blurred(p, sigma), rng)) for sigma in (0.8, 1.0, 1.5, 3.0)},
    **{
        f"motion {length} px at {angle}": (BLURRED, lambda p, _, rng, a=angle, n=length: jpeg(moved(p, n, a), rng))
        for length, angle in ((9, 0), (9, 30), (9, 45), (9, 90), (15, 120), (25, 10))
    },
    **{f"small {size}": ({"too_small"}, lambda p, _, rng, size=size: jpeg(resized(p, size), rng)) for size in (990, 800, 400)},
    **{f"enlarged from {size}": (BLURRED, lambda p, _, rng, s=size: jpeg(resized(resized(p, s), 1200), rng)) for size in (300, 450)},
    **{
        f"{share:.0%} of the file": ({"truncated"}, lambda p, _, rng, s=share: (d := jpeg(p, rng))[: int(len(d) * s)])
        for share in (0.2, 0.6, 0.97)
    },
    "60% of the file, closed again": ({"truncated"}, lambda p, _, rng: (d := jpeg(p, rng))[: int(len(d) * 0.6)] + b"\xff\xd9"),
    **{f"cropped on side {side}": ({"cropped"}, lambda p, t, rng, s=side: jpeg(cropped(p, t, s), rng)) for side in range(4)},
    **{
        f"written over: {kind}": (
            {"text_overlay"},
            lambda p, _, rng, k=kind: jpeg(written_over(np.clip(p, 0, 255), k).astype(np.float32), rng),
        )
        for kind in ("date", "caption", "watermark")
    },
    "empty background": ({"no_product"}, lambda p, _, rng: jpeg(np.zeros_like(p) + p[:4].mean((0, 1)), rng)),
}


BARS: dict[str, tuple[str, ...]] = {
    "blurred": ("blur", "enlarged"),
    "motion-blurred": ("motion",),
    "truncated": tuple(kind for kind in BAD if "of the file" in kind),
    "too small": ("small",),
    "cropped": ("cropped",),
    "cluttered": ("clutter", "phone photo"),
    "no product": ("empty",),
    "written over": ("written over",),
}
"""What each line of the summary counts: beginnings of kinds."""


def all_rows(halves: str = "AB") -> Iterator[Row]:
    """Screen every good and bad picture of the chosen halves."""
    photos = assets_dir() / "photos"
    with (photos / "index.csv").open() as table:
        index = list(csv.DictReader(table))
    clutter = [photos / row["file"] for row in index if row["file"].startswith(("clothing-dat", "grocerystore"))]
    for path in clutter:
        if half_of(path.name) not in halves:
            continue
        yield screen(path.name, "phone photo", path.name, path.read_bytes())
    for row in index:
        if not row["gt_alpha"] or row["file"] in NOT_WHOLE or int(row["min_side"]) < 1000:
            continue
        if half_of(row["file"]) not in halves:
            continue
        name, photo = row["file"], photos / row["file"]
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        yield screen(name, "good: as it comes", name, photo.read_bytes())
        chosen = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
        for kind, pixels, truth in composites(photo, photos / row["gt_alpha"], rng, clutter):
            if kind == "clutter":
                yield screen(name, "clutter", f"{name}.jpg", jpeg(pixels, rng))
                continue
            yield screen(name, f"good: {kind}", f"{name}.jpg", jpeg(pixels, rng))
            if kind == chosen:
                for title, (_, make) in BAD.items():
                    yield screen(name, title, f"{name}.jpg", make(pixels, truth, rng))


def expected(kind: str) -> set[str]:
    """The codes of which a bad picture should get at least one."""
    if kind == "phone photo":
        return {"too_small", "cluttered"}
    return {"cluttered"} if kind == "clutter" else BAD[kind][0]


def told(row: Row) -> set[str]:
    """The codes a photo was refused for; text over it is told as a remark."""
    return {*row.codes, *(code for code in row.warnings if code == "text_overlay")}


def report(rows: list[Row]) -> None:
    """Print what was refused among the good and caught among the bad, by half."""
    print(f"{'':38}{'half A':>16}{'half B':>16}")
    for kind in dict.fromkeys(row.kind for row in rows):
        cells, others = [], Counter()
        for half in "AB":
            group = [row for row in rows if row.kind == kind and row.half == half]
            if kind.startswith("good"):
                hits = [row for row in group if row.codes]
                others.update(f"{row.product} {'+'.join(row.codes)}" for row in hits)
            else:
                hits = [row for row in group if expected(kind) & told(row)]
                others.update("+".join(row.codes) or f"ACCEPTED {row.product}" for row in group if row not in hits)
            cells.append(f"{len(hits)} of {len(group)}".rjust(16))
        verb = "refused" if kind.startswith("good") else "caught"
        print(f"{kind[:30]:31}{verb:7}{''.join(cells)}   {dict(others) if others else ''}")
    print()
    for title, kinds in {"good refused": ("good",), **BARS}.items():
        shares = []
        for half in "AB":
            group = [row for row in rows if row.kind.startswith(kinds) and row.half == half]
            hits = [row for row in group if (row.codes if title == "good refused" else expected(row.kind) & told(row))]
            shares.append(f"{len(hits) / len(group):.1%} of {len(group)}" if group else "-")
        print(f"{title:38}{shares[0]:>16}{shares[1]:>16}")
    warned = Counter(code for row in rows if row.kind.startswith("good") for code in row.warnings)
    print(f"warnings on good photos: {dict(warned)}")


def cost() -> None:
    """Print the CPU time of measuring a megapixel photo."""
    photo = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    photo = cv2.resize(photo, (1000, 1000))
    measure_photo(photo)
    started = time.process_time()
    for _ in range(10):
        measure_photo(photo)
    print(f"measuring a 1-megapixel photo: {(time.process_time() - started) * 100:.0f} CPU-ms")


def demo(folder: Path) -> None:
    """Print the outcome of each photograph in a folder, and how close the accepted ones come to the sharpness thresholds."""
    accepted = []
    for path in sorted(folder.glob("*.jpg")):
        row = screen(path.name, "demo", path.name, path.read_bytes())
        print(f"{path.name:50}{'refused: ' + '+'.join(row.codes) if row.codes else 'accepted':30}{'+'.join(row.warnings)}")
        accepted += [] if row.codes else [row]
    rules = ScreeningRules()
    for column, limit in (("edge_fine_ratio", rules.min_edge_fine_ratio), ("step_ratio_worst", rules.min_step_ratio_worst)):
        thinnest = min(accepted, key=lambda row: row.measurements[column])
        print(f"least {column} of an accepted one: {thinnest.measurements[column]:.3f} ({thinnest.product}), needed {limit}")
    blurriest = max(accepted, key=lambda row: row.measurements["blur_effect"])
    print(f"greatest blur_effect: {blurriest.measurements['blur_effect']:.3f} ({blurriest.product}), allowed {rules.max_blur_effect}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write every row here")
    parser.add_argument("--half", choices=("A", "B"), help="screen only this half of the products")
    parser.add_argument("--demo", type=Path, help="a folder of demo photographs to screen as well")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    cost()
    if arguments.demo:
        demo(arguments.demo)
    if not (assets_dir() / "photos").is_dir():
        sys.exit(f"There is no folder {assets_dir() / 'photos'}; set VITRINE_TEST_ASSETS to where the test assets are.")
    rows = list(all_rows(arguments.half or "AB"))
    report(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
