"""The catalog's numbers, counted on a ledger whose every row is known, on SQLite and on PostgreSQL."""

import datetime as dt

import pytest
import sqlalchemy as sa

from assets.decisions import decided, decisions_on
from assets.new_seeds import ask_new_seed, asked_seeds, take_back_seed
from assets.planning import current_judgments, known_cells, plan_cell
from assets.standing_choices import Choice
from assets.yield_counts import catalog_numbers, cell_yields
from assets.yield_orders import chosen, orders, standing_renders
from catalog.verdict import Verdict
from resources.ledger_tables import render
from tests.made_up_work import Shop, made_up
from tests.planned_shop import write_shop
from tests.work_history import BROKEN, START, History

DAY_MIN = 24 * 60
CELL = ("mugs", "2026-11-01")


def skus(count):
    return [f"MUGS-2026-11-01-{number}" for number in range(count)]


@pytest.fixture
def history(tmp_path):
    return History(write_shop(tmp_path / "shop", {CELL: 6, ("bags", "2026-11-01"): 1}))


def numbers(history):
    return catalog_numbers(history.project)


def test_no_share_of_nothing_is_zero(history):
    whole = numbers(history).whole
    rates = (
        whole.approval_rate,
        whole.gate_approval_rate,
        whole.first_pass_yield,
        whole.review_share,
        whole.override_rate,
        whole.usd_per_approved,
    )
    assert rates == (None,) * 6
    assert numbers(history).review.minutes is None
    assert numbers(history).reasons == ()


def test_people_move_the_approval_rate_and_not_the_gates(history):
    a, b, c, d, _, _ = skus(6)
    history.judged("approved", a)
    history.decide(history.judged("rejected", b), "waive", minutes=10)
    history.decide(history.judged("review", c), "approve", minutes=11)
    history.decide(history.judged("approved", d), "reject", minutes=12)
    whole = numbers(history).whole
    assert (whole.judged, whole.approved) == (4, 3)
    assert (whole.approval_rate, whole.gate_approval_rate) == (0.75, 0.5)
    assert whole.first_pass_yield == 0.25  # a alone: d was approved at once, and a person took that back
    assert (whole.overridden, whole.override_rate) == (2, 1.0)  # b and d; about c the gate had asked


def test_a_decision_taken_back_leaves_everything_as_the_gate_had_it(history):
    a, b = skus(2)
    both = history.judged("approved", a)
    history.judged("review", b)
    history.decide(both, "reject", minutes=10)
    assert numbers(history).whole.approved == 0
    history.decide(both, "undo", minutes=11)
    whole = numbers(history).whole
    assert (whole.approval_rate, whole.first_pass_yield, whole.override_rate) == (0.5, 0.5, None)
    assert numbers(history).review.decisions == 2  # the time was spent


def test_an_approval_that_new_reasons_overtook_holds_no_more(history):
    both = history.judged("review", skus(1)[0])
    history.decide(both, "approve", minutes=10)
    assert numbers(history).whole.approved == 1
    history.judge(both[0], "review", minutes=20, rules="f" * 64, reasons=BROKEN["rejected"])
    assert numbers(history).whole.approved == 1  # judged by rules that are not in force
    assert next(iter(numbers(history).days.values())).approved == 0  # its order: by the last judgment


def test_another_seed_is_rework_and_a_new_photo_is_a_new_order(history):
    a, b = skus(2)
    history.judged("rejected", a)
    history.judged("approved", a, seed=2, minutes=30)
    history.judged("rejected", b)
    history.judged("approved", b, cutout="of another photo", minutes=30)
    whole = numbers(history).whole
    assert (whole.judged, whole.approval_rate) == (2, 1.0)
    assert whole.first_pass_yield == 0.5  # b's new photo was right at once; a took two seeds


def test_a_seed_that_a_person_asked_for_makes_no_first_pass(history):
    first = history.judged("approved", skus(1)[0])
    asked = history.ask_again(first, minutes=5)
    second = history.judged("approved", skus(1)[0], seed=2, minutes=10)
    whole = numbers(history).whole
    assert (whole.judged, whole.approval_rate, whole.first_pass_yield) == (1, 1.0, 0.0)
    (cell,) = cell_yields(history.project, [{**second[0], **second[1]}]).values()
    assert cell.first_pass_yield == 0.0
    history.ask_again(first, minutes=20, action="undo", undoes=asked)
    assert numbers(history).whole.first_pass_yield == 1.0


