"""A group's pictures, composed on their plates and stored: the rows to record of them, and why there is none of the others.

Touches no ledger, so that threads may do it beside the drawing. Plates, and what becomes of the rows, are shard_drawing.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from assets.cutouts import read_cutout, read_upright_photo
from assets.planning import WantedRender
from assets.plates_ahead import Group
from catalog.errors import ModelError, RenderError
from catalog.failpoint import failpoint
from generation.kinds import upscaler_of
from resources.ledger import Row
from resources.project import Project
from resources.settings import utc_now
from resources.telemetry import span
from resources.work_context import working_on

if TYPE_CHECKING:
    from generation.kind import RenderSource
    from generation.plates import Plate
    from generation.render import Rendered


@dataclass(frozen=True, kw_only=True)
class ComposedGroup:
    """A group whose pictures are stored: the rows to record, and the renders that there is no picture of, with the reason."""

    group: Group
    rows: list[Row]
    refused: list[tuple[WantedRender, str]]
    unusable: str = ""
    """Why the model that the recipe alone needs cannot be used here; then nothing was made, and nothing is refused."""


def compose(project: Project, group: Group, plates: "list[Plate] | None") -> ComposedGroup:
    """Compose and store a group's pictures; touches no ledger, so that threads may do it.

    What no seed drew a plate of, and what the recipe refuses, is refused with the reason; the group's other variants are made.
    """
    faults = {w.render_key: plate.why for w, plate in zip(group, plates or (), strict=plates is not None) if plate.pixels_HW3 is None}
    drawable = [w for w in group if w.render_key not in faults]
    on: list[Plate | None] = [plate for plate in plates or () if plate.pixels_HW3 is not None] or [None for _ in drawable]
    refused, rows = [(w, faults[w.render_key]) for w in group if w.render_key in faults], []
    first = group[0].variant
    with working_on(product=first.sku, recipe=first.recipe, render_key=group[0].render_key), span("group", images=len(group)):
        start = utc_now()
        try:
            drawn = _draw(project, drawable, on)
        except ModelError as error:
            if upscaler_of(group[0].recipe) is None:
                raise
            return ComposedGroup(group=group, rows=[], refused=[], unusable=str(error))
        refused += [(w, one) for w, one in zip(drawable, drawn, strict=True) if isinstance(one, str)]
        made = [(w, one, plate) for w, one, plate in zip(drawable, drawn, on, strict=True) if not isinstance(one, str)]
        if made:
            failpoint("render.group_drawn")
            compose_s = (utc_now() - start).total_seconds() / len(made)
            rows = [_row(project, w, one, compose_s, plate) for w, one, plate in made]
            failpoint("render.group_stored")
    return ComposedGroup(group=group, rows=rows, refused=refused)


def compose_beside(project: Project, group: Group, plates: "list[Plate] | None") -> ComposedGroup:
    """The same in a thread beside the drawing, whose batches are not charged with it."""
    from generation.batch_meter import beside_the_drawing

    with beside_the_drawing():
        return compose(project, group, plates)


def source_of(project: Project, wanted: WantedRender) -> "RenderSource":
    """The product of a render's cut-out as recipes take it; its photo, its further photos and brand files are read when asked for."""
    from generation.kind import RenderSource

    foreground_HW3, alpha_HW = read_cutout(project, wanted.cutout_digest)
    return RenderSource(
        foreground_HW3=foreground_HW3,
        alpha_HW=alpha_HW,
        brand_file=project.brand_file,
        photo=partial(read_upright_photo, project, wanted.photo_digest),
        further_photo=partial(read_upright_photo, project),
        further_cutout=partial(read_cutout, project),
        upscaler=project.upscaler,
    )


def _draw(project: Project, group: Sequence[WantedRender], plates: "Sequence[Plate | None]") -> "list[Rendered | str]":
    """Each variant's picture, or why the recipe refuses it."""
    from generation.render import render_one

    if not group:
        return []
    source, drawn = source_of(project, group[0]), list["Rendered | str"]()
    for wanted, plate in zip(group, plates, strict=True):
        try:
            drawn.append(render_one(wanted.resolved, wanted.variant.seed, source, plate.pixels_HW3 if plate else None))
        except RenderError as error:
            drawn.append(str(error))
    return drawn


def _row(project: Project, wanted: WantedRender, made: "Rendered", compose_s: float, plate: "Plate | None") -> Row:
    """A render's row, its picture stored; `seconds` so far are the drawing's, and there is no price yet."""
    from imaging.storage_format import encode_rgb_png

    return {
        **wanted.named,
        "render_digest": project.store.put(encode_rgb_png(made.pixels_HW3)),
        "cutout_digest": wanted.cutout_digest,
        "lora_digest": wanted.lora_digest,
        "placement": made.placement.as_dict(),
        "facts": made.facts
        | {"resolved": wanted.resolved, "seed": wanted.variant.seed, "photo_digest": wanted.photo_digest}
        | {"compose_seconds": round(compose_s, 6)}
        | _plate_facts(plate),
        "seconds": plate.spent["seconds"] if plate is not None else 0.0,
        "made_at": utc_now().replace(tzinfo=None),
    }


def _plate_facts(plate: "Plate | None") -> Row:
    """How a render's plate was drawn: with which seed, after which others, in which batch and circumstances, and what that took."""
    if plate is None:
        return {}
    how = {"seed": plate.seed, "tries": list(plate.tries), "batch": plate.batch, "circumstances": plate.circumstances}
    return {"plate": {**how, "spent": {name: round(value, 6) for name, value in plate.spent.items()}}}
