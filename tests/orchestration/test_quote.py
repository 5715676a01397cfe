"""A quote says what a run will take, how sure it is, and starts nothing."""

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from assets.needs import CellNeed
from generation.kinds import KINDS
from orchestration.cli import app
from orchestration.quoting import part_of, quote
from orchestration.rates import SHIPPED_SECONDS, rates_of
from orchestration.stale import stale_cells
from resources.ledger_tables import product, source_photo
from tests.planned_shop import spent, write_shop

MUGS = ("mugs", "2026-11-01")


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop", {MUGS: 10})


def need(**counts):
    return CellNeed(category="mugs", drop="2026-11-01", products=10, **counts)


def seconds_of(project, *needs, **how):
    return {(line.activity, line.recipe): line.seconds.expected for line in quote(project, needs, rates_of(project), **how).lines}


def render(project, recipe, items, seconds):
    spent(project, usd=seconds, recipe=recipe, item_count=items, seconds=seconds)


def test_every_kind_of_recipe_is_quoted_by_a_number_of_its_own():
    """A picture by an edit model was quoted like any other, one second."""
    assert {kind for kind in KINDS if f"render {kind}" not in SHIPPED_SECONDS} == set()


def test_a_quote_counts_the_variants_a_product_can_have_and_the_photos_that_will_be_refused(shop):
    """A recipe's `variants` is an upper bound: mugs have one backdrop color, so one backdrop each."""
    assert shop.recipe_book["backdrop"].variants > 1, "nothing to tell apart"
    shares = rates_of(shop).shares
    made = quote(shop, stale_cells(shop), rates_of(shop))
    assert made.images == pytest.approx(10 * 2 * shares["photo"] * shares["cutout"])
    assert 0.7 < shares["photo"] * shares["cutout"] < 1


def test_photos_that_were_seen_replace_the_shipped_share(shop):
    rows = [
        {"key": f"{n}", "photo_digest": f"{n}", "accepted": n % 2 == 0, "reasons": [], "measurements": {}, "thumbnail_digest": None}
        for n in range(400)
    ]
    shop.ledger.record(source_photo, rows)
    assert rates_of(shop).shares["photo"] == pytest.approx(0.5, abs=0.03)


def test_renders_of_photos_that_passed_are_not_quoted_as_if_some_failed(shop):
    assert quote(shop, [need(to_render={"backdrop": 20})], rates_of(shop)).images == 20


def test_each_recipe_is_quoted_at_what_it_took(shop):
    """One rate for all renders: a packshot takes a tenth of a staged scene's time, so a campaign of one recipe was quoted ten times wrong."""
    for _ in range(3):
        render(shop, "packshot_white", 10, 2.0)
        render(shop, "backdrop", 10, 30.0)
    took = seconds_of(shop, need(to_render={"packshot_white": 100, "backdrop": 100}))
    assert took["render", "packshot_white"] == pytest.approx(20)
    assert took["render", "backdrop"] == pytest.approx(300)


def test_a_changed_rule_costs_judging_and_no_rendering(shop):
    took = seconds_of(shop, need(to_judge={"backdrop": 30}))
    assert took["judge again", "backdrop"] == pytest.approx(30 * SHIPPED_SECONDS["judge again"])
    assert took.get(("judge", "backdrop"), 0.0) == 0.0, "no pixels are read"
    assert not any(activity in ("render", "screen", "cut out") for activity, _ in took)


def test_a_quote_of_some_recipes_holds_those_only(shop):
    took = seconds_of(shop, need(to_render={"packshot_white": 10, "backdrop": 20}), recipes=frozenset({"backdrop"}))
    assert ("render", "packshot_white") not in took and took["render", "backdrop"] > 0


def test_fixed_costs_are_in_it(shop):
    took = seconds_of(shop, need(to_render={"backdrop": 1}), workers=2)
    assert took["run", None] == SHIPPED_SECONDS["run"]
    assert took["start worker", None] == 2 * SHIPPED_SECONDS["start worker"]


