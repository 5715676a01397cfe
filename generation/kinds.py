"""All kinds of recipes by name, and what a recipe is drawn by. What each does is in its own file."""

from collections.abc import Mapping
from typing import Literal

from catalog.recipe import Recipe
from generation.backdrop import BACKDROP, BACKDROP_TABLE
from generation.enhance import ENHANCE, ENHANCE_UNIFORM
from generation.ghost_mannequin import GHOST_MANNEQUIN
from generation.kind import Kind
from generation.material import MATERIAL
from generation.on_model import ON_MODEL
from generation.packshot import PACKSHOT
from generation.pattern import PATTERN
from generation.poster import AD_POSTER
from generation.recolor import RECOLOR
from generation.scale_card import SCALE_CARD
from generation.staging import STAGED_SCENE

KINDS: Mapping[str, Kind] = {
    "ad_poster": AD_POSTER,
    "backdrop": BACKDROP,
    "ghost_mannequin": GHOST_MANNEQUIN,
    "on_model": ON_MODEL,
    "backdrop_table": BACKDROP_TABLE,
    "material": MATERIAL,
    "enhance": ENHANCE,
    "enhance_uniform": ENHANCE_UNIFORM,
    "packshot": PACKSHOT,
    "pattern": PATTERN,
    "recolor": RECOLOR,
    "scale_card": SCALE_CARD,
    "staged_scene": STAGED_SCENE,
}
"""Every kind of recipe that exists."""


def engine_of(recipe: Recipe) -> Literal["studio", "diffusion"]:
    """What makes a recipe's pictures: a base model draws their plates, or everything is computed."""
    return "diffusion" if KINDS[recipe.kind].is_drawn(recipe.params) else "studio"


def engines_of(kind: str) -> tuple[str, ...]:
    """What may make the pictures of a kind, whatever its parameters."""
    plate, drawn_if = KINDS[kind].plate, KINDS[kind].drawn_if
    return ("studio",) if plate is None else ("diffusion",) if drawn_if is None else ("studio", "diffusion")


def wears_lora(recipe: Recipe) -> bool:
    """Whether a recipe is drawn with its category's LoRA, and so waits for one."""
    return recipe.engine == "diffusion" and not KINDS[recipe.kind].edits


def is_edited(recipe: Recipe) -> bool:
    """Whether a recipe is drawn from pictures of the product, by the project's edit model."""
    return recipe.engine == "diffusion" and KINDS[recipe.kind].edits


def upscaler_of(recipe: Recipe) -> str | None:
    """The upscaler model that a recipe asks for, by its name; None where it asks for none."""
    ask = KINDS[recipe.kind].upscaler
    return None if ask is None else ask(recipe.params)


def as_drawn(recipe: Recipe) -> Recipe:
    """A recipe whose parameters were changed for one picture: its engine, its files' source and whether it changes the product as they ask for."""
    engine, kind = engine_of(recipe), KINDS[recipe.kind]
    if kind.changed_if is not None:
        recipe = recipe.model_copy(update={"changes_product": kind.changes(recipe.params)})
    if kind.drawn_if is None or engine == recipe.engine:
        return recipe
    told = {"digital_source_type": DRAWN_IN_PART} if engine == "diffusion" else {"sampling": None}
    return recipe.model_copy(update={"engine": engine, **told})


DRAWN_IN_PART = "compositeWithTrainedAlgorithmicMedia"
"""IPTC's word for a picture that a model drew a part of."""
