"""What is measured of some kinds of recipe alone, by kind: a scale card's proportions, a poster's words. The rest is measurements.py's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from imaging.measure_views import Views
from quality.columns import Measurements

if TYPE_CHECKING:
    from quality.measurements import RenderEvidence

KIND_MEASURES: Mapping[str, Callable[["RenderEvidence", Views], Measurements]] = {}
"""Columns by kind; facts are the renderer's word and are measured again, never believed."""
