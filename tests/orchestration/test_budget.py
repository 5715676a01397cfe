"""A budget stops a backfill cleanly: whole cells only, in order, and it says what it cannot pay for."""

import datetime as dt
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.catalog import refresh_catalog
from assets.needs import CellNeed, need_of
from assets.planning import known_cells, plan_cell
from orchestration.schedules import build_schedules
from orchestration.stale import DEFAULT_SECONDS_PER_ITEM, affordable, quoted_usd, seconds_per_item
from resources.ledger import Ledger
from resources.project import VitrineResource, open_project
from resources.settings import read_settings
from tests.tiny_project import write_project


@pytest.fixture
def project(tmp_path):
    settings = SimpleNamespace(costs=SimpleNamespace(usd_per_hour=3600.0))  # one dollar a second
    return SimpleNamespace(ledger=Ledger.in_folder(tmp_path), settings=settings)


def cell(drop, **needs):
    return CellNeed(category="mugs", drop=drop, **needs)


def test_a_cell_whose_photos_are_unknown_is_quoted_as_if_every_photo_were_good(project):
    seconds = DEFAULT_SECONDS_PER_ITEM
    plan = cell("2026-11-01", to_screen=2, to_render={"packshot_white": 2, "staged_scene": 4})
    per_photo = seconds["screen"] + seconds["cut out"] + 3 * (seconds["render"] + seconds["judge"] + seconds["publish"])
    assert quoted_usd(project, plan, seconds) == pytest.approx(2 * per_photo)


def test_a_changed_rule_costs_judging_only(project):
    plan = cell("2026-11-01", to_judge={"packshot_white": 1, "staged_scene": 2})
    assert quoted_usd(project, plan, DEFAULT_SECONDS_PER_ITEM) == pytest.approx(3 * DEFAULT_SECONDS_PER_ITEM["judge"])


def test_measured_seconds_replace_the_shipped_ones(project):
    row = {"category": "mugs", "drop": None, "activity": "render", "item_count": 4, "seconds": 2.0, "usd": 0.0}
    project.ledger.spend(row)
    assert seconds_per_item(project)["render"] == pytest.approx(0.5)
    assert seconds_per_item(project)["judge"] == DEFAULT_SECONDS_PER_ITEM["judge"]


def test_a_budget_pays_for_whole_cells_in_order_and_counts_what_is_left(project):
    plans = [cell(f"2026-11-0{n}", to_judge={"x": 10}) for n in range(1, 5)]
    price = quoted_usd(project, plans[0], seconds_per_item(project))
    chosen, too_dear = affordable(project, plans, budget_usd=2.5 * price, max_cells=300)
    assert [plan.drop for plan in chosen] == ["2026-11-01", "2026-11-02"]
    assert too_dear == []


def test_a_cell_dearer_than_the_whole_budget_does_not_hold_up_the_others(project):
    """The nightly backfill stopped at the first cell that did not fit; when that one never could, no later cell was ever done."""
    plans = [cell("2026-11-01", to_judge={"x": 100}), cell("2026-11-02", to_judge={"x": 1}), cell("2026-11-03", to_judge={"x": 1})]
    price = quoted_usd(project, plans[1], seconds_per_item(project))
    chosen, too_dear = affordable(project, plans, budget_usd=2 * price, max_cells=300)
    assert [plan.drop for plan in chosen] == ["2026-11-02", "2026-11-03"]
    assert [plan.drop for plan in too_dear] == ["2026-11-01"]


def test_the_weekly_refresh_trains_what_its_budget_pays_for(tmp_path):
    """`lora_refresh.budget_usd` was read and ignored."""
    folder = write_project(tmp_path / "project")
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("costs: {usd_per_hour: 36.0}\nlora_refresh: {cron: '0 3 * * 0', budget_usd: 0.5}\n")  # one LoRA: 100 s, one dollar
    refresh_catalog(open_project(folder))

    def asked():
        (schedule,) = build_schedules(read_settings(folder))
        vitrine = VitrineResource(project_dir=str(folder))
        with dg.build_schedule_context(scheduled_execution_time=dt.datetime(2026, 11, 22, 3), resources={"vitrine": vitrine}) as context:
            return list(schedule(context))

    (skipped,) = asked()
    assert "1 LoRAs are due, one costs about 1.0000 USD" in skipped.skip_message
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("budget_usd: 0.5", "budget_usd: 1.5"))
    (request,) = asked()
    assert request.partition_key == "mugs"


def test_a_quote_counts_the_variants_that_a_product_can_have(tmp_path):
    """A recipe's `variants` is only an upper bound: a brand with one backdrop gets one picture, not three."""
    folder = write_project(tmp_path / "project")
    brand = folder / "brand.yaml"
    one_backdrop = brand.read_text().replace('["#e8c39a", "#f3e2c8"]', '["#e8c39a"]')
    brand.write_text(one_backdrop.replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white, backdrop]", 1))
    project = open_project(folder)
    assert project.recipe_book["backdrop"].variants > 1, "nothing to tell apart"
    refresh_catalog(project)
    (plan,) = (plan_cell(project, *cell) for cell in known_cells(project))
    need = need_of(plan, to_publish=0)
    assert (need.to_screen, need.to_render) == (2, {"packshot_white": 2, "backdrop": 2 * 1})


def test_a_budget_of_nothing_pays_for_nothing(project):
    plans = [cell("2026-11-01", to_judge={"x": 1})]
    assert affordable(project, plans, budget_usd=0.0, max_cells=300) == ([], plans)


def test_a_night_never_starts_more_cells_than_it_may(project):
    plans = [cell(f"2026-11-{n:02}", to_judge={"x": 1}) for n in range(1, 11)]
    chosen, too_dear = affordable(project, plans, budget_usd=1e6, max_cells=3)
    assert (len(chosen), too_dear) == (3, [])
