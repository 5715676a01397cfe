"""A budget stops a backfill cleanly: whole cells only, what runs counts, and two who hand out at once cannot spend a dollar twice."""

import datetime as dt
import threading

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration.budgets import MONEY, Asked, free, reserve
from orchestration.campaigns import campaign_named, progress, start_campaign
from orchestration.handing_out import SENSOR, done, hand_out, running_cells
from orchestration.quoting import cell_usd
from orchestration.rates import rates_of
from orchestration.stale import cell_need
from resources.ledger_tables import reservation, spend
from resources.project import open_project
from resources.settings import utc_now
from tests.planned_shop import spent, write_shop

DAYS = [f"2026-11-0{n}" for n in range(1, 6)]


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop", {("mugs", day): 2 for day in DAYS})


def asked(usd, attempt="a|1", campaign=None, category="mugs", tier="economy"):
    return Asked(attempt=attempt, campaign=campaign, category=category, tier=tier, usd=usd)


def try_to_reserve(project, request, now=None):
    with project.ledger.writing(MONEY) as connection:
        return reserve(project, connection, request, now)


def with_budgets(project, text):
    file = project.settings.project_dir / "vitrine.yaml"
    file.write_text(file.read_text() + f"budgets: {text}\n")
    return open_project(project.settings.project_dir)


def cell_price(project):
    return cell_usd(project, cell_need(project, "mugs", DAYS[0]), rates_of(project), tier="economy")


def test_what_was_spent_today_counts_whoever_spent_it(shop):
    project = with_budgets(shop, "{day_usd: 10}")
    spent(project, 7.0, category="hats")
    refusal = try_to_reserve(project, asked(4.0))
    assert (refusal.budget, refusal.limit_usd, refusal.left_usd) == ("the day", 10, 3.0)
    assert try_to_reserve(project, asked(2.9)) is None


def test_yesterdays_money_is_not_todays(shop):
    project = with_budgets(shop, "{day_usd: 10}")
    spent(project, 9.0)
    assert try_to_reserve(project, asked(5.0), now=utc_now() + dt.timedelta(days=1)) is None


def test_what_runs_counts_as_spent_until_it_ends_and_then_what_it_really_took(shop):
    project = with_budgets(shop, "{day_usd: 10}")
    assert try_to_reserve(project, asked(8.0, "a|1")) is None
    assert try_to_reserve(project, asked(3.0, "b|1")).left_usd == pytest.approx(2.0)
    spent(project, 5.0, attempt="a|1")  # of the 8 that are set aside: nothing is counted twice
    assert try_to_reserve(project, asked(3.0, "b|1")).left_usd == pytest.approx(2.0)
    with project.ledger.writing(MONEY) as connection:
        free(connection, "a|1")
    assert try_to_reserve(project, asked(5.0, "b|1")) is None


def test_a_run_that_costs_more_than_it_was_quoted_counts_in_full(shop):
    project = with_budgets(shop, "{day_usd: 10}")
    try_to_reserve(project, asked(2.0, "a|1"))
    spent(project, 9.0, attempt="a|1")
    assert try_to_reserve(project, asked(2.0, "b|1")).left_usd == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("{tier_day_usd: {economy: 3}}", {"tier": "economy"}, {"tier": "express"}),
        ("{category_day_usd: {mugs: 3}}", {"category": "mugs"}, {"category": "bags"}),
    ],
)
def test_a_budget_of_a_tier_or_category_holds_for_it_alone(shop, text, same, other):
    project = with_budgets(shop, text)
    spent(project, 2.0, **same)
    spent(project, 50.0, **other)
    assert try_to_reserve(project, asked(2.0, "a|1", **same)).left_usd == pytest.approx(1.0)
    assert try_to_reserve(project, asked(2.0, "b|1", **other)) is None


def test_a_repeated_tick_reserves_once(shop):
    project = with_budgets(shop, "{day_usd: 10}")
    assert try_to_reserve(project, asked(6.0)) is None
    assert try_to_reserve(project, asked(6.0)) is None
    assert len(project.ledger.rows(sa.select(reservation))) == 1


def race(project, workers, usd):
    """How many of so many, all at once, get that much; each with connections of its own."""
    gate, got = threading.Barrier(workers), []

    def one(number):
        mine = open_project(project.settings.project_dir)
        assert mine.ledger is not None
        gate.wait()
        got.append(try_to_reserve(mine, asked(usd, f"a|{number}")))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(refusal is None for refusal in got)


def test_many_who_reserve_at_once_never_spend_more_than_there_is(shop):
    assert race(with_budgets(shop, "{day_usd: 10}"), workers=8, usd=3.0) == 3


