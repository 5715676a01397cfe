"""A product's size in the picture beside its size in the catalog: compared when a render is judged, not when it is measured.

The measurement keeps how wide and high the silhouette is seen, and knows no catalog. So a corrected size judges again what was measured, and
no picture is decoded for it; the size is part of the gate key where a rule asks for it. Rejected: the size among what a measurement is
stored under (a render would be measured again, the pixels of which did not change).
"""

from collections.abc import Mapping

from imaging.measure_scale import compare_card, compare_scale
from quality.columns import SILHOUETTE_COLUMNS, Measurements


def compare_with_size(row: Measurements, size_cm: Mapping[str, float | None] | None) -> None:
    """Fill in the size columns of a row of measurements, in place; whatever stood in them was by another size.

    size_cm: the catalog's `width`, `height` and `depth` in centimeters, None where it is silent.
    """
    width_px, height_px = (row.get(name) for name in SILHOUETTE_COLUMNS)
    assert not isinstance(width_px, str) and not isinstance(height_px, str), "a silhouette is measured in pixels"
    row.update(compare_scale(width_px, height_px, size_cm))
    row.update(compare_card(row, size_cm))
