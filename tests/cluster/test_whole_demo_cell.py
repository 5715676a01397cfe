"""A cell of the shipped demo made by run and step pods: its LoRA trained, 53 pictures of four recipes drawn, judged and published.

The last file of the suite: the demo takes the shop's place in the deployment, and nobody puts the shop back.
"""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.ledger_tables import judgment, render
from resources.project import Project, open_project
from tests.cluster.cells import TODAY, cell, drawn, pictures, publications, renders
from tests.cluster.deployment import LEDGER_VARIABLE
from tests.cluster.shop import change_settings, cluster_section

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.soak]

REPOSITORY = Path(__file__).resolve().parents[2]
CATEGORY = "lighting"

ONE_MACHINE = """
import sys
from pathlib import Path
from orchestration.running import CategoryTask, refresh, run_category
from resources.project import open_project
folder, category, drop = sys.argv[1:]
refresh(open_project(Path(folder)))
failures = run_category(folder, CategoryTask(category=category, train=True, drops=(drop,)))
assert not failures, failures
"""

LARGER = {op: {"memory_gib": 3} for op in ("cutouts", "category_lora", "render_shard", "validated_renders")}
"""The demo's pictures have 1,200 pixels a side, the shop's 300."""


def write_demo(folder: Path) -> Path:
    """The demo in a folder of its own, state and output inside."""
    shutil.copytree(REPOSITORY / "demo", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("make"))
    change_settings(folder, state=".vitrine", output="out")
    return folder


@pytest.fixture(scope="module")
def alone(ground):
    """The same cell on one machine, begun now in a process beside."""
    folder = write_demo(ground / "demo")
    running = subprocess.Popen([sys.executable, "-c", ONE_MACHINE, str(folder), CATEGORY, TODAY], cwd=REPOSITORY)
    yield folder, running
    running.kill()


@pytest.fixture(scope="module")
def produced(runs, alone, store) -> Project:
    """The demo's project, with one category's LoRA and cell made by pods."""
    deployment = runs.deployment
    for path in deployment.project.iterdir():  # the folder itself is mounted into pods
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    folder, host = write_demo(deployment.project), deployment.host
    sections = {"cluster": cluster_section(host.step_pods(), **LARGER), "ledger": {"url_env": LEDGER_VARIABLE}}
    change_settings(folder, store=store | {"prefix": "demo"}, publish=store | {"prefix": "demo-published"}, **sections)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    runs.succeeds(runs.launch("refresh_catalog"))
    runs.succeeds(runs.launch("train_category", partition=CATEGORY), within_s=900)
    runs.succeeds(runs.launch("produce_cell", partition=cell(CATEGORY)), within_s=900)
    return open_project(folder)


@pytest.fixture(scope="module")
def on_one_machine(produced, alone) -> Project:
    folder, running = alone
    assert running.wait(timeout=900) == 0
    return open_project(folder)


def test_pods_make_the_demos_pictures_byte_for_byte_as_one_machine_does(produced, on_one_machine):
    recipes = Counter(row["recipe"] for row in produced.ledger.rows(sa.select(render).where(render.c.category == CATEGORY)))
    assert set(recipes) == {"packshot_white", "backdrop", "staged_scene", "recolor"} and recipes["staged_scene"] >= 10
    assert renders(produced, CATEGORY) == renders(on_one_machine, CATEGORY)
    assert pictures(produced, CATEGORY) == pictures(on_one_machine, CATEGORY)
    assert drawn(produced, CATEGORY) == recipes.total()


def test_the_same_pictures_are_approved_and_published(produced, on_one_machine):
    def verdicts(project):
        mine = set(renders(project, CATEGORY))
        return {row["render_key"]: row["verdict"] for row in project.ledger.rows(sa.select(judgment)) if row["render_key"] in mine}

    assert set(verdicts(on_one_machine).values()) == {"approved"}
    assert verdicts(produced) == verdicts(on_one_machine)
    assert publications(on_one_machine, CATEGORY) != {}
    assert publications(produced, CATEGORY) == publications(on_one_machine, CATEGORY)
