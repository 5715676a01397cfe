"""What the measurement table says of the renders of cells, kept per cell and exported at once. No pixels anywhere."""

import contextlib
import datetime as dt
import json
import sys

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from assets import measurement_rows as subject
from assets.decisions import decide
from assets.measurement_rows import export_measurements, keep_cell_table, measurement_rows
from assets.planning import known_cells, plan_cell, rules_in_force
from assets.validated_renders import judge_cell
from benchmarks.made_up_measurements import made_up_rows
from catalog.errors import SettingsError
from orchestration import cli_measurements
from orchestration.cli import main
from quality.columns import MEASUREMENT_VERSION
from resources.ledger_tables import judgment, measurement
from tests import made_up_work
from tests.made_up_work import Shop, made_up

FILL = {"MUG-A": 90.0, "MUG-B": 50.0, "BAG-C": 90.0}
"""50 % is less than any packshot may fill."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two categories, three products, two recipes, one of them with a LoRA; drawn, measured and judged but for one scene nobody measured."""
    shop = Shop(tmp_path_factory.mktemp("measured") / "shop")
    shop.brand["recipes"] = ["packshot_white", "staged_scene"]
    shop.brand["channels"] = []
    shop.catalog = {sku: ({"title": "A thing", "category": f"{sku[:3].lower()}s"}, f"photo {sku}") for sku in FILL}
    shop.sync()
    shop.promote_lora("mugs", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_up_work, "chance", lambda *_: False)  # no photo is refused, no render either
        for cell in known_cells(shop.open()):
            shop.work(cell, steps=3)
            _measure_and_judge(shop.open(), cell)
    return shop


def _measure_and_judge(project, cell):
    plan = plan_cell(project, *cell)
    for recipe in project.recipes:
        mine = [w for w in plan.wanted if w.variant.recipe == recipe.name]
        for wanted, columns in zip(mine, made_up_rows(rules_in_force(project, recipe), len(mine), seed=3, broken_share=0.0), strict=True):
            if recipe.name == "packshot_white":
                columns["fill_pct"] = FILL[wanted.variant.sku]
            row = {"render_key": wanted.render_key, "measurement_version": MEASUREMENT_VERSION, "columns": columns, "seconds": 0.1}
            project.ledger.record(measurement, row)
    judge_cell(project, *cell)


def mugs(project):
    return next(cell for cell in known_cells(project) if cell[0] == "mugs")


def rows_of(project, cell, **how):
    return {row["render_id"]: row for row in measurement_rows(project, plan_cell(project, *cell), **how)}


def keep(project, cell, manifest_key):
    return keep_cell_table(project, *cell, measurement_rows(project, plan_cell(project, *cell)), manifest_key)


def test_a_render_has_its_names_its_lora_its_verdict_and_its_measurements(shop):
    project = shop.open()
    cell = mugs(project)
    rows = rows_of(project, cell)
    small, scene = rows["MUG-B.packshot_white.0"], rows["MUG-A.staged_scene.0"]
    assert (small["category"], small["drop"], small["gate_verdict"], small["fill_pct"]) == (*cell, "rejected", 50.0)
    assert "FILL" in small["reasons"] and small["lora_digest"] is None and small["lora_version"] is None
    assert (scene["lora_digest"], scene["lora_version"]) == (made_up("lora file", "mugs", 1), made_up("lora", "mugs", 1))
    assert {row["measurement_version"] for row in rows.values()} == {MEASUREMENT_VERSION}
    assert len({row["seed"] for row in rows.values()}) == len(rows)


def test_the_time_is_that_of_the_first_judgment_of_these_measurements_whatever_was_judged_since(shop, tmp_path):
    project = shop.open()
    rows = rows_of(project, mugs(project))
    one = rows["MUG-A.packshot_white.0"]
    (judged,) = project.ledger.rows(sa.select(judgment).where(judgment.c.render_key == one["render_key"]))
    assert one["measured_at"] == judged["judged_at"]
    early = judged["judged_at"] - dt.timedelta(days=9)
    project.ledger.record(judgment, {**judged, "gate_key": "by measurements of another version", "judged_at": early})
    assert rows_of(project, mugs(project))["MUG-A.packshot_white.0"]["measured_at"] == judged["judged_at"]


