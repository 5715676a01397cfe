"""Check the base model of a project: registered and pinned, there in full, safe to load, and allowed to draw for the channels that sell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from catalog.errors import ModelError
from catalog.recipe import Recipe
from generation.kinds import is_edited
from resources.project import Project

Told = tuple[Literal["error", "warning"], str]


def check_models(project: Project) -> Iterator[Told]:
    """What is wrong or will surprise. Raises what reading the registry or the model raises."""
    settings = project.settings
    known = {one.entry.license.name for one in project.models.models.values()} | {one.license for one in settings.upscalers.values()}
    known |= {settings.cutout.license} if settings.cutout.license else set()
    for name in settings.accepted_licenses:
        if name not in known:
            yield (
                "error",
                f"accepted_licenses names {name!r}, which no model has, registered or named by `cutout` or `upscalers`; there are "
                f"{', '.join(sorted(known))}. Correct it.",
            )
    drawn = [recipe for recipe in project.recipes if recipe.engine == "diffusion"]
    if not drawn:
        return
    by_scenes, by_edits = ([recipe for recipe in drawn if is_edited(recipe) is edits] for edits in (False, True))
    for recipes in filter(None, (by_scenes, by_edits)):
        with_model = project.drawing(recipes[0].kind)
        if recipes is by_scenes or with_model is not project or not by_scenes:
            yield from _files(with_model, trains=recipes is by_scenes)
        _step_caches(project, recipes)
        _compiling(with_model)
        yield from _license(with_model, {recipe.name for recipe in recipes}, trains=recipes is by_scenes)


def _files(project: Project, *, trains: bool) -> Iterator[Told]:
    yield from _folder(project.base_model_dir, project.base_model_digest, project.base_model_name)
    if trains and project.training_model is not None:
        yield from _folder(project.training_model_dir, project.training_model_digest, project.training_model.id)
    project.few_step.verified()


def _step_caches(project: Project, drawn: list[Recipe]) -> None:
    """Raises ModelError for a recipe or setting that asks for a step cache where it would do harm or nothing."""
    from assets.render_keys import sampling_of
    from generation.base_model import read_base_model
    from generation.step_cache import check_step_cache

    for how in (sampling_of(project, recipe) for recipe in drawn):
        if how.step_cache is not None:
            folder = project.drawing(drawn[0].kind).base_model_dir
            check_step_cache(read_base_model(folder).behavior, how.steps, project.settings.generation.batch_images)


def _compiling(project: Project) -> None:
    """Raises ModelError for a base model whose blocks cannot be compiled, where the settings ask for it."""
    execution = project.settings.generation.execution
    if execution.compile:
        from generation.base_model import read_base_model
        from generation.compiled_blocks import check_compile

        check_compile(read_base_model(project.base_model_dir), execution, staged=False)


def _folder(folder: Path, expected: str, name: str) -> Iterator[Told]:
    """Compare a model's folder, as it would be loaded, with the digest that keys hold."""
    from generation.base_model import read_base_model
    from generation.model_safety import pickles_in

    found = read_base_model(folder).digest
    if found != expected:
        raise ModelError(
            f"The base model in {folder} has digest {found[:12]}, its entry in models.yaml adds up to {expected[:12]}. Pin it again: "
            f"vitrine models pin {name}"
        )
    if pickled := pickles_in(folder):
        yield "warning", f"{folder} holds {pickled[0]}, which is never read, because loading it can run code. Remove it."


def _license(project: Project, drawn: set[str], *, trains: bool) -> Iterator[Told]:
    selling = [channel.name for channel in project.brand_kit.channels if channel.commercial and not drawn.isdisjoint(channel.recipes)]
    adapter = project.few_step.registered
    models = (project.base_model_digest, project.training_model_digest) if trains else (project.base_model_digest,)
    refusals = [project.licenses.of_base_model(one) for one in models]
    refusals += [] if adapter is None else [project.licenses.of_model(adapter)]
    refusal = next((one for one in refusals if one), "")
    if selling and refusal:
        yield (
            "warning",
            f"{refusal}. Its pictures are made and judged, but not published to {', '.join(selling)}; a channel that sells nothing says "
            "`commercial: false`.",
        )
