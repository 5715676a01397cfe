"""Amounts over time as columns: one per week, the amount above it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from publishing.chart_frame import Scale, day_words, framed, label, rect, round_ticks

SIZE: Final = (540.0, 230.0)
LEFT, RIGHT, TOP, BOTTOM = 40.0, 536.0, 22.0, 192.0
WIDEST: Final = 44.0
SAID_ABOVE: Final = 12
"""With more columns than this their amounts would cover one another, and the axis has to do."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A week that begins at `day`, and its amount (None: there is none)."""

    day: dt.date
    amount: float | None


def columns_over_time(name: str, title: str, columns: Sequence[Column], unit: str) -> Markup:
    """A column per week; weeks rise and none is left out. Empty for none."""
    if not columns:
        return Markup()
    ticks = round_ticks(max(column.amount or 0.0 for column in columns))
    up, apart = Scale(0, ticks[-1], BOTTOM, TOP), (RIGHT - LEFT) / len(columns)
    width, parts = min(WIDEST, apart * 0.66), []
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{LEFT:g}" x2="{RIGHT:g}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>')
        parts.append(label(LEFT - 6, up(tick) + 4, f"{tick:,.4g}", "tick", "end"))
    parts.append(label(LEFT - 6, TOP - 10, unit, "tick", "end"))
    every = max(1, -(-len(columns) // 6))
    for number, column in enumerate(columns):
        middle = LEFT + apart * (number + 0.5)
        if column.amount is not None:
            parts.append(rect("bar-a", middle - width / 2, up(column.amount), width, BOTTOM - up(column.amount), radius=2))
            if len(columns) <= SAID_ABOVE and column.amount:
                parts.append(label(middle, up(column.amount) - 6, _said(column.amount), "row-said", "middle"))
        if (len(columns) - 1 - number) % every == 0:
            parts.append(label(middle, BOTTOM + 18, day_words(column.day), "tick", "middle"))
    told = "; ".join(f"week of {day_words(one.day, year=True)}: {'–' if one.amount is None else _said(one.amount)}" for one in columns)
    return framed(name, SIZE, title, f"In {unit}. {told}.", parts)


def _said(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.1f}"
