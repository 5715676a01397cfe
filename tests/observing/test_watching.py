"""What is late, stuck or drifting is told once per event, however often it is looked at."""

import datetime as dt

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from assets.catalog import refresh_catalog
from benchmarks.drift import fill
from catalog.errors import SettingsError
from orchestration import handing_out
from orchestration.campaigns import campaign_named, start_campaign
from orchestration.cli_operations import _cell
from orchestration.failed_cells import failed_now, queue_cells
from orchestration.notifying import notification_sensors, watch_cells, watch_once
from orchestration.triggers import due_cells
from orchestration.watching import (
    drifting_categories,
    drifting_recipes_and_loras,
    overdue_cells,
    refresh_waiting_cells,
    stuck_backfills,
    stuck_campaigns,
)
from resources.observing_settings import NotificationSettings
from resources.observing_tables import notice, tally, waiting_cell
from resources.project import VitrineResource, open_project
from resources.settings import utc_now
from tests.made_up_work import BRAND, Shop
from tests.tiny_project import write_project

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
WATCH = NotificationSettings()


@pytest.fixture
def project(tmp_path):
    """A project whose catalog was read and of which nothing was made."""
    folder = write_project(tmp_path / "project", looks=False, base_model=tmp_path)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]"))
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("notifications: {slack: [{name: chat, url_env: CHAT_URL}]}\n")
    project = open_project(folder)
    refresh_catalog(project)
    return project


def judged(project, at, approved, rejected, category="mugs"):
    row = {"activity": "judge", "category": category, "recipe": "packshot_white", "reason": "", "at": at.replace(tzinfo=None)}
    both = (("approved", approved), ("rejected", rejected))
    project.ledger.append(tally, [{**row, "outcome": outcome, "item_count": count} for outcome, count in both])


def test_a_cell_that_waits_too_long_is_told_once_per_wait(project):
    (row,) = refresh_waiting_cells(project, NOW)
    assert (row["to_screen"], row["to_judge"]) == (2, 0)
    assert list(overdue_cells(WATCH, [row], NOW + dt.timedelta(hours=47))) == []
    later = NOW + dt.timedelta(hours=48)
    (again,) = refresh_waiting_cells(project, later)
    assert again["since"] == row["since"]  # each look keeps what the first one noted
    (told,) = overdue_cells(WATCH, [again], later)
    assert "2 to screen" in told.message and "vitrine retry 'mugs|" in told.message
    (next_day,) = overdue_cells(WATCH, refresh_waiting_cells(project, later + dt.timedelta(days=1)), later + dt.timedelta(days=1))
    assert next_day.key == told.key


def test_a_cell_that_is_made_waits_no_more(project, monkeypatch):
    refresh_waiting_cells(project, NOW)
    monkeypatch.setattr("orchestration.watching.stale_cells", lambda _: [])
    assert refresh_waiting_cells(project, NOW) == []
    assert project.ledger.rows(sa.select(waiting_cell)) == []


def test_looking_ten_times_tells_an_overdue_cell_once(project):
    refresh_waiting_cells(project, utc_now() - dt.timedelta(days=9))
    with dg.DagsterInstance.ephemeral() as instance:
        assert [watch_once(project, instance) for _ in range(10)] == [1] + [0] * 9
    assert [row["type"] for row in project.ledger.rows(sa.select(notice))] == ["cell.overdue"]


def test_a_backfill_without_progress_is_told_once_per_standstill(project):
    with dg.DagsterInstance.ephemeral() as instance:
        began = NOW.timestamp()
        instance.add_backfill(
            PartitionBackfill(
                backfill_id="spring",
                status=BulkActionStatus.REQUESTED,
                from_failure=False,
                tags={},
                backfill_timestamp=began,
                partition_names=["a"],
                asset_selection=[],
            )
        )
        assert list(stuck_backfills(instance, WATCH, NOW + dt.timedelta(hours=5.9))) == []
        (first,) = stuck_backfills(instance, WATCH, NOW + dt.timedelta(hours=6.1))
        (second,) = stuck_backfills(instance, WATCH, NOW + dt.timedelta(hours=30))
        assert first.key == second.key and "has not moved since 2026-11-21 12:00" in first.message
        instance.create_run_for_job(_nothing, tags={"dagster/backfill": "spring"})  # it moved, now in reality
        assert list(stuck_backfills(instance, WATCH, utc_now())) == []


def test_a_campaign_without_progress_is_told_and_one_that_its_budget_holds_is_not(project):
    start_campaign(project, "spring")
    began = utc_now()
    assert list(stuck_campaigns(project, WATCH, began + dt.timedelta(hours=5.9))) == []
    (told,) = stuck_campaigns(project, WATCH, began + dt.timedelta(hours=6.1))
    assert "spring" in told.message and "1 cells are left" in told.message
    handing_out._note(project, campaign_named(project, "spring"), "the budget of the day: 0.01 of 1.00 USD are left")
    assert list(stuck_campaigns(project, WATCH, began + dt.timedelta(days=3))) == []


