"""Backdrops: the product on a seamless sweep, or on a table before a wall, in the brand's colors, lit from one side, with shadow and reflection.

A color that the product does not stand out from is passed over for the category's next one; see `compose_backdrop`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from catalog.placement import Placement
from generation.enlarging import ADDED_UPSCALE_MAX, EnlargingParams, told_enlarged
from generation.kind import Composed, Job, Kind, Wish
from imaging.backdrops import NATURAL_HEX, Backdrop, draw_backdrop, floor_line_behind
from imaging.composite import Placed, Reflection, Shadow, composite, grounded
from imaging.edge_contrast import MEASURED_AT_PX, edge_contrast
from imaging.footprint import find_footprint
from imaging.linear_light import light_of_hex, to_fine_levels, to_levels
from imaging.placing import fit_centered, place
from imaging.plate_finish import add_grain
from imaging.shadows import ShadowLight

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

GRAIN = 0.8
"""Grain of the paper, in levels of 255: enough to dither the gradient (no 8-bit steps), too little to be seen."""
HEX = r"^#[0-9a-fA-F]{6}$"
TABLE = "backdrop_table"
"""Name of the kind with a floor line."""
CONTRAST_MIN = 7.0
"""CIEDE2000 along three quarters of the outline, below which a product fades into its backdrop."""


class _Params(EnlargingParams):
    fill_pct: float = Field(default=68.0, ge=20, le=95, description="Longer side of the product's box in percent of the frame.")
    falloff: float = Field(default=0.5, ge=0, le=1, description="How much the backdrop darkens toward its corners.")
    shadow: float = Field(default=1.0, ge=0, le=1, description="Strength of the shadow, 0 none.")
    reflection: float = Field(default=0.0, ge=0, le=1, description="Strength of the product's reflection in what it stands on, 0 none.")
    light_side: float = Field(default=-0.7, ge=-1, le=1, description="Where the light comes from: -1 left .. +1 right.")
    hex: str | None = Field(default=None, pattern=HEX, description="This color and no other; left out, the category's backdrops in turn.")
    contrast_min: float = Field(default=CONTRAST_MIN, ge=0, le=40, description="CIEDE2000 that the product's outline must stand out by.")


class BackdropParams(_Params):
    """A seamless sweep."""

    texture: Literal["paper", "linen", "plaster"] = Field(default="paper", description="What the sweep is made of.")
    gradient: bool = Field(default=False, description="Whether it goes from the color at the foot to another at the top.")
    gradient_hex: str | None = Field(
        default=None, pattern=HEX, description="Color at the top of a gradient; left out, the category's next color."
    )


class TableParams(_Params):
    """A table before a wall in the brand's color."""

    texture: Literal["paper", "linen", "plaster", "wood", "marble"] = Field(
        default="wood", description="What the table is made of; paper: it has the wall's color."
    )


def compose_backdrop(job: Job) -> Composed:
    """The product on the `index`-th of the offered backdrops that it stands out from; those it does not are named in the facts.

    Raises RenderError if it stands out from too few.
    """
    params, (width, height) = job.params, job.size_px
    placement = fit_centered(job.source.alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=params["fill_pct"])
    enlarged = told_enlarged(job, placement)
    backdrop, facts = _first_that_contrasts(job, placement)
    rgb, alpha = place(job.source.foreground_HW3, job.source.alpha_HW, placement)
    light = grounded(
        draw_backdrop(backdrop, width_px=width, height_px=height),
        Placed(rgb_HW3=rgb, alpha_HW=alpha),
        shadow=_shadow(backdrop, params["shadow"], height) if params["shadow"] > 0 else None,
        reflection=Reflection(strength=0.5 * params["reflection"]),
    )
    background = np.clip(np.round(add_grain(to_fine_levels(light), sigma=GRAIN, seed=job.seed)), 0, 255).astype(np.uint8)
    return composite(rgb, alpha, background), placement, facts | enlarged


def _backdrops(job: Job, placement: Placement) -> list[Backdrop]:
    """The backdrops that the brand offers in this recipe's manner, in its order; a table reaches behind the product, however low that is."""
    params, colors = job.params, job.resolved["backdrops"]
    texture = None if params["texture"] == "paper" else params["texture"]
    line = _line_behind(job, placement) if job.resolved["kind"] == TABLE else None
    return [
        Backdrop(
            color_hex=color,
            top_hex=(job.resolved["gradient_hex"] or colors[(place + 1) % len(colors)]) if params.get("gradient") else None,
            texture=texture,
            line_share=line,
            falloff=params["falloff"],
            light_side=params["light_side"],
        )
        for place, color in enumerate(colors)
    ]


