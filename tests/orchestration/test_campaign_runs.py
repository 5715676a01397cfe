"""Campaigns with real runs: limited to recipes, in the foreground, by the daemon; and Dagster's own backfill gives the same pictures."""

import logging

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.planning import known_cells
from orchestration.backfill_command import run_campaign
from orchestration.campaigns import campaign_named, progress, start_campaign
from orchestration.reasons import BLOCKED
from orchestration.running import refresh, run_tasks, tasks_for
from publishing.manifest import read_manifest
from resources.ledger_tables import judgment, render, reservation, spend
from resources.project import open_project
from resources.settings import utc_now
from tests.orchestration.dev_process import set_rules, tolerate_drawn_pictures
from tests.tiny_project import SCENE_RULES, small_recipe, write_project

pytestmark = pytest.mark.slow

SKUS = ("MUG-1", "MUG-2")


def studio_project(folder):
    """The tiny project without scenes: packshots and backdrops, no model, no training."""
    write_project(folder, skus=SKUS, looks=False, base_model=folder)
    brand = folder / "brand.yaml"
    text = brand.read_text().replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white, backdrop]")
    brand.write_text(text.replace(SCENE_RULES, f"  backdrop: {{blockiness_ratio: {{max: 99}}, halo_delta_e: {{max: 99}}}}\n{SCENE_RULES}"))
    (folder / "recipes" / "backdrop.yaml").write_text(small_recipe("backdrop", 520))
    tolerate_drawn_pictures(folder)
    return folder


@pytest.fixture
def folder(tmp_path):
    return studio_project(tmp_path / "project")


def published(folder):
    """What stands published: bytes by name."""
    return {name: image.sha256 for name, image in read_manifest(folder / "out" / "published").images.items()}


def recipes_of(folder):
    return {name.split("/")[-1].rsplit("-", 1)[0] for name in published(folder)}


def renders(folder):
    return {row["render_key"]: row["render_digest"] for row in open_project(folder).ledger.rows(sa.select(render))}


def by_campaign(folder, **how):
    """All that is stale, by a campaign in the foreground."""
    project = open_project(folder)
    start_campaign(project, "spring", **how)
    assert run_campaign(project, "spring", workers=1, tell=print) == []
    return open_project(folder)


def test_a_campaign_makes_judges_and_publishes_its_recipe_and_no_other(folder):
    refresh(open_project(folder))
    project = by_campaign(folder, recipes=frozenset({"backdrop"}), tier="economy")
    assert {row["recipe"] for row in project.ledger.rows(sa.select(render))} == {"backdrop"} == recipes_of(folder)
    assert campaign_named(project, "spring").state == "done"
    seen = progress(project, "spring")
    assert (seen.cells, seen.images_made) == ({"done": 1}, len(renders(folder))) and seen.usd_spent > 0
    (held,) = project.ledger.rows(sa.select(reservation))
    assert held["ended_at"] is not None
    lines = [row for row in project.ledger.rows(sa.select(spend)) if row["activity"] == "render"]
    assert {(row["recipe"], row["tier"], row["campaign"], row["attempt"]) for row in lines} == {
        ("backdrop", "economy", "spring", held["attempt"])
    }

    run_tasks(project, tasks_for(project), workers=1)
    assert recipes_of(folder) == {"backdrop", "packshot_white"}
    before = published(folder)

    # A changed rule: only the campaign's recipe is judged anew, and pictures of the other are neither refused nor taken back.
    set_rules(folder, "packshot_white: {blockiness_ratio: {max: 98}, halo_delta_e: {max: 98}}")
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("backdrop: {blockiness_ratio: {max: 99}", "backdrop: {blockiness_ratio: {max: 98}"))
    project = open_project(folder)
    judged = len(project.ledger.rows(sa.select(judgment)))
    start_campaign(project, "judge-again", recipes=frozenset({"backdrop"}))
    assert run_campaign(project, "judge-again", workers=1, tell=print) == []
    new = project.ledger.rows(sa.select(judgment).order_by(judgment.c.judged_at.desc()))[
        : len(project.ledger.rows(sa.select(judgment))) - judged
    ]
    made = {row["render_key"]: row["recipe"] for row in project.ledger.rows(sa.select(render))}
    assert {made[row["render_key"]] for row in new} == {"backdrop"} and len(new) == seen.images_made
    assert published(folder) == before


