"""Charts in rows, one name each with its bar beneath: ranked reasons, stacked verdicts, amounts, shares as points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from publishing.chart_frame import Scale, fitting, framed, hatching, label, marker, percent, rect, share_ticks

WIDTH: Final = 540.0
ROW: Final = 44.0
BAR_TOP, BAR_HEIGHT = 21.0, 10.0
NAME_SIZE: Final = 16.0
"""Size of names on a phone, where the page draws them larger; they are cut to fit there, too."""
VERDICTS: Final = (("approved", "approved"), ("review", "to review"), ("rejected", "rejected"))


@dataclass(frozen=True, kw_only=True)
class ReasonBar:
    """A reason: how many renders it holds back, their share of all held back, and its and all former ones' share of mentions."""

    message: str
    count: int
    share: float
    of_mentions: float
    cumulative: float


def reasons_ranked(name: str, bars: Sequence[ReasonBar]) -> Markup:
    """A Pareto chart: each reason's share of all mentions, and behind it the share of all reasons so far. Empty for none."""
    if not bars:
        return Markup()
    across, parts = Scale(0, 1, 0, WIDTH), []
    for number, bar in enumerate(bars):
        top = number * ROW
        said = f"{bar.count:,} · {percent(bar.share)}"
        parts += _named(top, bar.message, said)
        parts.append(rect("track", 0, top + BAR_TOP, WIDTH, BAR_HEIGHT, radius=2))
        parts.append(rect("so-far", 0, top + BAR_TOP, across(bar.cumulative), BAR_HEIGHT, radius=2))
        parts.append(rect("bar-c", 0, top + BAR_TOP, across(bar.of_mentions), BAR_HEIGHT, radius=2))
    told = "; ".join(f"{bar.message}: {bar.count} renders, {percent(bar.share)} of those held back" for bar in bars)
    return framed(name, (WIDTH, len(bars) * ROW - 8), "Reasons, most frequent first", f"{told}.", parts)


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """How the renders of a category or recipe stand, and the share that was right at once (None: nothing was judged)."""

    title: str
    approved: int
    review: int
    rejected: int
    first_pass_yield: float | None

    @property
    def total(self) -> int:
        """Renders judged."""
        return self.approved + self.review + self.rejected


def stacked_verdicts(name: str, title: str, rows: Sequence[VerdictRow]) -> Markup:
    """A bar per row, parted by verdict, each part told apart by pattern as well as color; a notch marks the first-pass yield."""
    if not rows:
        return Markup()
    parts = [hatching(name)]
    for number, row in enumerate(rows):
        top = number * (ROW + 8)
        rate = row.approved / row.total if row.total else None
        parts += _named(top, row.title, f"{percent(rate)} of {row.total:,}" if row.total else "nothing judged")
        parts.append(rect("track", 0, top + BAR_TOP, WIDTH, 16))
        parts += _segments(name, row, top + BAR_TOP)
        if row.first_pass_yield is not None:
            x = WIDTH * row.first_pass_yield
            y = top + BAR_TOP + 16
            parts.append(f'<polygon class="notch" points="{x:.1f},{y + 1:.1f} {x - 5:.1f},{y + 9:.1f} {x + 5:.1f},{y + 9:.1f}"/>')
    told = "; ".join(
        f"{row.title}: {row.approved} approved, {row.review} to review, {row.rejected} rejected, first-pass yield {percent(row.first_pass_yield)}"
        for row in rows
    )
    return framed(name, (WIDTH, len(rows) * (ROW + 8)), title, f"{told}.", parts)


def _segments(name: str, row: VerdictRow, y: float) -> list[str]:
    parts, left = [], 0.0
    for verdict, _ in VERDICTS:
        count = getattr(row, verdict)
        width = WIDTH * count / row.total if row.total else 0.0
        if count:
            fill = "" if verdict == "approved" else f"url(#{name}-{verdict})"
            parts.append(rect(f"verdict-{verdict}", left, y, max(width - 1.5, 1.5), 16, fill=fill))
        left += width
    return parts


@dataclass(frozen=True, kw_only=True)
class AmountRow:
    """A name, an amount for its bar (None: there is none), and how it reads."""

    title: str
    amount: float | None
    said: str


def amounts(name: str, title: str, rows: Sequence[AmountRow]) -> Markup:
    """A bar per row, the largest as wide as the chart."""
    if not rows:
        return Markup()
    most = max((row.amount or 0.0 for row in rows), default=0.0) or 1.0
    parts = []
    for number, row in enumerate(rows):
        top = number * ROW
        parts += _named(top, row.title, row.said)
        parts.append(rect("track", 0, top + BAR_TOP, WIDTH, BAR_HEIGHT, radius=2))
        if row.amount is not None:
            parts.append(rect("bar-a", 0, top + BAR_TOP, max(2.0, WIDTH * row.amount / most), BAR_HEIGHT, radius=2))
    return framed(name, (WIDTH, len(rows) * ROW - 8), title, "; ".join(f"{row.title}: {row.said}" for row in rows) + ".", parts)


@dataclass(frozen=True, kw_only=True)
class PointRow:
    """Two shares of one thing; None: nothing was judged."""

    title: str
    aside: str
    approval: float | None
    first_pass_yield: float | None


def shares_compared(name: str, title: str, rows: Sequence[PointRow]) -> Markup:
    """Approval rate (circle) and first-pass yield (diamond) of each row on one scale that ends at 100 %."""
    if not rows:
        return Markup()
    inner, parts = 8.0, []
    ticks = share_ticks([share for row in rows for share in (row.approval, row.first_pass_yield) if share is not None])
    across = Scale(ticks[0], 1, inner, WIDTH - inner)
    bottom = len(rows) * ROW
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{across(tick):.1f}" x2="{across(tick):.1f}" y1="{BAR_TOP - 2:g}" y2="{bottom:g}"/>')
        anchor = "start" if tick == ticks[0] else "end" if tick == 1 else "middle"
        x = {"start": 0.0, "end": WIDTH}.get(anchor, across(tick))
        parts.append(label(x, bottom + 16, f"{100 * tick:.0f} %", "tick", anchor))
    for number, row in enumerate(rows):
        top, y = number * ROW, number * ROW + BAR_TOP + 9
        parts += _named(top, row.title, row.aside)
        if row.approval is not None and row.first_pass_yield is not None:
            low, high = sorted((across(row.approval), across(row.first_pass_yield)))
            parts.append(f'<line class="between" x1="{low:.1f}" x2="{high:.1f}" y1="{y:g}" y2="{y:g}"/>')
            parts.append(marker("circle", "dot-a", across(row.approval), y))
            parts.append(marker("diamond", "dot-b", across(row.first_pass_yield), y))
    told = "; ".join(
        f"{row.title}: approval rate {percent(row.approval)}, first-pass yield {percent(row.first_pass_yield)}" for row in rows
    )
    return framed(name, (WIDTH, bottom + 22), title, f"{told}.", parts)


def _named(top: float, title: str, said: str) -> list[str]:
    room = WIDTH - 0.56 * NAME_SIZE * len(said) - 18
    return [label(0, top + 14, fitting(title, room, NAME_SIZE), "row-name"), label(WIDTH, top + 14, said, "row-said", "end")]
