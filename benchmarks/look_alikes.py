"""Measure how surely copies of a photo are recognized, and that other colors, views and products are not called copies.

    python benchmarks/look_alikes.py
    python benchmarks/look_alikes.py --demo     the demo catalog's photographs only

Photographs: the demo catalog's and the packshots of the test assets (VITRINE_TEST_ASSETS). Copies are made of each: resized, recompressed,
trimmed, a little brighter. Every pair of different photographs must not be called the same picture.
"""

import argparse
import io
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cutout import assets_dir  # noqa: E402
from catalog.errors import PhotoRefused  # noqa: E402
from imaging.color import srgb_to_lab  # noqa: E402
from imaging.look_alike import MAX_PRINT_DISTANCE, photo_print, print_distances, same_picture  # noqa: E402
from imaging.photo import decode_photo  # noqa: E402
from imaging.photo_background import look_at_surroundings  # noqa: E402

NEEDED_PX = 1000
"""Shorter side a photograph needs, and the longer side it is worked on."""


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def trimmed(pixels: np.ndarray, share: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(
        pixels[int(height * share) : int(height * (1 - share / 2)), int(width * share / 2) : int(width * (1 - share))]
    )


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


COPIES = {
    "JPEG quality 50": lambda p: jpeg(p, 50),
    "resized to 60 %": lambda p: jpeg(resized(p, 0.6), 85),
    "trimmed by 3 %": lambda p: jpeg(trimmed(p, 0.03), 88),
    "trimmed by 7 %, resized": lambda p: jpeg(resized(trimmed(p, 0.07), 0.8), 80),
    "2 % brighter": lambda p: jpeg(np.clip(p * 1.02, 0, 255).astype(np.uint8), 90),
}


def small(pixels: np.ndarray, long_side: int) -> np.ndarray:
    factor = long_side / max(pixels.shape[:2])
    return resized(pixels, factor) if factor < 1 else pixels


def print_of(pixels: np.ndarray) -> int:
    """As imaging/photo_measurements.py takes it."""
    look = small(small(pixels, 768), 320)
    return photo_print(cv2.cvtColor(look, cv2.COLOR_RGB2GRAY), look_at_surroundings(srgb_to_lab(look)).product_HW)


def photographs(demo_only: bool) -> dict[str, np.ndarray]:
    """Name and pixels of every usable photograph."""
    found = {}
    shared = () if demo_only else (assets_dir() / "photos").glob("s*_*.*g")
    for path in sorted([*(ROOT / "demo/catalog/photos").glob("*.jpg"), *shared]):
        try:
            photo = decode_photo(path.read_bytes(), name=path.name)
        except PhotoRefused:
            continue
        if min(photo.pixels_HW3.shape[:2]) >= NEEDED_PX:
            found[path.name] = small(photo.pixels_HW3, NEEDED_PX)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", action="store_true", help="the demo catalog's photographs only")
    cv2.setNumThreads(1)
    photos = photographs(parser.parse_args().demo)
    prints = {name: print_of(pixels) for name, pixels in photos.items()}
    thumbnails = {name: jpeg(small(pixels, 384), 85) for name, pixels in photos.items()}
    caught: Counter[str] = Counter()
    by_print: Counter[str] = Counter()
    for name, pixels in photos.items():
        for title, make in COPIES.items():
            copy = make(pixels)
            near = int(print_distances(prints[name], np.array([print_of(copy)], np.uint64))[0]) <= MAX_PRINT_DISTANCE
            by_print[title] += near
            caught[title] += near and same_picture(thumbnails[name], jpeg(small(copy, 384), 85))
    for title in COPIES:
        print(f"{title:26} print near {by_print[title]:3} of {len(photos)}   called a copy {caught[title]:3} of {len(photos)}")
    candidates, wrong = 0, []
    started = time.process_time()
    for one, other in itertools.combinations(photos, 2):
        if int(print_distances(prints[one], np.array([prints[other]], np.uint64))[0]) <= MAX_PRINT_DISTANCE:
            candidates += 1
            if same_picture(thumbnails[one], thumbnails[other]):
                wrong.append((one, other))
    pairs = len(photos) * (len(photos) - 1) // 2
    print(f"different photographs: {candidates} of {pairs} pairs have near prints, {len(wrong)} are called copies: {wrong}")
    print(f"comparing two thumbnails: {(time.process_time() - started) / max(1, candidates) * 1000:.0f} CPU-ms")
    million = np.random.default_rng(0).integers(0, 2**63, 1_000_000, dtype=np.uint64)
    started = time.process_time()
    for _ in range(10):
        print_distances(1, million)
    print(f"searching a million prints: {(time.process_time() - started) * 100:.1f} CPU-ms a photo")


if __name__ == "__main__":
    main()
