"""No cell of a campaign is lost or made twice: whatever crashes between two ticks, the ledger knows what is left."""

import contextlib
import datetime as dt
import random
import socket
import sys

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus

from assets.cell_lease import resource_of
from catalog.errors import SettingsError
from orchestration import backfill_sensor
from orchestration.backfill_sensor import backfill_campaigns, request_of, tick
from orchestration.budgets import MONEY, Asked, reserve
from orchestration.campaigns import campaign_named, campaigns, cancel, pause, progress, resume, start_campaign
from orchestration.cli import main
from orchestration.following import command_holder, follow
from orchestration.handing_out import SENSOR, hand_out, running_cells
from orchestration.schedules import start_night
from resources.leases import LeaseTimes, take
from resources.ledger_tables import campaign_cell, reservation
from resources.observing_tables import notice
from resources.project import VitrineResource, open_project
from resources.run_facts import ATTEMPT_TAG
from resources.schedule_settings import NightlySettings
from tests.planned_shop import spent, write_shop

DAYS = [f"2026-11-0{n}" for n in range(1, 8)]
LIMITS = "backfills: {max_running: 3, per_tick: 2, max_attempts: 2}\n"


class Crash(Exception):
    """The daemon dies."""


class Daemon:
    """Dagster's sensor daemon in small, on a real instance: starts each run key once, forgets all it knows when it dies."""

    def __init__(self, project):
        self.project, self.instance = project, dg.DagsterInstance.ephemeral()
        self.started: list[str] = []

    def tick(self, crash_after=None):
        """One tick; with `crash_after` the daemon dies after so many runs were started."""
        done = tick(open_project(self.project.settings.project_dir), self.instance)
        for number, cell in enumerate(done.requests):
            if number == crash_after:
                raise Crash
            self._start(request_of(cell))
        if crash_after is not None:
            raise Crash
        return done

    def _start(self, request):
        key = {"dagster/run_key": request.run_key}
        if self.instance.get_runs(dg.RunsFilter(tags=key)):
            return
        self.started.append(request.run_key)
        tags = {**request.tags, **key, "dagster/partition": str(request.partition_key)}
        run = dg.DagsterRun(job_name="produce_cell", tags=tags, status=DagsterRunStatus.STARTED)
        self.instance.add_run(run)

    def runs(self, status=DagsterRunStatus.STARTED):
        return self.instance.get_runs(dg.RunsFilter(statuses=[status]))

    def end(self, run, *, failed=False):
        if failed:
            self.instance.report_run_failed(run, "the node was taken away")
        else:
            self.instance.report_dagster_event(
                dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=run.job_name, message="done"), run.run_id
            )

    def end_all(self, *, failed=False):
        for run in self.runs():
            self.end(run, failed=failed)


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop", {("mugs", day): 1 for day in DAYS}, LIMITS)


@pytest.fixture
def daemon(shop):
    return Daemon(shop)


def states(project, name="spring"):
    query = sa.select(campaign_cell.c.drop, campaign_cell.c.state).where(campaign_cell.c.campaign == name)
    return {row["drop"]: row["state"] for row in project.ledger.rows(query)}


def open_reservations(project):
    return [row["attempt"] for row in project.ledger.rows(sa.select(reservation).where(reservation.c.ended_at.is_(None)))]


def until_done(daemon, ticks=40, **ending):
    for _ in range(ticks):
        daemon.tick()
        daemon.end_all(**ending)
        if campaign_named(daemon.project, "spring").state == "done":
            return
    raise AssertionError(states(daemon.project))


def test_every_cell_is_handed_out_once_and_no_more_than_may_run(daemon, shop):
    start_campaign(shop, "spring")
    assert len(daemon.tick().requests) == 2, "at most so many per tick"
    daemon.tick()
    daemon.tick()
    assert len(daemon.runs()) == 3, "at most so many at once"
    until_done(daemon)
    assert len(daemon.started) == len(set(daemon.started)) == len(DAYS)
    assert set(states(shop).values()) == {"done"} and open_reservations(shop) == []
    assert campaign_named(shop, "spring").state == "done"


