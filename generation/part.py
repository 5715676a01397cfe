"""Which part of a product a recipe changes: its main material, found by color, or what a mask of the brand kit says.

A mask is a gray PNG in the main photo's proportions, white where the part is; the brand kit names it by SKU and part:

    part_masks:
      - {sku: BAG-003, part: body, file: masks/BAG-003-body.png}
"""

import base64
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.brand_kit import MAIN_PART
from catalog.errors import RenderError
from catalog.placement import Placement
from catalog.product import SLUG
from generation.enlarging import EnlargingParams
from generation.kind import Job, Wish
from generation.known_parts import known_part
from imaging.dominant_region import DominantRegion, find_dominant_region, region_of_mask

Uint8 = npt.NDArray[np.uint8]

MIN_REGION_SHARE = 0.30
"""A product whose largest material covers less is many-colored: there is no telling which material is meant."""
MOST_TORN = 2.5
"""`DominantRegion.torn` from which a material is not told from what is beside it. Of 25 real photographs four were 3.6 to 9.2 (a dark brim under a gray
cap, a hand, a polo's deep folds, a print), and speckled with the new color; the others were at most .1, and a bag
of the demo that comes out well 1.6."""
MAX_MASK_OFF_PRODUCT = 0.10
"""Share of a part mask that may lie beside the product; more, and it was drawn for another photo."""
MAX_PROPORTIONS_OFF = 0.01
MAP_SIDE_PX = 160
"""Longer side of the map of the part among the facts, by which the gate tells the part from the rest; some 300 bytes."""


class PartParams(EnlargingParams):
    """What recipes share that change a part of a product on white."""

    fill_pct: float = Field(default=86.0, ge=20, le=98, description="Longer side of the product's box in percent of the frame.")
    shadow: float = Field(default=0.5, ge=0, le=1, description="Strength of the contact shadow, 0 none.")
    part: str | None = Field(
        default=None,
        pattern=SLUG,
        description="Part mask of the brand kit; left out, the mask of the part `main`, or else the material that covers most.",
    )


def resolve_part(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """The mask of the part that is meant, by sha256, or nothing. Raises RenderError if a part is asked for that has no mask."""
    asked = params.pop("part")
    named = asked or MAIN_PART
    own = {mask.part: mask.file.sha256 for mask in wish.brand_kit.part_masks if mask.sku == wish.product.sku}
    if named in own:
        return {"part": named, "part_mask": own[named]}
    if asked:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' changes part '{asked}', and the brand kit has no mask of it for product {wish.product.sku} "
            f"(it has: {', '.join(sorted(own)) or 'none'}). Add one to `part_masks`, or leave `part` out to change the main material."
        )
    return {}


def find_part(job: Job, placement: Placement | None = None) -> tuple[DominantRegion, dict[str, Any]]:
    """The part in the product's photo, or placed into a frame, and facts of it. It is told at photo size either way, so that it is one part.

    Raises RenderError if there is none, or its mask belongs to another photo.
    """
    region, told = _in_photo(job)
    if placement is not None:
        mask = placed_mask(levels_of(region.mask), placement)
        border = placed_mask(region.border.view(np.uint8) * 255, placement) > 96
        region = replace(region, mask=(mask.astype(np.float32) / np.float32(255)), border=border)
    return region, told


def _in_photo(job: Job) -> tuple[DominantRegion, dict[str, Any]]:
    source = job.source
    if "part_mask" in job.resolved:
        key = (source.digest, job.resolved["part_mask"])
        region = known_part(key, lambda: region_of_mask(source.foreground_HW3, source.alpha_HW, _mask_of(job, source.alpha_HW)))
        return region, {"part": job.resolved["part"], "region_share": round(region.share, 4)}
    region = known_part((source.digest,), lambda: find_dominant_region(source.foreground_HW3, source.alpha_HW))
    if region.share < MIN_REGION_SHARE:
        raise RenderError(
            f"Recipe '{job.name}' finds no main color to change: the largest material covers {region.share:.0%} of the product, "
            f"at least {MIN_REGION_SHARE:.0%} is needed. Photograph it as it should be, give its part as a mask (`part_masks` of the "
            "brand kit), or leave the product out of the recipe."
        )
    if region.torn > MOST_TORN:
        raise RenderError(
            f"Recipe '{job.name}' cannot tell the main color from what is beside it: their border runs {region.torn:.1f} long through what looks alike "
            f"(at most {MOST_TORN:g}; a brim in nearly the cap's gray, a hand, deep folds), and would be speckled with the new one. Nothing was made. "
            "Give its part as a mask (`part_masks` of the brand kit), or leave the product out of the recipe."
        )
    return region, {"part": MAIN_PART, "region_share": round(region.share, 4)}


