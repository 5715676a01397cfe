"""Charts of one calibrated bound as inline SVG: the ROC curve, and where good and bad renders measure. Text in, no script, no color by itself.

Colors are classes of the page, so that light and dark both work; what a chart shows stands in a table beside it, too.
"""

import numpy as np
import numpy.typing as npt

from quality.calibration import SideCalibration
from quality.roc import roc_points
from quality.threshold import Scores

Floats = npt.NDArray[np.float64]

SIZE_PX, PAD_PX = 250, 38
"""Side of the ROC chart's square, and room for its labels."""

WIDTH_PX, HALF_PX = 560, 96
"""Histogram: width, and height of each half."""

BINS = 28

SHOWN_POINTS = 12
"""Points of a curve in its table."""


def curve_points(scores: Scores) -> Floats:
    """The ROC curve as (points, 3): false-alarm rate, detection rate, and the measured value that just passes."""
    weights = scores.weight
    return roc_points(scores.good, scores.bad, weights[~scores.is_bad], weights[scores.is_bad])


def table_points(scores: Scores, side: str) -> list[tuple[float, float, float]]:
    """Some points of the curve for its table: (measured value, false alarms, missed), shares 0..1; from the strictest to the loosest bound."""
    points = curve_points(scores)[:-1][::-1]
    steps = np.unique(np.linspace(0, len(points) - 1, min(SHOWN_POINTS, len(points))).round().astype(int))
    sign = 1.0 if side == "max" else -1.0
    return [(float(sign * points[i, 2]), float(points[i, 0]), float(1 - points[i, 1])) for i in steps]


def roc_chart(side: SideCalibration, name: str) -> str:
    """The ROC curve with the present and the proposed bound on it."""
    assert side.scores is not None and side.now is not None and side.area is not None
    points = curve_points(side.scores)
    steps = "".join(f"{'M' if i == 0 else 'L'}{_x(x):.1f} {_y(y):.1f}" for i, (x, y) in enumerate(_stairs(points)))
    marks = [_mark("now", side.now.false_alarms.value, side.now.missed.value)]
    if side.then is not None:
        marks.append(_mark("then", side.then.false_alarms.value, side.then.missed.value))
    full = SIZE_PX + 2 * PAD_PX
    grid = "".join(
        f'<path class="grid" d="M{_x(t)} {_y(0)}V{_y(1)}M{_x(0)} {_y(t)}H{_x(1)}"/>'
        f'<text x="{_x(t)}" y="{_y(0) + 16}" text-anchor="middle">{100 * t:.0f}</text>'
        f'<text x="{_x(0) - 7}" y="{_y(t) + 4}" text-anchor="end">{100 * t:.0f}</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    )
    label = f"ROC curve of {name}: area {side.area.value:.3f}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {full} {full}" width="{full}" height="{full}">'
        f'{grid}<path class="chance" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/><path class="curve" d="{steps}"/>{"".join(marks)}'
        f'<text class="axis" x="{_x(0.5)}" y="{_y(0) + 36}" text-anchor="middle">good renders stopped, %</text>'
        f'<text class="axis" transform="translate(11 {_y(0.5)}) rotate(-90)" text-anchor="middle">bad renders caught, %</text></svg>'
    )


def _stairs(points: Floats) -> list[tuple[float, float]]:
    """Corners of the curve. Where a good and a bad render measure the same it slopes, as the area counts it."""
    return [(0.0, 0.0), *((float(x), float(y)) for x, y, _ in points)]


def _mark(kind: str, alarms: float | None, missed: float | None) -> str:
    if alarms is None or missed is None:
        return ""
    x, y = _x(alarms), _y(1 - missed)
    if kind == "now":
        return f'<circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
    return f'<path class="then" d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z"/>'


def _x(share: float) -> float:
    return PAD_PX + 6 + share * SIZE_PX


def _y(share: float) -> float:
    return PAD_PX / 2 + (1 - share) * SIZE_PX


