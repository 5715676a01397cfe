"""Render the look pictures of the demo's categories and their captions.

    python -m demo.make.render_looks demo/catalog/looks

Writes CATEGORY/NN.jpg and CATEGORY/captions.csv (file, caption). Pictures that exist are kept; captions are always
rewritten.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

from PIL import Image

from demo.make import blender_kit as kit
from demo.make import looks
from demo.make.vocabulary import CATEGORIES, look_caption

JPEG_QUALITY = 88
"""Of the 512 px pictures; about 25 KB each."""


def render_look(category: str, index: int, path: Path, *, size_px: int, samples: int) -> None:
    """Render one look picture to a JPEG file, which appears only when complete."""
    looks.build_look(category, index)
    kit.configure(kit.RenderSettings(size_px=size_px, samples=samples, noise=0.08, seed=index))
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "look.png"
        kit.render_png(str(png))
        part = path.with_suffix(".part")
        Image.open(png).convert("RGB").save(part, "JPEG", quality=JPEG_QUALITY, optimize=True)
        part.replace(path)


def write_captions(category: str, folder: Path) -> None:
    """captions.csv of one category."""
    with (folder / "captions.csv").open("w", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("file", "caption"))
        for index in range(looks.LOOK_SIZES[category]):
            writer.writerow((f"{index + 1:02d}.jpg", look_caption(category, looks.look_spec(category, index))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--categories", nargs="+", default=list(CATEGORIES), choices=CATEGORIES)
    parser.add_argument("--size-px", type=int, default=512)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--only", type=int, nargs="*", help="indices, for a first impression")
    args = parser.parse_args()
    kit.be_polite()
    for category in args.categories:
        folder = args.out / category
        folder.mkdir(parents=True, exist_ok=True)
        write_captions(category, folder)
        for index in args.only if args.only is not None else range(looks.LOOK_SIZES[category]):
            path = folder / f"{index + 1:02d}.jpg"
            if path.exists():
                continue
            started = time.process_time()
            render_look(category, index, path, size_px=args.size_px, samples=args.samples)
            print(f"{path}: {time.process_time() - started:.1f} CPU-s", flush=True)


if __name__ == "__main__":
    main()