@pytest.mark.parametrize("seed", range(12))
def test_no_cell_is_lost_or_started_twice_when_the_daemon_dies_at_any_time(daemon, shop, seed):
    rng = random.Random(seed)
    start_campaign(shop, "spring")
    for _ in range(60):
        with contextlib.suppress(Crash):
            daemon.tick(crash_after=rng.choice([None, 0, 1, 2]))
        for run in daemon.runs():
            if rng.random() < 0.5:
                daemon.end(run)
        if campaign_named(shop, "spring").state == "done":
            break
    assert set(states(shop).values()) == {"done"}
    assert len(daemon.started) == len(set(daemon.started)) == len(DAYS)
    assert open_reservations(shop) == []


def test_a_request_that_never_became_a_run_is_made_again_under_the_same_run_key(daemon, shop):
    start_campaign(shop, "spring")
    with pytest.raises(Crash):
        daemon.tick(crash_after=0)
    first = set(open_reservations(shop))
    asked = {cell.attempt for cell in daemon.tick().requests}
    assert first <= asked and len(open_reservations(shop)) == len(asked), "its money is set aside once"


def test_a_failed_cell_is_tried_again_at_the_end_and_then_given_up_with_its_reason(daemon, shop):
    start_campaign(shop, "spring")
    until_done(daemon, failed=True)
    seen = progress(shop, "spring")
    assert seen.cells == {"failed": len(DAYS)} and open_reservations(shop) == []
    assert {row["reason"] for row in seen.failures} == {"the node was taken away"}
    keys = [key.rpartition("|")[0] for key in daemon.started]
    assert sorted(keys) == sorted(2 * sorted(set(keys))), "two runs each, max_attempts"
    assert len(set(keys[: len(DAYS)])) == len(DAYS), "no cell a second time before every cell had its first"


def test_a_resumed_campaign_tries_failed_cells_under_new_run_keys(daemon, shop):
    """Run keys are used up for ever: the first attempt's key again would start nothing, and find the old failure."""
    start_campaign(shop, "spring")
    until_done(daemon, failed=True)
    before = set(daemon.started)
    resume(shop, "spring")
    until_done(daemon)
    assert set(states(shop).values()) == {"done"}
    assert len(daemon.started) == len(set(daemon.started)) and set(daemon.started) > before


def test_a_campaign_that_is_done_to_the_last_cell_is_not_opened_again(daemon, shop):
    start_campaign(shop, "spring")
    until_done(daemon)
    with pytest.raises(SettingsError, match=r"is done and none of its cells failed\. Start another one"):
        resume(shop, "spring")
    assert campaign_named(shop, "spring").state == "done"


def test_a_run_that_dagster_starts_again_by_itself_is_waited_for(daemon, shop):
    start_campaign(shop, "spring")
    daemon.tick()
    run, _ = daemon.runs()
    daemon.end(run, failed=True)
    daemon.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    daemon.tick()
    attempt = run.tags[ATTEMPT_TAG]
    assert attempt in open_reservations(shop)
    tags = {**run.tags, "dagster/parent_run_id": run.run_id}
    daemon.instance.add_run(dg.DagsterRun(job_name="produce_cell", tags=tags, status=DagsterRunStatus.SUCCESS))
    daemon.tick()
    assert states(shop)[attempt.split("|")[2]] == "done" and attempt not in open_reservations(shop)


def test_pause_lets_running_cells_finish_and_starts_no_other(daemon, shop):
    start_campaign(shop, "spring")
    daemon.tick()
    pause(shop, "spring")
    assert daemon.tick().requests == () and len(daemon.runs()) == 2
    daemon.end_all()
    daemon.tick()
    assert sorted(states(shop).values()) == ["done"] * 2 + ["waiting"] * 5
    resume(shop, "spring")
    until_done(daemon)
    assert set(states(shop).values()) == {"done"}


def test_a_pause_between_claim_and_start_loses_nothing(daemon, shop):
    start_campaign(shop, "spring")
    with pytest.raises(Crash):
        daemon.tick(crash_after=0)
    pause(shop, "spring")
    assert daemon.tick().requests == ()
    assert set(states(shop).values()) == {"waiting"} and open_reservations(shop) == []


