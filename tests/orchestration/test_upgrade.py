"""The code location is reloaded while a run goes on, as an upgrade on one machine does: the run ends with its own code, the new code serves at once."""

import pytest

from publishing.manifest import read_manifest
from tests.orchestration.dev_process import DevProcess, tolerate_drawn_pictures
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

SKUS = tuple(f"MUG-{number}" for number in range(1, 9))

RELOAD = """
mutation R { reloadRepositoryLocation(repositoryLocationName: "vitrine") {
  __typename
  ... on WorkspaceLocationEntry { locationOrLoadError { __typename } }
  ... on PythonError { message }
} }
"""

SCHEDULES = """
{ schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "vitrine"}) {
  ... on Schedules { results { name } } } }
"""


def schedules(dev):
    return {schedule["name"] for schedule in dev.ask(SCHEDULES)["schedulesOrError"]["results"]}


def test_a_run_that_has_begun_ends_well_while_its_code_location_is_reloaded(tmp_path):
    folder = write_project(tmp_path / "project", skus=SKUS, looks=False)
    tolerate_drawn_pictures(folder)
    with DevProcess(folder) as dev:
        dev.wait_until(lambda: [r for r in dev.runs("produce_cell") if r["status"] == "STARTED"], "a cell is being made")
        assert schedules(dev) == set()

        with (folder / "vitrine.yaml").open("a") as settings:
            settings.write("nightly: {cron: '0 1 * * *'}\n")
        reloaded = dev.ask(RELOAD)["reloadRepositoryLocation"]
        assert reloaded["locationOrLoadError"]["__typename"] == "RepositoryLocation", reloaded
        assert schedules(dev) == {"nightly_stale_cells"}
        (run,) = dev.runs("produce_cell")
        assert run["status"] == "STARTED"  # else the reload came too late to show anything

        dev.wait_for_run(lambda r: r["runId"] == run["runId"], "the run that the old code began ends")
        assert {image.sku for image in read_manifest(folder / "out" / "published").images.values()} == set(SKUS)
        assert [r["status"] for r in dev.runs("produce_cell")] == ["SUCCESS"]
