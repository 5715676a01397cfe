"""Judging tables: Great Expectations against plain pandas, and everything that must never be approved."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import GateError
from catalog.verdict import Verdict
from quality.gate import judge_table, run_gate
from quality.rules import Rule, RuleSet

DATE = "2026-11-21"


def a_rule(column, code, **bounds):
    return Rule.model_validate(
        {"column": column, "code": code, "reason": "{measured} where {required} is asked.", "source": "a test", "date": DATE, **bounds}
    )


RULES = RuleSet(
    recipe="packshot_white",
    background="white",
    rules=(
        a_rule("fill_pct", "FILL", min=75, max=97, review_min=80, review_max=95),
        a_rule("delta_e_mean", "COLOR_OFF", max=3),
        a_rule("ssim", "CHANGED", min=0.8, severity="warning"),
        a_rule("file_format", "FORMAT", values=["JPEG", "PNG"]),
        a_rule("shadow_lost_delta_l", "SHADOW", max=3.5, when="expected_known"),
    ),
)


def row(render_id="a", **changes):
    good = {"fill_pct": 86.0, "delta_e_mean": 0.4, "ssim": 0.97, "file_format": "PNG", "shadow_lost_delta_l": 0.1, "expected_known": 1.0}
    return {"render_id": render_id, **good, **changes}


def judge(*rows):
    return judge_table(pd.DataFrame(rows), RULES)


def codes(judgment):
    return [reason.code for reason in judgment.reasons]


def test_a_picture_that_meets_every_rule_is_approved():
    (judgment,) = judge(row())
    assert judgment.verdict == Verdict.APPROVED and judgment.reasons == ()
    assert judgment.measurements["fill_pct"] == 86.0


def test_a_broken_rule_rejects_and_says_why_in_words():
    (judgment,) = judge(row(delta_e_mean=4.25))
    (reason,) = judgment.reasons
    assert judgment.verdict == Verdict.REJECTED
    assert (reason.code, reason.measured, reason.severity) == ("COLOR_OFF", 4.25, "critical")
    assert reason.message == "4.25 where at most 3 is asked."


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"delta_e_mean": 3.0004}, "3.0004 where at most 3"), ({"fill_pct": 74.996}, "74.996 % where 75"),
    ({"ssim": 0.79996}, "0.79996 where at least 0.8")],
)  # fmt: skip
def test_a_near_miss_does_not_read_like_a_hit(changes, said):
    (reason,) = judge(row(**changes))[0].reasons
    assert reason.message.startswith(said)


def test_between_the_bounds_a_person_looks():
    (judgment,) = judge(row(fill_pct=78))
    assert judgment.verdict == Verdict.REVIEW
    assert judgment.reasons[0].required == "80 to 95 %"


def test_beyond_both_bounds_the_render_is_rejected_once():
    (judgment,) = judge(row(fill_pct=60))
    assert judgment.verdict == Verdict.REJECTED
    assert codes(judgment) == ["FILL"]


def test_a_warning_alone_asks_for_review():
    assert judge(row(ssim=0.5))[0].verdict == Verdict.REVIEW


def test_an_unmeasured_column_is_never_approved():
    nothing = [None, float("nan"), float("inf"), float("-inf"), ""]
    columns = ["fill_pct", "delta_e_mean", "ssim", "file_format", "shadow_lost_delta_l"]
    judgments = judge(*(row(f"{column} {value!r}", **{column: value}) for column in columns for value in nothing))
    assert len(judgments) == 25
    for judgment in judgments:
        assert judgment.verdict == Verdict.REJECTED, judgment.render_id
        assert [code.endswith("_not_measured") for code in codes(judgment)] == [True], judgment.render_id


def test_a_number_given_as_words_is_not_measured():
    assert codes(judge(row(ssim="good"))[0]) == ["CHANGED_not_measured"]


def test_a_rule_for_known_expectations_leaves_other_renders_alone():
    judgments = judge(row("a", expected_known=0.0, shadow_lost_delta_l=None), row("b", shadow_lost_delta_l=9.0))
    assert [j.verdict for j in judgments] == [Verdict.APPROVED, Verdict.REJECTED]


def test_a_render_that_does_not_say_what_is_known_stops_the_gate():
    with pytest.raises(GateError, match="expected_known must be 0 or 1"):
        judge(row(expected_known=None))


def test_an_empty_table_is_refused():
    with pytest.raises(GateError, match="no rows"):
        judge_table(pd.DataFrame([row()]).head(0), RULES)


def test_a_missing_column_is_named():
    with pytest.raises(GateError, match=r"lacks delta_e_mean, ssim; it has \d+ others"):
        judge_table(pd.DataFrame([row()]).drop(columns=["ssim", "delta_e_mean"]), RULES)


@pytest.mark.parametrize("ids", [["a", "a"], ["a", None], ["a", ""]])
def test_renders_without_a_name_of_their_own_are_refused(ids):
    with pytest.raises(GateError, match="render_id of its own"):
        judge(*(row(i) for i in ids))


def test_judgments_come_in_the_order_of_the_table_and_count_up():
    result = run_gate(pd.DataFrame([row("z"), row("a", delta_e_mean=9), row("m", ssim=0.1)]), RULES)
    assert [j.render_id for j in result.judgments] == ["z", "a", "m"]
    assert (result.statistics["approved"], result.statistics["review"], result.statistics["rejected"]) == (1, 1, 1)
    assert result.statistics["reasons"] == {"COLOR_OFF": 1, "CHANGED": 1}


def test_judgments_are_plain_data():
    import json

    frame = pd.DataFrame([row("a", fill_pct=np.float32(50.0))])
    assert json.loads(json.dumps(judge_table(frame, RULES)[0].as_dict()))["verdict"] == "rejected"


numbers = st.one_of(st.none(), st.just(float("nan")), st.floats(-5, 120, width=32))
rows = st.lists(
    st.fixed_dictionaries(
        {
            "fill_pct": numbers, "delta_e_mean": numbers, "ssim": numbers, "shadow_lost_delta_l": numbers,
            "expected_known": st.sampled_from([0.0, 1.0]), "file_format": st.sampled_from(["JPEG", "PNG", "GIF", None]),
        }
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows)
def test_great_expectations_agrees_with_plain_pandas(table):
    frame = pd.DataFrame(table).assign(render_id=[f"r{i}" for i in range(len(table))])
    judged = {j.render_id: j.verdict for j in judge_table(frame, RULES)}
    assert judged == plain_verdicts(frame)


def plain_verdicts(frame):
    """The same rules by masks, written without a look at the gate."""
    rejected = pd.Series(False, index=frame.index)
    review = pd.Series(False, index=frame.index)
    for rule in RULES.rules:
        values = frame[rule.column]
        applies = frame["expected_known"] == 1.0 if rule.when == "expected_known" else pd.Series(True, index=frame.index)
        if rule.values is not None:
            broken, unsure = ~values.isin(rule.values) & values.notna(), pd.Series(False, index=frame.index)
        else:
            values = values.astype("float64")
            broken = (values < (rule.min if rule.min is not None else -np.inf)) | (values > (rule.max if rule.max is not None else np.inf))
            unsure = (values < (rule.review_min if rule.review_min is not None else -np.inf)) | (
                values > (rule.review_max if rule.review_max is not None else np.inf)
            )
        rejected |= applies & (values.isna() | (broken if rule.severity == "critical" else False))
        review |= applies & (unsure | (broken if rule.severity == "warning" else False))
    return {
        name: Verdict.REJECTED if no else Verdict.REVIEW if maybe else Verdict.APPROVED
        for name, no, maybe in zip(frame["render_id"], rejected, review, strict=True)
    }


def test_rows_with_and_without_an_expected_picture_are_judged_alike_together_and_apart():
    """A rule that applies to no row of a table is not asked of it, and one that applies to all needs no condition."""
    rows = [
        row("with", shadow_lost_delta_l=5.0),
        row("without", shadow_lost_delta_l=5.0, expected_known=0.0),
        row("null", shadow_lost_delta_l=None),
    ]
    together = judge(*rows)
    assert [codes(judgment) for judgment in together] == [["SHADOW"], [], ["SHADOW_not_measured"]]
    assert [judge(one)[0] for one in rows] == together
