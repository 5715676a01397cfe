"""Check the base model of a project: registered and pinned, there in full, safe to load, and allowed to draw for the channels that sell."""

from collections.abc import Iterator
from typing import Literal

from catalog.errors import ModelError
from resources.project import Project

Told = tuple[Literal["error", "warning"], str]


def check_models(project: Project) -> Iterator[Told]:
    """What is wrong or will surprise. Raises what reading the registry or the model raises."""
    known = {one.entry.license.name for one in project.models.models.values()}
    for name in project.settings.accepted_licenses:
        if name not in known:
            yield (
                "error",
                f"accepted_licenses names {name!r}, which no registered model has; there are {', '.join(sorted(known))}. Correct it.",
            )
    drawn = [recipe for recipe in project.recipes if recipe.engine == "diffusion"]
    if not drawn:
        return
    yield from _files(project)
    yield from _license(project, {recipe.name for recipe in drawn})


def _files(project: Project) -> Iterator[Told]:
    from generation.base_model import read_base_model
    from generation.model_safety import pickles_in

    folder = project.base_model_dir
    found = read_base_model(folder).digest
    if found != project.base_model_digest:
        raise ModelError(
            f"The base model in {folder} has digest {found[:12]}, its entry in models.yaml adds up to {project.base_model_digest[:12]}. Pin it again: "
            f"vitrine models pin {project.base_model_name}"
        )
    project.few_step.verified()
    if pickled := pickles_in(folder):
        yield "warning", f"{folder} holds {pickled[0]}, which is never read, because loading it can run code. Remove it."


def _license(project: Project, drawn: set[str]) -> Iterator[Told]:
    selling = [channel.name for channel in project.brand_kit.channels if channel.commercial and not drawn.isdisjoint(channel.recipes)]
    adapter = project.few_step.registered
    refusal = project.licenses.of_base_model(project.base_model_digest) or ("" if adapter is None else project.licenses.of_model(adapter))
    if selling and refusal:
        yield (
            "warning",
            f"{refusal}. Its pictures are made and judged, but not published to {', '.join(selling)}; a channel that sells nothing says "
            "`commercial: false`.",
        )
