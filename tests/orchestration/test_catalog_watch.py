"""When the catalog is read anew: after changes, after failures with pauses that grow, and no more often than it can be looked at."""

import dagster as dg
import pytest

from catalog.errors import CatalogError
from orchestration.catalog_watch import FIRST_RETRY_S, LONGEST_RETRY_S, LOST_AFTER_S, read_cursor, watch
from orchestration.jobs import refresh_catalog_job
from orchestration.sensors import ASKED_TAG, refresh_outcome
from resources.catalog_source import CatalogSource


class Asked:
    """A table or pictures that record how often they were asked."""

    def __init__(self, tells_cheaply=True):
        self.state, self.asked, self.tells_cheaply = "one", 0, tells_cheaply

    def fingerprint(self):
        self.asked += 1
        if self.state is None:
            raise CatalogError("out of reach")
        return self.state


class Sensor:
    """Ticks of a watch over a table and pictures, with a clock and an outcome of refreshes that the test sets."""

    def __init__(self, poll_s=15, tells_cheaply=True):
        self.table, self.pictures = Asked(tells_cheaply), Asked()
        self.poll_s, self.now, self.state, self.cursor = poll_s, 1_000_000.0, ("done", 0.0), None

    def tick(self, later_s=15.0):
        """Whether the tick asks for a refresh. The cursor goes through JSON, as Dagster keeps it."""
        self.now += later_s
        source = CatalogSource(self.table, self.pictures)
        after, ask = watch(source, read_cursor(self.cursor), poll_s=self.poll_s, outcome=lambda _: self.state, now=self.now)
        self.cursor = after.model_dump_json()
        return ask


@pytest.fixture
def sensor():
    made = Sensor()
    assert made.tick()
    return made


def test_a_refresh_that_succeeded_is_not_asked_for_again(sensor):
    assert not any(sensor.tick() for _ in range(5))
    assert read_cursor(sensor.cursor).request == ""


def test_a_failed_refresh_is_asked_for_again_though_nothing_changed(sensor):
    """It once was not: a folder that was out of reach for a minute during the run was not read until its next change."""
    sensor.state = ("failed", sensor.now)
    assert not sensor.tick(FIRST_RETRY_S - 1)
    assert sensor.tick(1)
    assert not sensor.tick(0)


def test_the_pauses_between_failures_grow_to_an_hour_and_never_end(sensor):
    pauses = []
    for _ in range(10):
        failed_at = sensor.now
        sensor.state = ("failed", failed_at)
        while not sensor.tick(15):
            pass
        pauses.append(sensor.now - failed_at)
    assert pauses[:3] == [60, 120, 240]
    assert pauses[-3:] == [LONGEST_RETRY_S] * 3


def test_a_change_is_asked_for_at_once_in_spite_of_failures(sensor):
    for _ in range(4):
        sensor.state = ("failed", sensor.now)
        assert sensor.tick(LONGEST_RETRY_S)
    sensor.table.state = "two"
    assert sensor.tick()
    sensor.state = ("failed", sensor.now)
    assert sensor.tick(FIRST_RETRY_S)  # pauses begin anew


def test_a_refresh_that_waits_or_runs_is_waited_for(sensor):
    sensor.state = ("going", 0.0)
    assert not any(sensor.tick(3600) for _ in range(5))


def test_a_request_that_no_run_came_of_is_made_again(sensor):
    sensor.state = ("unknown", 0.0)
    assert not sensor.tick(LOST_AFTER_S - 1)
    assert sensor.tick(1)


def test_with_announced_uploads_the_table_is_asked_at_each_tick_and_everything_every_five_minutes():
    sensor = Sensor(poll_s=300)
    for _ in range(21):
        sensor.tick()
    assert (sensor.table.asked, sensor.pictures.asked) == (21, 2)
    sensor.pictures.state = "two"
    assert [sensor.tick() for _ in range(20)].count(True) == 1
    sensor.table.state = "two"
    assert sensor.tick()


def test_a_table_that_must_be_read_to_tell_is_asked_only_with_the_full_look():
    sensor = Sensor(poll_s=300, tells_cheaply=False)
    for _ in range(21):
        sensor.tick()
    assert (sensor.table.asked, sensor.pictures.asked) == (2, 2)


def test_a_look_that_takes_long_is_taken_less_often(monkeypatch):
    """A listing of 20 s at each tick of 15 s would never end."""
    times = iter(range(0, 10_000, 20))
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    sensor = Sensor()
    for _ in range(29):
        sensor.tick()
    assert sensor.pictures.asked == 3  # at 0, 200 and 400 s


def test_a_clock_that_is_set_back_does_not_stop_the_looking():
    sensor = Sensor(poll_s=300)
    sensor.tick()
    sensor.tick(-90_000)
    assert sensor.pictures.asked == 2


def test_a_source_out_of_reach_changes_no_cursor(sensor):
    before, sensor.pictures.state = sensor.cursor, None
    with pytest.raises(CatalogError):
        sensor.tick()
    assert sensor.cursor == before


def test_a_cursor_of_an_older_version_reads_the_catalog_once_more(sensor):
    sensor.cursor = "0f" * 32
    assert sensor.tick()
    assert not sensor.tick()


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], "unknown"),
        ([dg.DagsterRunStatus.STARTING], "going"),
        ([dg.DagsterRunStatus.FAILURE], "failed"),
        ([dg.DagsterRunStatus.CANCELED], "failed"),
        ([dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED], "going"),  # its retry
        ([dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS], "done"),
    ],
)
def test_the_outcome_of_a_request_is_that_of_its_runs_and_their_retries(statuses, state):
    with dg.DagsterInstance.ephemeral() as instance:
        for status in statuses:
            instance.add_run(dg.DagsterRun(job_name=refresh_catalog_job.name, tags={ASKED_TAG: "mine"}, status=status))
        instance.add_run(dg.DagsterRun(job_name=refresh_catalog_job.name, tags={ASKED_TAG: "other"}, status=dg.DagsterRunStatus.SUCCESS))
        assert refresh_outcome(instance, "mine")[0] == state
