"""Scale cards: the product at true scale beside an object that everybody knows, with dimension lines and lengths."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints

from catalog.errors import RenderError
from catalog.placement import Placement
from generation.enlarging import ADDED_UPSCALE_MAX, EnlargingParams, told_enlarged
from generation.kind import Composed, Job, Kind, Wish
from generation.poster_colors import contrast, rgb_of
from generation.scale_layout import LINE_OFF, MARGIN, CardLayout, SeenSize, lay_out
from generation.scale_words import SIZE_LETTERS, SOFT_TEXT_RGB, CardWords
from generation.typefaces import chosen_fonts, typefaces
from imaging.composite import composite
from imaging.dimension_lines import draw_dimension, draw_extension
from imaging.footprint import find_footprint
from imaging.linear_light import to_levels, to_light
from imaging.measure_scale import compare_scale
from imaging.placing import place, product_box
from imaging.reference_objects import draw_reference, reference_object
from imaging.shadows import ShadowLight, darken, shadow_map

Uint8 = npt.NDArray[np.uint8]
Letter = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]{1,8}$")]

LEAST_CONTRAST = 4.5
GROUND_RGB = (206, 208, 210)
MAX_ASPECT_ERROR_PCT = 12.0
"""A photo whose proportions are further than this from the catalog's size shows another size; the gate of backdrops warns from there on, too."""
FITS_UP_TO_CM = {"hand": 26.0, "a4": 55.0, "person": 250.0}
"""`auto` takes the first whose length the product's longest side does not exceed; beyond them all a door."""
SHEETS = {"in": "letter", "cm": "a4", "both": "a4"}
"""Which sheet of paper `auto` takes, by the units: who counts in inches alone has Letter in the drawer."""


class ScaleCardParams(EnlargingParams):
    """Parameters of size cards."""

    units: Literal["cm", "in", "both"] = Field(default="both", description="What lengths are told in.")
    reference: Literal["auto", "hand", "a4", "letter", "mug", "door", "person"] = Field(
        default="auto", description="What stands beside the product; `auto` chooses by its longest side, and the sheet of paper by `units`."
    )
    reference_label: str = Field(default="", max_length=40, description="What to call it, in the shop's language; empty: in English.")
    size_letters: tuple[Letter, Letter, Letter] = Field(
        default=SIZE_LETTERS, description="What stands for width, depth and height in the size in words, in the shop's language."
    )
    decimal_mark: Literal[".", ","] = Field(default=".", description="What parts whole centimeters from tenths.")
    background_hex: str = Field(default="#f6f6f4", pattern="^#[0-9a-fA-F]{6}$", description="The even ground, `#rrggbb`.")
    title: bool = Field(default=True, description="Whether title and size in words stand above.")
    shadow: float = Field(default=0.6, ge=0, le=1, description="Strength of the contact shadow, 0 none.")


def compose_scale_card(job: Job) -> Composed:
    """The product and a reference object on one ground, at one scale."""
    unit, params, alpha_HW = min(job.size_px), job.params, job.source.alpha_HW
    seen, photo_px_per_cm = _seen(job)
    thing = reference_object(_chosen_reference(seen, params["units"]) if params["reference"] == "auto" else params["reference"])
    faces = typefaces(job.resolved["fonts"], job.source.brand_file)
    words = CardWords(job, thing, seen, faces, unit)
    layout = lay_out(
        job.size_px,
        seen,
        thing,
        height_label=0 if words.height is None else words.height.width_px,
        width_label=0 if words.width is None else words.width.width_px,
        reference_label=words.reference.width_px,
        header=params["title"],
        recipe=job.name,
    )
    left, _, _, bottom = product_box(alpha_HW)
    scale = layout.px_per_cm / photo_px_per_cm
    placement = Placement(
        scale=scale,
        left_px=layout.product_left - left * scale,
        top_px=layout.lowest - bottom * scale,
        frame_width_px=job.size_px[0],
        frame_height_px=job.size_px[1],
    )
    enlarged = told_enlarged(job, placement)
    rgb, alpha = place(job.source.foreground_HW3, alpha_HW, placement)
    canvas = _ground(job, alpha, layout)
    draw_reference(canvas, thing, left_px=layout.reference_left, ground_px=layout.ground, px_per_cm=layout.px_per_cm)
    lines = _draw_lines(canvas, alpha, layout, seen, unit, words)
    texts = words.draw(canvas, layout)
    facts = {
        "background": "plain",
        "background_hex": params["background_hex"].lower(),
        "reference": thing.name,
        "px_per_cm": round(layout.px_per_cm, 4),
        "size_cm": job.resolved["size_cm"],
        "dimension_lines": lines,
        "texts": texts,
        **enlarged,
    }
    return composite(rgb, alpha, canvas), placement, facts