def _mask_of(job: Job, alpha_HW: Uint8) -> Uint8:
    """The part mask at photo size, nothing of it beside the product."""
    named = f"the mask of part '{job.resolved['part']}' ({job.resolved['part_mask'][:12]})"
    mask = read_mask(job.source.brand_file(job.resolved["part_mask"]), f"Recipe '{job.name}': {named}")
    height, width = alpha_HW.shape
    if abs(mask.shape[1] / mask.shape[0] / (width / height) - 1) > MAX_PROPORTIONS_OFF:
        raise RenderError(
            f"Recipe '{job.name}': {named} has {mask.shape[1]} x {mask.shape[0]} px, the photo {width} x {height} px. Draw the mask on the "
            "product's main photo, uncropped; another size in the same proportions will do."
        )
    if mask.shape != alpha_HW.shape:
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    whole = int(mask.sum())
    kept: Uint8 = np.asarray(np.minimum(mask, alpha_HW), np.uint8)
    if int(kept.sum()) < (1 - MAX_MASK_OFF_PRODUCT) * whole:
        off = 100 - 100 * int(kept.sum()) / whole
        raise RenderError(
            f"Recipe '{job.name}': {off:.0f} % of {named} lies beside the product, at most {MAX_MASK_OFF_PRODUCT:.0%} may. "
            "It was drawn for another photo: draw it anew on the product's present main photo."
        )
    return kept


def read_mask(data: bytes, named: str) -> Uint8:
    """A part mask of the brand kit, uint8 (H, W). Raises RenderError, whose message `named` begins, for what is no picture or is black all over."""
    pixels = np.frombuffer(data, np.uint8)
    mask = cv2.imdecode(pixels, cv2.IMREAD_GRAYSCALE) if pixels.size else None
    if mask is None:
        raise RenderError(f"{named} is no picture that can be read. Save it as an 8-bit gray PNG.")
    if not mask.any():
        raise RenderError(f"{named} is black all over, so it names no part. Draw the part in white on the product's main photo.")
    return np.asarray(mask, np.uint8)


def placed_mask(mask_HW: Uint8, placement: Placement) -> Uint8:
    """A mask of the photo in the frame; as the product itself is placed, but for a kernel that does not widen."""
    to_frame = np.array([[placement.scale, 0, placement.left_px], [0, placement.scale, placement.top_px]], np.float32)
    to_frame[:, 2] += (placement.scale - 1) / 2
    size = (placement.frame_width_px, placement.frame_height_px)
    soft = cv2.blur(mask_HW, (round(1 / placement.scale),) * 2) if placement.scale < 0.6 else mask_HW
    return np.asarray(cv2.warpAffine(soft, to_frame, size, flags=cv2.INTER_LINEAR), np.uint8)


def levels_of(mask_HW: npt.NDArray[np.float32]) -> Uint8:
    """A mask of 0..1 as bytes."""
    return np.asarray(cv2.convertScaleAbs(mask_HW, alpha=255), np.uint8)


def placed_part_map(region: DominantRegion, placement: Placement) -> str:
    """The map of a part of the photo in its frame."""
    # Four times as fine as the map is enough to make it from.
    shrunk = min(1.0, 4 * MAP_SIDE_PX / max(placement.frame_width_px, placement.frame_height_px))
    small = Placement(
        scale=placement.scale * shrunk,
        left_px=placement.left_px * shrunk,
        top_px=placement.top_px * shrunk,
        frame_width_px=max(1, round(placement.frame_width_px * shrunk)),
        frame_height_px=max(1, round(placement.frame_height_px * shrunk)),
    )
    return part_map(placed_mask(levels_of(region.mask), small))


def part_map(mask_HW: Uint8, side_px: int = MAP_SIDE_PX) -> str:
    """A small black and white PNG of a part in the frame, as base64: plain data for facts. `side_px`: more where the product is small in its frame."""
    scale = side_px / max(mask_HW.shape)
    size = (max(1, round(mask_HW.shape[1] * scale)), max(1, round(mask_HW.shape[0] * scale)))
    small = (cv2.resize(mask_HW, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8) * 255
    return base64.b64encode(cv2.imencode(".png", small, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()).decode()