def test_a_second_judgment_makes_no_first_pass(history):
    made, _ = history.judged("approved", skus(1)[0])
    history.judge(made, "rejected", minutes=-60, rules="f" * 64)
    whole = numbers(history).whole
    assert (whole.approval_rate, whole.first_pass_yield) == (1.0, 0.0)


def test_what_the_rules_in_force_have_not_judged_does_not_count_now(history):
    a, b = skus(2)
    history.judged("approved", a)
    history.judge(history.render(b), "approved", rules="f" * 64)
    assert numbers(history).whole.judged == 1
    assert next(iter(numbers(history).days.values())).judged == 2  # it was judged that day


def test_pictures_that_are_equal_share_their_judgment(history):
    """Two sizes of a garment with one photo: the judgment is recorded for the first one only, since its key names bytes."""
    made, _ = history.judged("approved", skus(2)[0])
    history.project.ledger.record(render, {**made, "sku": skus(2)[1], "render_key": made_up("twin")})
    assert numbers(history).whole.judged == 2
    assert numbers(history).whole.first_pass_yield == 1.0


def test_numbers_are_told_per_category_and_recipe(history):
    a, b = skus(2)
    history.judged("approved", a)
    history.judged("rejected", a, "backdrop")
    history.judged("approved", b)
    history.judged("review", "BAGS-2026-11-01-0", category="bags")
    found = numbers(history)
    assert {key: (one.judged, one.approved) for key, one in found.cells.items()} == {
        ("bags", "packshot_white"): (1, 0), ("mugs", "backdrop"): (1, 0), ("mugs", "packshot_white"): (2, 2),
    }  # fmt: skip
    assert found.by_category()["mugs"].approval_rate == 2 / 3
    assert found.by_recipe()["packshot_white"].approval_rate == 2 / 3
    assert found.by_category()["bags"].review_share == 1.0


def test_money_of_failed_and_rejected_work_is_in_the_cost_of_what_was_approved(history):
    a, b = skus(2)
    history.judged("approved", a)
    history.judged("rejected", b)
    history.spend(2.0, recipe="packshot_white")
    history.spend(1.0, recipe="packshot_white", activity="judge")
    history.spend(3.0, activity="train LoRA")  # came to nothing
    history.spend(4.0, "bags")  # nothing of it was approved
    found = numbers(history)
    assert found.whole.usd_per_approved == 10.0
    assert found.by_category()["mugs"].usd_per_approved == 6.0
    assert found.by_category()["bags"].usd_per_approved is None
    assert found.by_recipe()["packshot_white"].usd_per_approved == 3.0


def test_reasons_are_ranked_with_their_shares(history):
    a, b, c, d, e, _ = skus(6)
    two = BROKEN["rejected"] + BROKEN["review"]
    history.judge(history.render(a), "rejected", reasons=two + BROKEN["rejected"])  # a code twice counts once
    history.judged("rejected", b)
    history.judged("rejected", c, "backdrop")
    history.judged("approved", d)
    history.decide(history.judged("review", e), "approve", minutes=5)  # a person's approval does not unsay the gate's reason
    found = numbers(history)
    assert [(one.code, one.count, one.share, one.cumulative) for one in found.reasons] == [
        ("margin_low", 3, 0.75, 0.6), ("shadow_light", 2, 0.5, 1.0),
    ]  # fmt: skip
    assert found.reasons[0].message == "Touches the edge"
    assert [(one.code, one.count, one.share) for one in found.recipe_reasons["packshot_white"]] == [
        ("margin_low", 2, 2 / 3), ("shadow_light", 2, 2 / 3),
    ]  # fmt: skip


def test_days_count_orders_by_their_first_judgment(history):
    a, b, c = skus(3)
    history.judged("approved", a)
    history.judged("rejected", b)
    history.judged("approved", b, seed=2, minutes=DAY_MIN)
    history.judged("review", c, minutes=DAY_MIN)
    days = numbers(history).days
    monday, tuesday = START.date(), START.date() + dt.timedelta(days=1)
    assert list(days) == [monday, tuesday]
    assert (days[monday].judged, days[monday].approved, days[monday].first_pass_yield) == (2, 2, 0.5)
    assert (days[tuesday].judged, days[tuesday].approved, days[tuesday].review_share) == (1, 0, 1.0)
    assert numbers(history).category_days["mugs", monday].judged == 2


