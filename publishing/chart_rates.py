"""Shares over time as lines, with how much each point stands for as columns beneath."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from publishing.chart_frame import Scale, day_words, fitting, framed, label, marker, percent, rect, round_ticks, share_ticks

SIZE: Final = (1120.0, 330.0)
LEFT, RIGHT, TOP, BOTTOM = 52.0, 960.0, 18.0, 216.0
"""The plotting area; right of it stand the names of the lines."""
COLUMNS_TOP, COLUMNS_BOTTOM = 246.0, 296.0
LABEL_GAP: Final = 34.0
DAYS_SHOWN_SINGLY: Final = 14
"""More points than this are noise to an eye: then the line is the mean of seven days, and the days are faint dots."""
SMOOTHED_DAYS: Final = 7
MARKED_SINGLY: Final = 30
"""More marks than this hide the line."""


@dataclass(frozen=True, kw_only=True)
class RatePoint:
    """What was judged in a day or week that begins at `day`: how many, and two shares of them from 0 to 1."""

    day: dt.date
    judged: int
    approved: int
    first_pass: int

    @property
    def approval(self) -> float:
        """Approved of judged."""
        return self.approved / self.judged

    @property
    def right_at_once(self) -> float:
        """First-pass yield."""
        return self.first_pass / self.judged


SERIES: Final[tuple[tuple[str, str, str, Callable[[RatePoint], float]], ...]] = (
    ("Approval rate", "a", "circle", lambda point: point.approval),
    ("First-pass yield", "b", "diamond", lambda point: point.right_at_once),
)


def rates_over_time(name: str, points: Sequence[RatePoint], *, every: str = "day") -> Markup:
    """Approval rate and first-pass yield as two lines; `points` have something judged and rise in time. Empty for none."""
    if not points:
        return Markup()
    is_smooth = every == "day" and len(points) > DAYS_SHOWN_SINGLY
    lines = smoothed(points) if is_smooth else list(points)
    ticks = share_ticks([of(point) for point in lines for *_, of in SERIES])
    low = ticks[0]
    across, up = _days_scale(points, LEFT + 14, RIGHT - 14), Scale(low, 1.0, BOTTOM, TOP)
    parts = [*_shares_axis(up, ticks), *_days_axis(points, across)]
    for _, css, kind, of in SERIES:
        places = [(across(point.day.toordinal()), up(max(of(point), low))) for point in lines]
        if is_smooth:
            parts += [marker(kind, f"faint-{css}", across(p.day.toordinal()), up(of(p)), 0.45) for p in points if of(p) >= low]
        if len(places) > 1:
            parts.append(f'<polyline class="line-{css}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        parts += [marker(kind, f"dot-{css}", x, y) for x, y in (places if len(lines) <= MARKED_SINGLY and not is_smooth else places[-1:])]
    parts += _line_names(lines[-1], across, up, low)
    parts += _columns(points, across)
    return framed(name, SIZE, "Approval rate and first-pass yield over time", _told(points, every), parts, css="chart wide")


def smoothed(points: Sequence[RatePoint]) -> list[RatePoint]:
    """Each day with the six before it, as if they were one: days with more renders weigh more."""
    means = []
    for point in points:
        week = [one for one in points if point.day - dt.timedelta(days=SMOOTHED_DAYS) < one.day <= point.day]
        means.append(
            RatePoint(
                day=point.day,
                judged=sum(one.judged for one in week),
                approved=sum(one.approved for one in week),
                first_pass=sum(one.first_pass for one in week),
            )
        )
    return means


def _days_scale(points: Sequence[RatePoint], start: float, end: float) -> Scale:
    first, last = points[0].day.toordinal(), points[-1].day.toordinal()
    if first == last:  # one point stands in the middle
        return Scale(first - 1, last + 1, start, end)
    return Scale(first, last, start, end)


def _shares_axis(up: Scale, ticks: Sequence[float]) -> list[str]:
    parts = []
    for value in ticks:
        parts.append(f'<line class="grid" x1="{LEFT:g}" x2="{RIGHT:g}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>')
        parts.append(label(LEFT - 8, up(value) + 4, f"{100 * value:.0f} %", "tick", "end"))
    return parts


def _days_axis(points: Sequence[RatePoint], across: Scale, most: int = 8) -> list[str]:
    first, last = points[0].day, points[-1].day
    if first == last:
        return [label(across(first.toordinal()), COLUMNS_BOTTOM + 20, day_words(first, year=True), "tick", "middle")]
    days = (last - first).days
    step = max(1, -(-days // (most - 1)))
    shown = [last - dt.timedelta(days=step * number) for number in range(days // step + 1)]
    return [
        label(across(day.toordinal()), COLUMNS_BOTTOM + 20, day_words(day, year=day.year != last.year or day == last), "tick", "middle")
        for day in reversed(shown)
    ]


def _line_names(last: RatePoint, across: Scale, up: Scale, low: float) -> list[str]:
    """Each line's name beside its end, moved apart where they would cover one another."""
    ends = sorted(((up(max(of(last), low)), name, css, of(last)) for name, css, _, of in SERIES), key=lambda end: (end[0], end[1]))
    places = [min(max(y, TOP + 8), BOTTOM - 8 - LABEL_GAP * (len(ends) - 1 - number)) for number, (y, *_) in enumerate(ends)]
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + LABEL_GAP)
    x, parts = RIGHT + 14, []
    for place, (_, name, css, value) in zip(places, ends, strict=True):
        parts.append(label(x, place, percent(value), f"name-{css} strong"))
        parts.append(label(x, place + 15, name, f"name-{css}"))
    return parts


