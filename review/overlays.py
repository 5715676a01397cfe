"""Pictures laid over a render that show *where* a measurement was taken and what it found: difference, halo ring, fill box, clipped pixels.

Each asks the function that the gate measures with, on the same views; nothing is measured a second way. Keeping them is `pictures.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, delta_e2000
from imaging.measure_background import WHITE_LEVEL
from imaging.measure_color import CLIPPED_LEVEL
from imaging.measure_edges import halo_ring
from imaging.measure_views import Mask, Views, highest_channel, lowest_channel
from quality.measurements import RenderEvidence, background_kind, should_be_white, views_of
from quality.rules import Rule
from review.fill_box import fill_svg

OVERLAY_VERSION: Final = 3
"""Raised when a picture that is kept would come out otherwise."""

VISIBLE_DELTA_E: Final = 2.0
"""CIEDE2000 from which a difference is drawn; below, it is hard to see (`imaging.color.delta_e2000`)."""
FULL_DELTA_E: Final = 12.0
"""Difference that is drawn in the strongest color: nobody would call it the same color."""
HALO_BOUND: Final = 9.0
"""Lab units of the strongest color of the ring where no rule bounds a fringe: the shipped packs' bound."""
BLACK_LEVEL: Final = 3
"""Largest channel value that counts as pure black, as `imaging.measure_background` counts it."""
RING_DRAWN_PX: Final = 5
"""Side of the square over which a ring pixel is drawn: three pixels of a large picture are hard to see."""
DOT_DRAWN_PX: Final = 5

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """One way to show where: its name in addresses, its key, its title, and the measurements that it explains."""

    name: str
    key: str
    title: str
    media_type: str
    columns: frozenset[str]
    legend: tuple[tuple[str, str], ...]
    """Class of a swatch, and what its color means."""


OVERLAYS: Final[Mapping[str, Overlay]] = {
    overlay.name: overlay
    for overlay in (
        Overlay(
            name="difference",
            key="1",
            title="Difference",
            media_type="image/png",
            columns=frozenset(
                "delta_e_mean delta_e_p95 color_shift_delta_e lightness_shift tone_gain ssim ssim_tile_p1 gmsd structure_tile_p5 "
                "local_change_delta_l local_change_delta_ab shift_px warp_px squash_pct edge_gain fine_detail_ratio noise_added tone_ripple "
                "target_delta_e target_median_delta_e recolored_pct blockiness_ratio tint_delta_ab hue_shift_deg chroma_shift eaten_pct".split()
            ),
            legend=(("begins", "begins to show"), ("plain", "plain to see"), ("none", "no color: as in the photo")),
        ),
        Overlay(
            name="halo",
            key="2",
            title="Halo ring",
            media_type="image/png",
            columns=frozenset({"halo_delta_e", "halo_step", "halo_share_pct"}),
            legend=(("calm", "no fringe"), ("begins", "half of what is allowed"), ("plain", "more than is allowed")),
        ),
        Overlay(
            name="fill",
            key="3",
            title="Fill and margins",
            media_type="image/svg+xml",
            columns=frozenset({"fill_pct", "margin_min_pct", "offset_pct", "border_touch_pct", "loose_parts_pct"}),
            legend=(("box", "the product's box"), ("band", "where its longer side may end"), ("edge", "smallest margin allowed")),
        ),
        Overlay(
            name="clipped",
            key="4",
            title="Clipped and not white",
            media_type="image/png",
            columns=frozenset({"clipped_added_pct", "white_share_pct", "border_min_rgb", "background_clipped_pct", "background_delta_e"}),
            legend=(
                ("white", "product, pure white or clipped unlike the photo"),
                ("black", "product, pure black"),
                ("offwhite", "should be white and is not"),
            ),
        ),
    )
}


def overlay_for(column: str) -> str:
    """The overlay that shows where a measurement fell; '' where none does."""
    return next((overlay.name for overlay in OVERLAYS.values() if column in overlay.columns), "")


def draw_overlay(name: str, evidence: RenderEvidence, rules: Sequence[Rule]) -> bytes:
    """One overlay of one render, as its media type says; transparent where there is nothing to show."""
    views = views_of(evidence)
    if name == "fill":
        return fill_svg(views, rules).encode()
    pixels: Callable[..., Bytes] = {"difference": difference_HW4, "halo": halo_HW4, "clipped": clipped_HW4}[name]
    picture = pixels(views, evidence, rules)
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))[1])


def difference_HW4(views: Views, evidence: RenderEvidence, _rules: Sequence[Rule] = ()) -> Bytes:
    """The heat map: yellow where a difference begins to show, red where nobody would overlook it; RGBA at working size."""
    return _heat(difference_strength(views, lightness_only=evidence.changes_product))