def histogram(side: SideCalibration, name: str, unit: str) -> str:
    """Good renders upward, bad ones downward, along the measured value; the present bound dashed, the proposed one solid, its band shaded."""
    assert side.scores is not None and side.present is not None
    sign = 1.0 if side.side == "max" else -1.0
    good, bad = sign * side.scores.good, sign * side.scores.bad
    bounds = [b for b in (side.present, side.proposed, side.outer) if b is not None]
    low, high = _range(good, bad, bounds)
    edges = np.linspace(low, high, BINS + 1)
    up, down = (np.histogram(np.clip(values, low, high), edges)[0] for values in (good, bad))
    most, middle, height = max(1, int(up.max()), int(down.max())), 26 + HALF_PX, 2 * HALF_PX + 84

    def at(value: float) -> float:
        return PAD_PX + (value - low) / (high - low) * WIDTH_PX

    width = WIDTH_PX / BINS - 1.5
    bars = "".join(
        f'<rect class="{kind}" x="{at(float(edges[i])) + 0.75:.1f}" y="{middle - count / most * HALF_PX if kind == "good" else middle:.1f}" '
        f'width="{width:.1f}" height="{count / most * HALF_PX:.1f}"/>'
        for kind, counts in (("good", up), ("bad", down))
        for i, count in enumerate(counts)
        if count
    )
    band = ""
    if side.outer is not None and side.proposed is not None:
        left, right = sorted((at(side.proposed), at(side.outer)))
        band = f'<rect class="band" x="{left:.1f}" y="22" width="{right - left:.1f}" height="{2 * HALF_PX + 8}"/>'
    top, bottom = 20, middle + HALF_PX + 6
    lines = f'<path class="was" d="M{at(side.present):.1f} {top}V{bottom}"/>'
    words = [
        f'<text class="axis" x="{at(side.present):.1f}" y="14" text-anchor="{_anchor(at(side.present))}">now {side.present:.4g}</text>'
    ]
    if side.proposed is not None and side.proposed != side.present:
        lines += f'<path class="new" d="M{at(side.proposed):.1f} {top}V{bottom}"/>'
        x = at(side.proposed)
        words.append(f'<text class="axis" x="{x:.1f}" y="{bottom + 40}" text-anchor="{_anchor(x)}">proposed {side.proposed:.4g}</text>')
    ticks = "".join(
        f'<text x="{at(t):.1f}" y="{bottom + 14}" text-anchor="middle">{t:.4g}</text><path class="grid" d="M{at(t):.1f} {bottom - 3}v5"/>'
        for t in _nice_ticks(low, high)
    )
    scale = "".join(
        f'<text x="{PAD_PX - 6}" y="{middle + way * HALF_PX + 4:.0f}" text-anchor="end">{most}</text>'
        f'<path class="grid" d="M{PAD_PX} {middle + way * HALF_PX:.0f}h{WIDTH_PX}"/>'
        for way in (-1, 1)
    )
    label = f"Labeled renders by {name}: {good.size} good ones above the line, {bad.size} bad ones below it"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH_PX + 2 * PAD_PX} {height}" width="{WIDTH_PX + 2 * PAD_PX}" height="{height}">'
        f'{scale}{band}{bars}<path class="line" d="M{PAD_PX} {middle}h{WIDTH_PX}"/>{lines}{ticks}{"".join(words)}'
        f'<text class="axis" x="{PAD_PX - 6}" y="{middle - HALF_PX / 2:.0f}" text-anchor="end">good</text>'
        f'<text class="axis" x="{PAD_PX - 6}" y="{middle + HALF_PX / 2:.0f}" text-anchor="end">bad</text>'
        f'<text class="axis" x="{PAD_PX + WIDTH_PX}" y="{bottom + 28}" text-anchor="end">{name}, {unit}</text></svg>'
    )


def _anchor(x: float) -> str:
    return "start" if x < PAD_PX + 50 else "end" if x > PAD_PX + WIDTH_PX - 50 else "middle"


def _range(good: Floats, bad: Floats, bounds: list[float]) -> tuple[float, float]:
    """What the chart spans: all labels but the outermost hundredth, and every bound; the rest counts in the bars at the ends."""
    values = np.concatenate([good, bad])
    low, high = float(np.percentile(values, 1)), float(np.percentile(values, 99))
    low, high = min([low, *bounds]), max([high, *bounds])
    room = 0.04 * (high - low) or abs(high) * 0.05 or 1.0
    return low - room, high + room


def _nice_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    return [float(round(t, 10)) for t in np.arange(np.ceil(low / step) * step, high, step)]
