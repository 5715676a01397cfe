"""Read the recipes: those that ship with Vitrine and a brand's own, each checked against what its kind can do. Makes no pictures."""

from pathlib import Path

from catalog.errors import SettingsError
from catalog.recipe import Recipe, parse_model, read_recipe
from generation.kinds import KINDS, engine_of

SHIPPED = Path(__file__).parent / "recipes"

PHOTOGRAPHS = ("packshot", "enhance")
"""Kinds whose pictures may be called plain photographs: they show what the camera saw, and no more than white beside it."""
DRAWN_SOURCES = ("compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia")
"""What files may say of themselves of which a model drew a part."""


def read_recipe_book(extra_folder: Path | None = None) -> dict[str, Recipe]:
    """All recipes by name: the shipped ones, and those in a brand's own folder, which replace shipped ones of the same name.

    Raises SettingsError if the folder is missing, a file is wrong, a kind does not exist, a parameter is unknown or out of range,
    or two files of one folder give the same name.
    """
    book = _read_folder(SHIPPED)
    if extra_folder is not None:
        if not extra_folder.is_dir():
            raise SettingsError(f"The recipe folder {extra_folder} does not exist. Create it, or remove the setting that names it.")
        book |= _read_folder(extra_folder)
    return book


def check_recipe(recipe: Recipe, source: Path | str) -> Recipe:
    """The recipe, once its kind exists and what it says of itself suits that kind; `source` is named in the error. Raises SettingsError."""
    if recipe.kind not in KINDS:
        raise SettingsError(
            f"{source}: recipe '{recipe.name}' is of kind '{recipe.kind}', which does not exist. Kinds: {', '.join(sorted(KINDS))}."
        )
    parse_model(KINDS[recipe.kind].params, recipe.params, f"{source} (params of recipe '{recipe.name}')")
    if wrong := _untrue(recipe):
        raise SettingsError(f"{source}: recipe '{recipe.name}' is of kind '{recipe.kind}', {wrong}. Nothing was changed.")
    return recipe


def _untrue(recipe: Recipe) -> str:
    """What a recipe says of itself that is not so, with what is to be done; '' if nothing. Files, galleries and the gate repeat it."""
    kind, engine, says = KINDS[recipe.kind], engine_of(recipe), recipe.digital_source_type
    if recipe.engine != engine:
        return f"and its pictures are made by `engine: {engine}`, not {recipe.engine}. Correct `engine`"
    changes = kind.changes(recipe.params)
    if recipe.changes_product != changes:
        asked = "" if kind.changed_if is None else " with these params"
        does = "shows products other than photographed" if changes else "leaves products as photographed"
        return f"which{asked} {does}. Set `changes_product: {str(changes).lower()}`"
    if engine == "diffusion" and says not in DRAWN_SOURCES:
        return f"and a model draws its pictures, which `digital_source_type: {says}` hides. Set it to {' or '.join(DRAWN_SOURCES)}"
    if changes and says == "digitalCapture":
        return "and its pictures are no plain photographs. Set `digital_source_type` to compositeSynthetic"
    if says == "digitalCapture" and recipe.kind not in PHOTOGRAPHS:
        return "and its pictures hold what no camera saw, such as a drawn ground, words or an object. Set `digital_source_type` to compositeSynthetic"
    return ""


def _read_folder(folder: Path) -> dict[str, Recipe]:
    book: dict[str, Recipe] = {}
    for path in sorted(folder.glob("*.yml")):
        raise SettingsError(f"{path}: recipes are files that end in .yaml. Nothing was changed; rename it, or move it out of the folder.")
    for path in sorted(folder.glob("*.yaml")):
        recipe = check_recipe(read_recipe(path), path)
        if recipe.name in book:
            raise SettingsError(f"{path}: recipe '{recipe.name}' is already defined in this folder. Give one of the two another name.")
        book[recipe.name] = recipe
    return book
