"""Render training scenes for the base model: 128 px empty sets with captions, as many as asked.

    python -m demo.make.render_scenes OUT --first 10000 --count 4000

Writes NNNNNN.webp (the seed) and captions.jsonl (file, surface, wall, light, prop, side, seed, caption). A scene
depends on its seed alone. Resumable: a seed whose picture exists is skipped; the caption is written after the picture
is complete.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from demo.make import blender_kit as kit
from demo.make import scenes
from demo.make.vocabulary import SceneSpec, caption, sample_spec

WEBP_QUALITY = 95
"""High enough that an autoencoder does not learn compression blocks; 2-5 KB a picture at 128 px."""


def render_scene(spec: SceneSpec, path: Path, *, size_px: int, samples: int) -> None:
    """Render one scene to a WebP file, which appears only when complete."""
    scenes.build(spec)
    kit.configure(kit.RenderSettings(size_px=size_px, samples=samples, noise=0.02, seed=spec.seed & 0xFFFF))
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "scene.png"
        kit.render_png(str(png))
        part = path.with_suffix(".part")
        Image.open(png).convert("RGB").save(part, "WEBP", quality=WEBP_QUALITY, method=6)
        part.replace(path)


def caption_line(spec: SceneSpec, file: str) -> str:
    """One line of captions.jsonl."""
    return json.dumps({"file": file, **asdict(spec), "caption": caption(spec)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=10_000, help="first seed; below 10,000 are the first 1,572 scenes")
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--step", type=int, default=1, help="every n-th seed, to share the work between processes")
    parser.add_argument("--size-px", type=int, default=128)
    parser.add_argument("--samples", type=int, default=12)
    args = parser.parse_args()
    kit.be_polite()
    args.out.mkdir(parents=True, exist_ok=True)
    captions = args.out / "captions.jsonl"
    known = {json.loads(line)["file"] for line in captions.read_text().splitlines()} if captions.exists() else set()
    started, made = time.process_time(), 0
    for seed in range(args.first, args.first + args.count, args.step):
        spec, path = sample_spec(seed), args.out / f"{seed:06d}.webp"
        if not path.exists():
            render_scene(spec, path, size_px=args.size_px, samples=args.samples)
            made += 1
        if path.name not in known:
            with captions.open("a") as lines:
                lines.write(caption_line(spec, path.name) + os.linesep)
        if made and made % 100 == 0:
            print(f"{made} scenes, {(time.process_time() - started) / made:.2f} CPU-s each", flush=True)
    print(f"{made} scenes rendered, {args.count // args.step - made} were there already", flush=True)


if __name__ == "__main__":
    main()
