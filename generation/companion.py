"""The second product of a staged pair: the same product in a colorway of the brand, beside the first at the same scale, a little behind it.

It is made by the recolor code from the same photo, so it has the same form, light and view. Drawing it into a scene is staging.py.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from catalog.placement import Placement
from catalog.sentences import clause
from generation.kind import Job, Wish
from generation.offered import colorways
from generation.part import find_part, part_map, placed_mask, resolve_part
from generation.recolor import MAX_TARGET_DELTA_E, recolor
from generation.swatch import color_of_swatch, resolve_target
from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.dominant_region import DominantRegion
from imaging.measure_background import rgb_of
from imaging.placing import product_box

Uint8 = npt.NDArray[np.uint8]

APART_MIN = 12.0
"""CIEDE2000 between a product's own color and a colorway, below which a pair looks like one product under two lights."""
GROUP_WIDTH_MAX_PCT = 84.0
"""Widest pair, in percent of the frame's width: eight percent stay free on either side."""
OVERLAPS = (0.16, 0.10, 0.05, 0.0, -0.06)
"""How far the front product may stand before the other, in widths of its box, tried in this order; the last is a gap."""
HIDDEN_MAX = 0.06
"""Share of the second product that the first may hide."""
STEP_BACK = 0.12
"""How much higher in the frame the second one's foot is, in box widths: about half a width behind, from 15 degrees above."""
MIN_GROUND_SHARE = 0.35
"""Of the ground between horizon and front foot this much stays behind the second one."""
MEASURED_AT_PX = 240
MAP_SIDE_PX = 480
"""Longer side of the map of the changed part: a product takes a third of a pair's frame, and at 160 px a clasp's map was off by the clasp."""
OFF_WALL_MIN = 15.0
"""CIEDE2000 from the wall behind, below which a colorway comes after those that stand out from it."""


@dataclass(frozen=True, kw_only=True)
class Companion:
    """The second product at photo size: its colors, the part that has another color, and what the picture's facts tell of it."""

    foreground_HW3: Uint8
    part: DominantRegion
    told: dict[str, Any]

    def facts(self, placement: Placement) -> dict[str, Any]:
        """What the gate and people are told of it: its color, its place, which part of it was changed."""
        mask = np.round(self.part.mask * 255).astype(np.uint8)
        return self.told | {"placement": placement.as_dict(), "part_map": part_map(placed_mask(mask, placement), MAP_SIDE_PX)}


def resolve_companion(wish: Wish, named: str | None) -> dict[str, Any]:
    """The colorways that a pair may show, the `index`-th first, so that variants differ; `named`: this one and no other.

    Raises RenderError when the brand offers none, or not the named one.
    """
    if named:
        target = resolve_target(wish, {"hex": None, "swatch": named})
        offered = [{"name": named} | _plain(target.get("target_hex"), target.get("target_photo"))]
    else:
        found = colorways(wish)
        offered = [{"name": one.name} | _plain(one.hex, one.photo.sha256 if one.photo else None) for one in found]
    if not offered:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' shows a pair, and the brand kit has no colorway for category '{wish.product.category}' other than the product's "
            "own. Nothing was made. Add one to `colorways`, or choose another `composition`."
        )
    first = wish.index % len(offered)
    return {"companions": offered[first:] + offered[:first], **resolve_part(wish, {"part": None})}


def _plain(color_hex: str | None, photo: str | None) -> dict[str, str]:
    return {"hex": color_hex} if color_hex else {"photo": str(photo)}


