"""Enhancement: the photo itself with its light, noise, blur and lean mended; and a shop's mixed photos brought to one look.

Kind `enhance` keeps the photo's own background and shape; kind `enhance_uniform` puts the corrected product on the brand's neutral backdrop.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from catalog.brand_kit import HexColor
from catalog.errors import RenderError
from catalog.placement import Placement
from generation.enhance_photo import correct, histogram
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from imaging.backdrops import Backdrop, draw_backdrop
from imaging.color import srgb_to_lab
from imaging.composite import composite
from imaging.footprint import find_footprint
from imaging.linear_light import to_fine_levels, to_levels, to_light
from imaging.placing import BOX_ALPHA, fit_box, place, product_box
from imaging.plate_finish import add_grain
from imaging.shadows import ShadowLight, darken, shadow_map
from imaging.tilt import Tilt, find_tilt
from imaging.upright import (
    MAX_TILT_DEG,
    Matrix,
    motion_of,
    moved_box,
    moved_points,
    place_upright,
    placed_by,
    steepest_keystone_deg,
    upright_matrix,
    warped,
)
from imaging.upscaler import upscaled

Uint8 = npt.NDArray[np.uint8]
Share = Annotated[float, Field(ge=0, le=1)]

MIN_FRAME_PX = 64
PRODUCT_ROOM_SHARE = 0.02
"""Room that a cropped photo must leave around its product, of the longer side; with less it is not cropped, and its backdrop goes on as a mirror."""
MAX_NEUTRAL_CHROMA, MIN_NEUTRAL_L = 6.0, 80.0
GRAIN = 0.8
FALLOFF = 0.55
"""How much the backdrop darkens toward its corners: about 22 levels. With 0.25, ten levels, 14 of 17 clean neutral backdrops were called banded by the
gate (`banding_comb` above 0.42), with 0.5 none (at most 0.29): so few tones pile up in steps by themselves, and a viewer sees them as well."""


BOX = {"box": "moved"}
"""In the render keys, so that pictures are made again in which a leaning product lost its corners before it was measured."""


class EnhanceParams(RecipeParams):
    """What both ways of enhancing share."""

    exposure: Literal["auto", "off"] = Field(default="auto", description="Whether underexposed photos are brightened.")
    target_lightness: float = Field(
        default=95.0, ge=70, le=98, description="Lightness (CIE L*) that the highlights of an underexposed photo reach."
    )
    max_exposure_ev: float = Field(default=1.5, ge=0, le=2.5, description="Most stops that are added.")
    white_balance: Literal["auto", "background", "gray_point", "off"] = Field(
        default="auto",
        description="What tells the color of the light: a neutral backdrop or all colors where they are sure (auto), the backdrop because it is white "
        "or gray paper (background), a point that is gray (gray_point), or nothing (off).",
    )
    gray_point: tuple[Share, Share] | None = Field(
        default=None, description="With white_balance gray_point: a place that is gray, as shares of the photo's width and height."
    )
    denoise: float = Field(default=1.0, ge=0, le=1, description="How much of the noise that was measured is taken out.")
    deblur: float = Field(default=0.6, ge=0, le=1, description="How much of a slight blur that was measured is taken back.")
    straighten: bool = Field(default=True, description="Whether a photo that leans a little is turned upright.")
    perspective: bool = Field(default=True, description="Whether converging verticals are made parallel, where enough lines agree.")
    upscale: str = Field(
        default="lanczos",
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        description="How a small photo is enlarged: lanczos, none (it is kept small, or refused where a size is asked for), or the id of an upscaler.",
    )
    max_upscale: float = Field(default=2.0, ge=1, le=4, description="Most that a photo is enlarged by.")

    @model_validator(mode="after")
    def _gray_point_is_given_where_it_is_asked_for(self) -> Self:
        if (self.white_balance == "gray_point") != (self.gray_point is not None):
            raise ValueError("`gray_point` belongs to `white_balance: gray_point`: give both or neither")
        return self


class EnhanceUniformParams(EnhanceParams):
    """A corrected product on a neutral backdrop, lit like all others."""

    target_lightness: float = Field(
        default=92.0, ge=60, le=98, description="Lightness that the product's highlights reach where no backdrop tells the light."
    )
    backdrop_lightness: float = Field(default=94.0, ge=70, le=98, description="Lightness that a neutral backdrop in the photo stands for.")
    fill_pct: float = Field(default=80.0, ge=20, le=95, description="Longer side of the product's box in percent of the frame.")
    shadow: float = Field(default=0.8, ge=0, le=1, description="Strength of the shadow, 0 none.")
    backdrop_hex: HexColor | None = Field(default=None, description="The backdrop; left out, the most neutral light color of the brand.")


def compose_enhanced(job: Job) -> Composed:
    """The photo, corrected, in its own shape: as large as fits into the recipe's size."""
    photo, alpha, params = job.source.photo(), job.source.alpha_HW, job.params
    corrected = correct(job, photo, photo, level=False)
    tilt = _lean(photo, alpha, params)
    height, width = alpha.shape
    matrix = upright_matrix(width, height, tilt_deg=tilt.tilt_deg, keystone_deg=tilt.keystone_deg)
    left, top, right, bottom = _kept_part(matrix, width, height, product_box(alpha))
    fits = float(min(job.size_px[0] / (right - left), job.size_px[1] / (bottom - top)))
    scale = _allowed_scale(job, fits, must=False)
    frame = max(MIN_FRAME_PX, round(scale * (right - left))), max(MIN_FRAME_PX, round(scale * (bottom - top)))
    whole = placed_by(matrix, scale=scale, left_px=-scale * left, top_px=-scale * top)
    color, factor, model = _enlarged(job, to_levels(corrected.linear_HW3), scale)
    pixels = to_levels(
        warped(corrected.linear_HW3 if factor == 1 else to_light(color), whole @ np.diag([1 / factor, 1 / factor, 1]), frame)
    )
    placement = Placement(scale=scale, left_px=-scale * left, top_px=-scale * top, frame_width_px=frame[0], frame_height_px=frame[1])
    return pixels, placement, {"background": "scene"} | _facts(corrected.facts | model, photo, pixels, tilt, whole, scale, alpha)