def _columns(points: Sequence[RatePoint], across: Scale) -> list[str]:
    most = max(point.judged for point in points)
    high = round_ticks(most, 1)[-1]
    up = Scale(0, high, COLUMNS_BOTTOM, COLUMNS_TOP)
    apart = min((across(b.day.toordinal()) - across(a.day.toordinal()) for a, b in pairwise(points)), default=40.0)
    width = max(2.0, min(26.0, apart * 0.7))
    parts = [
        f'<line class="grid" x1="{LEFT:g}" x2="{RIGHT:g}" y1="{COLUMNS_BOTTOM:g}" y2="{COLUMNS_BOTTOM:g}"/>',
        label(LEFT - 8, COLUMNS_TOP + 6, f"{high:,.0f}", "tick", "end"),
        label(LEFT - 8, COLUMNS_BOTTOM + 4, "0", "tick", "end"),
        label(RIGHT + 14, COLUMNS_BOTTOM - 8, "renders judged", "tick"),
    ]
    for point in points:
        y = up(point.judged)
        parts.append(rect("column", across(point.day.toordinal()) - width / 2, y, width, COLUMNS_BOTTOM - y))
    return parts


SMALL: Final = (270.0, 104.0)
SMALL_PER_ROW: Final = 4
SMALL_TOP, SMALL_BOTTOM = 30.0, 88.0


def small_rates(name: str, title: str, series: Sequence[tuple[str, Sequence[RatePoint]]]) -> Markup:
    """The same two lines once per category or recipe, small, side by side on one scale; `series` are titles with points that rise in time."""
    shown = [(words, points) for words, points in series if points]
    if not shown:
        return Markup()
    everything = sorted((point for _, points in shown for point in points), key=lambda point: point.day)
    ticks = share_ticks([of(point) for point in everything for *_, of in SERIES])
    parts, rows = [], -(-len(shown) // SMALL_PER_ROW)
    for number, (words, points) in enumerate(shown):
        left, top = (number % SMALL_PER_ROW) * (SMALL[0] + 13), (number // SMALL_PER_ROW) * SMALL[1]
        across = _days_scale(everything, left + 5, left + SMALL[0] - 5)
        up = Scale(ticks[0], 1.0, top + SMALL_BOTTOM, top + SMALL_TOP)
        last = points[-1]
        said = f"{percent(last.approval)} · {percent(last.right_at_once)}"
        parts.append(label(left, top + 16, fitting(words, SMALL[0] - 90), "row-name"))
        parts.append(label(left + SMALL[0], top + 16, said, "row-said", "end"))
        for value in (ticks[0], 1.0):
            parts.append(f'<line class="grid" x1="{left:.1f}" x2="{left + SMALL[0]:.1f}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>')
        parts.append(label(left + SMALL[0], up(ticks[0]) + 12, f"{100 * ticks[0]:.0f} %", "tick small", "end"))
        for _, css, kind, of in SERIES:
            places = [(across(point.day.toordinal()), up(max(of(point), ticks[0]))) for point in points]
            if len(places) > 1:
                parts.append(f'<polyline class="line-{css} thin" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
            parts.append(marker(kind, f"dot-{css}", *places[-1], 0.8))
    told = "; ".join(
        f"{words}: approval rate {percent(points[-1].approval)}, first-pass yield {percent(points[-1].right_at_once)} at the end"
        for words, points in shown
    )
    width = SMALL_PER_ROW * (SMALL[0] + 13) - 13
    return framed(name, (width, rows * SMALL[1]), title, f"{told}.", parts, css="chart wide")


def _told(points: Sequence[RatePoint], every: str) -> str:
    last, words = points[-1], f"{len(points)} {every}{'s' * (len(points) != 1)}"
    low, high = min(point.approval for point in points), max(point.approval for point in points)
    return (
        f"{words} from {day_words(points[0].day, year=True)} to {day_words(last.day, year=True)}. Approval rate between {percent(low)} and "
        f"{percent(high)}; in the last {every} {percent(last.approval)}, first-pass yield {percent(last.right_at_once)}, of {last.judged:,} "
        f"render{'s' * (last.judged != 1)}."
    )