def _seen(job: Job) -> tuple[SeenSize, float]:
    """The product's silhouette in centimeters, and the photo's pixels per centimeter.

    Of the scales that width and height give, the smaller one: a product that is turned looks wider than it is, one seen from above higher.
    """
    size = job.resolved["size_cm"]
    if size["width"] is None and size["height"] is None:
        raise RenderError(
            f"Recipe '{job.name}' draws the product at true scale, and the catalog knows neither its width nor its height. Nothing was made. Give "
            "`width_cm` or `height_cm` (better both, and `depth_cm`), or take the product out of this recipe."
        )
    left, top, right, bottom = product_box(job.source.alpha_HW)
    found = compare_scale(right - left, bottom - top, size)
    scale, error = found["px_per_cm"], found["aspect_error_pct"]
    assert scale is not None, "a size is known"
    if error is not None and error > MAX_ASPECT_ERROR_PCT:
        raise RenderError(
            f"Recipe '{job.name}': the photo shows the product {(right - left) / (bottom - top):.2f} times as wide as high, and its size in the catalog "
            f"({size['width']:g} cm wide, {size['height']:g} cm high) cannot look like that: {error:.0f} % off, {MAX_ASPECT_ERROR_PCT:.0f} % are allowed. "
            "Nothing was made. Correct width_cm and height_cm, give depth_cm, or use a photo taken from the front."
        )
    seen = SeenSize(
        width_cm=(right - left) / scale, height_cm=(bottom - top) / scale, told_width_cm=size["width"], told_height_cm=size["height"]
    )
    return seen, scale


def _chosen_reference(seen: SeenSize, units: str) -> str:
    longest = max(cm for cm in (seen.told_width_cm, seen.told_height_cm or seen.height_cm, seen.width_cm) if cm is not None)
    name = next((name for name, cm in FITS_UP_TO_CM.items() if longest <= cm), "door")
    return SHEETS[units] if name == "a4" else name


def _ground(job: Job, alpha: Uint8, layout: CardLayout) -> Uint8:
    """The even ground with a line where things stand, and the product's contact shadow."""
    width, height = job.size_px
    color = [int(job.params["background_hex"][i : i + 2], 16) for i in (1, 3, 5)]
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = color
    thick, margin = max(1, round(0.0018 * min(width, height))), round(0.6 * MARGIN * min(width, height))
    row = round(layout.ground)
    canvas[row : row + thick, margin : width - margin] = GROUND_RGB
    if job.params["shadow"] > 0:
        light = ShadowLight(side=0.0, hardness=0.0, contact=0.8, occlusion=0.55, cast=0.0)
        darkness = shadow_map(alpha, find_footprint(alpha), light, horizon_row=0.0) * job.params["shadow"]
        rows = np.flatnonzero(darkness.max(axis=1) > 0.002)
        if rows.size:
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            canvas[part] = to_levels(darken(to_light(canvas[part]), darkness[part]))
    return canvas


def _draw_lines(canvas: Uint8, alpha: Uint8, layout: CardLayout, seen: SeenSize, unit: int, words: CardWords) -> dict[str, float]:
    """Draw the dimension lines; their lengths in pixels, by direction."""
    lengths: dict[str, float] = {}
    left, right = layout.product_left, layout.product_left + seen.width_cm * layout.px_per_cm
    if words.height is not None and seen.height_line_cm is not None:
        top = layout.ground - seen.height_line_cm * layout.px_per_cm
        for y in (top, layout.ground):
            row = alpha[int(np.clip(round(y) - (y > top) * 2 + (y == top) * 2, 0, len(alpha) - 1))]
            edge = float(np.argmax(row >= 128)) if (row >= 128).any() else left
            draw_extension(canvas, (layout.height_line - 0.012 * unit, y), (edge - 0.006 * unit, y), unit)
        draw_dimension(canvas, (layout.height_line, top), (layout.height_line, layout.ground), unit)
        lengths["height"] = round(layout.ground - top, 2)
    if words.width is not None and seen.width_line_cm is not None:
        y = layout.lowest + LINE_OFF * unit
        for x in (left, right):
            column = alpha[:, int(np.clip(x + (2 if x == left else -3), 0, alpha.shape[1] - 1))]
            lowest = float(np.flatnonzero(column >= 128)[-1]) if (column >= 128).any() else layout.lowest
            draw_extension(canvas, (x, lowest + 0.008 * unit), (x, y + 0.012 * unit), unit)
        draw_dimension(canvas, (left, y), (right, y), unit)
        lengths["width"] = round(right - left, 2)
    return lengths


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    for name in ("size_letters", "decimal_mark"):  # cards made before keep their keys
        if list(params[name]) == list(ScaleCardParams.model_fields[name].default):
            del params[name]
    if (seen := contrast(rgb_of(params["background_hex"]), SOFT_TEXT_RGB)) < LEAST_CONTRAST:
        raise RenderError(
            f"Recipe '{wish.recipe.name}': words are dark, and on a ground of {params['background_hex']} they have a contrast of {seen:.1f}, where "
            f"{LEAST_CONTRAST} is needed to read them (WCAG 2.2, 1.4.3). Nothing was made. Choose a lighter `background_hex`, such as #f6f6f4."
        )
    titled = {"title": wish.product.title} if params["title"] else {}
    # `ground`: so that cards are made again whose height's line was as long as the product looks from above.
    return {"size_cm": wish.product.size_cm, "fonts": chosen_fonts(wish.brand_kit), "ground": "below the middle", **titled}


def _one(wish: Wish) -> int:
    return 1


SCALE_CARD = Kind(
    params=ScaleCardParams,
    compose=compose_scale_card,
    resolve=_resolve,
    variants=_one,
    added_later=ADDED_UPSCALE_MAX,
    of_style=frozenset(),
    of_kit=frozenset({"ads"}),
)
