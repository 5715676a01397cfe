"""The numbers a shop is run by, defined once: approval rate, first-pass yield, review minutes, override rate, cost per approved image.

Counts go in, shares from 0 to 1 come out, and None where nothing was counted: no share of nothing is 0 %. Where the counts come from is
`assets/yield_counts.py`; how they look is `publishing/report_numbers.py`.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from catalog.verdict import Verdict

SITTING_BREAK_S = 300.0
"""A reviewer who decides nothing for longer than this has left: what comes after is another sitting. Five minutes are ten times what a
picture takes, and shorter than a coffee."""


def share(part: float, whole: float) -> float | None:
    """`part` of `whole`, from 0 to 1; None of nothing."""
    return part / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one render, or several alike, came out.

    `verdict` is the one that holds, people's decisions included; `gate_verdict` the gate's own. `first_pass`: the gate approved the first
    render of its order at its first look, and no person took that back. An order is a variant with its cut-out and its LoRA: another seed
    or a changed recipe is rework of the same order; a new photo or a new LoRA is a new order.
    """

    gate_verdict: Verdict
    verdict: Verdict
    first_pass: bool
    decided: bool = False


@dataclass(kw_only=True)
class Yield:
    """Outcomes added up, and what follows from them. `usd` is all money spent on them, failed and rejected work included."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    usd: float = 0.0

    def add(self, outcome: Outcome, count: int = 1) -> None:
        """Count renders; a negative count takes them out again."""
        self.outcomes[outcome] += count

    def __iadd__(self, other: "Yield") -> "Yield":
        self.outcomes.update(other.outcomes)
        self.usd += other.usd
        return self

    def of(self, verdict: Verdict) -> int:
        """Renders with a verdict, people included."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.verdict is verdict)

    @property
    def judged(self) -> int:
        """Renders that have a verdict by the rules they are held to."""
        return sum(self.outcomes.values())

    @property
    def approved(self) -> int:
        """Renders approved, by the gate or by a person."""
        return self.of(Verdict.APPROVED)

    @property
    def approval_rate(self) -> float | None:
        """Approved of judged, as it holds now: people's decisions count."""
        return share(self.approved, self.judged)

    @property
    def gate_approval_rate(self) -> float | None:
        """What the gate approves of what it judges, before people: what would be published if nobody looked."""
        return share(sum(count for one, count in self.outcomes.items() if one.gate_verdict is Verdict.APPROVED), self.judged)

    @property
    def first_pass_yield(self) -> float | None:
        """Variants right at once, of all that were judged: no other seed, no second judgment, nobody's help; see `Outcome.first_pass`."""
        return share(sum(count for one, count in self.outcomes.items() if one.first_pass), self.judged)

    @property
    def review_share(self) -> float | None:
        """Renders that wait for a person, of judged."""
        return share(self.of(Verdict.REVIEW), self.judged)

    @property
    def overridden(self) -> int:
        """Renders on which a person's decision holds that says the opposite of what the gate said."""
        return sum(count for one, count in self.outcomes.items() if _was_clear(one) and one.verdict is not one.gate_verdict)

    @property
    def override_rate(self) -> float | None:
        """Overridden, of the decided renders on which the gate was clear. A decision about a doubtful one overrides nothing: it was asked."""
        return share(self.overridden, sum(count for one, count in self.outcomes.items() if _was_clear(one)))

    @property
    def usd_per_approved(self) -> float | None:
        """All money spent, for work that failed or was rejected too, over renders approved now."""
        return share(self.usd, self.approved)


def _was_clear(outcome: Outcome) -> bool:
    return outcome.decided and outcome.gate_verdict is not Verdict.REVIEW


@dataclass(frozen=True, kw_only=True)
class ReasonShare:
    """One reason of the gate against renders: how many of them it holds back, and which share of all held back. One render may have several
    reasons, so that shares add up to more than 1; `cumulative` is the share of all mentions up to and with this one."""

    code: str
    message: str
    count: int
    share: float
    cumulative: float