def test_a_cell_held_back_by_its_brand_gate_is_given_up_at_once_with_that_reason(folder):
    """Another run would give the same pictures: three runs of a large cell for nothing."""
    refresh(open_project(folder))
    set_rules(folder, "packshot_white: {blockiness_ratio: {max: 0.01}}")
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("min_approved_share: 0.0", "min_approved_share: 0.9"))
    project = open_project(folder)
    start_campaign(project, "spring")
    (failure,) = run_campaign(project, "spring", workers=1, tell=print)
    (row,) = progress(project, "spring").failures
    assert row["reason"] == failure.message == BLOCKED and row["failures"] == 1
    assert len(renders(folder)) > 0, "what was made is kept"
    assert all(held["ended_at"] is not None for held in project.ledger.rows(sa.select(reservation)))


@pytest.fixture
def daemon(folder, monkeypatch):
    """Dagster's daemon functions over the product's own code location; runs are made in this process, one after the other."""
    from dagster._core.test_utils import create_test_daemon_workspace_context
    from dagster._core.workspace.load_target import ModuleTarget

    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    here = {
        "run_launcher": {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"},
        "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
    }
    target = ModuleTarget("orchestration.definitions", attribute=None, working_directory=None, location_name="vitrine")
    with (
        dg.DagsterInstance.local_temp(overrides=here) as instance,
        create_test_daemon_workspace_context(workspace_load_target=target, instance=instance) as workspace,
    ):
        yield workspace, instance


def test_a_backfill_of_the_ui_and_a_campaign_give_the_same_pictures(folder, daemon, tmp_path):
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
    from dagster._daemon.backfill import execute_backfill_iteration

    workspace, instance = daemon
    project = open_project(folder)
    refresh_catalog(project)
    instance.add_dynamic_partitions("category", ["mugs"])
    (cell,) = known_cells(project)
    graph = workspace.create_request_context().asset_graph
    chosen = ["source_photos", "cutouts", "generated_variants", "validated_renders", "published_images", "product_pages"]
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="from-the-ui",
        asset_graph=graph,
        partition_names=["|".join(cell)],
        asset_selection=[dg.AssetKey(name) for name in chosen],
        backfill_timestamp=utc_now().timestamp(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    for _ in range(12):
        list(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
        if instance.get_backfill("from-the-ui").status == BulkActionStatus.COMPLETED_SUCCESS:
            break
    assert instance.get_backfill("from-the-ui").status == BulkActionStatus.COMPLETED_SUCCESS

    other = studio_project(tmp_path / "other")
    refresh(open_project(other))
    by_campaign(other)
    assert renders(folder) == renders(other) != {}
    assert published(folder) == published(other) != {}


def test_the_daemon_runs_a_campaign_to_its_end(folder, daemon):
    from dagster._daemon.sensor import execute_sensor_iteration

    workspace, instance = daemon
    project = open_project(folder)
    refresh_catalog(project)
    start_campaign(project, "spring", recipes=frozenset({"packshot_white"}), tier="express")
    (repository,) = workspace.create_request_context().get_code_location("vitrine").get_repositories().values()
    for sensor in repository.get_sensors():
        if sensor.name != "backfill_campaigns":
            instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)
    for _ in range(3):
        list(execute_sensor_iteration(workspace, logging.getLogger("sensor"), None, None))
        for state in instance.all_instigator_state():
            if state.name == "backfill_campaigns":  # the next tick is due at once
                instance.update_instigator_state(
                    state.with_data(state.instigator_data._replace(last_tick_start_timestamp=None, last_tick_timestamp=None))
                )
    assert campaign_named(project, "spring").state == "done"
    (run,) = instance.get_runs()
    assert (run.tags["vitrine/campaign"], run.tags["vitrine/tier"], run.tags["vitrine/recipes"]) == ("spring", "express", "packshot_white")
    assert recipes_of(folder) == {"packshot_white"}
