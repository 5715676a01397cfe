"""What is measured of some kinds of recipe alone, by kind: a scale card's proportions, a poster's words. The rest is measurements.py's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from imaging.measure_scale_card import measure_scale_card
from imaging.measure_views import Views
from quality.columns import Measurements

if TYPE_CHECKING:
    from quality.measurements import RenderEvidence


def _of_scale_card(evidence: "RenderEvidence", views: Views) -> Measurements:
    return {**measure_scale_card(evidence.pixels_HW3, evidence.product_rgb_HW3, evidence.product_alpha_HW)}


KIND_MEASURES: Mapping[str, Callable[["RenderEvidence", Views], Measurements]] = {"scale_card": _of_scale_card}
"""Columns by kind; facts are the renderer's word and are measured again, never believed."""
