"""Backdrops: the product standing on a seamless sweep in a brand color, lit from one side, with its shadow on the floor."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from generation.offered import nth
from imaging.composite import Placed, Shadow, composite, grounded
from imaging.linear_light import light_of_fine_levels, to_fine_levels
from imaging.placing import fit_centered, place
from imaging.plate_finish import add_grain
from imaging.shadows import ShadowLight

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

BEND_SHARE = 0.60
"""Where the paper bends from floor to wall, as a share of the height; the eye expects it behind the product's lower third."""
GRAIN = 0.8
"""Grain of the paper, in levels of 255: enough to dither the gradient (no 8-bit steps), too little to be seen."""


class BackdropParams(RecipeParams):
    """`fill_pct`: longer side of the product's box in percent of the frame. `falloff`: how much the sweep darkens toward its corners.

    `shadow`: strength, 0 none. `light_side`: -1 the light comes from the left .. +1 from the right.
    """

    fill_pct: float = Field(default=68.0, ge=20, le=95)
    falloff: float = Field(default=0.5, ge=0, le=1)
    shadow: float = Field(default=1.0, ge=0, le=1)
    light_side: float = Field(default=-0.7, ge=-1, le=1)


def compose_backdrop(job: Job) -> Composed:
    """The product on a sweep of `backdrop_hex`."""
    resolved, params, alpha_HW = job.resolved, job.params, job.source.alpha_HW
    placement = fit_centered(
        alpha_HW, frame_width_px=resolved["width_px"], frame_height_px=resolved["height_px"], fill_pct=params["fill_pct"]
    )
    rgb, alpha = place(job.source.foreground_HW3, alpha_HW, placement)
    sweep = paper_sweep(
        resolved["backdrop_hex"],
        width_px=resolved["width_px"],
        height_px=resolved["height_px"],
        falloff=params["falloff"],
        light_side=params["light_side"],
    )
    if params["shadow"] > 0:
        strength = params["shadow"]
        light = ShadowLight(
            side=params["light_side"], hardness=0.1, reach=0.6, contact=0.8 * strength, occlusion=0.5 * strength, cast=0.5 * strength
        )
        sweep = to_fine_levels(
            grounded(
                light_of_fine_levels(sweep),
                Placed(rgb_HW3=rgb, alpha_HW=alpha),
                shadow=Shadow(light=light, kept_rgb=_shadow_tint(resolved["backdrop_hex"])),
            )
        )
    sweep = add_grain(sweep, sigma=GRAIN, seed=job.seed)
    background = np.clip(np.round(sweep), 0, 255).astype(np.uint8)
    return composite(rgb, alpha, background), placement, {"background": "plain", "background_hex": resolved["backdrop_hex"]}


def paper_sweep(hex_color: str, *, width_px: int, height_px: int, falloff: float, light_side: float) -> FloatImage:
    """A seamless paper sweep lit from one side, its median close to the color; float32 sRGB 0..255 (height, width, 3).

    The wall falls off away from the light and toward the top, the floor catches more light than the wall, and the bend lies between.
    """
    rows = ((np.arange(height_px, dtype=np.float32) + 0.5) / height_px)[:, None]
    columns = ((np.arange(width_px, dtype=np.float32) + 0.5) / width_px)[None, :]
    floor = 1 / (1 + np.exp(-(rows - BEND_SHARE) / 0.045))
    pool_x = 0.5 + 0.16 * light_side
    distance = np.hypot((columns - pool_x) / 0.75, (rows - 0.48) / 0.72)
    light = 1.035 - 0.16 * falloff * np.clip(distance, 0, 1.6) ** 2 + 0.035 * falloff * floor
    color = np.array([int(hex_color[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
    light = light / np.median(cv2.resize(light.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA))
    return np.asarray(color * light[..., None], np.float32)


def _shadow_tint(hex_color: str) -> tuple[float, float, float]:
    """Light that paper of a color throws into its own shadow: a shadow on colored paper is deeper in color, not gray."""
    red, green, blue = (0.16 * int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    return {"backdrop_hex": nth(wish.style.backdrops, wish, "backdrop color")}


def _variants(wish: Wish) -> int:
    return min(wish.recipe.variants, len(wish.style.backdrops))


BACKDROP = Kind(params=BackdropParams, compose=compose_backdrop, resolve=_resolve, variants=_variants, alike_in_category=True)
