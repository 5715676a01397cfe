"""Resolve a recipe for one product and index: every value the picture depends on, as plain data for the render key.

Holds what a recipe takes from the brand kit and nothing it does not use, so that a changed backdrop color renders no packshot again.
"""

import re
from typing import Any

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from catalog.errors import RenderError
from catalog.product import Product
from catalog.recipe import Recipe, parse_model
from generation.recipe_params import KINDS

GLOSSY = re.compile(r"\b(lacquer(ed)?|marble|glass|polished|gloss(y)?|terrazzo)\b", re.IGNORECASE)
"""Words of a scene prompt that name a surface in which a product is mirrored a little; whole words, for unpolished concrete is matt."""


ALIKE_IN_CATEGORY = frozenset({"packshot", "backdrop", "staged_scene"})
"""Kinds that take nothing from the product but its category: they resolve alike for all products of one, and give equally many variants."""

TAKEN_OF_STYLE = {"recolor": frozenset({"colorways"})}
"""What other kinds take of their category's style; a kind that is not named here may take anything."""


def resolve(recipe: Recipe, product: Product, brand_kit: BrandKit, index: int) -> dict[str, Any]:
    """Everything the pixels of variant `index` depend on, apart from photo, seed and model: plain data, defaults filled in.

    Raises SettingsError for parameters that the recipe's kind does not take; RenderError if the brand kit has no such category, or not
    enough backdrops or colorways for this index.
    """
    params = parse_model(KINDS[recipe.kind], recipe.params, f"recipe '{recipe.name}'").model_dump()
    resolved: dict[str, Any] = {
        "name": recipe.name,
        "kind": recipe.kind,
        "version": recipe.version,
        "width_px": recipe.width_px,
        "height_px": recipe.height_px,
        "params": params,
    }
    if recipe.kind == "backdrop":
        style = _style(brand_kit, product)
        resolved["backdrop_hex"] = _nth(style.backdrops, index, recipe, "backdrop color", product.category)
    elif recipe.kind == "staged_scene":
        style = _style(brand_kit, product)
        scene = style.scenes[index % len(style.scenes)]
        glossy = GLOSSY.search(scene) is not None
        resolved |= _stance(style) | {"prompt": _prompt(style, scene), "glossy": glossy}
    elif recipe.kind == "recolor":
        target = params.pop("hex")
        if target is None:
            target = _nth(tuple(c.hex for c in _colorways(product, brand_kit)), index, recipe, "colorway", product.category)
        resolved["target_hex"] = target.lower()
    return resolved


def variant_count(recipe: Recipe, product: Product, brand_kit: BrandKit) -> int:
    """How many different variants of a recipe a product can have: at most `recipe.variants`, fewer where the brand offers fewer colors.

    A product's own color is no colorway of it: `color: Sage` leaves out the colorway named `sage`.
    """
    if recipe.kind == "packshot":
        return 1
    if recipe.kind == "backdrop":
        return min(recipe.variants, len(_style(brand_kit, product).backdrops))
    if recipe.kind == "recolor":
        return 1 if recipe.params.get("hex") else min(recipe.variants, len(_colorways(product, brand_kit)))
    return recipe.variants


def _style(brand_kit: BrandKit, product: Product) -> CategoryStyle:
    style = brand_kit.categories.get(product.category)
    if style is None:
        raise RenderError(
            f"Product {product.sku} is of category '{product.category}', for which brand kit '{brand_kit.brand}' has no style. "
            f"It has: {', '.join(sorted(brand_kit.categories))}. Add the category to the brand kit or correct the product."
        )
    return style


def _prompt(style: CategoryStyle, scene: str) -> str:
    """The scene behind the look's trigger phrase; a scene that speaks the trigger itself is the whole prompt."""
    return scene if style.trigger in scene else f"{style.trigger}, {scene}"


def _stance(style: CategoryStyle) -> dict[str, float]:
    return {
        "product_height_pct": style.product_height_pct,
        "product_width_max_pct": style.product_width_max_pct,
        "base_pct": style.base_pct,
    }


def _colorways(product: Product, brand_kit: BrandKit) -> tuple[Colorway, ...]:
    """The category's colorways, else the brand's, without the color the product already has."""
    offered = _style(brand_kit, product).colorways or brand_kit.colorways
    own = "-".join(product.color.lower().split())
    return tuple(colorway for colorway in offered if colorway.name.replace("_", "-") != own)


def _nth(values: tuple[str, ...], index: int, recipe: Recipe, noun: str, category: str) -> str:
    if index >= len(values):
        raise RenderError(
            f"Recipe '{recipe.name}' wants {noun} number {index + 1} for category '{category}', but the brand kit offers {len(values)}. "
            f"Add one to the brand kit, or lower `variants` of the recipe."
        )
    return values[index]
