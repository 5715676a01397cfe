"""A budget stops a backfill cleanly: whole cells only, in order, and it says what is left."""

from types import SimpleNamespace

import pytest

from assets.planning import CellPlan
from orchestration.stale import DEFAULT_SECONDS_PER_ITEM, affordable, quoted_usd, seconds_per_item
from resources.ledger import Ledger


@pytest.fixture
def project(tmp_path):
    recipes = (SimpleNamespace(variants=1), SimpleNamespace(variants=2))
    settings = SimpleNamespace(costs=SimpleNamespace(usd_per_hour=3600.0))  # one dollar a second
    return SimpleNamespace(ledger=Ledger.in_folder(tmp_path), recipes=recipes, settings=settings)


def cell(drop, **needs):
    return CellPlan(category="mugs", drop=drop, **needs)


def test_a_cell_whose_photos_are_unknown_is_quoted_as_if_every_photo_were_good(project):
    seconds = DEFAULT_SECONDS_PER_ITEM
    plan = cell("2026-11-01", photos_to_screen=[{}, {}])
    per_photo = seconds["screen"] + seconds["cut out"] + 3 * (seconds["render"] + seconds["judge"] + seconds["publish"])
    assert quoted_usd(project, plan, seconds) == pytest.approx(2 * per_photo)


def test_a_changed_rule_costs_judging_only(project):
    plan = cell("2026-11-01", to_judge=["a", "b", "c"])
    assert quoted_usd(project, plan, DEFAULT_SECONDS_PER_ITEM) == pytest.approx(3 * DEFAULT_SECONDS_PER_ITEM["judge"])


def test_measured_seconds_replace_the_shipped_ones(project):
    row = {"category": "mugs", "drop": None, "activity": "render", "item_count": 4, "seconds": 2.0, "usd": 0.0}
    project.ledger.spend(row)
    assert seconds_per_item(project)["render"] == pytest.approx(0.5)
    assert seconds_per_item(project)["judge"] == DEFAULT_SECONDS_PER_ITEM["judge"]


def test_a_budget_pays_for_whole_cells_in_order_and_counts_what_is_left(project):
    plans = [cell(f"2026-11-0{n}", to_judge=["x"] * 10) for n in range(1, 5)]
    price = quoted_usd(project, plans[0], seconds_per_item(project))
    chosen, left = affordable(project, plans, budget_usd=2.5 * price, max_cells=300)
    assert [plan.drop for plan in chosen] == ["2026-11-01", "2026-11-02"]
    assert left == 2


def test_a_budget_of_nothing_pays_for_nothing(project):
    plans = [cell("2026-11-01", to_judge=["x"])]
    assert affordable(project, plans, budget_usd=0.0, max_cells=300) == ([], 1)


def test_a_night_never_starts_more_cells_than_it_may(project):
    plans = [cell(f"2026-11-{n:02}", to_judge=["x"]) for n in range(1, 11)]
    chosen, left = affordable(project, plans, budget_usd=1e6, max_cells=3)
    assert (len(chosen), left) == (3, 7)
