"""Measurements of the product beyond those of the quality reference: outline, other things, tint, marks, fringe, scale. Gathers; `imaging/measure_*` measures."""

from typing import Any, Literal

from imaging.measure_foreign import measure_foreign
from imaging.measure_fringe import measure_fringe
from imaging.measure_outline import measure_outline
from imaging.measure_overlay import measure_overlay
from imaging.measure_scale import compare_scale, measure_silhouette
from imaging.measure_tint import measure_tint
from imaging.measure_twin import measure_twin
from imaging.measure_views import Views
from imaging.unexpected import plain_surface, small_views, unexpected_map
from quality.columns import Measurements


def measure_product(views: Views, kind: Literal["white", "plain", "scene"], facts: dict[str, Any]) -> Measurements:
    """Columns about the product itself. kind: what is behind it. facts: as in `measurements.RenderEvidence`."""
    small = small_views(views)
    background = None if small is None or kind == "scene" else plain_surface(small)
    unexpected = None if small is None else unexpected_map(small, complete=views.complete and views.shadow_known, background=background)
    row: Measurements = {}
    row.update(measure_outline(small, unexpected, background))
    row.update(measure_foreign(small, unexpected))
    row.update(measure_twin(views) if kind == "scene" else {"twin_similarity": None})
    row.update(measure_tint(views))
    row.update(measure_overlay(views))
    row.update(measure_fringe(views))
    seen = measure_silhouette(views)
    row.update(seen)
    row.update(compare_scale(seen["product_width_px"], seen["product_height_px"], facts.get("size_cm")))
    return row
