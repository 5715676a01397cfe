"""The report's numbers in words and tables: what each panel says, and that it says nothing it does not know."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest

from catalog.verdict import Verdict
from catalog.yield_numbers import CatalogNumbers, Decided, LoraYield, Outcome, Yield, ranked_reasons, review_times
from publishing.report import write_report
from publishing.report_numbers import number_panels
from tests.publishing.page_check import Page
from tests.publishing.test_charts import EVIL, parsed
from tests.publishing.test_report import report_data

A, D, R = Verdict.APPROVED, Verdict.REVIEW, Verdict.REJECTED
DAY = dt.date(2026, 11, 18)
TITLES = {"mugs": "Mugs", "bags": "Bags"}


def yields(right=0, late=0, review=0, rejected=0, usd=0.0):
    outcomes = {
        Outcome(gate_verdict=A, verdict=A, first_pass=True): right,
        Outcome(gate_verdict=D, verdict=A, first_pass=False, decided=True): late,
        Outcome(gate_verdict=D, verdict=D, first_pass=False): review,
        Outcome(gate_verdict=R, verdict=R, first_pass=False): rejected,
    }
    return Yield(outcomes=Counter({one: count for one, count in outcomes.items() if count}), usd=usd)


def numbers(**parts):
    nothing = {"category_usd": {}, "days": {}, "category_days": {}, "recipe_days": {}, "loras": (), "reasons": (), "recipe_reasons": {}}
    review, by_category, by_day = review_times(parts.pop("decisions", []))
    cells, whole = parts.pop("cells", {}), Yield()
    for one in cells.values():
        whole += one
    whole.usd = sum(parts.get("category_usd", {}).values())
    times = {"review": review, "review_by_category": by_category, "review_by_day": by_day}
    return CatalogNumbers(whole=whole, cells=cells, **{**nothing, **times, **parts})


def panels(**parts):
    return {panel.name: panel for panel in number_panels(numbers(**parts), TITLES, {})}


def lora(version, category="mugs", **counts):
    made = dt.datetime(2026, 10, version, 9)
    return LoraYield(
        category=category, version=version, lora_digest=f"{version}", made_at=made, in_use=version == 2, outcomes=yields(**counts)
    )


def test_where_nothing_is_known_there_is_no_panel():
    assert panels() == {}
    assert panels(cells={("mugs", "backdrop"): Yield()}, category_usd={"mugs": 0.0}) == {}


def test_the_last_week_is_told_against_the_one_before():
    days = {
        DAY: yields(right=8, late=1, rejected=1),
        DAY - dt.timedelta(days=3): yields(right=10),
        DAY - dt.timedelta(days=7): yields(right=1, rejected=1),
    }
    panel = panels(days=days)["rates"]
    assert panel.said == (
        "In the seven days to Nov 18, 95 % were approved and 90 % right at once, of 20 renders. "
        "First-pass yield is 40 points above the seven days before."
    )
    assert [row[0] for row in panel.rows] == ["Nov 18, 2026", "Nov 15, 2026", "Nov 11, 2026"]
    assert panel.rows[0] == ("Nov 18, 2026", "10", "9", "0", "1", "90 %", "80 %")
    assert len(panel.head) == len(panel.rows[0])


def test_one_day_is_told_as_one_day():
    panel = panels(days={DAY: yields(right=3, rejected=1)})["rates"]
    assert panel.said == "On Nov 18, 75 % were approved and 75 % right at once, of 4 renders."


def test_long_histories_are_drawn_by_the_week():
    days = {DAY - dt.timedelta(days=n): yields(right=1) for n in range(130)}
    panel = panels(days=days)["rates"]
    assert panel.head[0] == "Week of"
    assert panel.rows[0][:2] == ("Nov 16, 2026", "3")
    assert sum(int(row[1]) for row in panel.rows) == 130


def test_small_charts_need_two_weeks_and_name_who_moved():
    before = DAY - dt.timedelta(days=7)
    once = {("mugs", DAY): yields(right=1)}
    assert "category-rates" not in panels(category_days=once)
    both = {
        ("mugs", before): yields(right=1, rejected=1),
        ("mugs", DAY): yields(right=1),
        ("bags", before): yields(right=1),
        ("bags", DAY): yields(right=3, rejected=1),
    }
    panel = panels(category_days=both)["category-rates"]
    assert panel.said == "First-pass yield in the last week against the weeks before: Mugs +50 points, Bags −25 points."
    assert panel.rows[0] == ("Bags, Nov 16, 2026", "4", "75 %", "75 %")
    parsed(panel.chart)


def test_verdicts_are_listed_worst_first_and_told_from_worst_to_best():
    found = panels(cells={("bags", "backdrop"): yields(right=9, rejected=1), ("mugs", "backdrop"): yields(right=1, late=1, review=2)})
    panel = found["category-verdicts"]
    assert panel.said == "From 50 % approved (Mugs) to 90 % (Bags)."
    assert panel.rows[1] == ("Mugs", "4", "2", "2", "0", "50 %", "25 %", "25 %")
    assert [one.text for one in parsed(panel.chart).iter("text")][:2] == ["Mugs", "50 % of 4"]
    assert found["recipe-verdicts"].said == "79 % approved."


def test_few_reasons_are_told_as_few():
    ranked = ranked_reasons({"a": 8, "b": 1, "c": 1}, {"a": EVIL}, 9)
    panel = panels(reasons=ranked)["reasons"]
    assert panel.said == "1 of 3 reasons makes up 80 % of what the gate says."
    assert panel.rows[0] == (EVIL, "a", "8", "89 %", "80 %")


def test_cost_counts_all_that_was_spent_and_says_where_nothing_came_of_it():
    cells = {("mugs", "backdrop"): yields(right=4), ("bags", "backdrop"): yields(rejected=2)}
    panel = panels(cells=cells, category_usd={"mugs": 2.0, "bags": 1.0})["costs"]
    assert panel.said == "$0.75 over the whole catalog: $3.00 for 4 images."
    assert panel.rows == (("Mugs", "$2.00", "4", "$0.50"), ("Bags", "$1.00", "0", "–"))
    assert "nothing approved, $1.00 spent" in [one.text for one in parsed(panel.chart).iter("text")]
    nothing = panels(cells={("bags", "backdrop"): yields(rejected=2)}, category_usd={"bags": 1.0})["costs"]
    assert nothing.said == "Nothing is approved by the rules in force; $1.00 were spent."


def test_the_newest_lora_is_compared_with_the_one_before():
    one = panels(loras=(lora(1, right=1, rejected=1),))["loras"]
    assert one.said == "One version of each category has been drawn with so far."
    two = panels(loras=(lora(1, right=1, rejected=1), lora(2, right=3, rejected=1), lora(3)))["loras"]
    assert two.said == "In 1 of 1 categories the newest version is right at once more often than the one before."
    assert two.rows[1] == ("Mugs 2", "2026-10-02", "in use", "4", "75 %", "75 %")
    assert two.rows[2][3:] == ("0", "–", "–")
    assert [text.text for text in parsed(two.chart).iter("text") if (text.get("class") or "") == "row-name"] == ["Mugs 1", "Mugs 2, in use"]


def test_the_lora_in_use_is_compared_also_when_it_is_an_older_one():
    """After a rollback the chart showed the two newest versions, and not the one that pictures are drawn with."""
    many = panels(loras=tuple(lora(version, right=version, rejected=1) for version in (1, 2, 3, 4)))["loras"]
    names = [text.text for text in parsed(many.chart).iter("text") if (text.get("class") or "") == "row-name"]
    assert names == ["Mugs 2, in use", "Mugs 4"]


def test_weeks_of_review_have_no_holes():
    noon = dt.datetime(2026, 11, 2, 12)
    made = [noon, noon + dt.timedelta(seconds=60), noon + dt.timedelta(days=15)]
    panel = panels(decisions=[Decided(reviewer="ann", at=at, category="mugs") for at in made])["review"]
    assert panel.said == "3 decisions: about 3 min, 60 s each."
    assert panel.rows == (("Nov 16, 2026", "1", "1 min"), ("Nov 2, 2026", "2", "2 min"))
    heights = [float(one.get("height")) for one in parsed(panel.chart).iter("rect") if one.get("class") == "bar-a"]
    assert heights[1] == 0.0
    assert heights[0] == pytest.approx(2 * heights[2], abs=0.2)
    single = panels(decisions=[Decided(reviewer="ann", at=noon, category="mugs")])["review"]
    assert single.said == "1 decision: too few to tell how long they took."


def test_the_page_holds_every_panel_once_and_shows_markup_as_text(tmp_path):
    data, _ = report_data(tmp_path)
    found = numbers(
        cells={("mugs", "backdrop"): yields(right=4, usd=1.0)},
        category_usd={"mugs": 1.0},
        days={DAY: yields(right=4)},
        reasons=ranked_reasons({"a": 1}, {"a": EVIL}, 1),
        loras=(lora(1, right=1),),
        decisions=[Decided(reviewer="ann", at=dt.datetime(2026, 11, 2), category="mugs")],
    )
    write_report(replace(data, numbers=found), tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.problems == []
    names = ["rates", "category-verdicts", "recipe-verdicts", "reasons", "costs", "loras", "review"]
    assert [one.removesuffix("-title") for one in page.ids if one.removesuffix("-title") in names] == names
    assert EVIL in page.text
    assert sum(tag == "details" and "numbers" in (values.get("class") or "").split() for tag, values in page.tags) == len(names)
