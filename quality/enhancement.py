"""Measurements of enhanced photos alone: what the recipe says it did is applied to the cut-out again, and the rest is compared.

Columns that compare a product with its photo are measured anew against the photo so lit: brighter is what was asked for, bent is not.
"""

from typing import TYPE_CHECKING

import numpy as np

from imaging.measure_color import measure_color
from imaging.measure_distortion import measure_distortion
from imaging.measure_enhancement import believed_gains, chroma_around, chroma_at, look_again
from imaging.measure_fidelity import measure_fidelity
from imaging.measure_sharpness import measure_sharpness
from imaging.measure_tint import measure_tint
from imaging.measure_views import Views, prepare_views
from imaging.upright import matrix_from, moved_points
from imaging.white_balance import NOTHING
from quality.columns import Measurements

if TYPE_CHECKING:
    from quality.measurements import RenderEvidence

HALF_GAINS = (0.75, 1.34)
"""Gains that all colors of a photo may be witness of: the recipe takes half of what they say."""


def measure_enhanced(evidence: "RenderEvidence", views: Views) -> Measurements:
    """Columns of kinds `enhance` and `enhance_uniform`."""
    told = evidence.facts.get("enhanced", {})
    light = told.get("white_balance", {})
    gains = believed_gains(light.get("gains", NOTHING))
    witness, alpha = light.get("witness", "none"), evidence.product_alpha_HW
    if witness == "none" or (witness == "colors" and not all(HALF_GAINS[0] <= one <= HALF_GAINS[1] for one in gains)):
        gains = NOTHING
    measured, as_lit = look_again(evidence.pixels_HW3, evidence.product_rgb_HW3, alpha, gains)
    columns: Measurements = dict(measured)
    if as_lit is not None:
        lit = prepare_views(
            render_HW3=evidence.pixels_HW3, product_rgb_HW3=as_lit, product_alpha_HW=alpha, outline_known=views.outline_known
        )
        for measure in (measure_fidelity, measure_distortion, measure_sharpness, measure_color, measure_tint):
            columns.update(measure(lit))
    columns["white_chroma"] = 0.0
    if witness == "gray_point" and (matrix := matrix_from(told.get("geometry", {}).get("matrix", ()))) is not None:
        x, y = moved_points(np.array([light.get("point_px", (-1.0, -1.0))], np.float64), matrix)[0]
        columns["white_chroma"] = chroma_at(evidence.pixels_HW3, float(x), float(y))
    elif witness == "background" and alpha is not None and evidence.facts.get("background") == "scene":
        columns["white_chroma"] = chroma_around(evidence.pixels_HW3, alpha)
    return columns
