"""Resolve a recipe for one product and index: every value the picture depends on, as plain data for the render key.

What each kind takes from product and brand kit is with the kind.
"""

from collections.abc import Callable, Mapping
from typing import Any

from catalog.brand_kit import BrandKit
from catalog.photo_roles import FurtherPhoto, PhotoRole
from catalog.product import Product
from catalog.recipe import Recipe, parse_model
from generation.kind import Wish, no_upscaler
from generation.kinds import KINDS
from imaging.upscaler import Upscaler


def resolve(
    recipe: Recipe,
    product: Product,
    brand_kit: BrandKit,
    index: int,
    further: Mapping[PhotoRole, FurtherPhoto] | None = None,
    *,
    upscaler: Callable[[str], Upscaler] = no_upscaler,
) -> dict[str, Any]:
    """Everything the pixels of variant `index` depend on, apart from photo, seed and model: plain data, defaults filled in.

    further: the product's photos beside the main one; those that the kind uses enter by their digests. upscaler: gives the registered
    upscaler model of a name.

    Raises SettingsError for parameters that the recipe's kind does not take; RenderError if the brand kit has no such category, not
    enough backdrops or colorways for this index, or what else the kind needs is missing.
    """
    kind = KINDS[recipe.kind]
    params = parse_model(kind.params, recipe.params, f"recipe '{recipe.name}'").model_dump()
    for name in kind.added_later:
        if params[name] == kind.params.model_fields[name].default:
            del params[name]
    resolved: dict[str, Any] = {
        "name": recipe.name,
        "kind": recipe.kind,
        "version": recipe.version,
        "width_px": recipe.width_px,
        "height_px": recipe.height_px,
        "params": params,
    }
    wish = Wish(recipe=recipe, product=product, brand_kit=brand_kit, index=index, further=further or {}, upscaler=upscaler)
    return resolved | kind.resolve(wish, params)


def variant_count(recipe: Recipe, product: Product, brand_kit: BrandKit) -> int:
    """How many different variants of a recipe a product can have: at most `recipe.variants`, fewer where the brand offers less.

    Raises RenderError if the brand kit has no such category, or what else the kind needs is missing.
    """
    return KINDS[recipe.kind].variants(Wish(recipe=recipe, product=product, brand_kit=brand_kit))
