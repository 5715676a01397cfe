"""Whether the models that one recipe alone needs, an edit model or an upscaler, can be used in this project.

Leaves out the base model, and what is done without a recipe's model: planning.py and published_images.py see to that.
"""

from assets.render_keys import sampler
from catalog.errors import ModelError, RenderError
from catalog.recipe import Recipe
from generation.kinds import is_edited, upscaler_of
from resources.project import Project


def unusable(project: Project, recipe: Recipe) -> ModelError | None:
    """Why a model that this recipe alone needs, an edit model or an upscaler, cannot be used; None when it can, or there is none.

    The base model is not asked about: it draws the scenes of nearly every shop, and what is wrong with it is raised where it is needed.
    """
    if recipe.name not in project.unusable:
        project.unusable[recipe.name] = _unusable(project, recipe)
    return project.unusable[recipe.name]


def _unusable(project: Project, recipe: Recipe) -> ModelError | None:
    if is_edited(recipe) and project.settings.edit_model is None:
        _ = project.family_name  # the base model's own errors are not this recipe's
    try:
        if is_edited(recipe) and project.drawing(recipe.kind) is not project:
            sampler(project, recipe)
            _ = project.drawing(recipe.kind).base_model_digest
        if name := upscaler_of(recipe):
            project.upscaler(name)
    except ModelError as error:
        return error
    except RenderError:
        return None  # none of that name is registered: `resolve` says so of every product
    return None
