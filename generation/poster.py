"""Advertisements: a product with headline, price and call to action, in several layouts, in the formats of social networks and shops."""

from typing import Annotated, Any, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from catalog.ad_style import Words
from catalog.errors import RenderError
from catalog.placement import Placement
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from generation.poster_colors import Scheme, choose
from generation.poster_copy import copy_of
from generation.poster_frame import Box, Frame, Layout
from generation.poster_layouts import LAYOUTS, without_price
from generation.poster_type import CLEAR_SHARE, Pen
from generation.typefaces import chosen_fonts, typefaces
from imaging.backdrops import Backdrop, draw_backdrop
from imaging.color import srgb_to_lab
from imaging.composite import composite
from imaging.flat_shapes import arch, fill, frame_line, oval
from imaging.footprint import find_footprint
from imaging.lettering import DoesNotFit
from imaging.linear_light import to_fine_levels, to_levels, to_light
from imaging.outlines import Points
from imaging.placing import place, product_box
from imaging.plate_finish import add_grain
from imaging.shadows import ShadowLight, darken, shadow_map

Uint8 = npt.NDArray[np.uint8]

Format = Literal["1080x1080", "1080x1350", "1200x628", "1080x1920", "1200x1800"]
LayoutName = Literal["classic", "band", "disc", "price", "arch", "editorial", "split", "diagonal"]
Name = TypeVar("Name", bound=str)
MAX_ENLARGED = 2.5
"""How much a photo may be enlarged at most. Chosen, not measured: at 2.5 times grain and edges are visibly soft at full size, which a poster of a small photo may be."""
RAISED = 0.25
"""Of the height that a low product leaves free in its box, so much is left below it."""
GRAIN = 0.8


def each_once(names: tuple[Name, ...]) -> tuple[Name, ...]:
    """The names, if none stands twice. Raises ValueError otherwise."""
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise ValueError(f"names {twice[0]} twice, which would make the same picture again; name each once")
    return names


class AdPosterParams(RecipeParams):
    """Parameters of advertisements."""

    layouts: Annotated[tuple[LayoutName, ...], AfterValidator(each_once)] = Field(
        default=("classic", "band", "disc", "price", "arch", "editorial", "split", "diagonal"),
        min_length=1,
        description="Layouts in the order in which variants take them: variant i takes layout i modulo their number; each once.",
    )
    formats: Annotated[tuple[Format, ...], AfterValidator(each_once)] = Field(
        default=(), description="Sizes in pixels; after all layouts, variants go on in the next one. Empty: the recipe's own size."
    )
    headline: Words = Field(
        default="",
        max_length=200,
        description="Words in place of the brand kit's; `{title}` is the product's title. Empty: the kit's, or the title.",
    )
    call_to_action: Words = Field(
        default="", max_length=60, description="Words on the button in place of the brand kit's. Empty: the kit's, or `Shop now`."
    )
    subline: bool = Field(default=True, description="Whether a line stands below the headline.")
    price: bool = Field(default=True, description="Whether the price is shown.")
    logo: bool = Field(default=True, description="Whether the brand's logo, or its name, is shown.")
    shadow: float = Field(default=1.0, ge=0, le=1, description="Strength of the product's shadow, 0 none.")


def compose_ad_poster(job: Job) -> Composed:
    """One concept in one format."""
    resolved, frame = job.resolved, Frame(*job.size_px)
    layout = LAYOUTS[resolved["layout"]](frame)
    placement = _stand(job, layout.product)
    rgb, alpha = place(job.source.foreground_HW3, job.source.alpha_HW, placement)
    scheme = choose(resolved["grounds"], resolved["palette"], _outline(rgb, alpha), resolved["concept"], dark=layout.dark)
    canvas = _ground(job, frame, layout, scheme, alpha)
    texts: list[dict[str, Any]] = []
    pen = Pen(
        canvas=canvas, scheme=scheme, faces=typefaces(resolved["fonts"], job.source.brand_file), unit=frame.unit, texts=texts, boxes={}
    )
    left_out = _write(pen, layout, resolved["words"])
    if job.params["logo"]:
        logo = resolved["logo"]
        pen.logo(job.source.brand_file(logo) if logo else None, resolved["brand_title"], layout.logo)
    left, top, right, bottom = product_box(alpha)
    facts = {
        "background": "scene",
        "layout": resolved["layout"],
        "texts": texts,
        "boxes": {**pen.boxes, "product": [left / frame.width, top / frame.height, right / frame.width, bottom / frame.height]},
        "logo_clear_share": CLEAR_SHARE,
        **({"left_out": left_out} if left_out else {}),
    }
    return composite(rgb, alpha, canvas), placement, facts


def _write(pen: Pen, layout: Layout, words: dict[str, str]) -> list[str]:
    """Write all words into their slots; the roles that had no room. Only the line below the headline may have none: nobody asked for it in words."""
    slots, left_out = layout.slots if "price" in words else without_price(layout), []
    stacked = [(role, words[role], slots[role]) for role in layout.stack if role in words]
    if stacked:
        left_out += pen.stack(stacked, "subline")
    for role, slot in slots.items():
        if role not in words or role in layout.stack:
            continue
        try:
            (pen.button if role == "call_to_action" else pen.words)(role, words[role], slot)
        except DoesNotFit:
            if role != "subline":
                raise
            left_out.append(role)
    return left_out


def layout_difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """How differently two posters are laid out, by their facts: 0 the same .. 1 nothing of one stands where it stands in the other.

    The mean, over product, headline, price, call to action and logo, of what their boxes (shares of the frame) do not have in common of what they
    cover together; a role that only one has counts as 1.
    """
    roles = sorted({*one["boxes"], *other["boxes"]} - {"subline"})
    return float(np.mean([1 - _overlap(one["boxes"].get(role), other["boxes"].get(role)) for role in roles]))


