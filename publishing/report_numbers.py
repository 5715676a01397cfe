"""The report's numbers as panels: verdicts, reasons, costs, LoRA versions and review; rates over time are report_rates.py.

The numbers are defined in `catalog/yield_numbers.py`; how charts are drawn is `chart_rates.py`, `chart_rows.py` and `chart_columns.py`.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from catalog.verdict import Verdict
from catalog.yield_numbers import CatalogNumbers, LoraYield, ReviewTime, Yield
from publishing.chart_columns import Column, columns_over_time
from publishing.chart_frame import day_words, percent
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
from publishing.report_panel import MAX_LISTED, RATE_KEYS, Panel
from publishing.report_rates import each_over_time, monday, over_time, verdict_counts
from publishing.wording import usd

MAX_ROWS: Final = 10
"""Rows of a chart; the table under it has all."""
VERSIONS_COMPARED: Final = 2
"""LoRA versions of a category side by side: the newest with renders, and the one before, or the one in use where that is older."""
FEW: Final = 0.8
"""The share of all mentions that `few reasons` is told of, as Pareto had it."""


def number_panels(numbers: CatalogNumbers, categories: Mapping[str, str], recipes: Mapping[str, str]) -> tuple[Panel, ...]:
    """The panels for which there is anything to show; `categories` and `recipes` give titles by key."""
    panels = (
        over_time(numbers.days),
        each_over_time("category-rates", "Rates by category", "Category", numbers.category_days, categories),
        each_over_time("recipe-rates", "Rates by recipe", "Recipe", numbers.recipe_days, recipes),
        _verdicts("category-verdicts", "Verdicts by category", "category", numbers.by_category(), categories),
        _verdicts("recipe-verdicts", "Verdicts by recipe", "recipe", numbers.by_recipe(), recipes),
        _reasons(numbers),
        _costs(numbers, categories),
        _loras(numbers.loras, categories),
        _review(numbers),
    )
    return tuple(panel for panel in panels if panel is not None)


VERDICT_KEYS: Final = (("approved", "Approved"), ("review", "To review"), ("rejected", "Rejected"), ("notch", "First-pass yield"))


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
        (titles.get(key, key), *verdict_counts(judged[key]), percent(judged[key].approval_rate), percent(judged[key].first_pass_yield), percent(judged[key].gate_approval_rate))
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
        week = weeks.setdefault(monday(day), ReviewTime(typical_s=one.typical_s))
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
