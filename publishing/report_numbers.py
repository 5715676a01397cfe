"""The report's numbers as panels: each a chart, a sentence that says what it shows, and the same as a table.

The numbers are defined in `catalog/yield_numbers.py`; how charts are drawn is `chart_rates.py`, `chart_rows.py` and `chart_columns.py`.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from catalog.verdict import Verdict
from catalog.yield_numbers import CatalogNumbers, LoraYield, ReviewTime, Yield
from publishing.chart_columns import Column, columns_over_time
from publishing.chart_frame import day_words, percent
from publishing.chart_rates import RatePoint, rates_over_time, small_rates
from publishing.chart_rows import (
    AmountRow,
    PointRow,
    ReasonBar,
    VerdictRow,
    amounts,
    reasons_ranked,
    shares_compared,
    stacked_verdicts,
)
from publishing.wording import usd

MAX_ROWS: Final = 10
"""Rows of a chart; the table under it has all."""
MAX_SMALL: Final = 12
"""Small charts side by side."""
MAX_WEEKS_LISTED, MAX_LISTED = 26, 600
"""Weeks of each category or recipe in the table, and rows of it altogether; `summary.json` has every day."""
MAX_DAYS: Final = 120
"""Longer histories are drawn by the week."""
VERSIONS_COMPARED: Final = 2
"""LoRA versions of a category side by side: the newest with renders, and the one before, or the one in use where that is older."""
FEW: Final = 0.8
"""The share of all mentions that `few reasons` is told of, as Pareto had it."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart with its words; `keys` names the parts of the chart for its legend, `rows` are text, first column a heading."""

    name: str
    title: str
    said: str
    chart: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[tuple[str, str], ...] = ()
    note: str = ""
    wide: bool = False


def number_panels(numbers: CatalogNumbers, categories: Mapping[str, str], recipes: Mapping[str, str]) -> tuple[Panel, ...]:
    """The panels for which there is anything to show; `categories` and `recipes` give titles by key."""
    panels = (
        _over_time(numbers.days),
        _each_over_time("category-rates", "Rates by category", "Category", numbers.category_days, categories),
        _each_over_time("recipe-rates", "Rates by recipe", "Recipe", numbers.recipe_days, recipes),
        _verdicts("category-verdicts", "Verdicts by category", "category", numbers.by_category(), categories),
        _verdicts("recipe-verdicts", "Verdicts by recipe", "recipe", numbers.by_recipe(), recipes),
        _reasons(numbers),
        _costs(numbers, categories),
        _loras(numbers.loras, categories),
        _review(numbers),
    )
    return tuple(panel for panel in panels if panel is not None)


RATE_KEYS: Final = (("a circle", "Approval rate"), ("b diamond", "First-pass yield"))
VERDICT_KEYS: Final = (("approved", "Approved"), ("review", "To review"), ("rejected", "Rejected"), ("notch", "First-pass yield"))


def _over_time(days: Mapping[dt.date, Yield]) -> Panel | None:
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
    rows = tuple((day_words(day, year=True), *_counts(one), percent(one.approval_rate), percent(one.first_pass_yield)) for day, one in sorted(grouped.items(), reverse=True))  # fmt: skip
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


def _each_over_time(name: str, title: str, kind: str, days: Mapping[tuple[str, dt.date], Yield], titles: Mapping[str, str]) -> Panel | None:
    """Small lines per category or recipe, weeks of them; nothing for a single week, which the verdicts show better."""
    weeks: dict[str, dict[dt.date, Yield]] = defaultdict(lambda: defaultdict(Yield))
    for (key, day), one in days.items():
        weeks[key][_monday(day)] += one
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


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def _by_week(days: Mapping[dt.date, Yield]) -> dict[dt.date, Yield]:
    weeks: dict[dt.date, Yield] = defaultdict(Yield)
    for day, one in days.items():
        weeks[_monday(day)] += one
    return dict(weeks)


def _counts(one: Yield) -> tuple[str, ...]:
    return (f"{one.judged:,}", *(f"{one.of(verdict):,}" for verdict in Verdict))


