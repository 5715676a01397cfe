"""A size that is corrected in the catalog: it judges again what was measured, each product by its own. No pixels anywhere."""

import shutil
from dataclasses import replace

import pytest
import sqlalchemy as sa

from assets.catalog_needs import catalog_needs
from assets.channel_packs import form_of_product
from assets.measurement_rows import measurement_rows
from assets.planning import gate_of, known_cells, plan_cell, rules_in_force
from assets.rejudging import rejudged_cells
from assets.stored_measurements import known_measurements
from assets.validated_renders import judge_cell
from benchmarks.made_up_measurements import made_up_rows
from catalog.keys import gate_key
from catalog.product import Product
from quality.columns import MEASUREMENT_VERSION
from quality.rules import read_rules
from resources.ledger_tables import judgment, measurement, render
from tests import made_up_work
from tests.made_up_work import Shop

CELL = ("mugs", "2026-11-01")
TRUE = {"width_cm": 10.0, "height_cm": 20.0}
"""Of a silhouette of 300 x 600 px."""
WRONG = {"width_cm": 20.0, "height_cm": 20.0}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Three mugs with packshots that are measured and judged: one with its true size, one with a wrong one, one without."""
    shop = Shop(tmp_path_factory.mktemp("judged") / "shop")
    shop.brand["recipes"] = ["packshot_white"]
    shop.catalog = {sku: (_words(size), f"photo {sku}") for sku, size in (("RIGHT", TRUE), ("WRONG", WRONG), ("SIZELESS", {}))}
    shop.sync()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_up_work, "chance", lambda *_: False)
        shop.work(CELL, steps=3)
    project = shop.open()
    plan = plan_cell(project, *CELL)
    rows = made_up_rows(rules_in_force(project, project.recipes[0]), len(plan.wanted), broken_share=0.0)
    for wanted, columns in zip(plan.wanted, rows, strict=True):
        columns |= {"product_width_px": 300.0, "product_height_px": 600.0, "size_known": 0.0, "px_per_cm": None, "aspect_error_pct": None}
        row = {"render_key": wanted.render_key, "measurement_version": MEASUREMENT_VERSION, "columns": columns, "seconds": 0.1}
        project.ledger.record(measurement, row)
    judge_cell(project, *CELL)
    return shop


@pytest.fixture
def shop(judged, tmp_path, monkeypatch):
    """A copy of it that a test may change, and in which nothing is measured."""
    monkeypatch.setattr("assets.validated_renders.measure_one", lambda *_: pytest.fail("it measured"))
    shutil.copytree(judged.folder, tmp_path / "shop")
    return replace(judged, folder=tmp_path / "shop", catalog=dict(judged.catalog))


def _words(size):
    return {"title": "A mug", "category": "mugs", **size}


def resize(shop, sku, size):
    """Correct a product's size in the catalog."""
    shop.catalog[sku] = (_words(size), shop.catalog[sku][1])
    shop.sync()


def reasons(project):
    """The codes against each product's packshot by the present rules; None where it is not judged."""
    plan = plan_cell(project, *CELL)
    judged = {w.variant.sku: plan.judged[w.render_key][1] for w in plan.wanted}
    return {sku: row and [reason["code"] for reason in row["reasons"]] for sku, row in judged.items()}


def test_each_product_is_held_to_its_own_size(shop):
    assert reasons(shop.open()) == {"RIGHT": [], "WRONG": ["PROPORTIONS"], "SIZELESS": []}


def test_a_corrected_size_is_judged_by_the_next_run_from_what_was_measured(shop):
    """It counted for pictures measured afterwards alone: neither the measurement nor the gate key held it."""
    resize(shop, "WRONG", TRUE)
    project = shop.open()
    assert reasons(project) == {"RIGHT": [], "WRONG": None, "SIZELESS": []}
    assert [need.to_judge for need in catalog_needs(project)] == [{"packshot_white": 1}]
    judge_cell(project, *CELL)
    assert reasons(project) == {"RIGHT": [], "WRONG": [], "SIZELESS": []}


