"""The catalog's numbers as plain values: floats under stable names that Dagster plots, and nested data for `summary.json`.

Shares go from 0 to 1 everywhere. A number that has nothing to be a share of is left out of a plot and is null in JSON, never 0.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import dagster as dg

from assets.house_rules import rows_table
from catalog.verdict import Verdict
from catalog.yield_numbers import CatalogNumbers, LoraYield, ReasonShare, ReviewTime, Yield

Told = TypeVar("Told")

RATES: Final = ("approval_rate", "gate_approval_rate", "first_pass_yield", "review_share", "override_rate")
"""The shares of a yield, by the names of `catalog.yield_numbers.Yield`; the same names in the UI, in `summary.json` and in the metrics."""

PLOTTED_PARTS: Final = ("approval_rate", "first_pass_yield")
"""Those that are plotted per recipe and category, too."""

MAX_PLOTTED: Final = 40
"""Categories that one materialization plots, the largest ones: each is a line of every event, and a page with more is no help."""

MAX_DAYS_TOLD, VERSIONS_TOLD = 400, 5
"""The newest days, and LoRA versions of each category, in `summary.json`: years of them would be megabytes."""

DIGITS: Final = 4


def plotted(whole: Yield, **parts: Mapping[str, Yield]) -> dict[str, dg.MetadataValue]:
    """Rates as metadata: `approval_rate`, and by part `approval_rate/recipe/packshot_white`. The names stay, so that lines go on."""
    values = {name: getattr(whole, name) for name in RATES}
    for part, yields in parts.items():
        largest = sorted(yields.items(), key=lambda item: (-item[1].judged, item[0]))[:MAX_PLOTTED]
        values |= {f"{name}/{part}/{key}": getattr(one, name) for name in PLOTTED_PARTS for key, one in sorted(largest)}
    return as_floats(values)


def as_floats(values: Mapping[str, float | None]) -> dict[str, dg.MetadataValue]:
    """Numbers as metadata that plots; unknown ones are left out, so that the line has a gap."""
    return {name: dg.MetadataValue.float(round(float(value), 6)) for name, value in values.items() if value is not None}


def lora_numbers(versions: Sequence[LoraYield], lora_digest: str) -> dict[str, dg.MetadataValue]:
    """What one version's scenes came to so far, and all versions of the category as a table; nothing of a version that drew none yet."""
    table = [
        {
            "version": f"{one.version}{', in use' if one.in_use else ''}",
            "trained": f"{one.made_at:%Y-%m-%d %H:%M}",
            "judged": one.outcomes.judged,
            **{name: "–" if getattr(one.outcomes, name) is None else f"{getattr(one.outcomes, name):.1%}" for name in PLOTTED_PARTS},
        }
        for one in reversed(versions)
    ]
    mine = next((one.outcomes for one in versions if one.lora_digest == lora_digest and one.outcomes.judged), None)
    rates = {} if mine is None else {"judged": mine.judged, **{name: getattr(mine, name) for name in PLOTTED_PARTS}}
    return {**as_floats(rates), "versions": rows_table(table, ("version", "trained", "judged", *PLOTTED_PARTS))}


def total_of(yields: Mapping[str, Yield]) -> Yield:
    """Yields added up."""
    whole = Yield()
    for one in yields.values():
        whole += one
    return whole


def plain_numbers(numbers: CatalogNumbers) -> dict[str, Any]:
    """Everything as JSON data; see `docs/how-to/numbers.md` for what each means."""
    recipes = numbers.by_recipe()
    return {
        **_rates(numbers.whole),
        "usd": round(numbers.whole.usd, 6),
        "review_time": _review(numbers.review),
        "reasons": [_reason(one) for one in numbers.reasons],
        "categories": {
            key: {**_counts(one), "review_time": _review(numbers.review_by_category.get(key, ReviewTime()))}
            for key, one in numbers.by_category().items()
        },
        "recipes": {
            key: {**_counts(one), "reasons": [_reason(reason) for reason in numbers.recipe_reasons.get(key, ())]}
            for key, one in recipes.items()
        },
        "loras": [
            {
                "category": one.category,
                "version": one.version,
                "lora_digest": one.lora_digest,
                "made_at": one.made_at.isoformat(timespec="seconds"),
                "in_use": one.in_use,
                **_verdicts(one.outcomes),
                **_rates(one.outcomes),
            }
            for one in _newest_versions(numbers.loras)
        ],
        "days": {day.isoformat(): {**_verdicts(one), **_rates(one)} for day, one in _newest(numbers.days)},
        "review_days": {day.isoformat(): _review(one) for day, one in _newest(numbers.review_by_day)},
    }


def _newest(days: Mapping[dt.date, Told]) -> list[tuple[dt.date, Told]]:
    return sorted(days.items())[-MAX_DAYS_TOLD:]


def _newest_versions(loras: Sequence[LoraYield]) -> list[LoraYield]:
    last = {one.category: one.version for one in loras}  # versions rise within a category
    return [one for one in loras if one.in_use or one.version > last[one.category] - VERSIONS_TOLD]


def _counts(one: Yield) -> dict[str, Any]:
    money = {"usd": round(one.usd, 6), "usd_per_approved": _rounded(one.usd_per_approved, 6)}
    return {**_verdicts(one), **_rates(one), **money}


def _verdicts(one: Yield) -> dict[str, int]:
    return {"judged": one.judged, **{str(verdict): one.of(verdict) for verdict in Verdict}}


def _rates(one: Yield) -> dict[str, float | None]:
    return {name: _rounded(getattr(one, name), DIGITS) for name in RATES}


def _review(one: ReviewTime) -> dict[str, Any]:
    return {"decisions": one.decisions, "minutes": _rounded(one.minutes, 2), "seconds_per_decision": _rounded(one.seconds_per_decision, 1)}


def _reason(one: ReasonShare) -> dict[str, Any]:
    return {"code": one.code, "message": one.message, "count": one.count, "share": round(one.share, DIGITS)}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