def _verdicts(name: str, title: str, kind: str, found: Mapping[str, Yield], titles: Mapping[str, str]) -> Panel | None:
    judged = {key: one for key, one in found.items() if one.judged}
    if not judged:
        return None
    worst = sorted(judged, key=lambda key: (judged[key].approval_rate, key))
    bars = [
        VerdictRow(
            title=titles.get(key, key),
            approved=judged[key].approved,
            review=judged[key].of(Verdict.REVIEW),
            rejected=judged[key].of(Verdict.REJECTED),
            first_pass_yield=judged[key].first_pass_yield,
        )
        for key in worst[:MAX_ROWS]
    ]
    low, high = (percent(judged[key].approval_rate) for key in (worst[0], worst[-1]))
    if len(worst) == 1 or low == high:
        said = f"{low} approved{'' if len(worst) == 1 else f' in every {kind}'}."
    else:
        said = f"From {low} approved ({titles.get(worst[0], worst[0])}) to {high} ({titles.get(worst[-1], worst[-1])})."
    rows = tuple(
        (titles.get(key, key), *_counts(judged[key]), percent(judged[key].approval_rate), percent(judged[key].first_pass_yield), percent(judged[key].gate_approval_rate))
        for key in sorted(judged)
    )  # fmt: skip
    head = (kind.capitalize(), "Judged", "Approved", "To review", "Rejected", "Approval rate", "First-pass yield", "Gate alone")
    note = f"The {MAX_ROWS} lowest of {len(worst)}." if len(worst) > MAX_ROWS else ""
    return Panel(
        name=name, title=title, said=said, chart=stacked_verdicts(name, title, bars), head=head, rows=rows, keys=VERDICT_KEYS, note=note
    )


def _reasons(numbers: CatalogNumbers) -> Panel | None:
    ranked = numbers.reasons
    if not ranked:
        return None
    mentions = sum(one.count for one in ranked)
    bars = [
        ReasonBar(message=one.message, count=one.count, share=one.share, of_mentions=one.count / mentions, cumulative=one.cumulative)
        for one in ranked[:MAX_ROWS]
    ]
    few = next(number for number, one in enumerate(ranked, 1) if one.cumulative >= FEW)
    made_up = percent(ranked[few - 1].cumulative)
    said = f"{few} of {len(ranked)} reasons {'makes' if few == 1 else 'make'} up {made_up} of what the gate says."
    rows = tuple((one.message, one.code, f"{one.count:,}", percent(one.share), percent(one.cumulative)) for one in ranked)
    return Panel(
        name="reasons",
        title="Why renders are held back",
        said="There is one reason." if len(ranked) == 1 else said,
        chart=reasons_ranked("reasons", bars),
        head=("Reason", "Code", "Renders", "Of those held back", "Of all mentions so far"),
        rows=rows,
        keys=(("c", "This reason"), ("so-far", "With all above it")),
        note="By the gate, before people; a render may have several reasons.",
    )


def _costs(numbers: CatalogNumbers, titles: Mapping[str, str]) -> Panel | None:
    found = {key: one for key, one in numbers.by_category().items() if one.judged or one.usd}
    if not numbers.whole.usd:
        return None
    dear_first = sorted(found, key=lambda key: (-(found[key].usd_per_approved or 0.0), key))
    bars = [
        AmountRow(
            title=titles.get(key, key),
            amount=found[key].usd_per_approved,
            said=usd(found[key].usd_per_approved) if found[key].approved else f"nothing approved, {usd(found[key].usd)} spent",
        )
        for key in dear_first[:MAX_ROWS]
    ]
    rows = tuple(
        (titles.get(key, key), usd(found[key].usd), f"{found[key].approved:,}", usd(found[key].usd_per_approved)) for key in dear_first
    )
    return Panel(
        name="costs",
        title="Cost per approved image",
        said=_spent(numbers.whole),
        chart=amounts("costs", "Cost per approved image by category", bars),
        head=("Category", "Spent", "Approved", "Per approved image"),
        rows=rows,
        note="All money spent, training and rejected work included, over the images approved now.",
    )


def _spent(whole: Yield) -> str:
    if not whole.approved:
        return f"Nothing is approved by the rules in force; {usd(whole.usd)} were spent."
    return (
        f"{usd(whole.usd_per_approved)} over the whole catalog: {usd(whole.usd)} for {whole.approved:,} image{'s' * (whole.approved != 1)}."
    )


