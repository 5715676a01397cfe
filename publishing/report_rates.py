"""Panels of rates over time: of the whole catalog, and of each category or recipe beside the others."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from catalog.verdict import Verdict
from catalog.yield_numbers import Yield
from publishing.chart_frame import day_words, percent
from publishing.chart_rates import RatePoint, rates_over_time, small_rates
from publishing.report_panel import MAX_LISTED, RATE_KEYS, Panel

MAX_SMALL: Final = 12
"""Small charts side by side."""
MAX_WEEKS_LISTED: Final = 26
"""Weeks of each category or recipe in the table; `summary.json` has every day."""
MAX_DAYS: Final = 120
"""Longer histories are drawn by the week."""


def over_time(days: Mapping[dt.date, Yield]) -> Panel | None:
    """The whole catalog's rates by day, or by week where the history is long; None without any."""
    if not days:
        return None
    every = "day" if (max(days) - min(days)).days < MAX_DAYS else "week"
    found = {day: _point(day, one) for day, one in sorted((days if every == "day" else _by_week(days)).items())}
    head = (
        every.capitalize() + (" of" if every == "week" else ""),
        "Judged",
        "Approved",
        "To review",
        "Rejected",
        "Approval rate",
        "First-pass yield",
    )
    grouped = days if every == "day" else _by_week(days)
    rows = tuple((day_words(day, year=True), *verdict_counts(one), percent(one.approval_rate), percent(one.first_pass_yield)) for day, one in sorted(grouped.items(), reverse=True))  # fmt: skip
    return Panel(
        name="rates",
        title="Approval rate and first-pass yield",
        said=_recently(days),
        chart=rates_over_time("rates", list(found.values()), every=every),
        head=head,
        rows=rows,
        keys=RATE_KEYS,
        note="By the day of the first judgment; people's decisions are counted on that day, too."
        + (" Lines are the mean of seven days, dots single days." if every == "day" and len(days) > 14 else ""),
        wide=True,
    )


def each_over_time(name: str, title: str, kind: str, days: Mapping[tuple[str, dt.date], Yield], titles: Mapping[str, str]) -> Panel | None:
    """Small lines per category or recipe, weeks of them; nothing for a single week, which the verdicts show better."""
    weeks: dict[str, dict[dt.date, Yield]] = defaultdict(lambda: defaultdict(Yield))
    for (key, day), one in days.items():
        weeks[key][monday(day)] += one
    if len({week for mine in weeks.values() for week in mine}) < 2:
        return None
    largest = sorted(weeks, key=lambda key: (-sum(one.judged for one in weeks[key].values()), key))[:MAX_SMALL]
    shown = sorted(largest, key=lambda key: titles.get(key, key))
    series = [(titles.get(key, key), [_point(week, one) for week, one in sorted(weeks[key].items())]) for key in shown]
    rows = tuple(
        (
            f"{titles.get(key, key)}, {day_words(week, year=True)}",
            f"{one.judged:,}",
            percent(one.approval_rate),
            percent(one.first_pass_yield),
        )
        for key in sorted(weeks, key=lambda key: titles.get(key, key))
        for week, one in sorted(weeks[key].items(), reverse=True)[:MAX_WEEKS_LISTED]
    )
    return Panel(
        name=name,
        title=title,
        said=_moved([(titles.get(key, key), found) for key, found in sorted(weeks.items())]),
        chart=small_rates(name, title, series),
        head=(f"{kind}, week of", "Judged", "Approval rate", "First-pass yield"),
        rows=rows[:MAX_LISTED],
        keys=RATE_KEYS,
        note=f"By week; the {MAX_SMALL} with the most renders of {len(weeks)}." if len(weeks) > MAX_SMALL else "By week.",
        wide=True,
    )


def _moved(weeks: Iterable[tuple[str, Mapping[dt.date, Yield]]]) -> str:
    """Who gained and who lost most first-pass yield in its last week against its weeks before."""
    moves = []
    for title, mine in weeks:
        last, before = mine[max(mine)], Yield()
        for week, one in mine.items():
            if week != max(mine):
                before += one
        if last.first_pass_yield is not None and before.first_pass_yield is not None:
            moves.append((100 * (last.first_pass_yield - before.first_pass_yield), title))
    if not moves:
        return "Each has one week so far."
    (worst, loser), (best, winner) = min(moves), max(moves)
    if len(moves) == 1:
        return f"First-pass yield {_points(best)} in the last week against the weeks before."
    return f"First-pass yield in the last week against the weeks before: {winner} {_points(best)}, {loser} {_points(worst)}."


def _points(points: float) -> str:
    return "unchanged" if abs(points) < 0.5 else f"{'+' if points > 0 else '−'}{abs(points):.0f} points"


def _recently(days: Mapping[dt.date, Yield]) -> str:
    last = max(days)
    week, before = (_between(days, last, 7 * number) for number in (0, 1))
    if len(days) == 1:
        return f"On {day_words(last)}, {_both(week)} of {week.judged:,} renders."
    said = f"In the seven days to {day_words(last)}, {_both(week)} of {week.judged:,} renders."
    if not before.judged or week.first_pass_yield is None or before.first_pass_yield is None:
        return said
    points = 100 * (week.first_pass_yield - before.first_pass_yield)
    moved = "as in" if abs(points) < 0.5 else f"{abs(points):.0f} points {'above' if points > 0 else 'below'}"
    return f"{said} First-pass yield is {moved} the seven days before."


def _both(one: Yield) -> str:
    return f"{percent(one.approval_rate)} were approved and {percent(one.first_pass_yield)} right at once,"


def _between(days: Mapping[dt.date, Yield], last: dt.date, ago: int) -> Yield:
    until, whole = last - dt.timedelta(days=ago), Yield()
    for day, one in days.items():
        if until - dt.timedelta(days=7) < day <= until:
            whole += one
    return whole


def _point(day: dt.date, one: Yield) -> RatePoint:
    right = sum(count for outcome, count in one.outcomes.items() if outcome.first_pass)
    return RatePoint(day=day, judged=one.judged, approved=one.approved, first_pass=right)


def monday(day: dt.date) -> dt.date:
    """The first day of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def _by_week(days: Mapping[dt.date, Yield]) -> dict[dt.date, Yield]:
    weeks: dict[dt.date, Yield] = defaultdict(Yield)
    for day, one in days.items():
        weeks[monday(day)] += one
    return dict(weeks)


def verdict_counts(one: Yield) -> tuple[str, ...]:
    """Judged, approved, to review and rejected, as a table shows them."""
    return (f"{one.judged:,}", *(f"{one.of(verdict):,}" for verdict in Verdict))