def difference_strength(views: Views, *, lightness_only: bool = False) -> FloatImage:
    """How visible each product pixel's difference is: float32 (H, W), 0 below `VISIBLE_DELTA_E` and off the product, 1 from `FULL_DELTA_E`.

    Compared where the gate compares, inside the product. `lightness_only`: for a recipe that changes the product's color.
    """
    if views.expected_lab_HW3 is None or views.inner_HW is None:
        return np.zeros(views.render_HW3.shape[:2], np.float32)
    ours, theirs = views.render_lab_HW3, views.expected_lab_HW3
    delta = np.abs(ours[..., 0] - theirs[..., 0]) if lightness_only else delta_e2000(ours, theirs)
    strength = np.clip((delta - VISIBLE_DELTA_E) / (FULL_DELTA_E - VISIBLE_DELTA_E), 0, 1)
    return np.where(views.inner_HW, strength, 0).astype(np.float32)


def _heat(strength_HW: FloatImage) -> Bytes:
    heat = np.zeros((*strength_HW.shape, 4), np.uint8)
    heat[..., 0] = 255
    heat[..., 1] = np.rint(225 * (1 - strength_HW)).astype(np.uint8)
    heat[..., 3] = np.where(strength_HW > 0, np.rint(90 + 150 * strength_HW), 0).astype(np.uint8)
    return heat


def halo_HW4(views: Views, _evidence: RenderEvidence, rules: Sequence[Rule] = ()) -> Bytes:
    """The ring in which the fringe was measured, from calm blue over yellow to red at the bound; RGBA at working size.

    Against the expected picture where that is known, else the step in lightness against the near surroundings.
    """
    picture, ring = np.zeros((*views.render_HW3.shape[:2], 4), np.uint8), halo_ring(views)
    if ring is None:
        return picture
    if ring.expected_HW is not None and ring.difference_N is not None:
        mask, values, bound = ring.expected_HW, ring.difference_N, _bound(rules, "halo_delta_e")
    elif ring.near_HW is not None and ring.step_N is not None:
        mask, values, bound = ring.near_HW, np.abs(ring.step_N), _bound(rules, "halo_step")
    else:
        return picture
    strength = np.full(mask.shape, -1, np.float32)
    strength[mask] = np.clip(values / bound, 0, 1)
    strength = cv2.dilate(strength, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (RING_DRAWN_PX, RING_DRAWN_PX)))
    colors = np.stack([np.interp(strength, (0, 0.5, 1), channel) for channel in ((40, 255, 255), (130, 214, 40), (200, 0, 30))], axis=-1)
    drawn = strength >= 0
    picture[ring.crop][drawn] = np.concatenate([np.rint(colors[drawn]), np.full((int(drawn.sum()), 1), 235)], axis=1).astype(np.uint8)
    return picture


def _bound(rules: Sequence[Rule], column: str) -> float:
    return next((rule.max for rule in rules if rule.column == column and rule.max), HALO_BOUND)


def clipped_HW4(views: Views, evidence: RenderEvidence, _rules: Sequence[Rule] = ()) -> Bytes:
    """Pure white and pure black inside the product, and background that should be white and is not; RGBA at the render's size."""
    height, width = evidence.pixels_HW3.shape[:2]
    picture = np.zeros((height, width, 4), np.uint8)
    inner = np.zeros((height, width), bool)
    if views.inner_HW is not None:
        inner = cv2.resize(views.inner_HW.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    highest, lowest = highest_channel(evidence.pixels_HW3), lowest_channel(evidence.pixels_HW3)
    marks: list[tuple[Mask, tuple[int, int, int]]] = []
    if background_kind(evidence.facts) == "white":
        marks.append((should_be_white(evidence, views) & (lowest < WHITE_LEVEL), (255, 140, 0)))
    marks.append((inner & (highest <= BLACK_LEVEL), (0, 190, 255)))
    marks.append((inner & (highest >= CLIPPED_LEVEL) & ((lowest >= CLIPPED_LEVEL) | ~_clipped_before(views, width, height)), (235, 0, 200)))
    for mask, color in marks:
        picture[cv2.dilate(mask.astype(np.uint8), np.ones((DOT_DRAWN_PX, DOT_DRAWN_PX), np.uint8)) > 0] = (*color, 215)
    return picture


def _clipped_before(views: Views, width: int, height: int) -> Mask:
    """Where the expected picture has a channel at its limit already, as `measure_color` counts it: a white product is no finding."""
    if views.expected_HW3 is None:
        return np.zeros((height, width), bool)
    before = (highest_channel(views.expected_HW3) >= CLIPPED_LEVEL).astype(np.uint8)
    return np.asarray(cv2.resize(before, (width, height), interpolation=cv2.INTER_NEAREST) > 0)
