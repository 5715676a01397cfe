"""What measuring one render costs, per recipe: CPU-seconds per megapixel, from the stored bytes to the row, and where they go.

    python -m benchmarks.gate_speed --products 6 --repeat 5
    python -m benchmarks.gate_speed --recipes packshot_white --json speed.json

Pictures are made by the real engine from the demo catalog's photos and their true alphas, and measured as a cell measures them: the stored PNGs
decoded, the cut-out placed anew, every column. Staged scenes stand on a plate made of a gradient and grain, so no base model is needed; colors of
backdrops and colorways are the demo brand's. One thread; the table gives medians over pictures of each picture's median.

What several measurements share (lightness, blurred planes) is on the account of the first that asks for it.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.corruptions import gradient_scene
from benchmarks.gate import ROOT, load_product, product_files
from catalog.brand_kit import read_brand_kit
from catalog.product import Product
from catalog.recipe import read_recipe
from generation.kind import RenderSource
from generation.plate_requests import PlateRequest
from generation.render import Rendered, render_group
from generation.resolve import resolve
from imaging.placing import place
from imaging.storage_format import decode_rgb, decode_rgba_png, encode_rgb_png, encode_rgba_png
from quality import measurements

cv2.setNumThreads(1)

RECIPES = ("packshot_white", "backdrop", "recolor", "staged_scene")
BAR_CPU_S_PER_MP = 0.20
"""Issue 4: the whole packshot gate, imaging work alone."""
CATEGORIES = {"BAG": "bags", "DRK": "drinkware", "LGT": "lighting", "SEA": "seating"}
PLATE_PX = 512


@dataclass(frozen=True, kw_only=True)
class StoredRender:
    """A render as the object store has it."""

    recipe: str
    changes_product: bool
    render_png: bytes
    cutout_png: bytes
    rendered: Rendered


class GradientPlates:
    """Plates without a base model: a colored gradient with grain."""

    base_model_digest = "none"
    lora_digest = None

    def draw_pictures(self, requests: Sequence[PlateRequest]) -> list[np.ndarray]:
        plates = []
        for asked in requests:
            grain = np.random.default_rng(asked.seed).normal(0, 3, (PLATE_PX, PLATE_PX, 1))
            plates.append(np.clip(gradient_scene(PLATE_PX, asked.seed) + grain, 0, 255).astype(np.uint8))
        return plates


def stored_render(name: str, files: tuple[Path, Path | None], recipe_name: str) -> StoredRender:
    """The product's first variant of a recipe, rendered and encoded."""
    own = ROOT / "demo" / "recipes" / f"{recipe_name}.yaml"  # the demo's photographs are enlarged for packshots
    recipe = read_recipe(own if own.exists() else ROOT / "generation" / "recipes" / f"{recipe_name}.yaml")
    sku = name.removeprefix("demo__")
    product = Product(sku=sku, title="A product", category=CATEGORIES[sku[:3]], photos=(f"{sku}.jpg",))
    resolved = resolve(recipe, product, read_brand_kit(ROOT / "demo" / "catalog" / "brand.yaml"), 0)
    rgba = load_product(*files)
    color, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
    [rendered] = render_group([resolved], [5], RenderSource(foreground_HW3=color, alpha_HW=alpha), GradientPlates())
    return StoredRender(
        recipe=recipe_name, changes_product=recipe.changes_product, render_png=encode_rgb_png(rendered.pixels_HW3),
        cutout_png=encode_rgba_png(color, alpha), rendered=rendered,
    )  # fmt: skip


@contextmanager
def timed_parts(spent: dict[str, float]) -> Iterator[None]:
    """CPU-seconds of every part of `measure_render` while inside; parts that call one another count for themselves alone."""
    names = [name for name in vars(measurements) if name.startswith(("measure_", "prepare_", "find_")) and name != "measure_render"]
    kept, running = {name: getattr(measurements, name) for name in names}, [0.0]

    def clocked(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            running.append(0.0)
            start = time.process_time()
            try:
                return part(*arguments, **named)
            finally:
                whole = time.process_time() - start
                spent[name] += whole - running.pop()
                running[-1] += whole

        return run

    try:
        for name, part in kept.items():
            setattr(measurements, name, clocked(name, part))
        yield
    finally:
        for name, part in kept.items():
            setattr(measurements, name, part)


def measure_once(stored: StoredRender) -> tuple[dict[str, float], dict[str, Any]]:
    """CPU-seconds of one measuring by part, with `whole`, `decode` and `place`; and the row."""
    spent: dict[str, float] = defaultdict(float)
    start = time.process_time()
    pixels, (color, alpha) = decode_rgb(stored.render_png), decode_rgba_png(stored.cutout_png)
    decoded = time.process_time()
    product_rgb, product_alpha = place(color, alpha, stored.rendered.placement)
    placed = time.process_time()
    with timed_parts(spent):
        row = measurements.measure_render(
            measurements.RenderEvidence(
                pixels_HW3=pixels,
                product_rgb_HW3=product_rgb,
                product_alpha_HW=product_alpha,
                changes_product=stored.changes_product,
                facts=stored.rendered.facts,
                file_bytes=len(stored.render_png),
                file_format="PNG",
                icc="sRGB",
            )
        )
    ended = time.process_time()
    parts = {"decode": decoded - start, "place": placed - decoded, **spent}
    return {**parts, "rest": ended - placed - sum(spent.values()), "measure": ended - placed, "whole": ended - start}, row


def cost_of(stored: Sequence[StoredRender], repeat: int) -> dict[str, float]:
    """CPU-seconds per megapixel by part: the median over pictures of the median of `repeat` measurings each."""
    per_picture: dict[str, list[float]] = defaultdict(list)
    for one in stored:
        measure_once(one)  # the first loads tables and libraries
        runs = [measure_once(one)[0] for _ in range(repeat)]
        height, width = one.rendered.pixels_HW3.shape[:2]
        for part in runs[0]:
            per_picture[part].append(statistics.median(run[part] for run in runs) / (height * width / 1e6))
    return {part: round(statistics.median(values), 4) for part, values in per_picture.items()}


def demo_products(count: int) -> dict[str, tuple[Path, Path | None]]:
    """So many demo products, spread over the categories."""
    found = {name: files for name, files in product_files().items() if name.startswith("demo__")}
    return dict(sorted(found.items(), key=lambda item: item[0][-3:] + item[0])[:count])


def table_of(costs: dict[str, dict[str, float]]) -> str:
    """Parts down, recipes across, in milliseconds per megapixel."""
    parts = sorted({part for cost in costs.values() for part in cost}, key=lambda part: -max(cost.get(part, 0) for cost in costs.values()))
    lines = ["| ms per megapixel | " + " | ".join(costs) + " |", "|---|" + "---|" * len(costs)]
    for part in parts:
        lines.append(f"| {part} | " + " | ".join(f"{1000 * cost[part]:.0f}" if part in cost else "-" for cost in costs.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    parser.add_argument("--products", type=int, default=6, help="demo products, spread over the categories")
    parser.add_argument("--repeat", type=int, default=5, help="measurings of each picture")
    parser.add_argument("--json", type=Path, default=None, help="also written there")
    options = parser.parse_args()
    products = demo_products(options.products)
    costs = {recipe: cost_of([stored_render(*item, recipe) for item in products.items()], options.repeat) for recipe in options.recipes}
    result = {"unit": "CPU-seconds per megapixel", "bar_packshot_white": BAR_CPU_S_PER_MP, "products": list(products), "costs": costs}
    print(table_of(costs))
    print(json.dumps(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
