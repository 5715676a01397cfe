"""Colorways: the product's main material in another color, on white; shading, highlights and every other material stay.

Changes the product, and says so in its facts. Materials and patterns are other recipes.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from generation.enlarging import ADDED_UPSCALE_MAX, told_enlarged
from generation.kind import Composed, Job, Kind, Wish
from generation.offered import colorways
from generation.packshot import white_ground
from generation.part import PartParams, find_part, placed_part_map, resolve_part
from generation.swatch import resolve_target, target_hex
from imaging.color import FloatImage, delta_e2000, lab_to_srgb, srgb_to_lab
from imaging.color_table import through_table
from imaging.composite import composite
from imaging.dominant_region import DominantRegion, window_of
from imaging.part_change import with_part_changed
from imaging.placing import fit_centered, place

Uint8 = npt.NDArray[np.uint8]

MAX_TARGET_DELTA_E = 3.0
"""CIEDE2000 between the recolored region's median color and the target that a colorway may miss; beyond, the name would be a lie."""
ROUNDS = 5
"""Corrections of the middle color; clipping at white and black moves it, three rounds settle, five are safe."""
TOP_LIGHTNESS = 98.0
ROOM_L = 8.0
"""Lightness that highlights need above a color, and folds below it, for the form to be seen."""
ROOM_DELTA_E = 2.0
"""How far, in CIEDE2000, a nearly white or black target is missed for that; the bar is MAX_TARGET_DELTA_E."""
SHARES = np.linspace(0, 1, 33)
SAMPLES = 8_000
"""Pixels at least, of a large region, that a middle color is told from."""


class RecolorParams(PartParams):
    """The target color: `hex`, a `swatch` of the brand kit by name, or else its colorways, one after another."""

    hex: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$", description="The target color; goes before `swatch`.")
    swatch: str | None = Field(default=None, min_length=1, max_length=80, description="A swatch or colorway of the brand kit by its name.")


