"""Measure whether the product kept its color: CIEDE2000, the common shift, tone gain and clipped highlights; and a recolor's target."""

import cv2
import numpy as np

from imaging.color import delta_e2000, srgb_to_lab
from imaging.measure_background import rgb_of
from imaging.measure_views import Views, highest_channel

CLIPPED_LEVEL = 254
_MEAN = np.full((1, 3), 1 / 3, np.float32)
CHANGED_DELTA_E = 4.0
"""CIE76 distance from which a pixel counts as recolored."""


def measure_color(views: Views) -> dict[str, float | None]:
    """Color differences inside the eroded product against the expected one, at half size; all None without an expected product."""
    names = ("delta_e_mean", "delta_e_p95", "color_shift_delta_e", "lightness_shift", "tone_gain", "clipped_added_pct")
    columns: dict[str, float | None] = dict.fromkeys(names)
    if not views.comparable:
        return columns
    assert views.expected_lab_HW3 is not None and views.expected_HW3 is not None and views.inner_HW is not None
    size = (max(1, views.inner_HW.shape[1] // 2), max(1, views.inner_HW.shape[0] // 2))
    render, expected = (cv2.resize(lab, size, interpolation=cv2.INTER_AREA) for lab in (views.render_lab_HW3, views.expected_lab_HW3))
    inner = cv2.resize(views.inner_HW.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    r, e = render[inner], expected[inner]
    difference = delta_e2000(r, e)
    columns["delta_e_mean"] = float(difference.mean())
    columns["delta_e_p95"] = float(np.percentile(difference, 95))
    offset = np.median((r - e)[::3], axis=0)
    columns["color_shift_delta_e"] = float(np.linalg.norm(offset))
    columns["lightness_shift"] = float(offset[0])
    columns["tone_gain"] = _tone_gain(views)
    clipped_r, clipped_e = ((highest_channel(p)[views.inner_HW] >= CLIPPED_LEVEL).mean() for p in (views.render_HW3, views.expected_HW3))
    columns["clipped_added_pct"] = float(clipped_r - clipped_e) * 100
    return columns


def _tone_gain(views: Views) -> float:
    """Slope of the render's levels over the expected levels, unclipped pixels only: 1.2 is an exposure of +0.26 stops on coded values.

    1.0 where the product's levels spread too little (below 6) for a slope to mean anything.
    """
    assert views.expected_HW3 is not None and views.inner_HW is not None
    r = cv2.transform(views.render_HW3, _MEAN)[views.inner_HW][::3].astype(np.float32)
    e = cv2.transform(views.expected_HW3, _MEAN)[views.inner_HW][::3].astype(np.float32)
    used = (r < 250) & (e < 250)
    if used.sum() < 100 or e[used].std() < 6:
        return 1.0
    return float(np.cov(r[used], e[used])[0, 1] / e[used].var())


def measure_recolor(views: Views, target_hex: str | None) -> dict[str, float | None]:
    """How near the recolored part comes to its target, and how much of the product was recolored.

    `target_delta_e` is CIEDE2000 with lightness weighted by half (kL = 2, as textile practice does: shading moves lightness) between the
    target and the median of the changed pixels. None without a target or an unchanged product to compare with.
    """
    columns: dict[str, float | None] = {"target_delta_e": None, "recolored_pct": None}
    if target_hex is None or not views.comparable:
        return columns
    assert views.expected_lab_HW3 is not None and views.inner_HW is not None
    render, source = views.render_lab_HW3[views.inner_HW], views.expected_lab_HW3[views.inner_HW]
    changed = np.linalg.norm(render - source, axis=1) > CHANGED_DELTA_E
    columns["recolored_pct"] = float(changed.mean() * 100)
    # Nothing changed: the product is judged as it stands, so a recolor that did nothing misses its target.
    region = render[changed] if changed.mean() > 0.02 else render
    target = srgb_to_lab(np.array([[rgb_of(target_hex)]], np.uint8))[0, 0]
    middle = np.median(region, axis=0)
    middle[0] = target[0] + (middle[0] - target[0]) / 2
    columns["target_delta_e"] = float(delta_e2000(middle.astype(np.float32), target))
    return columns