def _loras(loras: Sequence[LoraYield], titles: Mapping[str, str]) -> Panel | None:
    drawn: dict[str, list[LoraYield]] = defaultdict(list)
    for one in loras:
        if one.outcomes.judged:
            drawn[one.category].append(one)
    if not drawn:
        return None
    largest = sorted(drawn, key=lambda category: (-sum(one.outcomes.judged for one in drawn[category]), category))[
        : MAX_ROWS // VERSIONS_COMPARED
    ]
    shown = [one for category in largest for one in _compared(drawn[category])]
    points = [
        PointRow(
            title=f"{titles.get(one.category, one.category)} {one.version}{', in use' if one.in_use else ''}",
            aside=f"{percent(one.outcomes.approval_rate)} · {percent(one.outcomes.first_pass_yield)} of {one.outcomes.judged:,}",
            approval=one.outcomes.approval_rate,
            first_pass_yield=one.outcomes.first_pass_yield,
        )
        for one in shown
    ]
    rows = tuple(
        (
            f"{titles.get(one.category, one.category)} {one.version}",
            f"{one.made_at:%Y-%m-%d}",
            "in use" if one.in_use else "",
            f"{one.outcomes.judged:,}",
            percent(one.outcomes.approval_rate),
            percent(one.outcomes.first_pass_yield),
        )
        for one in loras[-MAX_LISTED:]
    )
    return Panel(
        name="loras",
        title="LoRA versions compared",
        said=_better(drawn.values()),
        chart=shares_compared("loras", "Approval rate and first-pass yield by LoRA version", points),
        head=("LoRA", "Trained", "", "Judged", "Approval rate", "First-pass yield"),
        rows=rows,
        keys=RATE_KEYS,
        note="Every scene that was ever drawn with a version.",
    )


def _compared(versions: Sequence[LoraYield]) -> list[LoraYield]:
    """The newest versions of a category, and always the one in use, oldest first."""
    newest = list(versions[-VERSIONS_COMPARED:])
    older = [one for one in versions[:-VERSIONS_COMPARED] if one.in_use][-1:]
    return older + newest[len(older) :]


def _better(drawn: Iterable[Sequence[LoraYield]]) -> str:
    pairs = [
        (versions[-2].outcomes.first_pass_yield or 0.0, versions[-1].outcomes.first_pass_yield or 0.0)
        for versions in drawn
        if len(versions) > 1
    ]
    if not pairs:
        return "One version of each category has been drawn with so far."
    better = sum(new > old for old, new in pairs)
    return f"In {better} of {len(pairs)} categories the newest version is right at once more often than the one before."


def _review(numbers: CatalogNumbers) -> Panel | None:
    whole = numbers.review
    if not whole.decisions:
        return None
    weeks: dict[dt.date, ReviewTime] = {}
    for day, one in numbers.review_by_day.items():
        week = weeks.setdefault(_monday(day), ReviewTime(typical_s=one.typical_s))
        week.decisions, week.measured, week.measured_s = week.decisions + one.decisions, week.measured + one.measured, week.measured_s + one.measured_s  # fmt: skip
    first, last = min(weeks), max(weeks)
    every = [first + dt.timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
    nothing = ReviewTime(typical_s=whole.typical_s)
    columns = [Column(day=day, amount=weeks.get(day, nothing).minutes) for day in every[-26:]]
    took = (
        "too few to tell how long they took"
        if whole.minutes is None
        else f"about {_minutes(whole.minutes)}, {whole.seconds_per_decision:.0f} s each"
    )
    rows = tuple(
        (day_words(day, year=True), f"{one.decisions:,}", _minutes(one.minutes)) for day, one in sorted(weeks.items(), reverse=True)
    )
    overridden = percent(numbers.whole.override_rate)
    return Panel(
        name="review",
        title="Review minutes per week",
        said=f"{whole.decisions:,} decision{'s' * (whole.decisions != 1)}: {took}."
        + (
            f" People said the opposite of a clear gate in {overridden} of the renders they decided."
            if numbers.whole.override_rate is not None
            else ""
        ),
        chart=columns_over_time("review", "Review minutes per week", columns, "min"),
        head=("Week of", "Decisions", "Minutes"),
        rows=rows,
        note="Estimated from the time between one reviewer's decisions; pauses over five minutes are left out.",
    )


def _minutes(minutes: float | None) -> str:
    if minutes is None:
        return "–"
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
