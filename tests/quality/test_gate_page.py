"""The page of a judged cell: everything escaped, reasons in words, small enough to mail."""

import datetime as dt
import re

import pandas as pd
import pytest

from benchmarks.made_up_measurements import made_up_rows
from quality.gate import judge_table
from quality.gate_page import cell_page
from quality.rules import RULE_FOLDER, read_rules
from tests.quality.test_gate import RULES, row

FOUR = ("packshot_white", "backdrop", "staged_scene", "recolor")
SHIPPED = sorted(path.stem for path in RULE_FOLDER.glob("*.yaml"))
AT = dt.datetime(2026, 11, 21, 12, 30)


def page_of(*rows, **how):
    """The page of renders that are judged here, as a cell's run writes it."""
    judgments = judge_table(pd.DataFrame(rows), RULES)
    named = [{"sku": one.render_id, "recipe": RULES.recipe, "idx": 0} for one in judgments]
    verdicts = [
        {**name, "verdict": str(one.verdict), "reasons": [reason.as_dict() for reason in one.reasons], "judged_at": AT}
        for name, one in zip(named, judgments, strict=True)
    ]
    return cell_page("mugs | 2026-11-21", verdicts, [RULES], [{**one, **name} for one, name in zip(rows, named, strict=True)], **how)


def test_the_page_shows_counts_reasons_and_rules():
    page = page_of(row("good"), row("too-red", delta_e_mean=4.0), row("tight", fill_pct=79), run="run-7")
    for words in ("1 rejected", "1 for review", "1 approved", "too-red", "4 where at most 3 is asked.", "COLOR_OFF", RULES.digest[:12]):
        assert words in page
    for words in (RULES.suite_name, "2026-11-21 12:30:00 UTC", "run-7", "a test, 2026-11-21"):
        assert words in page


def test_every_expectation_tells_what_was_expected_observed_and_the_worst_that_was_not():
    page = page_of(row("good"), row("too-red", delta_e_mean=4.0), row("redder", delta_e_mean=9.0), row("unknown", delta_e_mean=None))
    (line,) = [part for part in page.split("<tr>") if "COLOR_OFF</code><br>" in part and '<td class="mark">' in part]
    for words in ("at most 3", "0.4 – 9", "middle 4", "1 not measured", ">2</b>", "66.7 %", "9 <i", "redder 0"):
        assert words in line, words
    assert line.index("redder") < line.index("too-red"), "the farthest out first"
    assert "4 of 5 met by every render" in page


def test_wide_tables_can_be_scrolled_by_keyboard_and_their_heads_are_heads():
    page = page_of(row("good"), row("too-red", delta_e_mean=4.0))
    assert page.count('class="wrap"') == page.count('role="region" tabindex="0" aria-label=') == 3
    assert "<th>" not in page and '<th class="num">' not in page


def test_the_page_loads_nothing_and_runs_nothing():
    page = page_of(row("good"))
    assert not re.search(r"<script|<link|<img|https?://|@import|url\(", page)


def test_product_text_cannot_become_markup():
    hostile = "<script>alert(1)</script>"
    page = page_of(row(hostile, delta_e_mean=9.0))
    assert hostile not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(("recipes", "most_bytes"), [(FOUR, 200_000), (SHIPPED, 320_000)], ids=("four recipes", "all"))
def test_a_full_cell_stays_small_enough_to_mail(recipes, most_bytes):
    reasons = [
        {"code": f"CODE_{i}", "message": "A sentence of ordinary length with 1.23 and at most 4.56 in it.", "severity": "critical"}
        for i in range(4)
    ]
    rows = [
        {
            "sku": f"SKU-{i:05d}",
            "recipe": "packshot_white",
            "idx": i % 3,
            "verdict": "rejected" if i % 2 else "approved",
            "reasons": reasons if i % 2 else [],
        }
        for i in range(4000)
    ]
    rule_sets = [read_rules(name) for name in recipes]
    measured = [
        {**columns, "sku": f"SKU-{i:05d}", "recipe": rules.recipe, "idx": 0}
        for rules in rule_sets
        for i, columns in enumerate(made_up_rows(rules, 50, broken_share=0.9))
    ]
    page = cell_page("mugs | 2026-11-21", rows, rule_sets, measured)
    assert len(page.encode()) < most_bytes
    assert "1850 more" in page and "2000 rejected" in page


def test_an_empty_cell_has_a_page_too():
    assert "0 renders judged" in cell_page("mugs | 2026-11-21", [], [read_rules("packshot_white")])