def test_a_persons_verdict_stands_beside_the_gates(shop):
    project = shop.open()
    cell = mugs(project)
    before = rows_of(project, cell)["MUG-B.packshot_white.0"]
    made, judged = plan_cell(project, *cell).judged[before["render_key"]]
    decide(project, made, judged, "waive", reviewer="ann", note="a thimble", seen=0)
    after = rows_of(project, cell)["MUG-B.packshot_white.0"]
    assert (before["standing_verdict"], after["gate_verdict"], after["standing_verdict"]) == ("rejected", "rejected", "approved")
    assert after["reasons"] == before["reasons"]


def test_a_cells_file_lies_under_a_name_that_stays_and_says_whose_verdicts_it_holds(shop):
    project = shop.open()
    cell = mugs(project)
    first = keep(project, cell, "manifest-1")
    table = pq.read_table(first)
    assert first.endswith(f"measurements/mugs/{cell[1]}.parquet")
    assert table.schema.metadata[b"vitrine.manifest"] == b"manifest-1"
    assert table.num_rows == len(rows_of(project, cell))
    data = project.store.files.read(f"measurements/mugs/{cell[1]}.parquet")
    assert keep(project, cell, "manifest-1") == first
    assert project.store.files.read(f"measurements/mugs/{cell[1]}.parquet") == data, "the same content is the same bytes"


def test_the_files_of_all_cells_are_one_table_to_whoever_reads_the_folder(shop):
    project = shop.open()
    cells = known_cells(project)
    places = [keep(project, cell, "manifest") for cell in cells]
    folder = places[0].rsplit("/", 2)[0]
    table = ds.dataset(folder, format="parquet").to_table()
    assert table.num_rows == sum(len(rows_of(project, cell)) for cell in cells)
    assert set(table["category"].to_pylist()) == {"bags", "mugs"}


def test_an_export_holds_every_cell_as_a_row_group_of_its_own(shop, tmp_path):
    project, out = shop.open(), tmp_path / "all.parquet"
    done = export_measurements(project, out)
    file = pq.ParquetFile(out)
    sizes = [len(rows_of(project, cell)) for cell in known_cells(project)]
    assert (done.renders, done.cells) == (sum(sizes), len(sizes)) and len(sizes) == 2
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == sizes
    assert done.size_bytes == out.stat().st_size and [path.name for path in tmp_path.iterdir()] == ["all.parquet"]
    again = tmp_path / "again.parquet"
    export_measurements(project, again)
    assert again.read_bytes() == out.read_bytes()


def test_an_export_is_limited_to_categories_and_recipes(shop, tmp_path):
    project, out = shop.open(), tmp_path / "some.parquet"
    export_measurements(project, out, ["mugs"], {"staged_scene"})
    table = pq.read_table(out)
    assert set(table["category"].to_pylist()) == {"mugs"} and set(table["recipe"].to_pylist()) == {"staged_scene"}


def test_an_export_that_fails_leaves_the_former_file_and_nothing_else(shop, tmp_path, monkeypatch):
    project, out = shop.open(), tmp_path / "all.parquet"
    out.write_text("the former export")
    calls = []

    def fail_in_the_second_cell(*args):
        calls.append(args)
        if len(calls) == 2:
            raise OSError("no more memory")
        return measurement_rows(*args)

    monkeypatch.setattr(subject, "measurement_rows", fail_in_the_second_cell)
    with pytest.raises(OSError, match="no more memory"):
        export_measurements(project, out)
    assert out.read_text() == "the former export" and [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


@pytest.mark.parametrize("place", ["", "no/such/folder/all.parquet"])
def test_a_place_where_no_file_can_lie_is_refused_before_any_work(shop, tmp_path, place):
    with pytest.raises(SettingsError, match="Nothing was written"):
        export_measurements(shop.open(), tmp_path / place)


def test_renders_that_the_rules_in_force_did_not_judge_are_told_and_have_no_verdict(shop, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(shop.brand, "rules", {"packshot_white": {"fill_pct": {"min": 60}}})
    opened = shop.open()
    monkeypatch.setenv("VITRINE_PROJECT", str(shop.folder))
    monkeypatch.setattr(cli_measurements, "open_project", lambda _: opened)  # its base model has no files
    monkeypatch.setattr(sys, "argv", ["vitrine", "measurements", "export", str(tmp_path / "all.parquet"), "--json"])
    with contextlib.suppress(SystemExit):
        main()
    told = json.loads(capsys.readouterr().out)
    table = pq.read_table(tmp_path / "all.parquet").to_pylist()
    unjudged = [row for row in table if row["gate_verdict"] is None]
    assert told["not_judged"] == len(unjudged) == 3 and told["renders"] == len(table)
    assert all(row["reasons"] is None and row["fill_pct"] is not None and row["measured_at"] is not None for row in unjudged)
