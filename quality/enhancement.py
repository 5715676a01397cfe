"""Measurements of enhanced photos alone: what the recipe says it did is applied to the cut-out again, and the rest is compared.

The color of the light is told from the photo anew: gains that it does not tell count as none. Columns that compare a product with its photo are
measured anew against the photo so lit: brighter is what was asked for, bent is not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imaging.measure_color import measure_color
from imaging.measure_distortion import measure_distortion
from imaging.measure_enhancement import believed_gains, chroma_around, chroma_at, look_again
from imaging.measure_fidelity import measure_fidelity
from imaging.measure_sharpness import measure_sharpness
from imaging.measure_tint import measure_tint
from imaging.measure_views import Views, prepare_views
from imaging.upright import matrix_from, moved_points
from imaging.white_balance import NOTHING, WhiteBalance, color_left, estimated, from_backdrop, from_gray_point, small_light
from quality.columns import Measurements

if TYPE_CHECKING:
    from quality.measurements import RenderEvidence

GAINS_AGREE = 0.03
"""Share by which the ratio of two gains may differ from that told by the photo: below one CIEDE2000. The same photo and cut-out give the same to 0.0001."""


def measure_enhanced(evidence: "RenderEvidence", views: Views) -> Measurements:
    """Columns of kinds `enhance` and `enhance_uniform`."""
    told = evidence.facts.get("enhanced", {})
    claimed, redone = believed_gains(told.get("white_balance", {}).get("gains", NOTHING)), _light_again(evidence)
    gains = claimed if redone is not None and _agree(claimed, redone.gains) else NOTHING
    alpha = evidence.product_alpha_HW
    measured, as_lit = look_again(evidence.pixels_HW3, evidence.product_rgb_HW3, alpha, gains)
    columns: Measurements = dict(measured)
    if as_lit is not None:
        lit = prepare_views(
            render_HW3=evidence.pixels_HW3, product_rgb_HW3=as_lit, product_alpha_HW=alpha, outline_known=views.outline_known
        )
        for measure in (measure_fidelity, measure_distortion, measure_sharpness, measure_color, measure_tint):
            columns.update(measure(lit))
    columns["white_chroma"] = _white_chroma(evidence, None if redone is None else color_left(claimed, redone.gains))
    return columns


def _light_again(evidence: "RenderEvidence") -> WhiteBalance | None:
    """The light as the photo tells it, by the witness that the renderer names and in the way that was asked for; None where nothing can be told."""
    light, params = evidence.facts.get("enhanced", {}).get("white_balance", {}), _asked(evidence.facts)
    witness, how = light.get("witness", "none"), params.get("white_balance")
    if evidence.photo is None or witness == "none":
        return None
    small, product = small_light(*evidence.photo)
    height, width = evidence.photo[0].shape[:2]
    try:
        if witness == "gray_point" and how in (None, "gray_point"):
            x, y = params.get("gray_point") or (light["point_px"][0] / width, light["point_px"][1] / height)
            return from_gray_point(small, x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None
        if witness == "background" and how in (None, "background"):
            return from_backdrop(small, product)
        return estimated(small, product) if how in (None, "auto") else None
    except (ValueError, KeyError, IndexError, TypeError):  # a witness that tells nothing, and facts that name no place
        return None


def _asked(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The recipe's parameters as they were planned; empty where a picture alone is judged."""
    params: Mapping[str, Any] = (facts.get("resolved") or {}).get("params", {})
    return params


def _agree(told: tuple[float, float, float], true: tuple[float, float, float]) -> bool:
    ratios = np.array(told) / np.array(true)
    return bool(ratios.max() <= ratios.min() * (1 + GAINS_AGREE))


def _white_chroma(evidence: "RenderEvidence", by_photo: float | None) -> float | None:
    """Color left where the white balance says there is none: in the picture where it shows that place, else as its gains would leave the photo's.

    0 where no place was named; None where one was and nothing could be measured.
    """
    told, shown, alpha = evidence.facts.get("enhanced", {}), None, evidence.product_alpha_HW
    witness, is_scene = told.get("white_balance", {}).get("witness", "none"), evidence.facts.get("background") == "scene"
    if witness not in ("gray_point", "background"):
        return 0.0
    matrix = matrix_from(told.get("geometry", {}).get("matrix", ()))
    if witness == "gray_point" and is_scene and matrix is not None:
        x, y = moved_points(np.array([told["white_balance"].get("point_px", (-1.0, -1.0))], np.float64), matrix)[0]
        shown = chroma_at(evidence.pixels_HW3, float(x), float(y))
    elif witness == "background" and is_scene and alpha is not None:
        shown = chroma_around(evidence.pixels_HW3, alpha)
    return by_photo if shown is None else shown
