"""What all charts are drawn with: scales, round ticks, text that fits, and an SVG that says in words what it shows.

Colors come from the page's style through classes (`templates/charts.css`), so that dark mode and print need no second drawing.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

LETTER_EM: Final = 0.52
"""Mean width of a letter of the page's fonts in parts of its size: text is cut by it, since nothing is measured here."""


CIRCLE, DIAMOND = 6.0, 4.6
"""Half the size of the two kinds of points."""


@dataclass(frozen=True)
class Scale:
    """A straight line from values to places: `low` is drawn at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def round_ticks(high: float, most: int = 4) -> list[float]:
    """Round values from 0 to at least `high`, `most` steps or fewer: 0, 25, 50, 75, 100."""
    if high <= 0:
        return [0.0, 1.0]
    exact = high / most
    power = 10.0 ** math.floor(math.log10(exact))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= exact * 0.999999)
    return [step * number for number in range(math.ceil(high / step - 1e-9) + 1)]


def share_ticks(shares: Sequence[float]) -> list[float]:
    """Round shares for an axis on which changes can be seen: from below the lowest to 1, in steps of 10 %, of 20 % where it begins below 50 %."""
    lowest = max(0.0, min(shares, default=0.0) - 0.03)
    first = min(8, math.floor(round(lowest * 10, 6)))
    tenths = range(first, 11) if first >= 5 else range(first - first % 2, 11, 2)
    return [number / 10 for number in tenths]


def percent(value: float | None, digits: int = 0) -> str:
    """A share in percent for people; a dash for None. What is not all never reads 100 %, what is not none never 0 %."""
    if value is None:
        return "–"
    said = f"{100 * value:.{digits}f}"
    if digits == 0 and ((said == "100" and value < 1) or (said == "0" and value > 0)):
        said = f"{min(max(100 * value, 0.1), 99.9):.1f}"
    return f"{said} %"


def day_words(day: dt.date, *, year: bool = False) -> str:
    """`Nov 2`, or `Nov 2, 2026`."""
    return f"{day:%b} {day.day}, {day.year}" if year else f"{day:%b} {day.day}"


def fitting(words: str, width: float, size: float = 13.0) -> str:
    """Text cut to a width, with an ellipsis where something is missing."""
    room = max(4, int(width / (LETTER_EM * size)))
    return words if len(words) <= room else words[: room - 1].rstrip() + "…"


def label(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """Text at a place; whatever it contains is shown as text."""
    kind = f' class="{css}"' if css else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def rect(css: str, x: float, y: float, width: float, height: float, *, fill: str = "", radius: float = 0.0) -> str:
    """A bar; `fill` names a pattern where the class is not enough."""
    rounded = f' rx="{radius:g}"' if radius else ""
    painted = f' fill="{fill}"' if fill else ""
    return f'<rect class="{css}"{painted} x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"{rounded}/>'


def marker(kind: str, css: str, x: float, y: float, size: float = 1.0) -> str:
    """A point: `circle`, or `diamond`, which is smaller, so that both are seen where they fall on one place."""
    if kind == "circle":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{CIRCLE * size:g}"/>'
    reach = DIAMOND * size
    corners = f"{x:.1f},{y - reach:.1f} {x + reach:.1f},{y:.1f} {x:.1f},{y + reach:.1f} {x - reach:.1f},{y:.1f}"
    return f'<polygon class="{css}" points="{corners}"/>'


def framed(name: str, size: tuple[float, float], title: str, told: str, parts: Sequence[str], *, css: str = "chart") -> Markup:
    """The chart as one SVG. `name` makes its ids unique on the page, `title` says what it is, `told` what it shows."""
    named = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(told)}</desc>'
    return Markup(
        f'<svg class="{css}" viewBox="0 0 {size[0]:g} {size[1]:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f"{named}{''.join(parts)}</svg>"
    )


def hatching(name: str) -> str:
    """Patterns that tell verdicts apart without color: stripes for review, a grid of dots for rejected. Ids `<name>-review`, `-rejected`."""
    stripes = '<rect class="fill-review" width="6" height="6"/><rect class="on-fill" width="2" height="6"/>'
    dots = '<rect class="fill-rejected" width="6" height="6"/><circle class="on-fill" cx="3" cy="3" r="1.1"/>'
    how = 'width="6" height="6" patternUnits="userSpaceOnUse"'
    return (
        f'<defs><pattern id="{name}-review" {how} patternTransform="rotate(45)">{stripes}</pattern>'
        f'<pattern id="{name}-rejected" {how}>{dots}</pattern></defs>'
    )
