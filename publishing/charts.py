"""Small charts as inline SVG: a bar of verdicts and a validation curve. Colors come from the page's style through classes."""

from collections.abc import Sequence

from markupsafe import Markup

from publishing.report_data import CurvePoint
from publishing.wording import number

_CURVE_SIZE = (460, 190)
_CURVE_PLOT = (52, 22, 448, 152)
"""Left, top, right, bottom of the plotting area, in SVG units."""


def verdict_bar(approved: int, review: int, rejected: int, *, height: int = 10) -> Markup:
    """Three parts of one bar, as wide as their shares; described in words for those who cannot see it."""
    total = approved + review + rejected
    words = f"{approved} approved, {review} to review, {rejected} rejected"
    parts, left = [], 0.0
    for name, count in (("ok", approved), ("warn", review), ("bad", rejected)):
        width = 1000 * count / total if total else 0
        if width:
            parts.append(f'<rect class="fill-{name}" x="{left:.1f}" y="0" width="{max(width - 3, 1):.1f}" height="{height}"/>')
        left += width
    return Markup(
        f'<svg class="verdict-bar" viewBox="0 0 1000 {height}" preserveAspectRatio="none" role="img" aria-label="{words}">'
        f'<rect class="fill-line" width="1000" height="{height}"/>{"".join(parts)}</svg>'
    )


def share_bar(count: int, most: int) -> Markup:
    """One bar, as wide as `count` is of `most`; the number stands beside it in the page."""
    width = 1000 * count / most if most else 0
    return Markup(
        '<svg class="share-bar" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="fill-bad-soft" width="{width:.0f}" height="8"/></svg>'
    )


def validation_curve(points: Sequence[CurvePoint]) -> Markup:
    """Validation loss over optimizer steps as a line with its lowest point marked; empty for fewer than two points."""
    if len(points) < 2:
        return Markup()
    left, top, right, bottom = _CURVE_PLOT
    losses = [point.loss for point in points]
    low, high = _padded(min(losses), max(losses))
    first, last = points[0].step, max(points[-1].step, points[0].step + 1)

    def at(point: CurvePoint) -> tuple[float, float]:
        across = left + (right - left) * (point.step - first) / (last - first)
        return across, bottom - (bottom - top) * (point.loss - low) / (high - low)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points))
    best = min(points, key=lambda point: point.loss)
    x, y = at(best)
    ticks = []
    for step in range(4):
        value = low + (high - low) * step / 3
        level = bottom - (bottom - top) * step / 3
        ticks.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{level:.1f}" y2="{level:.1f}"/>')
        ticks.append(f'<text x="{left - 8}" y="{level + 3.5:.1f}" text-anchor="end">{value:.3f}</text>')
    anchor = "end" if x > (left + right) / 2 else "start"
    shift = -8 if anchor == "end" else 8
    label_y = y - 10 if y > top + 24 else y + 18
    words = f"Validation loss from {number(losses[0])} to {number(losses[-1])}, lowest {number(best.loss)} at step {best.step}"
    return Markup(
        f'<svg class="curve" viewBox="0 0 {_CURVE_SIZE[0]} {_CURVE_SIZE[1]}" role="img" aria-label="{words}">{"".join(ticks)}'
        f'<text x="{left}" y="{bottom + 18}">{first}</text><text x="{right}" y="{bottom + 18}" text-anchor="end">{points[-1].step}</text>'
        f'<text x="{(left + right) / 2}" y="{bottom + 32}" text-anchor="middle">training steps</text>'
        f'<text x="{left}" y="{top - 4}">validation loss</text>'
        f'<polygon class="area" points="{left},{bottom} {line} {right},{bottom}"/><polyline class="line" points="{line}"/>'
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
        f'<text class="best" x="{x + shift:.1f}" y="{label_y:.1f}" text-anchor="{anchor}">{number(best.loss)}</text></svg>'
    )


def _padded(low: float, high: float) -> tuple[float, float]:
    """A range a little larger than the values, never empty."""
    margin = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin
