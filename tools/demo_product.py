"""Products of the demo catalog as recipes get them: photo, cut-out, the catalog's row, and the brand kit with its files."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.brand_files import files_in, read_brand_file
from catalog.brand_kit import BrandKit, read_brand_kit
from catalog.product import Product
from catalog.recipe import Recipe, parse_model
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from imaging.cutout import cut_out
from imaging.photo import decode_photo
from tools.spoiled_photos import SPOILED

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "demo" / "catalog"


@dataclass(frozen=True, kw_only=True)
class DemoProduct:
    """One product of the demo catalog, cut out as a cell cuts it out."""

    product: Product
    photo_HW3: npt.NDArray[np.uint8]
    source: RenderSource
    kit: BrandKit


def demo_product(
    sku: str, *, brand: Path = CATALOG / "brand.yaml", long_side_px: int | None = None, spoiled: str | None = None, **told: Any
) -> DemoProduct:
    """A product by its SKU; `told` replaces what its row says; `long_side_px` enlarges photo and cut-out, for timing large ones; `spoiled` names one
    of `spoiled_photos.SPOILED`."""
    with (CATALOG / "products.csv").open(newline="", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["sku"] == sku)
    given = {name: value for name, value in row.items() if value != ""} | {"photos": (row["photos"],)} | told
    photo = decode_photo((CATALOG / "photos" / row["photos"]).read_bytes(), name=row["photos"]).pixels_HW3
    photo = photo if spoiled is None else SPOILED[spoiled](photo)
    cut = cut_out(photo)
    pictures = [photo, cut.foreground_HW3, cut.alpha_HW]
    if long_side_px is not None:
        scale = long_side_px / max(photo.shape[:2])
        pictures = [np.asarray(cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8) for one in pictures]
    kit = read_brand_kit(brand)
    names = dict(files_in(kit))
    source = RenderSource(
        foreground_HW3=pictures[1],
        alpha_HW=pictures[2],
        brand_file=lambda sha256: read_brand_file(brand.parent, names[sha256], sha256),
        photo=lambda: pictures[0],
    )
    return DemoProduct(product=parse_model(Product, given, sku), photo_HW3=pictures[0], source=source, kit=kit)


def recipe_with(name: str, changes: dict[str, Any]) -> Recipe:
    """A shipped recipe, some of its parameters replaced; entries such as `width_px` are the recipe's own."""
    recipe = read_recipe_book()[name]
    own = {key: value for key, value in changes.items() if key in Recipe.model_fields}
    return recipe.model_copy(update=own).with_params({key: value for key, value in changes.items() if key not in own})