def test_judging_again_counts_a_corrected_size_too(shop):
    resize(shop, "RIGHT", WRONG)
    resize(shop, "SIZELESS", WRONG)
    (cell,) = rejudged_cells(shop.open(), holder="test")
    assert sorted(w.variant.sku for w in cell.todo) == ["RIGHT", "SIZELESS"]
    assert reasons(shop.open()) == {sku: ["PROPORTIONS"] for sku in ("RIGHT", "WRONG", "SIZELESS")}


def test_a_size_that_is_put_back_finds_its_former_judgment(shop):
    before = reasons(shop.open())
    for size in (TRUE, WRONG):
        resize(shop, "WRONG", size)
        judge_cell(shop.open(), *CELL)
    project = shop.open()
    assert reasons(project) == before
    assert project.ledger.one(sa.select(sa.func.count().label("n")).select_from(judgment))["n"] == 4


def test_equal_pictures_of_products_of_other_sizes_have_verdicts_of_their_own(shop):
    """They shared the verdict of whichever was judged first."""
    project = shop.open()
    with project.ledger.writing() as connection:
        connection.execute(sa.update(render).values(render_digest=made_up_work.made_up("one picture")))
    judge_cell(project, *CELL)
    assert reasons(project) == {"RIGHT": [], "WRONG": ["PROPORTIONS"], "SIZELESS": []}


def test_the_table_of_measurements_tells_what_the_size_of_today_makes_of_a_picture(shop):
    resize(shop, "WRONG", {"width_cm": 15.0})
    project = shop.open()
    rows = {row["sku"]: row for row in measurement_rows(project, plan_cell(project, *CELL))}
    told = {sku: (row["size_known"], row["px_per_cm"], row["aspect_error_pct"]) for sku, row in rows.items()}
    assert told == {"RIGHT": (1.0, 30.0, pytest.approx(0.0, abs=1e-9)), "WRONG": (0.0, 20.0, None), "SIZELESS": (0.0, None, None)}
    assert {sku: row["measured_at"] is None for sku, row in rows.items()} == {"RIGHT": False, "WRONG": True, "SIZELESS": False}


def test_gate_keys_name_a_size_only_where_there_is_one_and_a_rule_asks_for_it(shop):
    project = shop.open()
    plan = plan_cell(project, *CELL)
    rules = rules_in_force(project, project.recipes[0])
    plain = {"render_digest": "d", "rules_digest": rules.digest, "measurement_version": MEASUREMENT_VERSION}
    keys = {w.variant.sku: gate_of(project, w, "d") for w in plan.wanted}
    assert keys["SIZELESS"] == gate_key(**plain)
    assert len(set(keys.values())) == 3
    project.rule_sets["packshot_white"] = read_rules("packshot_white")
    asking = project.rule_sets["packshot_white"]
    object.__setattr__(asking, "rules", tuple(rule for rule in asking.rules if rule.column != "aspect_error_pct"))
    assert not asking.asks_for_size
    assert len({gate_of(project, w, "d") for w in plan.wanted}) == 1


def test_a_channel_whose_pack_asks_for_the_size_is_asked_again_when_it_is_corrected():
    sized, sizeless = (Product(sku="A", title="A", category="mugs", photos=("a.jpg",), **size) for size in (TRUE, {}))
    asking = read_rules("packshot_white")
    assert asking.asks_for_size
    assert form_of_product("form", asking, sized) not in ("form", form_of_product("form", asking, sized.model_copy(update=WRONG)))
    assert form_of_product("form", asking, sizeless) == form_of_product("form", None, sized) == "form"


def test_what_was_never_recorded_for_a_product_of_the_catalog_is_read_without_a_size(shop):
    project = shop.open()
    with project.ledger.writing() as connection:
        connection.execute(sa.delete(render))
    keys = [row["render_key"] for row in project.ledger.rows(sa.select(measurement.c.render_key))]
    assert {row["size_known"] for row in known_measurements(project, keys).values()} == {0.0}
    assert known_cells(project) == [CELL]
