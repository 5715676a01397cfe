"""`vitrine drift` on made-up histories: what moved, against what, and what is no drift."""

import datetime as dt
import json

import pytest
import sqlalchemy as sa

from assets.drift import find_drift, windows_until
from benchmarks.drift import fill
from catalog.errors import SettingsError
from resources.ledger_tables import decision, judgment, render
from resources.project import open_project
from resources.settings import utc_now
from tests.made_up_work import BRAND, Shop, made_up

CATEGORIES = ["bags", "mugs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five weeks of 4,000 renders; bags are rejected ten points more often in the last week. Each category has a new LoRA for three weeks."""
    home = tmp_path_factory.mktemp("drift") / "shop"
    fill(Shop(home, brand=BRAND).open(), 4_000, measured=True, end=utc_now().replace(tzinfo=None), categories=CATEGORIES)
    return home


@pytest.fixture
def vitrine(folder, vitrine, monkeypatch):
    """The command, in this shop."""
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    return vitrine


def test_what_jumped_is_named_and_what_did_not_is_not(vitrine):
    code, out, _ = vitrine("drift", "--json")
    told = json.loads(out)
    moved = {(one["kind"], one["name"].split()[0], one["measure"]) for one in told["shares"] if one["moved"]}
    assert code == 0
    assert ("category", "bags", "rejected") in moved
    assert not any(name == "mugs" or measure != "rejected" for _, name, measure in moved), moved
    bags = next(one for one in told["shares"] if (one["kind"], one["name"], one["measure"]) == ("category", "bags", "rejected"))
    assert bags["low"] <= 0.1 <= bags["high"] and bags["of"] > 300
    assert {one["kind"] for one in told["shares"]} == {"category", "recipe", "lora"}
    assert len(told["columns"]) > 100 and not any(one["moved"] for one in told["columns"])
    assert told["not_judged_by_present_rules"] == 0
    code, out, _ = vitrine("drift", "--no-columns")
    assert code == 0 and "category bags: rejected by the gate" in out and "points" in out
    assert vitrine("drift", "--no-columns", "--fail-on-drift")[0] == 1
    assert vitrine("drift", "--no-columns", "--min-points", 60, "--fail-on-drift")[0] == 0


def test_a_window_without_renders_says_so_and_fails_nothing(vitrine):
    code, out, _ = vitrine("drift", "--since", "0.01", "--fail-on-drift")
    assert code == 0 and "Too few renders" in out


def test_a_new_lora_is_compared_with_the_ones_before_it(folder):
    """Seen as if fifteen days ago were now: the new LoRA was five days old then, and had made nothing in the reference window."""
    project = open_project(folder)
    found = find_drift(project, windows_until(utc_now() - dt.timedelta(days=15), recent_days=5, reference_days=15), with_columns=False)
    loras = {move.name: move for move in found.shares if move.kind == "lora" and move.measure == "rejected"}
    new = {name for name, move in loras.items() if move.against == "the LoRAs before it"}
    assert len(new) == len(CATEGORIES) and all(made_up("file", name.split()[0], 1)[:12] in name for name in new)
    assert all(move.of_before > move.of for move in loras.values())


def test_a_column_that_moved_is_named_with_its_recipe_and_category(folder, tmp_path):
    project = Shop(tmp_path / "shop", brand=BRAND).open()
    now = utc_now().replace(tzinfo=None)
    fill(project, 3_000, measured=True, end=now, categories=["mugs"])
    _darken(project, now - dt.timedelta(days=7))
    found = find_drift(project, windows_until(now))
    assert {(move.recipe, move.column) for move in found.moved_columns} == {("packshot_white", "halo_delta_e")}
    assert found.columns[0].shift > 0.5


def _darken(project, since):
    from resources.ledger_tables import measurement

    query = sa.select(measurement).join(render, render.c.render_key == measurement.c.render_key)
    query = query.where(render.c.recipe == "packshot_white", render.c.made_at >= since)
    with project.ledger.engine.begin() as connection:
        for row in connection.execute(query).mappings().all():
            changed = {**row["columns"], "halo_delta_e": row["columns"]["halo_delta_e"] + 4}
            mine = measurement.c.render_key == row["render_key"]
            connection.execute(sa.update(measurement).where(mine).values(columns=changed))


def test_a_changed_rule_is_no_drift_and_says_how_many_are_not_judged(folder, tmp_path):
    shop = Shop(tmp_path / "shop", brand=json.loads(json.dumps(BRAND)))
    fill(shop.open(), 1_000, measured=False, end=utc_now().replace(tzinfo=None), categories=["mugs"])
    shop.brand["rules"] = {"packshot_white": {"fill_pct": {"min": 80, "max": 95}}}
    found = find_drift(shop.open(), windows_until())
    assert found.unjudged == 250
    assert "packshot_white" not in {move.name for move in found.shares}


def test_a_render_judged_twice_by_one_set_of_rules_counts_once_by_the_newest(folder, tmp_path):
    project = Shop(tmp_path / "shop", brand=BRAND).open()
    now = utc_now().replace(tzinfo=None)
    fill(project, 1_000, measured=False, end=now, categories=["mugs"])
    before = find_drift(project, windows_until(now), with_columns=False)
    again = [
        {**row, "gate_key": made_up("again", row["gate_key"]), "verdict": "rejected", "judged_at": row["judged_at"] + dt.timedelta(hours=1)}
        for row in project.ledger.rows(sa.select(judgment))
    ]
    project.ledger.record(judgment, again)
    after = find_drift(project, windows_until(now), with_columns=False)
    assert (after.renders, after.unjudged) == (before.renders, 0)
    assert {(move.hits, move.of) for move in after.shares if move.measure == "rejected"} == {
        (move.of, move.of) for move in before.shares if move.measure == "rejected"
    }


def test_people_who_overrule_the_gate_more_often_are_a_drift(folder, tmp_path):
    project = Shop(tmp_path / "shop", brand=BRAND).open()
    now = utc_now().replace(tzinfo=None)
    fill(project, 400, measured=False, end=now, categories=["mugs"])
    renders = [row for row in project.ledger.rows(sa.select(render)) if row["recipe"] == "packshot_white"]
    rows = []
    for number, made in enumerate(renders[:90]):
        recent = number < 40
        action = "approve" if number % 10 < (7 if recent else 1) else "reject"
        named = {name: made[name] for name in ("sku", "category", "recipe", "idx", "render_key", "render_digest")}
        rows.append(
            {
                **named, "at": now - dt.timedelta(days=1 + number % 5 if recent else 10 + number % 20), "reviewer": "ann", "action": action,
                "undoes": None, "note": "", "gate_key": "g", "rules_digest": "r", "gate_verdict": "rejected", "codes": ["HALO"],
            }
        )  # fmt: skip
    project.ledger.append(decision, rows)
    taken_back = project.ledger.rows(sa.select(decision).order_by(decision.c.id))[0]
    undo = {**taken_back, "action": "undo", "undoes": taken_back["id"]}
    undo.pop("id")
    project.ledger.append(decision, [undo])
    found = {(m.kind, m.name): m for m in find_drift(project, windows_until(now), with_columns=False).shares if m.measure == "overruled"}
    mine = found["category", "mugs"]
    assert (mine.hits, mine.of, mine.hits_before, mine.of_before) == (27, 39, 5, 50), "what was taken back counts no more"
    assert mine.moved()


def test_wrong_use_is_refused(vitrine, tmp_path, monkeypatch):
    assert vitrine("drift", "--since", "-3")[0] == 2
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path))
    assert vitrine("drift")[0] == 2
    with pytest.raises(SettingsError):
        open_project(tmp_path)
