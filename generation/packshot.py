"""Packshots: the product alone on pure white, centered, with a soft contact shadow where it stands and nothing anywhere else."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.placement import Placement
from generation.enhance_photo import mended_detail
from generation.enlarging import refuse_enlarging
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from imaging.composite import composite
from imaging.footprint import SHADOW_ZONE, find_footprint
from imaging.linear_light import to_levels
from imaging.placing import fit_centered, place
from imaging.shadows import ShadowLight, shadow_map

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

NEAR_WHITE = 254
"""A background pixel counts as white from this level in every channel; rule of the white-background check."""
UPSCALE_MAX = 1.25
"""How much a photo is enlarged unless the recipe says otherwise. Chosen, not measured: of three photos made small and enlarged again by Lanczos (leather bag, speckled
mug, bottles), 1.25 times looked as before at full size, and 2 times softer in the bag's grain."""

ENHANCED_UPSCALE_MAX = 2.0
"""As the recipe `enhance` has it: what noise and blur hid does not come back by enlarging more."""
DEBLUR = 0.6
"""As in the recipe `enhance`."""


class PackshotParams(RecipeParams):
    """How the product stands on white."""

    fill_pct: float = Field(default=88.0, ge=20, le=98, description="Longer side of the product's box in percent of the frame.")
    shadow: float = Field(default=0.8, ge=0, le=1, description="Strength of the contact shadow, 0 none.")
    upscale_max: float = Field(
        default=UPSCALE_MAX, ge=0.1, le=10, description="How many times a photo may be enlarged; a smaller one is refused."
    )
    small_photos: Literal["refuse", "enhance"] = Field(
        default="refuse",
        description="What becomes of a smaller one: it is refused, or goes through what `enhance` does for detail and is enlarged by up to "
        "`enhanced_upscale_max`; the picture's facts say so.",
    )
    enhanced_upscale_max: float = Field(
        default=ENHANCED_UPSCALE_MAX, ge=1, le=4, description="With small_photos enhance: how many times it may be enlarged."
    )


def compose_packshot(job: Job) -> Composed:
    """The product alone on white. Raises RenderError if its photo is too small for the frame."""
    width, height = job.size_px
    source = job.source
    placement = fit_centered(source.alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=job.params["fill_pct"])
    foreground, mended = _large_enough(job, placement)
    rgb, alpha = place(foreground, source.alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    facts: dict[str, Any] = {"background": "white", "background_hex": "#ffffff", "shaded_pct": shaded_pct}
    return composite(rgb, alpha, background), placement, facts | {"enlarged": round(placement.scale, 3)} | mended


def _large_enough(job: Job, placement: Placement) -> tuple[Uint8, dict[str, Any]]:
    """The product's colors to place, and facts about them: mended where a photo is small and the recipe has small ones enhanced.

    Raises RenderError for a photo that is too small.
    """
    params, foreground = job.params, job.source.foreground_HW3
    if params.get("small_photos") != "enhance":
        way_out = "let the recipe enhance small photos (`small_photos: enhance`, which also mends their noise and blur), "
        refuse_enlarging(placement, recipe=job.name, upscale_max=params["upscale_max"], or_else=way_out)
        return foreground, {}
    if placement.scale <= params["upscale_max"]:
        return foreground, {}
    refuse_enlarging(placement, recipe=job.name, upscale_max=params["enhanced_upscale_max"], named="enhanced_upscale_max", most=4)
    mended, found = mended_detail(foreground, denoise=1.0, deblur=DEBLUR)
    return mended, {"small_photo": {"sent_to": "enhance", "scale": round(placement.scale, 4), **found}}


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """Nothing beyond the parameters; those of small photos count where they are asked for, so that packshots made before keep their keys."""
    if params["small_photos"] == "refuse":
        del params["small_photos"], params["enhanced_upscale_max"]
    return {}


def white_ground(alpha_HW: Uint8, *, strength: float) -> tuple[Uint8, float]:
    """A white background with a soft contact shadow under a placed alpha, and the percent of it that is not white.

    The shadow fades out within the footprint's `shadow_zone`, beyond which every pixel is 255. Rejected: to cut it off at a darkness at which it
    takes one percent of the background: what was left was a stump with a hard edge.
    """
    background = np.full((*alpha_HW.shape, 3), 255, np.uint8)
    if strength == 0:
        return background, 0.0
    footprint = find_footprint(alpha_HW)
    height, width = alpha_HW.shape
    zone = footprint.shadow_zone(width, height)
    left, top, right, bottom = zone
    if right <= left or bottom <= top:
        return background, 0.0
    # Light from above and in front, as in a white cyclorama: the shadow lies under the product and a little before it.
    light = ShadowLight(side=0.0, hardness=0.0, contact=0.95, occlusion=0.9, cast=0.0, spread=0.6)
    darkness = shadow_map(alpha_HW, footprint, light, horizon_row=0.0, within=zone) * _fade(zone, footprint.box[2] - footprint.box[0])
    gray = to_levels((1 - strength * darkness).astype(np.float32))
    background[top:bottom, left:right] = gray[..., None]
    outside = alpha_HW == 0
    shaded = int(np.count_nonzero((gray < NEAR_WHITE) & outside[top:bottom, left:right]))
    return background, round(100 * shaded / max(1, int(np.count_nonzero(outside))), 3)


def _fade(zone: Box, box_width: int) -> FloatImage:
    """1 around the foot, falling smoothly to exactly 0 at the edges of the shadow's zone; float32, the zone's size."""
    left, top, right, bottom = zone
    beside, above, below = (max(1.0, share * box_width) for share in SHADOW_ZONE)
    down, across = np.arange(bottom - top, dtype=np.float32), np.arange(right - left, dtype=np.float32)
    far_x = 1 - np.clip(np.minimum(across, across[::-1]) / beside, 0, 1)
    far_y = 1 - np.clip(np.minimum(down / above, down[::-1] / below), 0, 1)
    near = np.clip(1 - np.hypot(far_x[None, :], far_y[:, None]), 0, 1)  # round corners: a box of shadow would be seen
    return np.asarray(near * near * (3 - 2 * near), np.float32)


def _one(wish: Wish) -> int:
    return 1


PACKSHOT = Kind(params=PackshotParams, compose=compose_packshot, resolve=_resolve, variants=_one, alike_in_category=True)