def compose_uniform(job: Job) -> Composed:
    """The corrected product, upright, on the brand's neutral backdrop, at one size and in one light."""
    source, params, (width, height) = job.source, job.params, job.size_px
    photo, alpha = source.photo(), source.alpha_HW
    corrected = correct(job, photo, source.foreground_HW3, level=True)
    tilt = _lean(photo, alpha, params)
    color = to_levels(corrected.linear_HW3)
    matrix = upright_matrix(alpha.shape[1], alpha.shape[0], tilt_deg=tilt.tilt_deg, keystone_deg=tilt.keystone_deg)
    box = moved_box(alpha >= BOX_ALPHA, matrix)
    placement = fit_box(box, frame_width_px=width, frame_height_px=height, fill_pct=params["fill_pct"])
    scale = _allowed_scale(job, placement.scale, must=True)
    whole = placed_by(matrix, scale=scale, left_px=placement.left_px, top_px=placement.top_px)
    color, factor, model = _enlarged(job, color, scale)
    fine = alpha if factor == 1 else np.asarray(cv2.resize(alpha, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    if _is_still(tilt):
        rgb, placed = place(color, fine, replace(placement, scale=scale / factor))
    else:
        rgb, placed = place_upright(color, fine, whole @ np.diag([1 / factor, 1 / factor, 1]), (width, height))
    paper_hex = job.resolved["backdrop_hex"]
    paper = draw_backdrop(Backdrop(color_hex=paper_hex, falloff=FALLOFF, light_side=0.0), width_px=width, height_px=height)
    if params["shadow"] > 0:
        strength = params["shadow"]
        light = ShadowLight(side=0.0, hardness=0.05, reach=0.4, contact=0.9 * strength, occlusion=0.65 * strength, cast=0.5 * strength)
        paper = darken(paper, shadow_map(placed, find_footprint(placed), light, horizon_row=0.0))
    levels = add_grain(to_fine_levels(paper), sigma=GRAIN, seed=job.seed)
    pixels = composite(rgb, placed, np.clip(np.round(levels), 0, 255).astype(np.uint8))
    behind = {"background": "plain", "background_hex": paper_hex}
    return pixels, placement, behind | _facts(corrected.facts | model, photo, pixels, tilt, whole, scale, alpha)


def _lean(photo: Uint8, alpha: Uint8, params: dict[str, Any]) -> Tilt:
    """What is to be mended of a photo's lean: nothing that was not asked for, and nothing beyond what the gate believes."""
    if not (params["straighten"] or params["perspective"]):
        return Tilt(tilt_deg=0.0, keystone_deg=0.0, witness="none", why="off")
    found, (height, width) = find_tilt(photo, alpha), alpha.shape
    tilt = found.tilt_deg if params["straighten"] else 0.0
    keystone, why = found.keystone_deg if params["perspective"] else 0.0, found.why
    if abs(tilt) > MAX_TILT_DEG:
        tilt, why = 0.0, f"{why}, but it leans by {tilt:.1f} degrees, and at most {MAX_TILT_DEG:g} are mended"
    steepest = steepest_keystone_deg(width, height)
    if keystone and (abs(keystone) > steepest or not _is_believed(alpha, tilt, keystone)):
        keystone, why = (
            0.0,
            f"{why}, but they converge by {keystone:.1f} degrees, and a product so bent is not approved: {steepest:.1f} at most",
        )
    return Tilt(tilt_deg=tilt, keystone_deg=keystone, witness=found.witness, why=why)


def _is_believed(alpha: Uint8, tilt_deg: float, keystone_deg: float) -> bool:
    """Whether the gate would take what is done to the product for a correction."""
    matrix = upright_matrix(alpha.shape[1], alpha.shape[0], tilt_deg=tilt_deg, keystone_deg=keystone_deg)
    return motion_of(matrix, product_box(alpha)).is_correction()


def _is_still(tilt: Tilt) -> bool:
    return tilt.tilt_deg == 0 and tilt.keystone_deg == 0


def _kept_part(matrix: Matrix, width: int, height: int, box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is kept of an upright photo: the largest part of its shape without corners from beyond its edge, if that
    leaves room around the product; else all of it."""
    corners = moved_points(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64), matrix)
    product = moved_points(np.array([[box[i], box[j]] for i in (0, 2) for j in (1, 3)], np.float64), matrix)
    room = PRODUCT_ROOM_SHARE * max(width, height)
    for cut in np.arange(0.0, 0.2, 0.005):
        part = (width * cut, height * cut, width * (1 - cut), height * (1 - cut))
        if not _within(part, corners):
            continue
        left, top = product.min(axis=0) - room
        right, bottom = product.max(axis=0) + room
        return (
            part
            if part[0] <= left and part[1] <= top and part[2] >= right and part[3] >= bottom
            else (0.0, 0.0, float(width), float(height))
        )
    return 0.0, 0.0, float(width), float(height)


def _within(part: tuple[float, float, float, float], corners: npt.NDArray[np.float64]) -> bool:
    """Whether a part lies within a four-sided shape whose corners go clockwise."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        for x, y in ((part[0], part[1]), (part[2], part[1]), (part[2], part[3]), (part[0], part[3])):
            if (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) < -1e-6:
                return False
    return True


def _allowed_scale(job: Job, wanted: float, *, must: bool) -> float:
    """The scale that a photo is brought to. `must`: a size is asked for, and a photo too small for it is refused instead of kept small."""
    how, most = job.params["upscale"], job.params["max_upscale"]
    limit = 1.0 if how == "none" else most
    if must and wanted > limit * 1.001:
        raise RenderError(
            f"Recipe '{job.name}' would enlarge this photo {wanted:.2f} times; `upscale: {how}` and `max_upscale` allow {limit:g}. Nothing was made. "
            "Upload a larger photo, raise `max_upscale` (blurred pictures are rejected later), or make the recipe's picture smaller."
        )
    return min(wanted, limit)


def _enlarged(job: Job, color: Uint8, scale: float) -> tuple[Uint8, int, dict[str, Any]]:
    """A photo enlarged by the upscaler model that its recipe names, how many times, and what is told of it; 1 where none is needed."""
    told = job.resolved.get("upscaler")
    if told is None or scale <= 1:
        return color, 1, {}
    model = job.source.upscaler(told["name"])
    if model.identity != told:
        raise RenderError(
            f"Recipe '{job.name}' was planned with other weights of upscaler '{told['name']}' ({told['model'][:12]}) than are installed now "
            f"({model.digest[:12]}). Nothing was made. Plan the cell again, or put the weights back."
        )
    large, apart = upscaled(model, color)
    return large, model.factor, {"upscaler": {**told, **apart}}


def _facts(done: dict[str, Any], photo: Uint8, pixels: Uint8, tilt: Tilt, whole: Matrix, scale: float, alpha: Uint8) -> dict[str, Any]:
    """What was found and done, for the gate and for people; the gate measures it again."""
    left, top, right, bottom = product_box(alpha)
    moved = motion_of(whole, (left, top, right, bottom))
    geometry = {
        "matrix": [float(f"{one:.10g}") for one in whole.ravel()],
        "tilt_deg": tilt.tilt_deg,
        "keystone_deg": tilt.keystone_deg,
        "keystone_pct": round(moved.keystone_pct, 2),
        "witness": tilt.witness,
        "why": tilt.why,
    }
    by = "upscaler" if "upscaler" in done else "lanczos"
    size = {"scale": round(scale, 4), "method": "none" if scale == 1 else "area" if scale < 1 else by}
    shown = {"histogram": {"before": histogram(photo), "after": histogram(pixels)}}
    return {"enhanced": done | {"geometry": geometry, "size": size} | shown}


def _named_upscaler(params: dict[str, Any]) -> str | None:
    how = params.get("upscale", "lanczos")
    return None if how in ("lanczos", "none") else str(how)


def _resolve_upscaler(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """The upscaler model, by its bytes, where the recipe names one. Raises RenderError where none of that name is registered."""
    name = _named_upscaler(params)
    return {} if name is None else {"upscaler": wish.upscaler(name).identity}


def _resolve_uniform(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """The backdrop: the one that is given, or the most neutral light color that the brand has for the category."""
    named, given = _resolve_upscaler(wish, params), params.pop("backdrop_hex")
    if given is not None:
        return named | {"backdrop_hex": given} | BOX
    offered = (*wish.style.backdrops, *wish.brand_kit.palette)
    neutral = sorted((chroma, -lightness, hex_color) for hex_color in offered for lightness, chroma in [_lightness_and_chroma(hex_color)])
    fitting = [one for one in neutral if one[0] <= MAX_NEUTRAL_CHROMA and -one[1] >= MIN_NEUTRAL_L]
    if not fitting:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' needs a neutral light backdrop, and brand kit '{wish.brand_kit.brand}' has none for category "
            f"'{wish.product.category}' (chroma at most {MAX_NEUTRAL_CHROMA:g}, lightness at least {MIN_NEUTRAL_L:g}). Set `backdrop_hex`."
        )
    return named | {"backdrop_hex": fitting[0][2]} | BOX


def _lightness_and_chroma(hex_color: str) -> tuple[float, float]:
    lab = srgb_to_lab(np.array([[[int(hex_color[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    return float(lab[0]), float(np.hypot(lab[1], lab[2]))


def _one(wish: Wish) -> int:
    return 1


ENHANCE = Kind(
    params=EnhanceParams,
    compose=compose_enhanced,
    resolve=_resolve_upscaler,
    variants=_one,
    upscaler=_named_upscaler,
    alike_in_category=True,
)
ENHANCE_UNIFORM = Kind(
    params=EnhanceUniformParams,
    compose=compose_uniform,
    resolve=_resolve_uniform,
    variants=_one,
    upscaler=_named_upscaler,
    alike_in_category=True,
)
