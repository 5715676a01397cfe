"""Photograph the demo catalog: packshots and their ground-truth alphas.

    python -m demo.make.render_catalog demo/catalog                  all that is missing
    python -m demo.make.render_catalog OUT --only DRK-001 --size-px 256 --samples 8      a draft
    python -m demo.make.render_catalog OUT --measure                 width, depth, height in centimeters, no pictures

Writes photos/NAME.jpg and alphas/NAME.png (half size, 8 bit). A picture appears only when complete; what exists is
kept.
"""

import argparse
import random
import tempfile
import time
from io import BytesIO
from pathlib import Path

import bpy
from PIL import Image, ImageFilter

from demo.make import blender_kit as kit
from demo.make import planted, studio
from demo.make.products import PHOTOS, Photo

JPEG_QUALITY = 90
SHARPENING = ImageFilter.UnsharpMask(radius=0.8, percent=70, threshold=0)
"""Output sharpening: a radius below one pixel lifts fine detail and leaves no visible halo."""
ALPHA_LEVELS = 16
"""Gray levels kept in an alpha: enough for anti-aliased edges, and it packs to a few kilobytes."""


def build(photo: Photo) -> tuple[float, float, float]:
    """The product before the sweep, lit and framed; returns its width, depth and height in centimeters."""
    kit.reset()
    photo.build()
    size_cm = studio.group_and_scale(photo.shot.turn_deg)
    studio.aim(photo.shot)
    if photo.build is planted.tote_in_clutter:
        planted.clutter(random.Random(9))
        return size_cm
    studio.sweep(photo.shot.backdrop)
    studio.lights(photo.shot.backdrop)
    return size_cm


def encode(image: Image.Image) -> bytes:
    """The image as JPEG without chroma subsampling."""
    stream = BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()


def retouch(camera_jpeg: bytes) -> bytes:
    """What a studio does with the camera's JPEG before the catalog gets it: output sharpening, saved again.

    Without it the renders are softer than photographs: intake's sharpness test, tuned on real ones, called 9 of 32 blurred.
    """
    return encode(Image.open(BytesIO(camera_jpeg)).filter(SHARPENING))


def render_photo(photo: Photo, path: Path, *, size_px: int, samples: int) -> None:
    """The packshot as JPEG."""
    build(photo)
    kit.configure(kit.RenderSettings(size_px=size_px, samples=samples, noise=0.08, seed=1))
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "photo.png"
        kit.render_png(str(png))
        part = path.with_suffix(".part")
        part.write_bytes(retouch(encode(Image.open(png).convert("RGB"))))
        planted.spoil(photo.name, part)
        part.replace(path)


def render_alpha(photo: Photo, path: Path, *, size_px: int) -> None:
    """The product's coverage alone: no sweep, no light, transparent film."""
    kit.reset()
    photo.build()
    studio.group_and_scale(photo.shot.turn_deg)
    studio.aim(photo.shot)
    kit.world((1, 1, 1, 1), 1.0)
    settings = kit.RenderSettings(size_px=size_px // 2, samples=8, noise=1.0, bounces=0, transparent=True, denoise=False)
    kit.configure(settings)
    for material in bpy.data.materials:
        shader = material.node_tree.nodes.get("Principled BSDF")
        if shader is not None:
            shader.inputs["Transmission Weight"].default_value = 0.0
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "alpha.png"
        kit.render_png(str(png))
        step = 255 / (ALPHA_LEVELS - 1)
        alpha = Image.open(png).getchannel("A").point(lambda v: round(round(v / step) * step))
        part = path.with_suffix(".part")
        alpha.save(part, "PNG", optimize=True)
        part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", help="names, or beginnings of names")
    parser.add_argument("--size-px", type=int, help="instead of each photo's own size")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--no-alphas", action="store_true")
    args = parser.parse_args()
    kit.be_polite()
    (args.out / "photos").mkdir(parents=True, exist_ok=True)
    (args.out / "alphas").mkdir(parents=True, exist_ok=True)
    for photo in (*PHOTOS, *planted.PLANTED):
        if args.only and not photo.name.startswith(tuple(args.only)):
            continue
        if photo.build is None:
            (args.out / "photos" / f"{photo.name}.jpg").write_text(planted.WEB_PAGE)
            continue
        if args.measure:
            print(photo.name, *(f"{side:.1f}" for side in build(photo)), flush=True)
            continue
        size_px, started = args.size_px or photo.size_px, time.process_time()
        path, alpha = args.out / "photos" / f"{photo.name}.jpg", args.out / "alphas" / f"{photo.name}.png"
        if not path.exists():
            render_photo(photo, path, size_px=size_px, samples=args.samples)
        if not args.no_alphas and photo in PHOTOS and not alpha.exists():
            render_alpha(photo, alpha, size_px=size_px)
        print(f"{photo.name}: {time.process_time() - started:.1f} CPU-s", flush=True)


if __name__ == "__main__":
    main()