@dg.job
def _nothing():
    pass


@pytest.mark.parametrize(
    ("today", "before", "drifts"),
    [
        ((60, 40), (900, 100), True),  # 60 % after 90 %
        ((80, 20), (900, 100), False),  # ten points: within what is allowed
        ((10, 10), (900, 100), False),  # too few renders to say
        ((60, 40), (30, 3), False),  # no baseline yet
        ((99, 1), (500, 500), False),  # it got better
    ],
)
def test_drift_is_a_fall_that_chance_does_not_explain(project, today, before, drifts):
    judged(project, NOW - dt.timedelta(hours=3), *today)
    judged(project, NOW - dt.timedelta(days=5), *before)
    assert bool(list(drifting_categories(project, WATCH, NOW))) is drifts


def test_a_recipe_that_is_rejected_more_often_is_told_once_a_week(tmp_path):
    shop = Shop(tmp_path / "shop", brand=BRAND)
    fill(shop.open(), 2_400, measured=False, end=NOW.replace(tzinfo=None), categories=["mugs"])
    found = [
        drifting_recipes_and_loras(shop.open(), NotificationSettings(drift_week_points=0.05), NOW + dt.timedelta(hours=hour))
        for hour in (0, 1)
    ]
    first, again = (list(notices) for notices in found)
    assert first and {told.key for told in first} == {told.key for told in again}
    assert all(told.subject.split()[0] in ("recipe", "lora") and "were rejected" in told.message for told in first)
    assert list(drifting_recipes_and_loras(shop.open(), NotificationSettings(drift_week_points=0.5), NOW)) == []


def test_weeks_are_compared_once_a_day(project, monkeypatch):
    looks = []
    monkeypatch.setattr("orchestration.notifying.drifting_recipes_and_loras", lambda *_: looks.append(1) or ())
    vitrine = {"vitrine": VitrineResource(project_dir=str(project.settings.project_dir))}
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None
        for _ in range(3):
            cursor = watch_cells.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor, resources=vitrine)).cursor
        assert len(looks) == 1
        watch_cells.evaluate_tick(dg.build_sensor_context(instance=instance, cursor="2026-11-01", resources=vitrine))
    assert len(looks) == 2


def test_drift_is_told_once_a_week(project):
    judged(project, NOW - dt.timedelta(hours=3), 60, 40)
    judged(project, NOW - dt.timedelta(days=5), 900, 100)
    keys = {told.key for hour in range(12) for told in drifting_categories(project, WATCH, NOW + dt.timedelta(hours=hour))}
    assert len(keys) == 1


def test_sensors_that_tell_exist_only_where_somebody_is_to_be_told(project, tmp_path):
    assert {sensor.name for sensor in notification_sensors(project.settings)} == {"deliver_notifications", "watch_cells"}
    (tmp_path / "vitrine.yaml").write_text("failure_webhook_url: https://example.com/x\n")
    assert {sensor.name for sensor in notification_sensors(open_project(tmp_path).settings)} == {"deliver_notifications"}
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    assert notification_sensors(open_project(tmp_path).settings) == []


def test_a_queued_retry_is_handed_out_by_the_sensor_as_a_new_revision(project):
    ((cell, *_), cursor) = due_cells(project, 0)
    assert due_cells(project, cursor) == ([], cursor)
    queue_cells(project, [(cell.category, cell.drop)])
    ((again, *_), _) = due_cells(project, cursor)
    assert (again.category, again.drop) == (cell.category, cell.drop) and again.run_key != cell.run_key


def test_a_retry_of_a_cell_that_does_not_exist_starts_nothing(project):
    with pytest.raises(SettingsError, match=r"no cell hats\|2026-11-21"):
        queue_cells(project, [("hats", "2026-11-21")])
    with pytest.raises(SettingsError, match="is no cell"):
        _cell("mugs")


def test_only_cells_whose_newest_run_failed_count_as_failed():
    with dg.DagsterInstance.ephemeral() as instance:
        for partition, succeeds in (
            ("mugs|2026-11-20", False),
            ("mugs|2026-11-20", True),
            ("mugs|2026-11-21", True),
            ("mugs|2026-11-21", False),
        ):
            _cell_job(succeeds).execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": partition})
        assert [(run.job, run.partition) for run in failed_now(instance)] == [("produce_cell", "mugs|2026-11-21")]


def _cell_job(succeeds):
    @dg.op
    def work():
        assert succeeds

    @dg.job(name="produce_cell")
    def produce_cell():
        work()

    return produce_cell