def test_cancel_ends_runs_and_leaves_the_ledger_consistent(daemon, shop, monkeypatch):
    start_campaign(shop, "spring")
    daemon.tick()
    ended = []

    def end_runs(instance, run_ids, tell):
        ended.extend(run_ids)
        for run in daemon.runs():
            instance.report_run_canceled(run)

    monkeypatch.setattr(backfill_sensor, "end_runs", end_runs)
    daemon.tick()
    cancel(shop, "spring")
    daemon.tick()
    assert len(ended) == 3 and daemon.tick().requests == ()
    assert set(states(shop).values()) == {"canceled"} and open_reservations(shop) == []
    with pytest.raises(SettingsError, match="was canceled"):
        resume(shop, "spring")


def test_a_queued_run_is_taken_from_the_queue_by_cancel(shop):
    from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

    from orchestration.following import end_runs
    from orchestration.instance import open_instance

    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("vitrine"), "__repository__"), "produce_cell")
    with open_instance(shop.settings) as instance:
        run = dg.DagsterRun(job_name="produce_cell", status=DagsterRunStatus.QUEUED, remote_job_origin=origin)
        instance.add_run(run)
        assert end_runs(instance, [run.run_id], print) == 1
        assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.CANCELED


def test_a_run_that_somebody_canceled_by_hand_is_not_started_again(daemon, shop):
    start_campaign(shop, "spring")
    daemon.tick()
    daemon.instance.report_run_canceled(daemon.runs()[0])
    daemon.tick()
    (row,) = progress(shop, "spring").failures
    assert "canceled by hand" in row["reason"]


def test_a_run_deleted_in_the_ui_is_started_again(daemon, shop):
    start_campaign(shop, "spring")
    daemon.tick()
    for run in daemon.runs():
        daemon.instance.delete_run(run.run_id)
    daemon.started.clear()
    until_done(daemon)
    assert len(daemon.started) == len(DAYS)


def test_what_a_lost_command_held_is_handed_out_by_the_daemon(daemon, shop):
    one = start_campaign(shop, "spring")
    assert hand_out(shop, one, holder=f"{socket.gethostname()}/a-process-that-is-gone", at_most=2)
    until_done(daemon)
    assert set(states(shop).values()) == {"done"}


def test_the_daemon_leaves_alone_what_a_living_command_holds(daemon, shop):
    one = start_campaign(shop, "spring")
    (mine,) = hand_out(shop, one, holder=command_holder(shop.settings), at_most=1)
    for _ in range(6):
        daemon.tick()
        daemon.end_all()
    assert [drop for drop, state in states(shop).items() if state == "running"] == [mine.drop]


def test_a_command_leaves_the_sensors_fresh_claims_alone(shop):
    """Between claim and start a cell of the sensor has no run: whoever looks then must not hand it out a second time."""
    one = start_campaign(shop, "spring")
    hand_out(shop, one, holder=SENSOR, at_most=2)
    follow(shop, dg.DagsterInstance.ephemeral(), holder="a command")
    assert len(running_cells(shop, one)) == 2


def test_a_machine_with_another_instance_takes_nothing_back(daemon, shop):
    """`vitrine backfill status` on a laptop asks the laptop's Dagster, which knows no run of the cluster's."""
    one = start_campaign(shop, "spring")
    daemon.tick()
    hand_out(shop, one, holder="another-machine/its-process", at_most=1)
    daemon.tick()  # which sees the runs of its own
    later = sa.update(campaign_cell).values(changed_at=dt.datetime(2026, 1, 1)).where(campaign_cell.c.held_by == SENSOR)
    shop.ledger.transact(lambda connection: connection.execute(later), repeatable=True)
    before = states(shop)
    follow(shop, dg.DagsterInstance.ephemeral(), holder=command_holder(shop.settings))
    assert states(shop) == before and len(open_reservations(shop)) == len(running_cells(shop, one)) == 3


