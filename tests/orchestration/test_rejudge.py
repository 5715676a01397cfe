"""`vitrine rejudge` on a real project: what it tells before a rule is applied, what it writes, and what the next run makes of it."""

import json
import shutil

import pytest
import sqlalchemy as sa

from assets.planning import known_cells, plan_cell
from orchestration.running import CategoryTask, refresh, run_category
from publishing.manifest import read_manifest
from resources.ledger_tables import judgment, metadata
from resources.project import open_project
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

LOOSE = "blockiness_ratio: {max: 99}, halo_delta_e: {max: 99}"
"""Drawn mugs have hard stripes that look like compression blocks."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny project whose packshots are drawn, approved and published."""
    folder = write_project(tmp_path_factory.mktemp("made") / "project", looks=False)
    brand = (folder / "brand.yaml").read_text().split("rules:")[0]
    (folder / "brand.yaml").write_text(brand.replace(", staged_scene]", "]") + f"rules:\n  packshot_white: {{{LOOSE}}}\n")
    refresh(open_project(folder))
    assert produce(folder) == []
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of it that a test may change."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture
def vitrine(folder, vitrine):
    """The command, in this project."""
    return vitrine


def produce(folder):
    """Run the project's one cell, as `vitrine run` does."""
    ((category, drop),) = known_cells(open_project(folder))
    return run_category(str(folder), CategoryTask(category=category, train=False, drops=(drop,)))


def tighten(folder):
    """Ask for a fill that no packshot of the tiny project meets; the shipped rule asks for 75 to 97 %, they have 86 %."""
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace(LOOSE, f"{LOOSE}, fill_pct: {{min: 90, max: 96.9}}"))


def verdicts(folder):
    """What the ledger says by the rules now in force, without times."""
    project = open_project(folder)
    plan = plan_cell(project, *known_cells(project)[0])
    return {key: row and {name: value for name, value in row.items() if name != "judged_at"} for key, (_, row) in plan.judged.items()}


def shown(folder):
    return sorted(read_manifest(folder / "out" / "published").images)


def test_a_dry_run_tells_what_would_flip_and_changes_nothing(folder, vitrine):
    tighten(folder)
    project = open_project(folder)
    before = {table.name: project.ledger.rows(sa.select(table)) for table in metadata.sorted_tables}
    code, out, err = vitrine("rejudge", "--dry-run", "--json")
    told = json.loads(out)
    assert (code, err, told["dry_run"], told["judged"]) == (0, "", True, 2)
    assert [(f["recipe"], f["category"], f["before"], f["after"], f["renders"]) for f in told["flips"]] == [
        ("packshot_white", "mugs", "approved", "rejected", 2)
    ]
    (rule,) = told["rules"]
    assert (rule["code"], rule["harder"], rule["renders"], rule["required"]) == ("FILL", True, 2, "90 to 96.9 %")
    margins = [example["decided_by"]["margin"] for example in told["examples"]]
    assert all(-0.03 < margin < -0.02 for margin in margins)
    assert margins == sorted(margins, reverse=True), "the barest first"
    assert {example["sku"] for example in told["examples"]} == {"MUG-1", "MUG-2"}
    assert told["publication"]["withdrawn"] == 2
    assert {table.name: project.ledger.rows(sa.select(table)) for table in metadata.sorted_tables} == before
    code, out, _ = vitrine("rejudge", "--dry-run")
    for words in ("Dry run: nothing was written", "2 of 2 verdicts flip", "approved -> rejected", "FILL", "% outside", "take back 2"):
        assert words in out, out


def test_the_next_run_finds_the_judgments_and_publishes_by_them(folder, vitrine, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    for one in (folder, tmp_path / "other"):
        tighten(one)
    renders = open_project(folder).ledger_counts()["renders"]
    code, out, _ = vitrine("rejudge")
    assert code == 0
    assert "2 renders of 1 cells were judged again" in out
    assert len(shown(folder)) == 2, "publishing is the run's"
    judged = verdicts(folder)
    assert {row["verdict"] for row in judged.values()} == {"rejected"}
    assert produce(folder) == produce(tmp_path / "other") == []
    assert verdicts(folder) == judged == verdicts(tmp_path / "other"), "as the run judges that was not preceded"
    assert shown(folder) == shown(tmp_path / "other") == []
    counts = open_project(folder).ledger_counts()
    assert (counts["renders"], counts["judgments"]) == (renders, 4)
    code, out, _ = vitrine("rejudge", "--dry-run")
    assert "0 renders of 1 cells would be judged again by the present rules, 2 had been before. 0 of 2 verdicts flip." in out


def test_a_misspelt_recipe_is_refused_and_one_without_renders_finds_nothing(folder, vitrine):
    tighten(folder)
    code, _, err = vitrine("rejudge", "--recipes", "packshot_wite")
    assert code == 2
    assert "packshot_wite" in err
    code, _, err = vitrine("rejudge", "--categories", "hats")
    assert code == 2
    assert "hats" in err
    code, out, _ = vitrine("rejudge", "--categories", "bags", "--json")
    assert (code, json.loads(out)["judged"]) == (0, 0)
    assert len(open_project(folder).ledger.rows(sa.select(judgment))) == 2
