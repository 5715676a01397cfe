"""Which channels may not have pictures of a recipe, because a license of the models that draw them does not allow it.

What a license allows is `resources/model_licenses.py`; here it meets channels and recipes.
"""

from catalog.brand_kit import Channel
from catalog.recipe import Recipe
from resources.project import Project

LICENSE = "license not cleared"

LICENSE_CODE = "LICENSE_NOT_CLEARED"
"""Code of the reason in reports, beside those of channels' packs."""


def not_cleared(project: Project, channel: Channel, recipe: Recipe, lora_digest: str | None) -> str:
    """Why a channel may not have pictures of a recipe that were drawn with this LoRA; '' when it may. Studio recipes draw with no model."""
    if not channel.commercial or recipe.engine != "diffusion":
        return ""
    return project.licenses.refusal(lora_digest)


def may_refuse(project: Project) -> bool:
    """Whether licenses could keep any picture from a channel: cheap, so that a catalog whose models are all cleared is not looked through."""
    drawn = {recipe.name for recipe in project.recipes if recipe.engine == "diffusion"}
    concerned = any(channel.commercial and not drawn.isdisjoint(channel.recipes) for channel in project.brand_kit.channels)
    return concerned and project.licenses.may_refuse
