"""Measurements of the product beyond those of the quality reference: outline, foreign things, tint. Gathers; `imaging/measure_*` measures."""

from typing import Any, Literal

from imaging.measure_foreign import measure_foreign
from imaging.measure_outline import measure_outline
from imaging.measure_tint import measure_tint
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
    row.update(measure_tint(views))
    return row
