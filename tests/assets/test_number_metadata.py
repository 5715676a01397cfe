"""The numbers as Dagster plots them: floats under names that stay, nothing where nothing was counted."""

import datetime as dt
from dataclasses import replace

import dagster as dg
import pytest

from assets import validated_renders as validated
from assets.catalog_report import write_report
from assets.number_values import MAX_DAYS_TOLD, MAX_PLOTTED, VERSIONS_TOLD, as_floats, lora_numbers, plain_numbers, plotted
from assets.yield_counts import catalog_numbers, cell_usd, lora_yields_of
from catalog.verdict import Verdict
from catalog.yield_numbers import Outcome, Yield
from orchestration import metrics_snapshot
from resources.project import VitrineResource
from tests.made_up_work import Shop
from tests.planned_shop import write_shop
from tests.work_history import START, History

A, R = Verdict.APPROVED, Verdict.REJECTED


def yields(approved, rejected):
    one = Yield()
    one.add(Outcome(gate_verdict=A, verdict=A, first_pass=True), approved)
    one.add(Outcome(gate_verdict=R, verdict=R, first_pass=False), rejected)
    return one


def values(metadata):
    return {name: value.value for name, value in metadata.items()}


def test_what_has_no_share_is_left_out_of_the_plot():
    assert values(plotted(Yield(), recipe={"backdrop": Yield()})) == {}
    assert values(as_floats({"a": None, "b": 0, "c": 1 / 3})) == {"b": 0.0, "c": 0.333333}


def test_names_tell_what_is_plotted_and_values_are_floats():
    found = plotted(yields(3, 1), recipe={"backdrop": yields(1, 1)})
    assert values(found) == {
        "approval_rate": 0.75,
        "gate_approval_rate": 0.75,
        "first_pass_yield": 0.75,
        "review_share": 0.0,
        "approval_rate/recipe/backdrop": 0.5,
        "first_pass_yield/recipe/backdrop": 0.5,
    }
    assert {type(value) for value in found.values()} == {dg.FloatMetadataValue}


def test_the_largest_categories_are_plotted():
    many = {f"c{number:03}": yields(number + 1, 0) for number in range(MAX_PLOTTED + 5)}
    shown = [name for name in plotted(Yield(), category=many) if name.startswith("approval_rate/")]
    assert len(shown) == MAX_PLOTTED
    assert "approval_rate/category/c004" not in shown
    assert f"approval_rate/category/c{MAX_PLOTTED + 4:03}" in shown


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "shop")
    for number in range(3):
        shop.catalog[f"M{number}"] = ({"title": "A mug", "category": "mugs"}, f"photo {number}")
    shop.sync()
    return shop


def test_a_cells_materialization_carries_its_rates(shop, monkeypatch):
    shop.promote_lora("mugs", 1)
    shop.work(("mugs", "2026-11-01"))
    monkeypatch.setattr(validated, "verdict_sheet", lambda project, rows: None)  # no pictures lie behind made-up digests
    monkeypatch.setattr(validated, "_gate_page", lambda *_: dg.MetadataValue.path("gate.html"))  # nor measurements
    monkeypatch.setattr("resources.project.Project.base_model_digest", shop.open().base_model_digest)
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("category", ["mugs"])
    result = dg.materialize(
        [validated.validated_renders],
        instance=instance,
        partition_key=dg.MultiPartitionKey({"category": "mugs", "drop": "2026-11-01"}),
        resources={"vitrine": VitrineResource(project_dir=str(shop.folder))},
    )
    (made,) = result.asset_materializations_for_node("validated_renders")
    metadata = values(made.metadata)
    assert metadata["approval_rate"] == pytest.approx(metadata["approved"] / metadata["renders"], abs=1e-6)
    assert metadata["first_pass_yield"] == metadata["gate_approval_rate"] == pytest.approx(metadata["approval_rate"])
    assert {name for name in metadata if name.startswith("approval_rate/")} == {
        f"approval_rate/recipe/{name}" for name in ("packshot_white", "backdrop", "staged_scene", "recolor")
    }