def make_companion(job: Job, wall_rgb: tuple[int, int, int]) -> Companion:
    """The product in the first of the resolved colorways that is clearly another color and can be reached; the passed over are named.

    Colorways that stand out from the wall come first; where none does, the pair is still made, for the front product has no choice either. One
    whose swatch photo cannot be read, or shows several colors, is passed over as well.

    Raises RenderError if the product has no main color, or no colorway will do.
    """
    region, told = find_part(job)
    own, wall = np.asarray(region.lab, np.float32), _lab(wall_rgb)
    goals: list[tuple[str, str, FloatImage]] = []
    passed_over: dict[str, str] = {}
    for one in job.resolved["companions"]:
        try:
            wanted = one["hex"] if "hex" in one else _photographed(job, one["photo"])
        except RenderError as error:
            passed_over[one["name"]] = clause(error)
            continue
        goals.append((one["name"], wanted, _lab(rgb_of(wanted))))
    for name, wanted, goal in sorted(goals, key=lambda one: float(delta_e2000(one[2], wall)) < OFF_WALL_MIN):
        apart = float(delta_e2000(own, goal))
        if apart < APART_MIN:
            passed_over[name] = f"{apart:.1f} CIEDE2000 from the product's own color, {APART_MIN:g} needed"
            continue
        recolored, missed_by = recolor(job.source.foreground_HW3, region, wanted)
        if missed_by > MAX_TARGET_DELTA_E:
            passed_over[name] = f"missed by {missed_by:.1f} CIEDE2000, {MAX_TARGET_DELTA_E:g} allowed"
            continue
        facts = {"colorway": name, "target_hex": wanted, "target_delta_e": round(missed_by, 3), **told}
        return Companion(foreground_HW3=recolored, part=region, told=facts | ({"passed_over": passed_over} if passed_over else {}))
    why = "; ".join(f"{name}: {reason}" for name, reason in passed_over.items())
    raise RenderError(
        f"Recipe '{job.name}' shows a pair, and no colorway will do beside this product ({why}). Nothing was made. Add a colorway to the brand kit, name one "
        "with `pair_with`, or choose another `composition`."
    )


def _lab(rgb: tuple[int, int, int]) -> FloatImage:
    return np.asarray(srgb_to_lab(np.array([[rgb]], np.uint8))[0, 0], np.float32)


def _photographed(job: Job, sha256: str) -> str:
    return color_of_swatch(sha256, job.source.brand_file, f"its swatch photo ({sha256[:12]})")


def pair_placements(
    alpha_HW: Uint8, *, size_px: tuple[int, int], height_pct: float, base_pct: float, horizon_share: float, beside: int
) -> tuple[Placement, Placement]:
    """Where the product and its companion stand, at one scale, the pair in the middle of the frame.

    height_pct: of one product, in percent of the frame's height; less if the pair would be too wide. beside: -1 the companion stands at the left, 1 at
    the right. It stands as far before the other as hides no more than HIDDEN_MAX of it.
    """
    (width, height), (left, top, right, bottom) = size_px, product_box(alpha_HW)
    wide, tall = right - left, bottom - top
    for overlap in OVERLAPS:
        span = wide * (2 - overlap)
        scale = min(height_pct / 100 * height / tall, GROUP_WIDTH_MAX_PCT / 100 * width / span)
        back = min(STEP_BACK * wide * scale, (1 - MIN_GROUND_SHARE) * max(base_pct / 100 - horizon_share, 0) * height)
        if overlap == OVERLAPS[-1] or _hidden(alpha_HW, beside * wide * (1 - overlap), -back / scale) <= HIDDEN_MAX:
            break
    apart = beside * scale * wide * (1 - overlap)
    front = Placement(
        scale=scale,
        left_px=width / 2 - apart / 2 - scale * (left + right) / 2,
        top_px=height * base_pct / 100 - scale * bottom,
        frame_width_px=width,
        frame_height_px=height,
    )
    behind = Placement(scale=scale, left_px=front.left_px + apart, top_px=front.top_px - back, frame_width_px=width, frame_height_px=height)
    return front, behind


def _hidden(alpha_HW: Uint8, right_px: float, down_px: float) -> float:
    """Share of a silhouette that the same one hides which it is moved away from by so much."""
    shrink = min(1.0, MEASURED_AT_PX / max(alpha_HW.shape))
    size = (max(1, round(alpha_HW.shape[1] * shrink)), max(1, round(alpha_HW.shape[0] * shrink)))
    small = cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    front = cv2.warpAffine(small, np.array([[1, 0, -right_px * shrink], [0, 1, -down_px * shrink]], np.float32), size)
    return float((small * front).sum() / max(float(small.sum()), 1e-6))
