"""One self-contained HTML page that shows a judged cell: counts, reasons ranked, every doubtful render in words, and every expectation.

In place of Great Expectations' Data Docs, see docs/decisions/0040-data-docs.md. Shows no pictures (the contact sheet and the report do) and loads
nothing from elsewhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from catalog.verdict import Verdict
from quality.columns import MEASUREMENT_VERSION
from quality.expectation_lines import ExpectationLine, expectation_lines
from quality.rules import RuleSet

MAX_DETAILED = 150
"""Doubtful renders shown with every reason; beyond, the page says how many more there are. With four recipes a page stays below 200 KB, with all
that ship below 320: a third of it is these renders, the rest is a line for every rule."""
MAX_LISTED = 300
"""Approved renders listed by name."""

ORDER = (Verdict.REJECTED, Verdict.REVIEW, Verdict.APPROVED)
WORDS = {Verdict.REJECTED: "rejected", Verdict.REVIEW: "for review", Verdict.APPROVED: "approved"}


@dataclass(frozen=True, kw_only=True)
class PageRow:
    """One render on the page."""

    label: str
    recipe: str
    verdict: Verdict
    reasons: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class SuiteSection:
    """One suite on the page: its rules and what was found. Lines without evaluated rows say that nothing is known of them."""

    rules: RuleSet
    lines: tuple[ExpectationLine, ...]

    @property
    def met(self) -> int:
        """Expectations that every render meets."""
        return sum(line.is_met for line in self.lines)


def cell_page(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    rule_sets: Sequence[RuleSet],
    measured: Sequence[Mapping[str, Any]] = (),
    *,
    run: str = "",
) -> str:
    """The page of one cell, from stored verdicts and measurements.

    rows: verdicts, each with `sku`, `recipe`, `idx`, `verdict`, `reasons` (plain data) and, where known, `judged_at`. measured: the rows of the
    measurement table, of the same renders. run: the run that wrote the page.
    """
    shown = [
        PageRow(label=f"{row['sku']} {row['idx']}", recipe=row["recipe"], verdict=Verdict(row["verdict"]), reasons=tuple(row["reasons"]))
        for row in rows
    ]
    times = sorted(row["judged_at"] for row in rows if row.get("judged_at") is not None)
    labeled = [{**row, "label": f"{row['sku']} {row['idx']}"} for row in measured]
    sections = [
        SuiteSection(rules=rules, lines=tuple(expectation_lines([row for row in labeled if row["recipe"] == rules.recipe], rules)))
        for rules in rule_sets
    ]
    counts = Counter(row.verdict for row in shown)
    codes = Counter((reason["code"], reason["severity"]) for row in shown for reason in row.reasons)
    doubtful = sorted((row for row in shown if row.verdict != Verdict.APPROVED), key=lambda row: (ORDER.index(row.verdict), row.label))
    approved = sorted(f"{row.label}, {row.recipe}" if len(rule_sets) > 1 else row.label for row in shown if row.verdict == Verdict.APPROVED)
    total = len(shown)
    return _environment().get_template("gate_page.html.j2").render(
        title=title,
        run=run,
        judged=[f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in dict.fromkeys(times[:1] + times[-1:])],
        total=total,
        verdicts=[(str(verdict), WORDS[verdict], counts.get(verdict, 0), 100 * counts.get(verdict, 0) / max(1, total)) for verdict in ORDER],
        codes=[(code, severity, count, 100 * count / max(1, total)) for (code, severity), count in codes.most_common()],
        doubtful=doubtful[:MAX_DETAILED],
        doubtful_more=max(0, len(doubtful) - MAX_DETAILED),
        words=WORDS,
        approved=approved[:MAX_LISTED],
        approved_more=max(0, len(approved) - MAX_LISTED),
        sections=sections,
        measurement_version=MEASUREMENT_VERSION,
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