def ranked_reasons(counts: Mapping[str, int], words: Mapping[str, str], held_back: int) -> tuple[ReasonShare, ...]:
    """Reasons, most frequent first and by code where equal; `held_back` is the number of renders with any."""
    mentions, so_far, ranked = sum(counts.values()), 0, []
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        so_far += count
        ranked.append(
            ReasonShare(code=code, message=words.get(code, code), count=count, share=count / held_back, cumulative=so_far / mentions)
        )
    return tuple(ranked)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision, or one taken back, for its time alone. `at` is UTC without a zone."""

    reviewer: str
    at: dt.datetime
    category: str


@dataclass(kw_only=True)
class ReviewTime:
    """How long people decided: an estimate from the times of their decisions, see `review_times`."""

    decisions: int = 0
    measured: int = 0
    """Decisions with one before them in the same sitting."""
    measured_s: float = 0.0
    typical_s: float | None = None
    """What a decision takes where that was measured at all: stands for the first one of each sitting."""

    @property
    def minutes(self) -> float | None:
        """Minutes of review; None where no two decisions followed each other, so that nothing can be said."""
        if self.typical_s is None:
            return None
        return (self.measured_s + (self.decisions - self.measured) * self.typical_s) / 60

    @property
    def seconds_per_decision(self) -> float | None:
        """Mean time of one decision."""
        return None if self.minutes is None else share(60 * self.minutes, self.decisions)


def review_times(decisions: Iterable[Decided]) -> tuple[ReviewTime, dict[str, ReviewTime], dict[dt.date, ReviewTime]]:
    """Review time of all decisions, by category and by UTC day. Decisions come in the order they were made.

    A decision took the time since the same reviewer's last one, unless that is more than SITTING_BREAK_S: then a new sitting began, and its
    first decision is counted with the mean of all that were measured. An estimate: reading a second page meanwhile is not seen.
    """
    whole, before = ReviewTime(), dict[str, dt.datetime]()
    categories: dict[str, ReviewTime] = defaultdict(ReviewTime)
    days: dict[dt.date, ReviewTime] = defaultdict(ReviewTime)
    for one in decisions:
        took_s = (one.at - before[one.reviewer]).total_seconds() if one.reviewer in before else SITTING_BREAK_S + 1
        before[one.reviewer] = one.at
        for group in (whole, categories[one.category], days[one.at.date()]):
            group.decisions += 1
            if took_s <= SITTING_BREAK_S:
                group.measured += 1
                group.measured_s += took_s
    typical_s = share(whole.measured_s, whole.measured)
    for group in (whole, *categories.values(), *days.values()):
        group.typical_s = typical_s
    return whole, dict(categories), dict(days)


@dataclass(frozen=True, kw_only=True)
class LoraYield:
    """How the scenes of one version of a category's LoRA came out. `version` counts from 1 in the order they were trained."""

    category: str
    version: int
    lora_digest: str
    made_at: dt.datetime
    in_use: bool
    outcomes: Yield


@dataclass(frozen=True, kw_only=True)
class CatalogNumbers:
    """All numbers of a catalog: as it stands (`whole`, `cells` by category and recipe), and over time.

    `days`, `category_days`, `recipe_days` and LoRAs count every order that was ever judged, by the UTC day of its first judgment, with the verdict its
    newest render (or the one that stands) has; what stands counts the render that stands for each variant, by the rules in force.
    """

    whole: Yield
    cells: Mapping[tuple[str, str], Yield]
    """By category and recipe. The money of a cell is what was booked to its recipe: drawing and judging."""
    category_usd: Mapping[str, float]
    """All money of a category, photos and training included."""
    days: Mapping[dt.date, Yield]
    category_days: Mapping[tuple[str, dt.date], Yield]
    recipe_days: Mapping[tuple[str, dt.date], Yield]
    loras: tuple[LoraYield, ...]
    reasons: tuple[ReasonShare, ...]
    recipe_reasons: Mapping[str, tuple[ReasonShare, ...]]
    review: ReviewTime
    review_by_category: Mapping[str, ReviewTime]
    review_by_day: Mapping[dt.date, ReviewTime]

    def by_category(self) -> dict[str, Yield]:
        """What stands per category, with all its money."""
        return _added(self.cells, 0, self.category_usd)

    def by_recipe(self) -> dict[str, Yield]:
        """What stands per recipe, with the money booked to it."""
        return _added(self.cells, 1, None)


def _added(cells: Mapping[tuple[str, str], Yield], part: int, usd: Mapping[str, float] | None) -> dict[str, Yield]:
    added: dict[str, Yield] = defaultdict(Yield)
    for key, one in sorted(cells.items()):
        added[key[part]] += one
    for name, amount in (usd or {}).items():
        added[name].usd = amount
    return dict(added)
