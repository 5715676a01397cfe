"""Rules compiled to a Great Expectations suite: one per brand, recipe, channel and version, each expectation with its reason, source and date.

Running a suite is `expectations.py`; what its findings mean is `gate.py`.
"""

import json
from typing import TYPE_CHECKING, Any, Literal

from quality.quick_expectations import expectation_kinds
from quality.rules import Rule, RuleSet

if TYPE_CHECKING:
    import pandas as pd

Step = Literal["broken", "review", "missing"]


def expectations_of(rules: RuleSet, table: "pd.DataFrame | None" = None) -> list[Any]:
    """The suite's expectations: per rule a bound, for some a review bound, and the not-null twin (bounds alone ignore nulls).

    With the table that is to be judged, a rule that applies to no row of it is left out, and one that applies to every row has no condition:
    evaluating conditions took a quarter of the time, and a cell's renders all have the same evidence. Needs a context (see `expectations.py`).
    """
    kinds = expectation_kinds()
    out: list[Any] = [kinds.unique(column="render_id", meta={"rule": -1, "step": "broken", "code": "RENDER_ID"})]
    for index, rule in enumerate(rules.rules):
        common = _condition(rule, table)
        if common is None:
            continue
        common["column"] = rule.column
        if rule.values is not None:
            allowed = list(rule.values)
            meta = _meta(index, rule, "broken")
            out.append(kinds.in_set(**common, value_set=allowed, severity=rule.severity, meta=meta))
        else:
            bounds = {"min_value": rule.min, "max_value": rule.max}
            out.append(kinds.between(**common, **bounds, severity=rule.severity, meta=_meta(index, rule, "broken")))
        if rule.review_min is not None or rule.review_max is not None:
            bounds = {"min_value": rule.review_min, "max_value": rule.review_max}
            out.append(kinds.between(**common, **bounds, severity="warning", meta=_meta(index, rule, "review")))
        out.append(kinds.not_null(**common, severity=rule.severity_unmeasured, meta=_meta(index, rule, "missing")))
    return out


def _condition(rule: Rule, table: "pd.DataFrame | None") -> dict[str, Any] | None:
    """The arguments that say to which rows a rule applies; None when to no row of the table."""
    from great_expectations.expectations.row_conditions import Column as Row

    if rule.condition is None:
        return {}
    column, wanted = rule.condition
    if table is not None:
        applies = table[column] == wanted
        if not applies.any():
            return None
        if applies.all():
            return {}
    return {"row_condition": Row(column) == wanted}


def _meta(index: int, rule: Rule, step: Step) -> dict[str, Any]:
    """What an expectation carries: which rule it is of and which step, and for people the reason, its source and its dates."""
    days = {name: str(value) for name in ("url", "starts", "until") if (value := getattr(rule, name, None)) is not None}
    told = {"code": rule.code, "reason": rule.reason, "unit": rule.documented.unit, "source": rule.source, "date": str(rule.date)}
    return {"rule": index, "step": step, **told, **days}


def suite_json(rules: RuleSet) -> dict[str, Any]:
    """The suite as Great Expectations writes it, for one's own context: `context.suites.add(gx.ExpectationSuite(**suite_json))`.

    Rules that hold only for some renders have row conditions on `expected_known` or `text_known`. The suite's meta names brand, recipe, channel and versions.
    """
    from quality.expectations import suite_of

    suite = suite_of(rules.suite_name, lambda: expectations_of(rules))
    suite.meta = {**(suite.meta or {}), **rules.about}
    content: dict[str, Any] = json.loads(json.dumps(suite.to_json_dict()))
    for one in content["expectations"]:
        one.pop("id", None)  # drawn anew each time
    content.pop("id", None)
    return content
