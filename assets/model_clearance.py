"""Which channels may not have pictures of a recipe, because a license of the models that draw them does not allow it.

What a license allows is `resources/model_licenses.py`; here it meets channels and recipes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from assets.own_models import unusable
from catalog.brand_kit import Channel
from catalog.recipe import Recipe
from generation.kinds import wears_lora
from resources.project import Project

LICENSE = "license not cleared"

EMPTY: Mapping[str, Any] = MappingProxyType({})

LICENSE_CODE = "LICENSE_NOT_CLEARED"
"""Code of the reason in reports, beside those of channels' packs."""


def not_cleared(project: Project, channel: Channel, recipe: Recipe, lora_digest: str | None, recorded: Mapping[str, Any] = EMPTY) -> str:
    """Why a channel may not have pictures of a recipe that were drawn with this LoRA; '' when it may. Studio recipes draw with no model.

    `recorded` are the circumstances in which one picture was drawn: what still stands may be of a model that the settings no longer name.
    """
    if not channel.commercial or recipe.engine != "diffusion":
        return ""
    project = project.drawing(recipe.kind)
    return project.licenses.refusal(lora_digest) or project.licenses.of_drawing(recorded)


def drawn_in(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The circumstances that a render's facts record of its plate; empty where there is none, or where it was drawn before they were recorded."""
    return (facts.get("plate") or EMPTY).get("circumstances") or EMPTY


def may_refuse(project: Project) -> bool:
    """Whether licenses could keep any picture from a channel: cheap, so that a catalog whose models are all cleared is not looked through."""
    sold = {name for channel in project.brand_kit.channels if channel.commercial for name in channel.recipes}
    drawn = [recipe for recipe in project.recipes if recipe.name in sold and recipe.engine == "diffusion" and not unusable(project, recipe)]
    if any(wears_lora(recipe) for recipe in drawn) and project.licenses.may_refuse:
        return True
    return any(bool(project.drawing(recipe.kind).licenses.refusal(None)) for recipe in drawn if not wears_lora(recipe))