def _line_behind(job: Job, placement: Placement) -> float:
    """Where the table ends, in frame heights: behind all that the product stands on."""
    stands = find_footprint(job.source.alpha_HW)
    lowest, back = ((placement.top_px + placement.scale * row) / placement.frame_height_px for row in (stands.box[3], stands.back_row))
    return floor_line_behind(lowest, back)


def _first_that_contrasts(job: Job, placement: Placement) -> tuple[Backdrop, dict[str, Any]]:
    offered, index, least = _backdrops(job, placement), job.resolved["backdrop_index"], job.params["contrast_min"]
    small = _reduced(placement, MEASURED_AT_PX / max(job.size_px))
    product = place(job.source.foreground_HW3, job.source.alpha_HW, small)
    passed_over: dict[str, float] = {}
    for backdrop in offered:
        contrast = _contrast(backdrop, product, small)
        if contrast < least:
            passed_over[backdrop.color_hex] = round(contrast, 1)
        elif index == 0:
            facts: dict[str, Any] = (
                {"background": "plain", "background_hex": backdrop.color_hex} if backdrop.line_share is None else {"background": "scene"}
            )
            facts |= {"backdrop_hex": backdrop.color_hex, "edge_contrast": round(contrast, 1)}
            return backdrop, facts | ({"passed_over": passed_over} if passed_over else {})
        else:
            index -= 1
    faint = ", ".join(f"{color} ({contrast:.1f})" for color, contrast in passed_over.items())
    raise RenderError(
        f"Recipe '{job.name}' wants backdrop number {job.resolved['backdrop_index'] + 1}, and this product does not stand out from {len(passed_over)} of "
        f"{len(offered)}: {faint or 'none'}; its outline must differ by {least:g} CIEDE2000. Nothing was made. Add a backdrop color to its category, "
        "lower `variants`, or lower `contrast_min` of the recipe."
    )


def _contrast(backdrop: Backdrop, product: tuple[Uint8, Uint8], small: Placement) -> float:
    """How clearly a product stands out from a bare backdrop; nothing to see counts as no contrast."""
    behind = to_levels(draw_backdrop(replace(backdrop, texture=None), width_px=small.frame_width_px, height_px=small.frame_height_px))
    return edge_contrast(composite(*product, behind), product[1]) or 0.0


def _reduced(placement: Placement, scale: float) -> Placement:
    return Placement(
        scale=placement.scale * scale,
        left_px=placement.left_px * scale,
        top_px=placement.top_px * scale,
        frame_width_px=max(8, round(placement.frame_width_px * scale)),
        frame_height_px=max(8, round(placement.frame_height_px * scale)),
    )


def _shadow(backdrop: Backdrop, strength: float, height: int) -> Shadow:
    light = ShadowLight(
        side=backdrop.light_side, hardness=0.1, reach=0.6, contact=0.95 * strength, occlusion=0.78 * strength, cast=0.84 * strength
    )
    horizon_row = 0.0 if backdrop.line_share is None else backdrop.line_share * height
    return Shadow(light=light, kept_rgb=_left_in_shadow(backdrop), horizon_row=horizon_row)


def _left_in_shadow(backdrop: Backdrop) -> tuple[float, float, float]:
    """Light that colored paper throws into its own shadow: a shadow on it is deeper in color, not gray."""
    floor = NATURAL_HEX.get(backdrop.texture, backdrop.color_hex) if backdrop.texture else backdrop.color_hex
    red, green, blue = (0.03 * float(channel) for channel in light_of_hex(floor))
    return red, green, blue


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    chosen, second = params.pop("hex"), params.pop("gradient_hex", None)
    colors: Sequence[str] = [chosen.lower()] if chosen else wish.style.backdrops
    if wish.index >= len(colors):
        raise RenderError(
            f"Recipe '{wish.recipe.name}' wants backdrop color number {wish.index + 1} for category '{wish.product.category}', "
            f"but the brand kit offers {len(colors)}. Add one to the brand kit, or lower `variants` of the recipe."
        )
    if params.get("gradient") and len(colors) == 1 and not second:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' wants a gradient, and there is one color, {colors[0]}. Give the other as `gradient_hex`, "
            "or add a backdrop color to the brand kit."
        )
    # So that tables whose line ran through what stands low are made again, and sweeps are not.
    table = {"line": "behind"} if wish.recipe.kind == TABLE else {}
    return {"backdrops": list(colors), "backdrop_index": wish.index, "gradient_hex": second.lower() if second else None} | table


def _variants(wish: Wish) -> int:
    return 1 if wish.recipe.params.get("hex") else min(wish.recipe.variants, len(wish.style.backdrops))


BACKDROP = Kind(
    params=BackdropParams,
    compose=compose_backdrop,
    resolve=_resolve,
    variants=_variants,
    added_later=ADDED_UPSCALE_MAX,
    alike_in_category=True,
)
BACKDROP_TABLE = replace(BACKDROP, params=TableParams)