def test_review_minutes_come_from_the_times_between_decisions(history):
    both = [history.judged("review", sku) for sku in skus(6)]
    for number, minutes in enumerate((0, 0.5, 2)):  # 30 s and 90 s
        history.decide(both[number], "approve", minutes=minutes)
    history.decide(both[3], "reject", reviewer="ben", minutes=1)  # alone: as long as a typical one
    history.decide(both[4], "approve", minutes=60)  # after lunch: another sitting
    found = numbers(history)
    assert (found.review.decisions, found.review.measured, found.review.measured_s) == (5, 2, 120.0)
    assert found.review.minutes == pytest.approx((120 + 3 * 60) / 60)
    assert found.review.seconds_per_decision == pytest.approx(60.0)
    assert found.review_by_category["mugs"].decisions == 5
    assert found.review_by_day[START.date()].minutes == pytest.approx(5.0)


def test_single_decisions_say_nothing_about_minutes(history):
    history.decide(history.judged("review", skus(1)[0]), "approve")
    assert (numbers(history).review.decisions, numbers(history).review.minutes) == (1, None)


@pytest.fixture
def staged(tmp_path):
    """A shop with scenes, so with LoRAs."""
    shop = Shop(tmp_path / "shop")
    for number in range(4):
        shop.catalog[f"M{number}"] = ({"title": "A mug", "category": "mugs"}, f"photo {number}")
    shop.sync()
    return History(shop.open())


def test_two_loras_are_compared_on_what_was_drawn_with_each(staged):
    old = staged.train("mugs", 1)
    for sku, verdict in (("M0", "approved"), ("M1", "rejected")):
        staged.judged(verdict, sku, "staged_scene", lora_digest=old)
    staged.judged("approved", "M1", "staged_scene", lora_digest=old, seed=2, minutes=5)
    new = staged.train("mugs", 2, minutes=10)
    staged.train("mugs", 3, minutes=11, promoted=False)
    both = [staged.judged("approved", sku, "staged_scene", lora_digest=new, minutes=20) for sku in ("M0", "M1", "M2")]
    staged.decide(both[2], "reject", minutes=30)
    found = catalog_numbers(staged.project)
    assert [(one.version, one.lora_digest == new, one.in_use) for one in found.loras] == [
        (1, False, False),
        (2, True, True),
        (3, False, False),
    ]
    first, second, third = (one.outcomes for one in found.loras)
    assert (first.judged, first.approval_rate, first.first_pass_yield) == (2, 1.0, 0.5)
    assert (second.judged, second.approval_rate, second.first_pass_yield) == (3, 2 / 3, 2 / 3)
    assert (third.judged, third.approval_rate) == (0, None)
    assert (found.whole.judged, found.whole.approved) == (3, 2)  # what the LoRA in use drew


def test_a_withdrawn_product_no_longer_counts_now_but_did_then(staged):
    staged.judged("approved", "M0")
    staged.judged("approved", "M1")
    with staged.project.ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE product SET active = 0 WHERE sku = 'M0'")
    found = catalog_numbers(staged.project)
    assert found.whole.judged == 1
    assert found.days[START.date()].judged == 2


def test_the_ledgers_count_is_the_plans_count(tmp_path):
    """The plan looks at each product; the database adds up. Through new photos, LoRAs and rules both say the same."""
    shop = Shop(tmp_path / "shop")
    for number in range(9):
        shop.catalog[f"P{number}"] = ({"title": "A thing", "category": ("mugs", "bags")[number % 2]}, f"photo {number}")
    shop.sync()
    for category in ("mugs", "bags"):
        shop.promote_lora(category, 1)
    shop.work_everywhere()
    assert_same(shop)
    shop.brand["rules"] = {"backdrop": {"margin_min_pct": {"min": 5.0}}}
    assert_same(shop)  # before they are judged by it
    shop.work_everywhere()
    assert_same(shop)
    shop.promote_lora("mugs", 2)
    assert_same(shop)
    shop.work_everywhere()
    assert_same(shop)
    del shop.catalog["P3"]
    shop.sync()
    assert_same(shop)