def test_the_interval_is_wide_before_anything_was_measured_and_narrows_with_what_was(shop):
    def width():
        amount = quote(shop, [need(to_render={"backdrop": 1000})], rates_of(shop)).grouped(part_of)["backdrop"].seconds
        assert amount.low < amount.expected < amount.high
        return amount.high / amount.low

    unmeasured = width()
    render(shop, "backdrop", 10, 3.0)
    once = width()
    for seconds in (3.2, 2.9, 3.1, 3.0, 2.8, 3.1, 3.0):
        render(shop, "backdrop", 10, seconds)
        spent(shop, usd=seconds, activity="judge", recipe="backdrop", item_count=10, seconds=seconds)
    assert unmeasured > 4 and unmeasured > once > width() > 1.1, "never certain to less than one day differs from another"


def test_what_came_out_lies_in_the_interval_four_times_of_five(shop):
    """Lines drawn with a spread of 20 %: the interval of a quote made from some must hold the sum of others that often."""
    import numpy as np

    from orchestration.rates import Z_80, rate_of

    rng, held = np.random.default_rng(5), 0
    for _ in range(400):
        lines = [{"item_count": 10, "seconds": 10 * float(np.exp(rng.normal(0, 0.2)))} for _ in range(24)]
        rate, came = rate_of(lines[:12]), sum(line["seconds"] for line in lines[12:])
        held += abs(np.log(came / (rate.seconds * 120))) <= Z_80 * rate.spread_of(120)
    assert 0.75 < held / 400 <= 0.97


def test_time_that_finished_nothing_is_part_of_the_price(shop):
    render(shop, "backdrop", 10, 10.0)
    render(shop, "backdrop", 0, 10.0)  # a worker that was lost
    assert rates_of(shop).of("render", shop.recipe_book["backdrop"]).seconds == pytest.approx(2.0)


def test_a_dearer_tier_is_dearer_and_takes_as_long(tmp_path):
    shop = write_shop(tmp_path, {MUGS: 3}, "")
    settings = tmp_path / "vitrine.yaml"
    settings.write_text("brand_kit: brand.yaml\ncosts: {usd_per_hour: 1.0, tiers: {express: {usd_per_hour: 3.0, cpu_usd_per_hour: 0.5}}}\n")
    from resources.project import open_project

    shop = open_project(tmp_path)
    needs = [need(to_render={"backdrop": 10})]
    plain, express = (quote(shop, needs, rates_of(shop), tier=tier).grouped(lambda line: line.activity) for tier in ("standard", "express"))
    assert express["render"].usd.expected == pytest.approx(3 * plain["render"].usd.expected)
    assert express["judge"].usd.expected == pytest.approx(0.5 * plain["judge"].usd.expected)
    assert express["render"].seconds == plain["render"].seconds


def ask(folder, *arguments, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    result = CliRunner().invoke(app, ["quote", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_tells_people_and_machines_the_same(tmp_path, monkeypatch):
    write_shop(tmp_path, {MUGS: 10, ("bags", "2026-11-02"): 10})
    told = json.loads(ask(tmp_path, "--json", monkeypatch=monkeypatch))
    words = ask(tmp_path, monkeypatch=monkeypatch)
    assert set(told["categories"]) == {"mugs", "bags"}
    assert sum(part["images"] for part in told["categories"].values()) == pytest.approx(told["images"], abs=2)
    assert sum(part["usd"]["expected"] for part in told["parts"].values()) == pytest.approx(told["usd"]["expected"], rel=1e-4)
    assert f"{told['images']}" in words and "shipped numbers" in words and not told["measured_here"]


def test_a_quote_starts_and_books_nothing(tmp_path, monkeypatch):
    shop = write_shop(tmp_path, {MUGS: 2})
    before = [shop.ledger.rows(sa.select(table)) for table in (product, source_photo)]
    ask(tmp_path, monkeypatch=monkeypatch)
    assert [shop.ledger.rows(sa.select(table)) for table in (product, source_photo)] == before
    assert not (tmp_path / ".vitrine" / "dagster").exists()