def compose_recolor(job: Job) -> Composed:
    """The product in the target color on white.

    Raises RenderError if no material covers enough of the product, or the target cannot be reached with its shading.
    """
    foreground_HW3, alpha_HW = job.source.foreground_HW3, job.source.alpha_HW
    wanted = target_hex(job)
    region, told = find_part(job)
    recolored, missed_by = recolor(foreground_HW3, region, wanted)
    if missed_by > MAX_TARGET_DELTA_E:
        raise RenderError(
            f"Recipe '{job.name}' cannot reach {wanted}: the product's main color would end {missed_by:.1f} "
            f"Delta E 2000 away, at most {MAX_TARGET_DELTA_E} are allowed. Choose a less extreme colorway for this product."
        )
    width, height = job.size_px
    placement = fit_centered(alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=job.params["fill_pct"])
    enlarged = told_enlarged(job, placement)
    rgb, alpha = place(recolored, alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    facts = {
        "background": "white",
        "background_hex": "#ffffff",
        "shaded_pct": shaded_pct,
        "target_hex": wanted,
        "target_delta_e": round(missed_by, 3),
        **({"target_photo": job.resolved["target_photo"]} if "target_photo" in job.resolved else {}),
        "part_map": placed_part_map(region, placement),
        **told,
        **enlarged,
    }
    return composite(rgb, alpha, background), placement, facts


def recolor(foreground_HW3: Uint8, region: DominantRegion, target_hex: str) -> tuple[Uint8, float]:
    """The product with a region moved to a color, and how far its middle color ends from it (CIEDE2000).

    The median over the region is what hits the target, as a fabric's color is named by its middle tone; each pixel keeps its shading. The
    mean was rejected: highlights and deep folds pull it pale, and making up for them turned sage into mint.
    """
    goal = srgb_to_lab(np.array([[[int(target_hex[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    window = window_of(region.mask)
    before, mask, border = np.ascontiguousarray(foreground_HW3[window]), region.mask[window], region.border[window]
    core = mask > 0.5
    aim = _aim(before, core, region, with_room(goal))
    moved = through_table(before, lambda lab: lab_to_srgb(_move(lab, region, aim)))
    mixed = with_part_changed(before, moved, mask, border)
    result = foreground_HW3.copy()
    result[window] = mixed
    final = np.median(_sampled(mixed, core), axis=0)
    return result, float(delta_e2000(final, goal))


def with_room(goal: FloatImage) -> FloatImage:
    """A color near the goal (Lab) that leaves light and shade some lightness on either side; the goal itself unless it is nearly white or black."""
    lightness = float(np.clip(goal[0], ROOM_L, 100 - ROOM_L))
    towards = np.array(
        [[lightness if share == 1 else goal[0] + (lightness - goal[0]) * share, goal[1], goal[2]] for share in SHARES], np.float32
    )
    allowed = np.flatnonzero(delta_e2000(towards, goal) <= ROOM_DELTA_E)
    return np.asarray(towards[allowed[-1]], np.float32)


def _sampled(colors_HW3: Uint8, core: npt.NDArray[np.bool_]) -> FloatImage:
    """Lab (N, 3) of some thousand pixels of a region, on a grid."""
    step = max(1, math.isqrt(int(np.count_nonzero(core)) // SAMPLES))
    chosen = colors_HW3[::step, ::step][core[::step, ::step]]
    if not len(chosen):  # thin as a thread
        chosen = colors_HW3[core]
    return np.asarray(srgb_to_lab(np.ascontiguousarray(chosen[None]))[0], np.float32)


def _aim(before_HW3: Uint8, core: npt.NDArray[np.bool_], region: DominantRegion, goal: FloatImage) -> FloatImage:
    """The color to move the region's middle to so that its median ends at the goal: clipping at white and black pulls it elsewhere."""
    lab, aim = _sampled(before_HW3, core), goal.copy()
    for _ in range(ROUNDS):
        reached = np.median(srgb_to_lab(lab_to_srgb(_move(lab[None], region, aim)))[0], axis=0)
        aim = aim + (goal - reached)
        aim[0] = np.clip(aim[0], 2, 99)
    return np.asarray(aim, np.float32)


def _move(lab: FloatImage, region: DominantRegion, aim: FloatImage) -> FloatImage:
    """Every pixel as if its material had another color under the same light.

    Light scales L + 16, a and b of a matt surface alike, so shading carries over as a ratio. A highlight adds the lamp's own color: it
    shows as chroma missing for its lightness (colored material) or as lightness far above the middle (gray), and stays that much paler.
    """
    middle_l, middle_a, middle_b = region.lab
    lightness = lab[..., 0]
    above = lightness - middle_l
    ratio = (aim[0] + 16) / (middle_l + 16)
    room = max(TOP_LIGHTNESS - float(aim[0]), 1.0)
    up = aim[0] + room * (1 - np.exp(-np.maximum(above, 0) * np.clip(ratio, 0.6, 1.2) / room))
    down = aim[0] + np.minimum(above, 0) * np.clip(ratio, 0.45, 1.6)
    new_l = np.clip(np.where(above > 0, up, down), 1.0, 100.0)
    shade_before = (lightness + 16) / (middle_l + 16)
    if region.colored:
        expected = np.hypot(middle_a, middle_b) * shade_before
        purity = np.clip(np.hypot(lab[..., 1], lab[..., 2]) / np.maximum(expected, 1.0), 0.0, 1.15)
        # What is lighter and paler than the material is lamp light on top of it: it keeps its own lightness.
        lamp = np.clip(above / 15, 0, 1) * np.clip(1 - purity / 0.8, 0, 1)
        new_l = new_l * (1 - lamp) + np.maximum(new_l, lightness) * lamp
    else:
        purity = 1 - 0.85 * np.clip((above - 12) / max(100 - middle_l - 12, 12), 0, 1)
    shade_after = (new_l + 16) / (aim[0] + 16)
    texture = 0.35
    new_a = aim[1] * shade_after * purity + texture * (lab[..., 1] - middle_a * shade_before * purity)
    new_b = aim[2] * shade_after * purity + texture * (lab[..., 2] - middle_b * shade_before * purity)
    return np.stack([new_l, new_a, new_b], axis=-1).astype(np.float32)


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    return resolve_target(wish, params) | resolve_part(wish, params)


def _variants(wish: Wish) -> int:
    one = wish.recipe.params.get("hex") or wish.recipe.params.get("swatch")
    return 1 if one else min(wish.recipe.variants, len(colorways(wish)))


RECOLOR = Kind(
    params=RecolorParams,
    compose=compose_recolor,
    resolve=_resolve,
    added_later=ADDED_UPSCALE_MAX,
    variants=_variants,
    changes_product=True,
    of_style=frozenset({"colorways"}),
    of_kit=frozenset({"colorways", "swatches", "part_masks"}),
)
