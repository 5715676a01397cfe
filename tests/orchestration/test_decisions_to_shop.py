"""From the review page to the shop window and back: a decision, the next tick of the sensor, the run it asks for, what stands in the folder."""

import shutil
from types import SimpleNamespace

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.decisions import decide, decisions_on, undo
from assets.planning import known_cells, plan_cell
from publishing.manifest import read_manifest
from resources.ledger_tables import lease
from resources.project import open_project
from tests.orchestration.test_sources_to_shop import Daemon
from tests.reviewed_shop import write_reviewed_shop

pytestmark = pytest.mark.slow  # five runs of real assets under Dagster


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_reviewed_shop(tmp_path_factory.mktemp("next-tick") / "project")


@pytest.fixture
def folder(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "project", symlinks=True)
    with open_project(folder).ledger.writing() as connection:  # the run that made the shop is over, which another instance cannot know
        connection.execute(sa.delete(lease))
    return folder


def rows(project, sku):
    (cell,) = known_cells(project)
    plan = plan_cell(project, *cell)
    (wanted,) = (w for w in plan.wanted if w.variant.sku == sku)
    return plan.judged[wanted.render_key]


def files(folder):
    """What the shop window holds: SKUs by the manifest, and the picture files that are really there."""
    published = folder / "out" / "published"
    skus = sorted(image.sku for image in read_manifest(published).images.values())
    return skus, len(list(published.rglob("*.jpg")))


def test_an_approval_is_in_the_shop_after_the_next_tick_and_a_withdrawn_one_is_out_of_it(folder):
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(SimpleNamespace(project=folder), instance)
        daemon.settle()
        assert files(folder) == ([], 0), "the gate approved of none"
        project = open_project(folder)
        approved = decide(project, *rows(project, "MUG-1"), "approve", reviewer="ann", seen=0)
        assert len(daemon.settle()) == 1, "one run, of the cell that was decided about"
        assert files(folder) == (["MUG-1"], 1)
        assert daemon.settle() == [], "and it is not started again"
        undo(project, *rows(project, "MUG-1"), reviewer="ben", seen=approved["id"])
        assert decisions_on(project, ["MUG-1"]) == {}
        assert len(daemon.settle()) == 1
        assert files(folder) == ([], 0), "the file itself is gone, too"
        waived = decide(project, *rows(project, "MUG-2"), "waive", reviewer="ann", note="meant to float", seen=0)
        daemon.settle()
        assert files(folder) == (["MUG-2"], 1)
        decide(project, *rows(project, "MUG-2"), "reject", reviewer="ben", fault="shadow", seen=waived["id"])
        daemon.settle()
        assert files(folder) == ([], 0)
