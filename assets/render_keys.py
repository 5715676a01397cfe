"""What a render is called in the ledger: the key of a resolved recipe, with how this project's model draws it.

Which renders a product gets is planning.py's question.
"""

from typing import Any

from catalog.errors import ModelError
from catalog.keys import render_key
from catalog.recipe import Recipe, RecipeSampling
from generation.denoise import Sampling
from generation.kinds import wears_lora
from generation.render import DRAWING_VERSION, ENGINE_VERSION
from resources.project import Project


def key_of_render(
    project: Project,
    recipe: Recipe,
    resolved: dict[str, Any],
    *,
    photo_digest: str,
    cutout_digest: str,
    index: int,
    seed: int,
    lora_digest: str | None,
) -> str:
    """The render key of a resolved recipe in this project: base model, LoRA and sampler are part of it where they draw."""
    diffusion = recipe.engine == "diffusion"
    return render_key(
        photo_digest=photo_digest,
        cutout_digest=cutout_digest,
        recipe={**resolved, **({"sampler": sampler(project, recipe)} if diffusion else {})},
        index=index,
        seed=seed,
        base_model_digest=project.drawing(recipe.kind).base_model_digest if diffusion else None,
        lora_digest=lora_digest if wears_lora(recipe) else None,
        engine_version=ENGINE_VERSION,
    )


def sampling_of(project: Project, recipe: Recipe) -> Sampling:
    """How a recipe's plates are drawn: as the recipe says, else as the settings do.

    Raises ModelError for a recipe that edits where no model can, and for guidance with a model that was distilled to do without: it would change nothing but the render's key.
    """
    project = project.drawing(recipe.kind)
    how, own = project.settings.generation, recipe.sampling or RecipeSampling()
    guidance = own.guidance or how.guidance
    if guidance > 1 and not project.takes_guidance:
        where = f"recipe {recipe.name}" if own.guidance else "`generation.guidance` in vitrine.yaml"
        raise ModelError(
            f"Base model {project.base_model_name} was distilled to be drawn without guidance, and {where} asks for {guidance:g}, which would do "
            "nothing. Set it to 1, or choose the undistilled model. Nothing was drawn."
        )
    return Sampling(
        steps=own.steps or how.steps,
        guidance=guidance,
        guided_share=own.guided_share or how.guided_share,
        step_cache=own.step_cache or how.step_cache,
    )


def sampler(project: Project, recipe: Recipe) -> dict[str, Any]:
    """How a recipe's plates are drawn, as it enters the render key: what changes pixels, and the drawing code's version.

    The batch size is left out: it may change with a machine's memory, and moves a few pixels by one level at most.
    """
    how, project = sampling_of(project, recipe), project.drawing(recipe.kind)
    partly = {"guided_share": how.guided_share} if how.guided_steps not in (0, how.steps) else {}
    partly |= {} if how.step_cache is None else {"step_cache": how.step_cache}
    return {
        "steps": how.steps,
        "guidance": how.guidance,
        "drawing": DRAWING_VERSION,
        **partly,
        **project.settings.generation.execution.in_keys,
        **project.few_step.in_keys,
    }