def _overlap(one: list[float] | None, other: list[float] | None) -> float:
    if one is None or other is None:
        return 0.0
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def _stand(job: Job, box: Box) -> Placement:
    """The product as large as it fits into a box, standing on its bottom edge, or a little above it where it is much lower than the box."""
    left, top, right, bottom = product_box(job.source.alpha_HW)
    scale = min((box[2] - box[0]) / (right - left), (box[3] - box[1]) / (bottom - top))
    if scale > MAX_ENLARGED:
        raise RenderError(
            f"Recipe '{job.name}': the product is {right - left} x {bottom - top} px in its photo and would be enlarged {scale:.1f} times; "
            f"{MAX_ENLARGED} times is allowed. Nothing was made. Use a larger photo, or a smaller format."
        )
    return Placement(
        scale=scale,
        left_px=(box[0] + box[2]) / 2 - scale * (left + right) / 2,
        top_px=box[3] - RAISED * (box[3] - box[1] - scale * (bottom - top)) - scale * bottom,
        frame_width_px=job.size_px[0],
        frame_height_px=job.size_px[1],
    )


def _outline(rgb: Uint8, alpha: Uint8) -> npt.NDArray[np.float32]:
    """The product's colors along its outline, Lab (n, 3), a few hundred of them."""
    solid = (alpha >= 250).astype(np.uint8)
    ring = (solid > 0) & (cv2.erode(solid, np.ones((9, 9), np.uint8)) == 0)
    colors = rgb[ring]
    colors = colors[:: max(1, len(colors) // 400)]
    return srgb_to_lab(colors[None])[0] if len(colors) else np.zeros((0, 3), np.float32)


def _ground(job: Job, frame: Frame, layout: Layout, scheme: Scheme, alpha: Uint8) -> Uint8:
    """Ground, shapes and the product's shadow."""
    canvas = np.empty((frame.height, frame.width, 3), np.uint8)
    canvas[:] = scheme.ground
    if layout.sweep:
        sweep = Backdrop(color_hex="#{:02x}{:02x}{:02x}".format(*scheme.ground), falloff=0.35, light_side=-0.5)
        levels = to_fine_levels(draw_backdrop(sweep, width_px=frame.width, height_px=frame.height))
        canvas = np.clip(np.round(add_grain(levels, sigma=GRAIN, seed=job.seed)), 0, 255).astype(np.uint8)
    for shape in layout.shapes:
        if shape.kind == "line":
            fill(canvas, frame_line(shape.box, max(2.0, 0.0022 * frame.unit)), scheme.on_ground)
            continue
        curve: Points = (
            {"oval": oval, "arch": arch}[shape.kind](shape.box) if shape.kind != "polygon" else np.array(shape.points, np.float64)
        )
        fill(canvas, [curve], scheme.accent)
    if job.params["shadow"] > 0:
        strength = job.params["shadow"]
        light = ShadowLight(side=-0.5, hardness=0.1, reach=0.45, contact=0.95 * strength, occlusion=0.7 * strength, cast=0.6 * strength)
        # At half size: a quarter of the work, and nothing in a shadow is sharper.
        small = np.asarray(cv2.resize(alpha, (frame.width // 2, frame.height // 2), interpolation=cv2.INTER_AREA), np.uint8)
        half = shadow_map(small, find_footprint(small), light, horizon_row=0.0)
        darkness = np.asarray(cv2.resize(half, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR), np.float32)
        seen = np.flatnonzero(darkness.max(axis=1) > 0.004)
        if seen.size:
            part = slice(int(seen[0]), int(seen[-1]) + 1)
            canvas[part] = to_levels(darken(to_light(canvas[part]), darkness[part]))
    return canvas


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    layouts, formats = params.pop("layouts"), params.pop("formats")
    concept, number = wish.index % len(layouts), wish.index // len(layouts)
    if number >= max(1, len(formats)):
        raise RenderError(
            f"Recipe '{wish.recipe.name}' wants poster number {wish.index + 1}, but {len(layouts)} layouts in {max(1, len(formats))} formats make "
            f"{len(layouts) * max(1, len(formats))}. Name more `formats` or `layouts`, or lower `variants` of the recipe."
        )
    size = dict(zip(("width_px", "height_px"), map(int, formats[number].split("x")), strict=True)) if formats else {}
    kit, style = wish.brand_kit, wish.style
    words = copy_of(
        wish.product, kit, style.ads, concept, **{name: params.pop(name) for name in ("headline", "call_to_action", "subline", "price")}
    )  # fmt: skip
    return {
        **size,
        "layout": layouts[concept],
        "concept": concept,
        "words": words,
        "grounds": list(style.backdrops),
        "palette": list(kit.palette),
        "fonts": chosen_fonts(kit),
        "logo": kit.logo.sha256 if kit.logo is not None and params["logo"] else "",
        "brand_title": kit.title if kit.logo is None and params["logo"] else "",
    }


def _variants(wish: Wish) -> int:
    params = AdPosterParams.model_validate(wish.recipe.params)
    return min(wish.recipe.variants, len(params.layouts) * max(1, len(params.formats)))


AD_POSTER = Kind(
    params=AdPosterParams,
    compose=compose_ad_poster,
    resolve=_resolve,
    variants=_variants,
    concepts=lambda params: len(params["layouts"]),
    of_style=frozenset({"backdrops", "ads"}),
    of_kit=frozenset({"ads", "logo", "palette", "title"}),
)