@pytest.mark.slow
def test_many_who_reserve_at_once_on_postgresql_never_spend_more_than_there_is(shop, postgres_url, monkeypatch):
    """Two transactions there read the same sum before either writes, unless something makes them wait."""
    file = shop.settings.project_dir / "vitrine.yaml"
    file.write_text(file.read_text() + "budgets: {day_usd: 10}\nledger: {url_env: TEST_LEDGER}\n")
    monkeypatch.setenv("TEST_LEDGER", postgres_url)
    assert race(open_project(shop.settings.project_dir), workers=8, usd=3.0) == 3


def test_a_campaign_hands_out_whole_cells_in_order_and_says_what_stopped_it_and_what_is_left(shop):
    price = cell_price(shop)
    one = start_campaign(shop, "spring", budget_usd=2.5 * price)
    handed = hand_out(shop, one, holder=SENSOR, at_most=10)
    assert [cell.drop for cell in handed] == DAYS[:2]
    now = campaign_named(shop, "spring")
    assert "campaign spring" in now.stopped_by and f"of {2.5 * price:.2f}" in now.stopped_by
    seen = progress(shop, "spring")
    assert (seen.cells["running"], seen.cells["waiting"]) == (2, 3)
    assert seen.images_left > 0 and seen.budget_left_usd == pytest.approx(0.5 * price, rel=1e-6)


def test_money_that_a_run_did_not_need_pays_for_the_next_cell(shop):
    price = cell_price(shop)
    one = start_campaign(shop, "spring", budget_usd=2.5 * price)
    hand_out(shop, one, holder=SENSOR, at_most=10)
    for row, attempt in running_cells(shop, one):
        spent(shop, 0.2 * price, attempt=attempt, campaign="spring")
        done(shop, row, attempt)
    handed = hand_out(shop, campaign_named(shop, "spring"), holder=SENSOR, at_most=10)
    assert [cell.drop for cell in handed] == DAYS[2:4]


def test_a_cell_dearer_than_what_is_left_does_not_hold_up_the_others(tmp_path):
    """The nightly backfill stopped at the first cell that did not fit; when that one never could, no later cell was ever done."""
    shop = write_shop(tmp_path, {("mugs", "2026-11-01"): 60, ("mugs", "2026-11-02"): 2, ("mugs", "2026-11-03"): 2})
    small = cell_usd(shop, cell_need(shop, "mugs", "2026-11-02"), rates_of(shop))
    one = start_campaign(shop, "spring", budget_usd=2.2 * small)
    assert [cell.drop for cell in hand_out(shop, one, holder=SENSOR, at_most=10)] == ["2026-11-02", "2026-11-03"]
    assert progress(shop, "spring").left == 3, "the dear one is kept"


def test_a_budget_of_nothing_starts_nothing(shop):
    one = start_campaign(shop, "spring", budget_usd=0.0)
    assert hand_out(shop, one, holder=SENSOR, at_most=10) == []
    assert shop.ledger.rows(sa.select(spend)) == []


def test_two_campaigns_and_the_night_share_the_budget_of_the_day(shop):
    price = cell_price(shop)
    project = with_budgets(shop, f"{{day_usd: {3.5 * price}}}")
    first, second = (start_campaign(project, name) for name in ("spring", "autumn"))
    handed = hand_out(project, first, holder=SENSOR, at_most=2) + hand_out(project, second, holder="somebody", at_most=10)
    assert len(handed) == 3
    assert len({(cell.category, cell.drop) for cell in handed}) == 3, "no cell runs in two campaigns at once"
    assert "the day" in campaign_named(project, "autumn").stopped_by


def test_a_refresh_within_its_budget_tells_why_each_lora_is_trained_or_not(tmp_path):
    """`lora_refresh.budget_usd` was read and ignored."""
    from assets.catalog import refresh_catalog
    from orchestration.schedules import build_schedules
    from resources.project import VitrineResource
    from resources.settings import read_settings
    from tests.tiny_project import write_project

    folder = write_project(tmp_path / "project")
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("costs: {usd_per_hour: 36.0}\nlora_refresh: {cron: '0 3 * * 0', budget_usd: 0.1}\n")
    refresh_catalog(open_project(folder))

    def asked_for():
        (schedule,) = build_schedules(read_settings(folder))
        vitrine = VitrineResource(project_dir=str(folder))
        with dg.build_schedule_context(scheduled_execution_time=dt.datetime(2026, 11, 22, 3), resources={"vitrine": vitrine}) as context:
            return list(schedule(context))

    (skipped,) = asked_for()
    assert "mugs: it has no LoRA yet; left for the next time" in skipped.skip_message
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("budget_usd: 0.1", "budget_usd: 2"))
    (request,) = asked_for()
    assert (request.partition_key, request.tags["vitrine/tier"], request.tags["dagster/priority"]) == ("mugs", "economy", "-10")
    (held,) = open_project(folder).ledger.rows(sa.select(reservation))
    assert held["attempt"] == request.tags["vitrine/attempt"] and held["usd"] > 0.4
