"""Render the variants of one recipe for one product: the one entry point to everything that makes pictures.

Stores nothing and judges nothing. Plates may be drawn ahead, in batches across products (see plates.py); a picture's bytes depend on its own
plate, seed and cut-out alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from catalog.placement import Placement
from catalog.preemption import patient_stop_point
from generation.kind import Job, RenderSource, Source
from generation.kinds import KINDS
from generation.plate_requests import PlateRequest

Uint8 = npt.NDArray[np.uint8]

ENGINE_VERSION = "studio-6"
"""Part of every render key: raise it when the same resolved recipe gives other pixels, and every picture is made again."""

DRAWING_VERSION = "plates-3"
"""Part of the render keys of what is drawn on plates: raise it when the same prompt and seed give another plate, and every scene is made again,
but nothing that needs no plate."""


class PlateMaker(Protocol):
    """Something that draws plates, with a base model and perhaps a LoRA."""

    base_model_digest: str
    lora_digest: str | None

    def draw_pictures(self, requests: Sequence[PlateRequest]) -> list[Uint8]:
        """One plate per request, uint8 sRGB (H, W, 3), in this order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One picture: uint8 sRGB pixels at the recipe's size (`enhance`: at most that), where the product stands in it, and facts for the gate and for people.

    `facts` is plain data. Always: `kind`, `engine_version`. On an even background: `background_hex`. Recolor: `target_hex`,
    `target_delta_e`, `region_share`. Staged scenes: `prompt`, `plate_px`, `light`.
    """

    pixels_HW3: Uint8
    placement: Placement
    facts: dict[str, Any]


def render_group(
    resolved: Sequence[dict[str, Any]], seeds: Sequence[int], source: RenderSource, plates: PlateMaker | None
) -> list[Rendered]:
    """All wanted variants of one recipe for one product, in the order given.

    resolved: from `generation.resolve.resolve`, all of one kind. seeds: one per variant. plates: needed by what a
    model draws alone (`needs_plates`): staged scenes, people, materials that are refined.
    Raises RenderError if the cut-out is empty, the recipe needs plates and there is no base model, or the recipe's own conditions fail.
    """
    if len(resolved) != len(seeds):
        raise AssertionError(f"{len(resolved)} variants but {len(seeds)} seeds")
    if not resolved:
        return []
    _refuse_empty(source, resolved[0])
    return [
        render_one(one, seed, source, plate)
        for one, seed, plate in zip(resolved, seeds, _draw_plates(resolved, seeds, source, plates), strict=True)
    ]


def needs_plates(resolved: dict[str, Any]) -> bool:
    """Whether a resolved recipe is drawn on a plate, and so depends on the base model and the category's LoRA."""
    return KINDS[resolved["kind"]].is_drawn(resolved["params"])


def plate_request(resolved: dict[str, Any], seed: int, source: Source) -> PlateRequest:
    """What a resolved recipe that needs a plate asks the engine for. Raises RenderError if the recipe refuses the product."""
    ask = KINDS[resolved["kind"]].plate
    assert ask is not None, f"recipes of kind {resolved['kind']!r} are drawn on no plate"
    return ask(resolved, seed, source)


def _draw_plates(
    resolved: Sequence[dict[str, Any]], seeds: Sequence[int], source: RenderSource, plates: PlateMaker | None
) -> Sequence[Uint8 | None]:
    if not needs_plates(resolved[0]):
        return [None] * len(resolved)
    if plates is None:
        raise RenderError(
            f"Recipe '{resolved[0]['name']}' draws its scene with a base model, and none is set. "
            "Set `base_model` in vitrine.yaml to a folder in diffusers layout, or take the recipe out of the brand kit's `recipes`."
        )
    drawn = plates.draw_pictures([plate_request(one, seed, lambda: source) for one, seed in zip(resolved, seeds, strict=True)])
    if len(drawn) != len(resolved):
        raise AssertionError(f"{len(resolved)} plates were asked for, {len(drawn)} came")
    return drawn


def _refuse_empty(source: RenderSource, resolved: dict[str, Any]) -> None:
    if not (source.alpha_HW >= 128).any():
        raise RenderError(
            f"Recipe '{resolved['name']}' got an empty cut-out: no pixel of the alpha is at least half covered. Check the cut-out."
        )


def render_one(resolved: dict[str, Any], seed: int, source: RenderSource, plate: Uint8 | None) -> Rendered:
    """One picture on the plate that was drawn for it (uint8 (H, W, 3); None for kinds that need none). Raises like `render_group`."""
    patient_stop_point()
    _refuse_empty(source, resolved)
    kind = resolved["kind"]
    if needs_plates(resolved) != (plate is not None):
        raise AssertionError(f"a recipe of kind {kind!r} {'needs a' if plate is None else 'takes no'} plate")
    pixels, placement, facts = KINDS[kind].compose(Job(resolved=resolved, seed=seed, source=source, plate_HW3=plate))
    return Rendered(pixels_HW3=pixels, placement=placement, facts={"kind": kind, "engine_version": ENGINE_VERSION, **facts})
