"""Several ideas for one picture, beside one another on a sheet: `vitrine render --concepts N`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from catalog.brand_kit import BrandKit
from catalog.errors import SettingsError
from catalog.product import Product
from catalog.recipe import Recipe, parse_model
from catalog.variant import Variant
from orchestration.picture_inputs import write_out

if TYPE_CHECKING:
    from generation.kind import RenderSource
    from imaging.encode import ImageFormat

SHEET_BYTES = 900_000
TILE_PX = 420


def check_concepts(recipe: Recipe, count: int, index: int) -> None:
    """Raises SettingsError when a recipe has no ideas to choose from, has fewer than asked for, or one of them was named, too."""
    from generation.kinds import KINDS

    concepts = KINDS[recipe.kind].concepts
    if concepts is None:
        having = ", ".join(sorted(name for name, kind in KINDS.items() if kind.concepts is not None))
        raise SettingsError(
            f"--concepts: recipe '{recipe.name}' makes the same idea each time; only recipes of kind {having} have several. Nothing was made. Leave it out."
        )
    if index:
        raise SettingsError("--concepts makes the first variants, --index one of them: give one of the two. Nothing was made.")
    has = concepts(parse_model(KINDS[recipe.kind].params, recipe.params, f"recipe '{recipe.name}'").model_dump())
    if count > has:
        raise SettingsError(f"--concepts {count}: recipe '{recipe.name}' has {has} that differ. Nothing was made. Ask for at most {has}.")


def write_concepts(
    recipe: Recipe,
    product: Product,
    kit: BrandKit,
    source: "RenderSource",
    *,
    count: int,
    out: Path,
    file_format: "ImageFormat",
    as_json: bool,
) -> None:
    """Write `NAME-1` to `NAME-N` and `NAME-sheet` beside where one picture would go."""
    from generation.render import render_group
    from generation.resolve import resolve
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.encode import encode
    from imaging.storage_format import decode_rgb

    resolved = [resolve(recipe, product, kit, index) for index in range(count)]
    seeds = [Variant(sku=product.sku, recipe=recipe.name, index=index).seed for index in range(count)]
    rendered = render_group(resolved, seeds, source, None)
    files = [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(1, count + 1)]
    for file, one in zip(files, rendered, strict=True):
        write_out(file, encode(one.pixels_HW3, file_format))
    tiles = [
        Tile(pixels_HW3=one.pixels_HW3, label=f"{number}  {one.facts.get('layout', recipe.name)}") for number, one in enumerate(rendered, 1)
    ]
    sheet = out.with_name(f"{out.stem}-sheet{out.suffix}")
    drawn = contact_sheet(tiles, columns=3 if count > 4 else 2, tile_px=TILE_PX, max_bytes=SHEET_BYTES)
    write_out(sheet, encode(decode_rgb(drawn), file_format))
    if as_json:
        told = [
            {"out": str(file), "placement": one.placement.as_dict(), "facts": one.facts} for file, one in zip(files, rendered, strict=True)
        ]
        typer.echo(json.dumps({"sheet": str(sheet), "concepts": told}))
    else:
        typer.echo(f"{recipe.title}, {count} concepts: {files[0]} .. {files[-1].name}; choose on {sheet}")
