"""The restore drill: a lost ledger is made again from the records beside the blobs, equal table by table, and the plan has nothing to do."""

import datetime as dt
import shutil

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from assets.cell_lease import TIMES
from catalog.errors import StoreError
from orchestration.cli import app
from orchestration.running import refresh, run_category, tasks_for
from orchestration.stale import categories_to_train, stale_cells
from resources.ledger import Ledger
from resources.ledger_rebuild import rebuild
from resources.ledger_records import KEPT, keep_everything, keep_rows, read_rows
from resources.ledger_tables import change, lora, lora_return, product, render, spend
from resources.project import open_project
from tests.tiny_project import product_row, write_project, write_table

pytestmark = pytest.mark.slow

MADE_BY_A_RUN = {
    "change", "product", "source_photo", "cutout", "lora", "lora_contest", "lora_return", "render", "measurement", "judgment", "publication",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project with a trained LoRA, a product that went, one that is refused, changed words, and a LoRA taken into use again."""
    folder = write_project(tmp_path_factory.mktemp("finished") / "project", skus=("MUG-1", "MUG-2"))
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("steps: 30", "steps: 9").replace("_every: 10", "_every: 3"))
    (folder / "catalog" / "photos" / "TEXT.jpg").write_text("this is no picture")
    write_table(folder, [product_row(sku) for sku in ("MUG-1", "MUG-2", "TEXT", "GONE")])
    refresh(open_project(folder))
    words = product_row("MUG-1", title="Une tasse à thé, e\u0301crite autrement")  # not in its normal form: rows come back as they were
    write_table(folder, [words, product_row("MUG-2"), product_row("TEXT")])
    project = open_project(folder)
    refresh(project)
    for task in tasks_for(project):
        assert run_category(str(folder), task) == []
    ((key,),) = [tuple(row.values()) for row in project.ledger.rows(sa.select(lora.c.key))]
    project.ledger.record(lora_return, {"lora_key": key, "at": dt.datetime(2026, 11, 20, 1, 2, 3, 4)})
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "project", symlinks=True)


def tables(ledger):
    """Everything that has records, by table."""
    return {table.name: ledger.rows(sa.select(table).order_by(*table.primary_key)) for table in KEPT}


def without_ledger(folder):
    """Lose the ledger; what it held."""
    before = tables(open_project(folder).ledger)
    for file in (folder / ".vitrine").glob("ledger.sqlite*"):
        file.unlink()
    return before


def records_of(folder, table):
    return sorted((folder / ".vitrine" / "manifests" / "records" / table).iterdir())


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_lost_ledger_is_made_again_equal_and_nothing_is_left_to_do(folder, request, monkeypatch, database):
    before = without_ledger(folder)
    assert {name for name, rows in before.items() if rows} >= MADE_BY_A_RUN
    if database == "postgresql":
        monkeypatch.setenv("LEDGER_OF_TEST", request.getfixturevalue("postgres_url"))
        (folder / "vitrine.yaml").write_text((folder / "vitrine.yaml").read_text() + "ledger: {url_env: LEDGER_OF_TEST}\n")
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    done = CliRunner().invoke(app, ["ledger", "rebuild"])
    assert done.exit_code == 0, done.output
    project = open_project(folder)
    after = tables(project.ledger)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert stale_cells(project) == [] and categories_to_train(project) == []
    project.ledger.record(change, {"sku": "NEW", "category": "mugs", "drop": "2026-11-20", "kind": "new", "at": dt.datetime(2026, 11, 20)})
    assert project.ledger.rows(sa.select(sa.func.max(change.c.id).label("n")))[0]["n"] == before["change"][-1]["id"] + 1


def test_a_record_that_is_missing_would_be_seen(folder):
    """The comparison above can fail."""
    before = without_ledger(folder)
    records_of(folder, "render")[0].unlink()
    project = open_project(folder)
    rebuild(project.ledger, project.store)
    assert tables(project.ledger)["render"] != before["render"]
    assert stale_cells(project) != []


def test_an_altered_record_is_named_and_left_out_and_what_it_held_is_made_again(folder, monkeypatch):
    without_ledger(folder)
    damaged = records_of(folder, "render")[0]
    damaged.write_bytes(damaged.read_bytes().replace(b"mugs", b"bags"))
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    done = CliRunner().invoke(app, ["ledger", "rebuild"])
    assert done.exit_code == 1
    assert damaged.name in done.output
    assert stale_cells(open_project(folder)) != []


def test_a_rebuild_into_a_ledger_that_holds_anything_is_refused(folder):
    project = open_project(folder)
    before = tables(project.ledger)
    with pytest.raises(StoreError, match=r"is not empty \(it has .*Nothing was changed"):
        rebuild(project.ledger, project.store)
    assert tables(project.ledger) == before


def test_the_record_of_a_worker_killed_before_its_commit_gives_way_to_the_one_that_committed(folder):
    before = without_ledger(folder)
    project = open_project(folder)
    oldest = records_of(folder, "render")[0]
    (row, *_) = read_rows(render, oldest.read_bytes())
    killed = oldest.read_bytes().replace(f'"seconds":{row["seconds"]}'.encode(), b'"seconds":99.5')
    project.store.put_record("render", dt.datetime(2026, 11, 1), killed)
    rebuild(project.ledger, project.store)
    assert tables(project.ledger)["render"] == before["render"]


def test_a_ledger_older_than_its_records_is_kept_by_a_command_and_then_rebuilt_equal(folder):
    project = open_project(folder)
    shutil.rmtree(folder / ".vitrine" / "manifests" / "records")
    assert keep_everything(project.ledger, project.store) == sum(len(rows) for rows in tables(project.ledger).values())
    before = without_ledger(folder)
    project = open_project(folder)
    rebuild(project.ledger, project.store)
    assert tables(project.ledger) == before


def test_what_a_fence_refused_or_a_key_had_already_leaves_no_record(folder):
    project = open_project(folder)
    files = len(records_of(folder, "render"))
    (row, *_) = project.ledger.rows(sa.select(render))
    project.ledger.record(render, {**row, "seconds": 99.0})
    assert len(records_of(folder, "render")) == files
    from catalog.errors import LeaseRefused
    from resources.leases import take

    late = take(project.ledger, "cell/x", "run-1", times=TIMES)
    take(project.ledger, "cell/x", "run-2", times=TIMES, is_over=lambda _: True)
    with pytest.raises(LeaseRefused):
        project.ledger.fenced(late).record(render, {**row, "render_key": "new"})
    assert len(records_of(folder, "render")) == files


def test_more_rows_than_a_record_holds_come_back_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("resources.ledger_records.ROWS_PER_RECORD", 2)
    monkeypatch.setattr("resources.ledger_records.RECORDS_AT_ONCE", 3)
    ledger, store = Ledger.in_folder(tmp_path), open_project(write_small(tmp_path / "p")).store
    at = dt.datetime(2026, 11, 21, 12)
    rows = [{"id": n, "sku": f"MUG-{n}", "category": "mugs", "drop": "2026-11-21", "kind": "new", "at": at} for n in range(1, 16)]
    keep_rows(store, "change", rows)
    assert rebuild(ledger, store).records == 8
    assert ledger.rows(sa.select(change).order_by(change.c.id)) == rows


def test_records_of_newer_code_are_refused(tmp_path):
    ledger, store = Ledger.in_folder(tmp_path), open_project(write_small(tmp_path / "p")).store
    keep_rows(store, "spend", [{"id": 1, "category": "mugs", "a_column_of_tomorrow": 1}])
    with pytest.raises(StoreError, match=r"a_column_of_tomorrow.*newer Vitrine"):
        rebuild(ledger, store)
    assert ledger.rows(sa.select(spend)) == ledger.rows(sa.select(product)) == []


def write_small(folder):
    folder.mkdir()
    (folder / "vitrine.yaml").write_text("{}\n")
    return folder