def test_the_summary_tells_the_same_numbers(tmp_path):
    history = History(write_shop(tmp_path / "shop", {("mugs", "2026-11-01"): 3}))
    history.judged("approved", "MUGS-2026-11-01-0")
    both = history.judged("review", "MUGS-2026-11-01-1")
    history.decide(both, "approve", minutes=1)
    history.judged("rejected", "MUGS-2026-11-01-2", "backdrop")
    history.spend(3.0, recipe="packshot_white")
    found = write_report(history.project, rendered_now=0, seconds=0.0).as_dict()["numbers"]
    assert {name: found[name] for name in ("approval_rate", "gate_approval_rate", "first_pass_yield", "review_share", "override_rate", "usd")} == {
        "approval_rate": 0.6667, "gate_approval_rate": 0.3333, "first_pass_yield": 0.3333, "review_share": 0.0, "override_rate": None, "usd": 3.0,
    }  # fmt: skip
    assert found["review_time"] == {"decisions": 1, "minutes": None, "seconds_per_decision": None}
    assert [(one["code"], one["count"], one["share"]) for one in found["reasons"]] == [("margin_low", 1, 0.5), ("shadow_light", 1, 0.5)]
    assert found["categories"]["mugs"]["usd_per_approved"] == 1.5
    assert (found["categories"]["mugs"]["review"], found["categories"]["mugs"]["review_time"]["decisions"]) == (0, 1)
    assert found["recipes"]["backdrop"]["approval_rate"] == 0.0
    assert found["recipes"]["backdrop"]["usd_per_approved"] is None
    assert found["days"][START.date().isoformat()]["judged"] == 3


def test_a_cells_money_is_what_was_booked_to_it(tmp_path):
    history = History(write_shop(tmp_path / "shop", {("mugs", "2026-11-01"): 1}))
    assert cell_usd(history.project, "mugs", "2026-11-01") == 0.0
    history.spend(2.0)  # of the category
    history.spend(1.25, drop="2026-11-01")
    history.spend(4.0, drop="2026-11-02")
    assert cell_usd(history.project, "mugs", "2026-11-01") == 1.25


def test_a_lora_tells_what_it_came_to_and_a_new_one_nothing_yet(shop):
    history = History(shop.open())
    old = history.train("mugs", 1)
    for sku, verdict in (("M0", "approved"), ("M1", "rejected")):
        history.judged(verdict, sku, "staged_scene", lora_digest=old)
    new = history.train("mugs", 2, minutes=10)
    history.train("bags", 1)
    versions = lora_yields_of(history.project, "mugs")
    assert [(one.version, one.outcomes.judged) for one in versions] == [(1, 2), (2, 0)]
    of_old, of_new = lora_numbers(versions, old), lora_numbers(versions, new)
    assert values({name: of_old[name] for name in ("judged", "approval_rate", "first_pass_yield")}) == {
        "judged": 2.0, "approval_rate": 0.5, "first_pass_yield": 0.5,
    }  # fmt: skip
    assert set(of_new) == {"versions"}
    assert of_new["versions"].value.splitlines()[2:] == [
        f"| 2, in use | {START + dt.timedelta(minutes=10):%Y-%m-%d %H:%M} | 0 | – | – |", f"| 1 | {START:%Y-%m-%d %H:%M} | 2 | 50.0% | 50.0% |",
    ]  # fmt: skip


def test_prometheus_gets_the_counts_that_rates_are_made_of(tmp_path):
    history = History(write_shop(tmp_path / "shop", {("mugs", "2026-11-01"): 3}))
    history.judged("approved", "MUGS-2026-11-01-0")
    history.decide(history.judged("review", "MUGS-2026-11-01-1"), "approve", minutes=1)
    history.judged("rejected", "MUGS-2026-11-01-2")
    found = metrics_snapshot.yields(history.project, None)
    counts = {(family.name, labels): value for (family, labels), value in found.items() if value}
    assert counts == {
        ("vitrine_renders", ("mugs", "packshot_white", "approved")): 2,
        ("vitrine_renders", ("mugs", "packshot_white", "rejected")): 1,
        ("vitrine_renders_gate_approved", ("mugs", "packshot_white")): 1,
        ("vitrine_renders_first_pass", ("mugs", "packshot_white")): 1,
    }


def test_long_histories_are_told_by_their_newest_part(shop):
    history = History(shop.open())
    for number in range(VERSIONS_TOLD + 2):
        history.train("mugs", number, minutes=number, promoted=number == 0)
    history.train("bags", 1)
    for number in range(3):
        history.judged("approved", "M0", "backdrop", number, minutes=number * 24 * 60 * 300)
    found = plain_numbers(catalog_numbers(history.project))
    assert [(one["category"], one["version"]) for one in found["loras"]] == [("bags", 1), *(("mugs", n) for n in (1, 3, 4, 5, 6, 7))]
    assert list(found["days"]) == ["2026-11-02", "2027-08-29", "2028-06-24"]
    kept = MAX_DAYS_TOLD
    many = {START.date() + dt.timedelta(days=n): yields(1, 0) for n in range(kept + 9)}
    told = plain_numbers(replace(catalog_numbers(history.project), days=many))["days"]
    assert (len(told), min(told)) == (kept, (START.date() + dt.timedelta(days=9)).isoformat())