def test_a_state_that_returns_counts_as_the_plan_has_it(tmp_path):
    """The newest render was counted: after a new seed was taken back, and when a recipe or a size went back to what it was."""
    shop = Shop(tmp_path / "shop")
    for number in range(9):
        shop.catalog[f"P{number}"] = ({"title": "A thing", "category": "mugs"}, f"photo {number}")
    shop.brand["recipes"] = ["packshot_white", "staged_scene"]
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    before = catalog_numbers(shop.open()).cells
    asked = draw_with_other_seeds(shop)
    assert_same(shop)
    for one in asked:
        take_back_seed(shop.open(), one, reviewer="ann", seen=10**6)
    assert_same(shop)
    for version in (7, shop.open().recipe_book["packshot_white"].version):
        shop.versions["packshot_white"] = {"version": version}
        if version == 7:
            shop.work_everywhere()
        assert_same(shop)
    known = dict(shop.catalog)
    for size in ({"width_cm": 10}, {"width_cm": 11}):
        shop.catalog = {sku: ({**words, **size}, photo) for sku, (words, photo) in known.items()}
        shop.sync()
        shop.work_everywhere()
        assert_same(shop)
    shop.catalog = known
    shop.sync()
    assert_same(shop)
    after = catalog_numbers(shop.open()).cells
    assert {cell: (one.judged, one.approved) for cell, one in after.items()} == {
        cell: (one.judged, one.approved) for cell, one in before.items()
    }


def draw_with_other_seeds(shop):
    """Another seed is asked for each scene, and drawn; the requests."""
    project = shop.open()
    scenes = [both for cell in known_cells(project) for both in plan_cell(project, *cell).judged.values() if both[0]["lora_digest"]]
    for both in scenes:
        ask_new_seed(project, *both, project.recipe_book["staged_scene"], reviewer="ann", seen=0)
    shop.work_everywhere()
    assert len(scenes) > 9
    return asked_seeds(project, shop.catalog).values()


def assert_same(shop):
    project = shop.open()
    planned = {}
    for cell in known_cells(project):
        for made, judged in current_judgments(project, plan_cell(project, *cell)).values():
            if judged is not None:
                key = (made["category"], made["recipe"], judged["verdict"])
                planned[key] = planned.get(key, 0) + 1
    counted = {
        (*cell, str(verdict)): one.of(verdict)
        for cell, one in catalog_numbers(project).cells.items()
        for verdict in Verdict
        if one.of(verdict)
    }
    assert counted == planned
    project.ledger.engine.dispose()


def test_a_cells_yield_is_that_of_the_catalog_where_there_is_one_cell(history):
    a, b, c, d, _, _ = skus(6)
    both = [history.judged(verdict, sku) for sku, verdict in ((a, "approved"), (b, "rejected"), (c, "review"))]
    history.decide(both[2], "approve", minutes=3)
    history.judged("rejected", d)
    both.append(history.judged("approved", d, seed=2, minutes=30))
    people = decisions_on(history.project, [a, b, c, d])
    rows = [{**made, **decided(judged, people, made)} for made, judged in both]
    (mine,) = cell_yields(history.project, rows).values()
    assert mine.outcomes == +numbers(history).cells["mugs", "packshot_white"].outcomes
    assert (mine.approval_rate, mine.gate_approval_rate, mine.first_pass_yield) == (0.75, 0.5, 0.25)


def test_postgresql_counts_the_same(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setenv("LEDGER_URL", postgres_url)
    kept = History(write_shop(tmp_path / "shop", {CELL: 6}, settings="ledger: {url_env: LEDGER_URL}\n"))
    here = History(write_shop(tmp_path / "here", {CELL: 6}))
    for history in (kept, here):
        a, b, c, d, _, _ = skus(6)
        history.judged("approved", a)
        history.decide(history.judged("review", b), "approve", minutes=1)
        history.decide(history.judged("approved", c), "reject", minutes=2)
        history.judge(history.render(d), "rejected", reasons=BROKEN["rejected"] * 2 + BROKEN["review"])
        history.judged("approved", d, "backdrop", minutes=DAY_MIN)
        history.spend(3.0, recipe="backdrop")
    assert catalog_numbers(kept.project) == catalog_numbers(here.project)
    assert numbers(kept).reasons[0].count == 2
    choices = [Choice(render_key="a", gate_key="b"), Choice(render_key="c", gate_key=None)]
    for history in (kept, here):
        listed = history.project.ledger.rows(sa.select(chosen(history.project, choices)).order_by(sa.text("render_key")))
        assert listed == [{"render_key": "a", "gate_key": "b"}, {"render_key": "c", "gate_key": None}]
        chosen_of = {"choices": chosen(history.project, [Choice(render_key=history.render(a)["render_key"], gate_key=None)])}
        for query in (orders(**chosen_of), standing_renders(history.project, **chosen_of)):
            assert len(history.project.ledger.rows(query)) == 5
    kept.project.ledger.engine.dispose()
