"""Several ideas for one picture, beside one another on a sheet: `vitrine render --concepts N`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from catalog.brand_kit import BrandKit
from catalog.errors import RenderError, SettingsError
from catalog.product import Product
from catalog.recipe import Recipe, parse_model
from catalog.variant import Variant
from orchestration.picture_inputs import write_out

if TYPE_CHECKING:
    from generation.kind import RenderSource
    from generation.render import Rendered
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


def files_of_concepts(out: Path, count: int) -> list[Path]:
    """`NAME-1` to `NAME-N` and `NAME-sheet`, beside where one picture would go."""
    return [out.with_name(f"{out.stem}-{name}{out.suffix}") for name in (*range(1, count + 1), "sheet")]


def write_concepts(
    recipe: Recipe,
    product: Product,
    kit: BrandKit,
    source: "RenderSource",
    *,
    seed_sku: str,
    count: int,
    out: Path,
    file_format: "ImageFormat",
    as_json: bool,
) -> None:
    """Write the ideas and their sheet; what the product does not suit is told and left out. Raises RenderError if that is all of them.

    seed_sku: what seeds are derived from, so that `--index` makes the idea that was chosen again.
    """
    from generation.render import render_one
    from generation.resolve import resolve
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.encode import encode
    from imaging.storage_format import decode_rgb

    *files, sheet = files_of_concepts(out, count)
    made: list[tuple[int, Path, Rendered]] = []
    refused: dict[int, str] = {}
    for index, file in enumerate(files):
        seed = Variant(sku=seed_sku, recipe=recipe.name, index=index).seed
        try:
            made.append((index + 1, file, render_one(resolve(recipe, product, kit, index), seed, source, None)))
        except RenderError as error:
            refused[index + 1] = str(error)
    if not made:
        raise RenderError(f"None of {count} concepts can be made. The first: {refused[1]}")
    for _, file, one in made:
        write_out(file, encode(one.pixels_HW3, file_format))
    tiles = [Tile(pixels_HW3=one.pixels_HW3, label=f"{number}  {one.facts.get('layout', recipe.name)}") for number, _, one in made]
    drawn = contact_sheet(tiles, columns=3 if len(made) > 4 else 2, tile_px=TILE_PX, max_bytes=SHEET_BYTES)
    write_out(sheet, encode(decode_rgb(drawn), file_format))
    if as_json:
        told = [
            {"number": number, "out": str(file), "placement": one.placement.as_dict(), "facts": one.facts} for number, file, one in made
        ]
        left_out = [{"number": number, "why": why} for number, why in refused.items()]
        typer.echo(json.dumps({"sheet": str(sheet), "concepts": told, "refused": left_out}))
    else:
        for number, why in refused.items():
            typer.echo(f"Concept {number} is left out: {why}", err=True)
        typer.echo(f"{recipe.title}, {len(made)} concepts: {made[0][1]} .. {made[-1][1].name}; choose on {sheet}")
