"""What is measured of some kinds of recipe alone, by kind: a scale card's proportions, a poster's words. The rest is measurements.py's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from catalog.text_box import text_boxes
from imaging.measure_background import rgb_of
from imaging.measure_change import (
    measure_form,
    measure_hollow,
    measure_kept,
    measure_part,
    measure_pattern,
    measure_target,
    part_of,
    target_of,
)
from imaging.measure_geometry import measure_geometry
from imaging.measure_hollow import measure_hollow as measure_hollow_garment
from imaging.measure_poster import measure_poster
from imaging.measure_scale_card import measure_scale_card
from imaging.measure_text import PlacedText
from imaging.measure_views import Views
from imaging.measure_worn import measure_worn
from quality.columns import COLUMNS, Measurements
from quality.enhancement import measure_enhanced

if TYPE_CHECKING:
    from quality.measurements import RenderEvidence


def _of_scale_card(evidence: "RenderEvidence", views: Views) -> Measurements:
    return {**measure_scale_card(evidence.pixels_HW3, evidence.product_rgb_HW3, evidence.product_alpha_HW)}


def _of_ad_poster(evidence: "RenderEvidence", views: Views) -> Measurements:
    height, width = evidence.pixels_HW3.shape[:2]
    texts = [
        PlacedText(
            box=(box.left * width, box.top * height, (box.left + box.width) * width, (box.top + box.height) * height), rgb=rgb_of(box.color), lines=box.lines
        )
        for box in text_boxes(evidence.facts) or ()
    ]  # fmt: skip
    logo, planned = evidence.facts.get("boxes", {}).get("logo"), evidence.facts.get("resolved") or {}
    asked = bool(planned.get("logo") or planned.get("brand_title"))
    placed = None if logo is None else (logo[0] * width, logo[1] * height, logo[2] * width, logo[3] * height)
    return {**measure_poster(evidence.pixels_HW3, texts, placed, evidence.product_alpha_HW, logo_asked=asked)}


WITHOUT_PLACE = frozenset(
    {"min_side_px", "file_kb", "file_format", "icc_profile", "expected_known", "entropy_bits", "flat_blocks_pct", "jpeg_quality"}
    | {"text_known", "story_text_known", "size_known", "learned_weights", "clip_caption_similarity"}
)
"""Columns that say something of a picture in which the product stands nowhere in particular."""


ON_WHITE = frozenset({"white_share_pct", "border_min_rgb", "background_noise", "background_std", "extra_edge_permille"})
"""Columns that say something of the white ground around a product."""


def _measure_on_model(evidence: "RenderEvidence", views: Views) -> Measurements:
    """The product as it is worn; what compares pixel with pixel where the product was placed for the gate says nothing, and is not evaluated."""
    row: Measurements = {name: None for name in COLUMNS if name not in WITHOUT_PLACE}
    row["synthetic_performer"] = 1.0
    if evidence.product_rgb_HW3 is not None and evidence.product_alpha_HW is not None:
        row.update(measure_worn(evidence.pixels_HW3, evidence.product_rgb_HW3, evidence.product_alpha_HW))
    return row


def _changed(evidence: "RenderEvidence", views: Views) -> Measurements:
    """A product in another color, material or pattern: the rest of it, and the part's form."""
    part = part_of(views, evidence.facts)
    row: Measurements = {}
    row.update(measure_part(views, evidence.facts))
    row.update(measure_kept(views, part))
    row.update(measure_form(views, part, patterned="repeat_cm" in evidence.facts))
    row.update(measure_target(views, part, target_of(evidence.facts)))
    row.update(measure_pattern(views, part, evidence.facts))
    row.update(measure_hollow(views))
    return row


def _measure_ghost_mannequin(evidence: "RenderEvidence", views: Views) -> Measurements:
    """The garment without the mannequin that its cut-out still has; what compares the two as a whole is not evaluated."""
    row: Measurements = {name: None for name in COLUMNS if name not in WITHOUT_PLACE | ON_WHITE}
    if evidence.product_rgb_HW3 is None or evidence.product_alpha_HW is None:
        return row
    found, garment = measure_hollow_garment(evidence.pixels_HW3, evidence.product_rgb_HW3, evidence.product_alpha_HW, evidence.mannequin_HW)
    row.update(found)
    height, width = views.render_HW3.shape[:2]
    small = cv2.resize(garment.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    row.update(measure_geometry(np.asarray(small)))
    return row


KIND_MEASURES: Mapping[str, Callable[["RenderEvidence", Views], Measurements]] = {
    "ad_poster": _of_ad_poster,
    "on_model": _measure_on_model,
    "scale_card": _of_scale_card,
    "ghost_mannequin": _measure_ghost_mannequin,
    "material": _changed,
    "pattern": _changed,
    "recolor": _changed,
    "enhance": measure_enhanced,
    "enhance_uniform": measure_enhanced,
}
"""Columns by kind. What was asked for is the plan's word, where something stands the renderer's; what the picture shows is measured."""
