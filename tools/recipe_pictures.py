"""Make the before/after picture of a recipe's page from the demo catalog: docs/recipes/NAME.webp, from the cases in docs/recipes/NAME.yaml.

    python -m tools.recipe_pictures scale_card recolor

A cases file holds `columns`, `tile_px` and `cases`: each with `sku`, and where wanted `set` (parameters), `product` (what its row says), `index`,
`brand` (a kit relative to the cases file), `spoiled` (one of spoiled_photos.py), `label`. `drawn` in place of `sku` is a garment on a mannequin
(drawn_mannequins.py). A case `sku: X, photo: true` is the photo itself: the "before". Recipes that are drawn by a
model use the shipped one, without a LoRA.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from catalog.brand_kit import read_brand_kit
from catalog.product import Product
from catalog.variant import Variant
from generation.kind import RenderSource
from generation.render import render_group
from generation.resolve import resolve
from imaging.contact_sheet import Tile, contact_sheet
from tools.demo_product import CATALOG, ROOT, demo_product, recipe_with
from tools.drawn_mannequins import draw

PAGES = ROOT / "docs" / "recipes"
MAX_BYTES = 150_000


def picture_of(name: str) -> bytes:
    """The sheet of one recipe as WebP."""
    page = yaml.safe_load((PAGES / f"{name}.yaml").read_text(encoding="utf-8"))
    tiles = [_tile(name, case) for case in page["cases"]]
    return contact_sheet(tiles, columns=page.get("columns", 4), tile_px=page.get("tile_px", 300), max_bytes=MAX_BYTES)


def _tile(name: str, case: dict[str, Any]) -> Tile:
    if "drawn" in case:
        return _drawn_tile(name, case)
    brand = PAGES / case["brand"] if "brand" in case else CATALOG / "brand.yaml"
    shown = demo_product(case["sku"], brand=brand, spoiled=case.get("spoiled"), **case.get("product", {}))
    label = case.get("label", case["sku"])
    if case.get("photo"):
        return Tile(pixels_HW3=shown.photo_HW3, label=label)
    recipe, index = recipe_with(case.get("recipe", name), case.get("set", {})), case.get("index", 0)
    seed = Variant(sku=case["sku"], recipe=recipe.name, index=index).seed
    plates = _plates() if recipe.engine == "diffusion" else None
    made = render_group([resolve(recipe, shown.product, shown.kit, index)], [seed], shown.source, plates)
    return Tile(pixels_HW3=made[0].pixels_HW3, label=label)


def _drawn_tile(name: str, case: dict[str, Any]) -> Tile:
    """A tile of a garment that is drawn on a mannequin, for the demo catalog has none."""
    photo_HW3, alpha_HW, _ = draw(**case["drawn"])
    if case.get("photo"):
        return Tile(pixels_HW3=photo_HW3, label=case["label"])
    garment = Product(sku="drawn", title=f"A {case['drawn']['name']}", category="garments", photos=("drawn.png",))
    recipe, kit = recipe_with(name, case.get("set", {})), read_brand_kit(CATALOG / "brand.yaml")
    source = RenderSource(foreground_HW3=photo_HW3, alpha_HW=alpha_HW)
    made = render_group([resolve(recipe, garment, kit, 0)], [1], source, None)
    return Tile(pixels_HW3=made[0].pixels_HW3, label=case["label"])


def _plates() -> Any:
    from generation.base_model import read_base_model
    from generation.plates import DiffusionPlates

    return DiffusionPlates(read_base_model(ROOT / "demo" / "base-model"), lora_path=None, lora_digest=None)


def main() -> None:
    """Write the pictures of the recipes that are named, or of all that have cases."""
    for name in sys.argv[1:] or sorted(path.stem for path in PAGES.glob("*.yaml")):
        out: Path = PAGES / f"{name}.webp"
        out.write_bytes(picture_of(name))
        print(f"{out.relative_to(ROOT)}: {out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