def test_a_cell_that_another_run_holds_waits_for_it_and_uses_up_no_attempt(daemon, shop):
    """A run beside it would wait 20 seconds in vain and fail: three of those, and the cell was given up while it was being made."""
    other = daemon.instance.add_run(dg.DagsterRun(job_name="produce_cell", status=DagsterRunStatus.STARTED))
    take(shop.ledger, resource_of(f"mugs|{DAYS[0]}"), other.run_id, times=LeaseTimes())
    start_campaign(shop, "spring")
    for _ in range(10):
        daemon.tick()
        for run in daemon.runs():
            if run.run_id != other.run_id:
                daemon.end(run)
    assert states(shop) == {DAYS[0]: "waiting", **dict.fromkeys(DAYS[1:], "done")}
    daemon.end(other)
    assert [cell.drop for cell in daemon.tick().requests] == [DAYS[0]]
    assert daemon.started[-1].endswith("|1@1"), "its first attempt"


def test_a_deadline_that_passed_with_cells_left_is_told_once(tmp_path):
    who = "notifications: {slack: [{name: shop, url_env: SHOP_URL, events: [budget.stopped]}]}\n"
    project = write_shop(tmp_path / "shop", {("mugs", DAYS[0]): 1}, who)
    start_campaign(project, "spring", deadline=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    daemon = Daemon(project)
    daemon.tick()
    daemon.tick()
    (told,) = project.ledger.rows(sa.select(notice))
    assert told["facts"]["cells_left"] == 1 and "its deadline, 2026-01-01 00:00 UTC" in told["message"]


def test_nothing_starts_after_the_deadline(daemon, shop):
    start_campaign(shop, "spring", deadline=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    done = daemon.tick()
    assert done.requests == () and "its deadline, which has passed" in done.lines[0] and "7 left" in done.lines[0]
    resume(shop, "spring", deadline=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    assert len(daemon.tick().requests) == 2


def test_money_set_aside_for_a_lora_is_free_again_when_its_run_ends(daemon, shop):
    asked = Asked(attempt="lora-2026-11-22|mugs", campaign=None, category="mugs", tier="economy", usd=1.0)
    with shop.ledger.writing(MONEY) as connection:
        assert reserve(shop, connection, asked) is None
    run = dg.DagsterRun(job_name="train_category", tags={ATTEMPT_TAG: asked.attempt}, status=DagsterRunStatus.STARTED)
    daemon.instance.add_run(run)
    daemon.tick()
    assert open_reservations(shop) == [asked.attempt]
    daemon.end(run)
    daemon.tick()
    assert open_reservations(shop) == []


def test_the_tick_says_which_budget_stopped_it_and_what_is_left(daemon, shop):
    start_campaign(shop, "spring", budget_usd=0.0)
    (line,) = daemon.tick().lines
    assert "held back by the budget of campaign spring" in line and "7 left (" in line and "images, about" in line


def test_a_campaign_that_a_budget_stopped_is_told_of_once_a_day(tmp_path):
    from resources.observing_tables import notice

    who = "notifications: {slack: [{name: shop, url_env: SHOP_URL, events: [budget.stopped]}]}\n"
    shop = write_shop(tmp_path, {("mugs", "2026-11-01"): 2}, LIMITS + who)
    start_campaign(shop, "spring", budget_usd=0.0)
    daemon = Daemon(shop)
    daemon.tick()
    daemon.tick()
    (told,) = shop.ledger.rows(sa.select(notice))
    assert told["type"] == "budget.stopped" and "Campaign spring stands still" in told["message"] and told["facts"]["cells_left"] == 1


def test_a_campaign_holds_the_recipes_it_names_and_their_runs_are_told(daemon, shop):
    start_campaign(shop, "spring", recipes=frozenset({"backdrop"}), tier="express")
    (cell, *_) = daemon.tick().requests
    assert cell.tags["vitrine/recipes"] == "backdrop" and cell.tags["vitrine/campaign"] == "spring"
    assert (cell.tags["vitrine/tier"], cell.tags["dagster/priority"], cell.tags["dagster/max_runtime"]) == ("express", "10", "14400")
    assert progress(shop, "spring").images_left == len(DAYS)


def test_the_sensor_itself_asks_for_the_cells_and_adds_their_category(shop):
    start_campaign(shop, "spring")
    instance = dg.DagsterInstance.ephemeral()
    vitrine = VitrineResource(project_dir=str(shop.settings.project_dir))
    result = backfill_campaigns(dg.build_sensor_context(instance=instance), vitrine=vitrine)
    assert {str(request.partition_key) for request in result.run_requests} == {f"mugs|{DAYS[0]}", f"mugs|{DAYS[1]}"}
    assert result.dynamic_partitions_requests[0].partition_keys == ["mugs"]
    assert len({request.run_key for request in result.run_requests}) == 2
    again = backfill_campaigns(dg.build_sensor_context(instance=instance), vitrine=vitrine)
    assert {r.run_key for r in again.run_requests} >= {r.run_key for r in result.run_requests}, "asked again while there is no run"


def test_the_worthiest_cells_come_first_and_old_cheap_ones_are_not_forgotten(tmp_path):
    cells = {("bags", "2026-11-10"): 2, ("hats", "2026-11-10"): 2, ("mugs", "2026-02-01"): 2, ("hats", "2026-11-09"): 2}
    shop = write_shop(tmp_path, cells)
    start_campaign(shop, "spring")
    query = sa.select(campaign_cell).order_by(campaign_cell.c.rank)
    order = [(row["category"], row["drop"]) for row in shop.ledger.rows(query)]
    assert order == [("mugs", "2026-02-01"), ("bags", "2026-11-10"), ("hats", "2026-11-09"), ("hats", "2026-11-10")]
    start_campaign(shop, "hats-first", weights={"hats": 1000.0})
    first = shop.ledger.rows(query.where(campaign_cell.c.campaign == "hats-first"))[0]
    assert first["category"] == "hats"


def test_a_night_is_a_campaign_and_takes_up_what_the_last_one_left(daemon, shop):
    nightly = NightlySettings(cron="0 1 * * *", budget_usd=1e6)
    told = start_night(shop, nightly, dt.date(2026, 11, 20))
    assert "nightly-2026-11-20" in told and "7 left" in told
    assert "begun before" in start_night(shop, nightly, dt.date(2026, 11, 20)), "a repeated tick begins nothing"
    daemon.tick()
    start_night(shop, nightly, dt.date(2026, 11, 21))
    daemon.end_all()
    daemon.tick()
    assert [(one.name, one.state) for one in campaigns(shop)] == [("nightly-2026-11-20", "done"), ("nightly-2026-11-21", "running")]
    assert sorted(states(shop, "nightly-2026-11-20").values()) == ["canceled"] * 5 + ["done"] * 2
    assert len(states(shop, "nightly-2026-11-21")) == 7


def test_progress_counts_images_and_money_of_the_campaign_alone(shop):
    start_campaign(shop, "spring")
    spent(shop, 3.0, campaign="spring", item_count=4)
    spent(shop, 5.0, campaign="autumn", item_count=9)
    spent(shop, 7.0, item_count=2)
    seen = progress(shop, "spring")
    assert (seen.images_made, seen.usd_spent) == (4, 3.0)


@pytest.mark.parametrize("name", ["Spring", "a|b", "", "a b", "x" * 70])
def test_a_name_that_would_break_tags_and_run_keys_is_refused(shop, name):
    with pytest.raises(SettingsError):
        start_campaign(shop, name)


def test_a_name_is_used_once(shop):
    start_campaign(shop, "spring")
    with pytest.raises(SettingsError, match="already"):
        start_campaign(shop, "spring")


def test_backfill_with_a_campaigns_name_and_no_command_begins_it(shop, monkeypatch, capsys):
    monkeypatch.setenv("VITRINE_PROJECT", str(shop.settings.project_dir))
    monkeypatch.setattr(sys, "argv", ["vitrine", "backfill", "--campaign", "spring", "--categories", "mugs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code and "spring" in capsys.readouterr().out
    assert campaign_named(shop, "spring").state == "running" and states(shop) == dict.fromkeys(DAYS, "waiting")
