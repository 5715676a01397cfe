"""The page of a judged cell: everything escaped, reasons in words, small enough to mail."""

import pandas as pd

from quality.gate import run_gate
from quality.gate_page import cell_page, gate_page_html
from quality.rules import read_rules
from tests.quality.test_gate import RULES, row


def test_the_page_shows_counts_reasons_and_rules():
    result = run_gate(pd.DataFrame([row("good"), row("too-red", delta_e_mean=4.0), row("tight", fill_pct=79)]), RULES)
    page = gate_page_html(result.judgments, RULES, result.statistics)
    for words in ("1 rejected", "1 for review", "1 approved", "too-red", "4 where at most 3 is asked.", "COLOR_OFF", RULES.digest[:12]):
        assert words in page


def test_wide_tables_can_be_scrolled_by_keyboard_and_their_heads_are_heads():
    result = run_gate(pd.DataFrame([row("good"), row("too-red", delta_e_mean=4.0)]), RULES)
    page = gate_page_html(result.judgments, RULES, result.statistics)
    assert page.count('class="wrap"') == page.count('role="region" tabindex="0" aria-label=') == 3
    assert "<th>" not in page and '<th class="num">' not in page


def test_product_text_cannot_become_markup():
    hostile = "<script>alert(1)</script>"
    result = run_gate(pd.DataFrame([row(hostile, delta_e_mean=9.0)]), RULES)
    page = gate_page_html(result.judgments, RULES, result.statistics)
    assert hostile not in page and "&lt;script&gt;" in page


def test_a_full_cell_stays_below_200_kilobytes():
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
    page = cell_page(
        "mugs | 2026-11-21", rows, [read_rules("packshot_white"), read_rules("backdrop"), read_rules("staged_scene"), read_rules("recolor")]
    )
    assert len(page.encode()) < 200_000
    assert "1850 more" in page and "2000 rejected" in page


def test_an_empty_cell_has_a_page_too():
    assert "0 renders judged" in cell_page("mugs | 2026-11-21", [], [read_rules("packshot_white")])
