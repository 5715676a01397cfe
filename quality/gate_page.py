"""One self-contained HTML page that shows a judged cell: counts, reasons ranked, every doubtful render in words, and the rules in force.

Shows no pictures (the contact sheet and the report do) and loads nothing from elsewhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from catalog.verdict import Verdict
from quality.columns import COLUMNS, MEASUREMENT_VERSION
from quality.gate import UNMEASURED, Judgment
from quality.rules import RuleSet

MAX_DETAILED = 150
"""Doubtful renders shown with every reason; beyond, the page says how many more there are. Keeps it below 200 KB."""
MAX_LISTED = 600
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


def gate_page_html(judgments: Sequence[Judgment], rules: RuleSet, statistics: Mapping[str, Any]) -> str:
    """The page of one judged table. `statistics` from `gate.run_gate`."""
    rows = [
        PageRow(label=j.render_id, recipe=rules.recipe, verdict=j.verdict, reasons=tuple(reason.as_dict() for reason in j.reasons))
        for j in judgments
    ]
    evaluated = statistics.get("expectations_evaluated")
    note = f"{statistics['expectations_met']} of {evaluated} expectations met by every render" if evaluated else ""
    return _page(f"{rules.recipe}", rows, [rules], note)


def cell_page(title: str, rows: Sequence[Mapping[str, Any]], rule_sets: Sequence[RuleSet]) -> str:
    """The page of one cell, from stored verdicts: each row has `sku`, `recipe`, `idx`, `verdict` and `reasons` (plain data)."""
    shown = [
        PageRow(label=f"{row['sku']} {row['idx']}", recipe=row["recipe"], verdict=Verdict(row["verdict"]), reasons=tuple(row["reasons"]))
        for row in rows
    ]
    return _page(title, shown, list(rule_sets), "")


def _page(title: str, rows: Sequence[PageRow], rule_sets: Sequence[RuleSet], note: str) -> str:
    counts = Counter(row.verdict for row in rows)
    codes = Counter((reason["code"], reason["severity"]) for row in rows for reason in row.reasons)
    doubtful = sorted((row for row in rows if row.verdict != Verdict.APPROVED), key=lambda row: (ORDER.index(row.verdict), row.label))
    approved = sorted(f"{row.label}, {row.recipe}" if len(rule_sets) > 1 else row.label for row in rows if row.verdict == Verdict.APPROVED)
    return _environment().get_template("gate_page.html.j2").render(
        title=title,
        note=note,
        total=len(rows),
        verdicts=[(str(verdict), WORDS[verdict], counts.get(verdict, 0), 100 * counts.get(verdict, 0) / max(1, len(rows))) for verdict in ORDER],
        codes=[(code, severity, count, 100 * count / max(1, len(rows))) for (code, severity), count in codes.most_common()],
        doubtful=doubtful[:MAX_DETAILED],
        doubtful_more=max(0, len(doubtful) - MAX_DETAILED),
        words=WORDS,
        approved=approved[:MAX_LISTED],
        approved_more=max(0, len(approved) - MAX_LISTED),
        rule_sets=rule_sets,
        broken=Counter((row.recipe, reason["code"].removesuffix(UNMEASURED)) for row in rows for reason in row.reasons),
        columns=COLUMNS,
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
