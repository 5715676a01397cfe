"""Measure whether the product kept its color: CIEDE2000, the common shift, tone gain and clipped highlights; and a recolor's target."""

import cv2
import numpy as np

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.measure_background import rgb_of
from imaging.measure_views import Views, highest_channel

CLIPPED_LEVEL = 254
CHANGED_DELTA_E = 4.0
"""CIE76 distance from which a pixel counts as recolored."""


def measure_color(views: Views) -> dict[str, float | None]:
    """Color differences inside the eroded product against the expected one, at quarter size; all None without an expected product."""
    names = ("delta_e_mean", "delta_e_p95", "color_shift_delta_e", "lightness_shift", "tone_gain", "clipped_added_pct")
    columns: dict[str, float | None] = dict.fromkeys(names)
    if not views.comparable:
        return columns
    assert views.near is not None and views.expected_HW3 is not None
    cover = views.near.reduced_cover_HW
    used = cover > 0.5 if (cover > 0.5).sum() >= 50 else cover > 0.1
    r, e = (colors[used] for colors in views.near.reduced_colors)
    difference = delta_e2000(r, e)
    columns["delta_e_mean"] = float(difference.mean())
    columns["delta_e_p95"] = float(np.percentile(difference, 95))
    offset = np.median(r - e, axis=0)
    columns["color_shift_delta_e"] = float(np.linalg.norm(offset))
    columns["lightness_shift"] = float(offset[0])
    columns["tone_gain"] = _tone_gain(r, e)
    box, inner = views.near.box, views.near.inner_HW
    clipped_r, clipped_e = (
        cv2.countNonZero(((highest_channel(picture[box]) >= CLIPPED_LEVEL) & inner).view(np.uint8)) / views.near.count
        for picture in (views.render_HW3, views.expected_HW3)
    )
    columns["clipped_added_pct"] = float(clipped_r - clipped_e) * 100
    return columns


def _tone_gain(render_N3: FloatImage, expected_N3: FloatImage) -> float:
    """Slope of the render's levels over the expected levels, unclipped pixels only: 1.2 is an exposure of +0.26 stops on coded values.

    Reduced Lab colors go in: at full detail, noise in the expected picture would flatten the slope. 1.0 where the product's levels
    spread too little (below 6) for a slope to mean anything.
    """
    r, e = (cv2.cvtColor(lab.reshape(1, -1, 3), cv2.COLOR_Lab2RGB).mean(axis=2).ravel() * 255 for lab in (render_N3, expected_N3))
    used = (r < 245) & (e < 245)
    if used.sum() < 50 or e[used].std() < 6:
        return 1.0
    return float(np.cov(r[used], e[used])[0, 1] / e[used].var(ddof=1))


def measure_recolor(views: Views, target_hex: str | None) -> dict[str, float | None]:
    """How near the recolored part comes to its target, and how much of the product was recolored.

    `target_delta_e` is CIEDE2000 with lightness weighted by half (kL = 2, as textile practice does: shading moves lightness) between the
    target and the median of the changed pixels; None without a target. Both None without an unchanged product to compare with.
    """
    columns: dict[str, float | None] = {"target_delta_e": None, "recolored_pct": None}
    if not views.comparable:
        return columns
    assert views.near is not None
    # Every second pixel of every second row: shares and medians are the same to two digits.
    inner = views.near.inner_HW[::2, ::2]
    render, source = (np.column_stack([plane[::2, ::2][inner] for plane in planes]) for planes in (views.near.render, views.near.expected))
    changed = np.square(render - source) @ np.ones(3, np.float32) > CHANGED_DELTA_E**2
    columns["recolored_pct"] = float(changed.mean() * 100)
    if target_hex is None:
        return columns
    # Nothing changed: the product is judged as it stands, so a recolor that did nothing misses its target.
    region = render[changed] if changed.mean() > 0.02 else render
    target = srgb_to_lab(np.array([[rgb_of(target_hex)]], np.uint8))[0, 0]
    middle = np.median(region, axis=0)
    middle[0] = target[0] + (middle[0] - target[0]) / 2
    columns["target_delta_e"] = float(delta_e2000(middle.astype(np.float32), target))
    return columns
