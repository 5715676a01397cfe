"""Packshots: the product alone on pure white, centered, with a contact shadow so faint that the background rule still holds."""

import numpy as np
import numpy.typing as npt
from pydantic import Field

from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from imaging.footprint import find_footprint
from imaging.placing import composite, fit_centered, place
from imaging.shadows import ShadowLight, darken, shadow_map

Uint8 = npt.NDArray[np.uint8]

WHITE = 255.0
NEAR_WHITE = 254
"""A background pixel counts as white from this level in every channel; rule of the white-background check."""
MAX_SHADED_PCT = 1.0
"""Percent of the background that the shadow may take below 254; the rule allows 1.5 percent for shadow and JPEG together."""


class PackshotParams(RecipeParams):
    """`fill_pct`: longer side of the product's box in percent of the frame. `shadow`: strength of the contact shadow, 0 none."""

    fill_pct: float = Field(default=86.0, ge=20, le=98)
    shadow: float = Field(default=0.5, ge=0, le=1)


def compose_packshot(job: Job) -> Composed:
    """The product alone on white."""
    width, height = job.size_px
    source = job.source
    placement = fit_centered(source.alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=job.params["fill_pct"])
    rgb, alpha = place(source.foreground_HW3, source.alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    return composite(rgb, alpha, background), placement, {"background": "white", "background_hex": "#ffffff", "shaded_pct": shaded_pct}


def white_ground(alpha_HW: Uint8, *, strength: float) -> tuple[Uint8, float]:
    """A white background with a faint contact shadow under a placed alpha, and the percent of it that is not white.

    The shadow is cut off at its own darkness until it fits into MAX_SHADED_PCT, so its darkest part, at the contact line, stays longest.
    """
    if strength == 0:
        return np.full((*alpha_HW.shape, 3), 255, np.uint8), 0.0
    light = ShadowLight(side=0.0, hardness=0.0, contact=0.55, occlusion=0.34, cast=0.0)
    darkness = shadow_map(alpha_HW, find_footprint(alpha_HW), light, horizon_row=0.0) * strength
    outside = alpha_HW == 0
    allowed = MAX_SHADED_PCT / 100 * int(outside.sum())
    visible = np.sort(darkness[outside & (darkness > 1 / 255)])[::-1]
    floor = float(visible[int(allowed)]) if visible.size > allowed else 0.0
    kept = np.maximum(darkness - floor, 0) * (darkness.max() / max(darkness.max() - floor, 1e-6))
    white = np.full((*alpha_HW.shape, 3), WHITE, np.float32)
    pixels = np.round(darken(white, kept.astype(np.float32))).astype(np.uint8)
    shaded = float((pixels[outside].min(axis=-1) < NEAR_WHITE).mean() * 100) if outside.any() else 0.0
    return pixels, round(shaded, 3)


def _one(wish: Wish) -> int:
    return 1


PACKSHOT = Kind(params=PackshotParams, compose=compose_packshot, variants=_one, alike_in_category=True)
