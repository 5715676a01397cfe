"""How near a measurement is to its bound: the sign follows the verdict, the size is relative to the bound."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.verdict import Verdict
from quality.gate import judge_table
from quality.margins import deciding_margin, margins_of
from tests.quality.test_gate import RULES, row


def margin(code, **changes):
    return next(one for one in margins_of(row(**changes), RULES) if one.code == code)


@pytest.mark.parametrize(
    ("fill_pct", "expected", "is_broken", "is_critical", "required"),
    [
        (88, (95 - 88) / 95, False, False, "80 to 95 %"),  # the nearer of both bounds
        (80, 0.0, False, False, "80 to 95 %"),  # on the bound is inside
        (78, (78 - 80) / 80, True, False, "80 to 95 %"),  # a person looks: against the bound for that
        (74, (74 - 75) / 75, True, True, "75 to 97 %"),
        (99, (97 - 99) / 97, True, True, "75 to 97 %"),
    ],
)
def test_the_margin_is_relative_to_the_bound_that_decides(fill_pct, expected, is_broken, is_critical, required):
    found = margin("FILL", fill_pct=fill_pct)
    assert found.margin == pytest.approx(expected)
    assert (found.is_broken, found.is_critical, found.required, found.measured) == (is_broken, is_critical, required, fill_pct)


def test_words_and_what_was_not_measured_have_no_margin():
    assert margin("FORMAT", file_format="GIF").margin is None
    assert margin("FORMAT", file_format="GIF").is_broken
    unknown = margin("COLOR_OFF", delta_e_mean=None)
    assert (unknown.margin, unknown.is_broken, unknown.is_critical) == (None, True, True)


def test_a_rule_that_does_not_apply_has_no_margin():
    assert "SHADOW" in [one.code for one in margins_of(row(), RULES)]
    assert "SHADOW" not in [one.code for one in margins_of(row(expected_known=0.0), RULES)]


def test_an_approved_render_is_as_near_as_its_nearest_rule():
    found = deciding_margin(margins_of(row(delta_e_mean=2.97), RULES))
    assert (found.code, found.margin) == ("COLOR_OFF", pytest.approx(0.01))


def test_a_rejected_render_is_as_far_as_its_worst_rejecting_rule():
    """A warning that is broken further does not decide: without it the render would be rejected all the same."""
    found = deciding_margin(margins_of(row(delta_e_mean=3.3, fill_pct=74, ssim=0.1), RULES))
    assert (found.code, found.margin) == ("COLOR_OFF", pytest.approx(-0.1))
    assert deciding_margin(margins_of(row(delta_e_mean=3.3, file_format="GIF"), RULES)) is None


number = st.none() | st.floats(-5, 120)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(number, number, number, st.sampled_from([None, "PNG", "GIF"]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=12)
)
def test_margins_and_great_expectations_agree_on_every_verdict(values):
    rows = [
        row(str(n), fill_pct=fill, delta_e_mean=delta, ssim=ssim, file_format=file_format, expected_known=known)
        for n, (fill, delta, ssim, file_format, known) in enumerate(values)
    ]
    for judged, measured in zip(judge_table(pd.DataFrame(rows), RULES), rows, strict=True):
        broken = [one for one in margins_of(measured, RULES) if one.is_broken]
        assert judged.verdict == (
            Verdict.REJECTED if any(one.is_critical for one in broken) else Verdict.REVIEW if broken else Verdict.APPROVED
        )
        assert all((one.margin is None) or (one.margin < 0) == one.is_broken for one in margins_of(measured, RULES))
