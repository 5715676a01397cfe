"""What the recipes `pattern` and `material` share: the product placed in its frame, its part covered with a tile at true scale, on white."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import PhotoRefused, RenderError
from catalog.placement import Placement
from generation.enlarging import told_enlarged
from generation.kind import Composed, Job, RecipeParams, Wish
from generation.packshot import white_ground
from generation.part import find_part, part_map
from imaging.color import srgb_to_lab
from imaging.composite import composite
from imaging.dominant_region import window_of, with_what_lies_on_it, without_details
from imaging.measure_scale import compare_scale
from imaging.part_change import with_part_changed
from imaging.photo import PhotoLimits, decode_photo
from imaging.placing import fit_centered, place, product_box
from imaging.surface import Surface, unrolled

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]


MOSTLY = (0.2, 0.5)
DETAIL_SHARE = 0.0005
"""Area, in shares of the part's, up to which a hole in it is a detail (a speck, a stitch) rather than a label or a stud."""


TILE_LIMITS = PhotoLimits(min_side_px=8, max_aspect=64)
"""What a pattern or texture may be: one repeat is often small, and a border print long."""


@dataclass(frozen=True, kw_only=True)
class Covered:
    """A part in its own window of the frame: its colors, its mask 0..1, L of Lab, its surface, and pixels per centimeter."""

    colors_HW3: Uint8
    mask_HW: FloatImage
    lightness_HW: FloatImage
    surface: Surface
    px_per_cm: float

    @property
    def box_px(self) -> int:
        """The longer side of the part's box."""
        return int(max(self.mask_HW.shape))


Cover = Callable[[Covered], tuple[Uint8, dict[str, Any]]]
"""What lays a covering on a part: its colors (uint8, the part's window) and facts."""


def compose_covered(job: Job, cover: Cover) -> Composed:
    """The product on white, its part as `cover` makes it. Raises RenderError if the part cannot be told, or `cover` refuses it."""
    picture, placement, facts, _ = covered_with_part(job, cover)
    return picture, placement, facts


def covered_with_part(job: Job, cover: Cover) -> tuple[Uint8, Placement, dict[str, Any], FloatImage]:
    """The same, and how much of each pixel of the picture is the part, float32 0..1; 0 at the product's soft edge."""
    width, height = job.size_px
    placement = fit_centered(job.source.alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=job.params["fill_pct"])
    enlarged = told_enlarged(job, placement)
    rgb, alpha = place(job.source.foreground_HW3, job.source.alpha_HW, placement)
    region, told = find_part(job, placement)
    window = window_of(region.mask)
    before, own = np.ascontiguousarray(rgb[window]), np.ascontiguousarray(region.mask[window])
    # A covering that is half transparent shows the old color through: what mostly is the part is all of it, but for mixed pixels at its border.
    own = np.where(region.border[window], own, np.clip((own - MOSTLY[0]) / (MOSTLY[1] - MOSTLY[0]), 0, 1)).astype(np.float32)
    covers = job.params["details"] == "cover"
    mask = without_details(own, np.ascontiguousarray(alpha[window]), DETAIL_SHARE) if covers else own
    lightness = np.ascontiguousarray(srgb_to_lab(before)[..., 0])
    # Things on the part (a stud, a logo) do not bend what lies around them.
    closed = cv2.morphologyEx((mask > 0.5).view(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    whole_surface = with_what_lies_on_it(np.asarray(closed), np.ascontiguousarray(alpha[window]))
    surface = unrolled(whole_surface, lightness, roundness=job.params["roundness"], folds=job.params["folds"])
    left, top, right, bottom = product_box(alpha)
    scale = compare_scale(right - left, bottom - top, job.resolved["size_cm"])["px_per_cm"]
    assert scale is not None, "a product without a size was refused when it was resolved"
    changed, facts = cover(Covered(colors_HW3=before, mask_HW=own, lightness_HW=lightness, surface=surface, px_per_cm=scale))
    border = region.border[window] & (mask == own)
    rgb[window] = with_part_changed(before, changed, mask, border)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    whole = np.zeros(alpha.shape, np.uint8)
    whole[window] = np.round(mask * 255)
    common = {
        "background": "white",
        "background_hex": "#ffffff",
        "shaded_pct": shaded_pct,
        "size_cm": job.resolved["size_cm"],
        "px_per_cm": round(scale, 4),
        "part_map": part_map(whole),
        "details": job.params["details"],
    }
    part = np.where(alpha == 255, whole.astype(np.float32) / np.float32(255), np.float32(0))
    return composite(rgb, alpha, background), placement, {**common, **told, **facts, **enlarged}, part


def refuse_uncounted(wish: Wish, given: Mapping[str, Any], params: type[RecipeParams], named: str) -> None:
    """Raises RenderError for parameters with another value than their default that are for shipped coverings alone, where a file of the brand kit is laid."""
    if asked := [name for name, value in given.items() if value != params.model_fields[name].default]:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' asks for {' and '.join(f'{name} {given[name]}' for name in asked)}, which colors what is shipped alone; {named} is a file "
            f"of the brand kit and has its own colors. Nothing was made. Leave {' and '.join(f'`{name}`' for name in asked)} out, or name a shipped one."
        )


def resolve_size(wish: Wish) -> dict[str, Any]:
    """The product's centimeters. Raises RenderError if the catalog knows neither width nor height."""
    size = wish.product.size_cm
    if size["width"] is None and size["height"] is None:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' shows its texture in true scale, and the catalog knows neither width nor height of product "
            f"{wish.product.sku}. Fill in `width_cm` or `height_cm`."
        )
    return {"size_cm": size}


def rgb_of_hex(color: str) -> tuple[int, int, int]:
    """Levels of `#rrggbb`."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def picture_of(job: Job, sha256: str, named: str) -> Uint8:
    """A picture of the brand kit, uint8 sRGB by its color profile, on white where it is transparent. Raises RenderError if it cannot be read."""
    return tile_picture(job.source.brand_file(sha256), f"Recipe '{job.name}': {named}")


def tile_picture(data: bytes, named: str) -> Uint8:
    """The same from a file's bytes; `named` begins the message of a RenderError."""
    try:
        return decode_photo(data, limits=TILE_LIMITS).pixels_HW3
    except PhotoRefused as refused:
        raise RenderError(f"{named} cannot be read: {refused}") from refused
