"""Judge a table of measurements by a set of rules, in one Great Expectations suite. Touches no pixels; see measurements.py.

    frame: one row per render, `render_id` and the columns of `columns.COLUMNS` (for a channel's pack those of its file, too)
    rules: from `rules.read_rules`, or `channel_packs.rules_of_pack`
    out:   one Judgment per row, in the frame's order

Anything that a rule needs and that was not measured is rejected.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.errors import GateError
from catalog.verdict import Reason, Verdict, verdict_of
from quality.columns import LEARNED_COLUMNS, NOT_EVALUATED
from quality.expectations import Validation, validate
from quality.palette import with_palette
from quality.rendition_facts import CHANNEL_COLUMNS, TEXT_COLUMNS
from quality.rules import Rule, RuleSet, format_measured
from quality.suite import Step, expectations_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """What the rules say about one render: verdict, reasons (worst first) and the measurements they rest on."""

    render_id: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    measurements: dict[str, float | str | None]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "render_id": self.render_id,
            "verdict": str(self.verdict),
            "reasons": [reason.as_dict() for reason in self.reasons],
            "measurements": self.measurements,
        }


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Judgments of one table, and what the suite counted."""

    judgments: tuple[Judgment, ...]
    statistics: dict[str, Any]


UNMEASURED = "_not_measured"
"""Ends the code of a rule whose column could not be measured."""


def judge_table(frame: "pd.DataFrame", rules: RuleSet) -> list[Judgment]:
    """One judgment per row of a measurement table. Raises GateError on an empty table, missing columns or unclear render ids."""
    return list(run_gate(frame, rules).judgments)


def run_gate(frame: "pd.DataFrame", rules: RuleSet) -> GateResult:
    """Judgments and suite statistics; see `judge_table`."""
    table = _checked(frame, rules)
    validation = validate(table, lambda: expectations_of(rules, table), name=rules.suite_name, index_column="render_id")
    broken: dict[str, dict[int, Step]] = {}
    for finding in validation.findings:
        index, step = int(finding.meta["rule"]), finding.meta["step"]
        steps = broken.setdefault(finding.index, {})
        # A rule speaks once per render: missing says more than review, broken more than review.
        if steps.get(index) in (None, "review"):
            steps[index] = step
    judgments = []
    for render_id, row in zip(table["render_id"], _plain_rows(table), strict=True):
        reasons = tuple(_reason(rules.rules[i], step, row) for i, step in sorted(broken.get(render_id, {}).items()))
        reasons = tuple(sorted(reasons, key=lambda reason: reason.severity != "critical"))
        judgments.append(Judgment(render_id=render_id, verdict=verdict_of(reasons), reasons=reasons, measurements=row))
    return GateResult(judgments=tuple(judgments), statistics=_statistics(judgments, rules, validation))


def _checked(frame: "pd.DataFrame", rules: RuleSet) -> "pd.DataFrame":
    """The columns that rules need, as numbers and words, with everything that is not a finite number or a word made null."""
    import numpy as np
    import pandas as pd

    if frame.empty:
        raise GateError(f"There is nothing to judge: the measurement table for recipe '{rules.recipe}' has no rows.")
    needed = rules.needed_columns
    missing = sorted(({"render_id"} | needed) - set(frame.columns))
    if missing:
        raise GateError(
            f"The measurement table for recipe '{rules.recipe}' lacks {', '.join(missing)}; it has {len(frame.columns)} "
            "others. Nothing was judged. Measured by another version of Vitrine: measure these pictures again with this one."
        )
    ids = frame["render_id"]
    if ids.isna().any() or (ids.astype(str).str.len() == 0).any() or ids.duplicated().any():
        raise GateError(
            f"Every row needs a render_id of its own: {int(ids.isna().sum())} without, {int(ids.duplicated().sum())} repeated. Nothing was judged."
        )
    if rules.palette:
        frame = with_palette(frame, rules.palette)
    columns: dict[str, Any] = {"render_id": ids.astype(str).to_numpy()}
    for column in [name for name in frame.columns if name in CHANNEL_COLUMNS]:
        values = frame[column]
        if column in TEXT_COLUMNS:
            columns[column] = [value if isinstance(value, str) and value else None for value in values]
        else:
            numbers = pd.to_numeric(values, errors="coerce").astype("float64").to_numpy()
            columns[column] = np.where(np.isfinite(numbers), numbers, np.nan)
    table = pd.DataFrame(columns)
    if "expected_known" in needed and not table["expected_known"].isin((0.0, 1.0)).all():
        raise GateError("Column expected_known must be 0 or 1 in every row: it decides which rules apply. Nothing was judged.")
    for column in {rule.condition[0] for rule in rules.rules if rule.condition is not None} - {"expected_known"}:
        table[column] = table[column].fillna(1.0)  # what is not known to be absent is looked for, and not found
    return table


def _why_unmeasured(rule: Rule, row: dict[str, float | str | None]) -> str:
    family, weights = LEARNED_COLUMNS.get(rule.column), row.get("learned_weights")
    if family is not None and (weights == NOT_EVALUATED or f"{family}:{NOT_EVALUATED}" in str(weights)):
        return (
            f"{rule.column} was not evaluated: no weights installed. Install {family} weights (`learned: {{{family}: FOLDER}}` in vitrine.yaml) "
            "or remove the rule; what is not measured is not approved."
        )
    return f"{rule.column} could not be measured ({rule.documented.meaning}); what is not measured is not approved."


def _reason(rule: Rule, step: Step, row: dict[str, float | str | None]) -> Reason:
    value = row[rule.column]
    if step == "missing" or value is None:
        return Reason(
            code=f"{rule.code}{UNMEASURED}",
            message=_why_unmeasured(rule, row),
            measured=None,
            required=rule.required,
            severity=rule.severity_unmeasured,
        )
    required = rule.required if step == "broken" else rule.review_required
    return Reason(
        code=rule.code,
        message=rule.reason.format(measured=format_measured(value, rule.documented, bounds=rule.bounds), required=required),
        measured=value,
        required=required,
        severity=rule.severity if step == "broken" else "warning",
    )


def _plain_rows(table: "pd.DataFrame") -> Iterator[dict[str, float | str | None]]:
    """The measurements of a checked table, row by row, as plain data; what is null becomes None. By columns, which is several times faster."""
    names = [str(name) for name in table.columns if name != "render_id"]
    columns = [table[name].astype(object).where(table[name].notna(), None).tolist() for name in names]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _statistics(judgments: Sequence[Judgment], rules: RuleSet, validation: Validation) -> dict[str, Any]:
    verdicts = Counter(judgment.verdict for judgment in judgments)
    codes = Counter(reason.code for judgment in judgments for reason in judgment.reasons)
    return {
        "recipe": rules.recipe,
        "rules_digest": rules.digest,
        "renders": len(judgments),
        **{str(verdict): verdicts.get(verdict, 0) for verdict in Verdict},
        "approval_rate": verdicts.get(Verdict.APPROVED, 0) / len(judgments),
        "reasons": dict(codes.most_common()),
        "expectations_evaluated": validation.evaluated,
        "expectations_met": validation.met,
    }
