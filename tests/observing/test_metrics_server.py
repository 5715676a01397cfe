"""`vitrine metrics serve`: a real scrape over HTTP, parsed by Prometheus's own parser, with numbers that agree with the ledger."""

import datetime as dt
import threading
import urllib.request

import dagster as dg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from assets.catalog import refresh_catalog
from orchestration.exported_metrics import FAMILIES
from orchestration.metrics_server import Exposition, TraceEnds, all_parts, listen
from orchestration.metrics_snapshot import RunningSums
from resources.costs import book
from resources.instruments import INSTRUMENTS
from resources.observing_tables import tally
from resources.outbox import Notice, notify
from resources.project import open_project
from resources.settings import utc_now
from resources.telemetry import start_telemetry, stop_telemetry
from tests.observing.otlp_receiver import otlp_collector
from tests.tiny_project import write_project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAT_URL", "https://chat.example.com/x")
    folder = write_project(tmp_path / "project", looks=False, base_model=tmp_path)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]"))
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("notifications: {slack: [{name: chat, url_env: CHAT_URL}]}\n")
        settings.write("budgets: {day_usd: 12.5, category_day_usd: {mugs: 3}}\n")
    project = open_project(folder)
    refresh_catalog(project)
    return project


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tallied(project, outcome, count, *, category="mugs", reason="", at=None):
    row = {"activity": "judge", "category": category, "recipe": "packshot_white", "outcome": outcome, "reason": reason}
    project.ledger.append(tally, [{**row, "item_count": count, "at": (at or utc_now()).replace(tzinfo=None)}])


def scraped(project, instance, parts=None):
    """What Prometheus would store: value by series name and labels. One real HTTP request."""
    parts = parts or all_parts()
    for part in parts:
        part.refresh(project, instance)
        assert part.failures == 0, part.name
    server = listen(Exposition(parts), "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in text_string_to_metric_families(text) for s in family.samples}


def value(found, name, **labels):
    return found[name, tuple(sorted(labels.items()))]


def test_a_scrape_tells_backlog_verdicts_money_and_notices(project, instance):
    tallied(project, "approved", 40)
    tallied(project, "rejected", 10)
    tallied(project, "reason", 7, reason="blockiness_ratio")
    book(project, "render", "mugs", "2026-11-21", 50, (120.0, 100.0), "packshot_white")
    notify(project, Notice(type="budget.stopped", key="b", subject="spring", message="The budget is used up."))
    found = scraped(project, instance)
    verdict = {"activity": "judge", "category": "mugs", "recipe": "packshot_white"}
    assert value(found, "vitrine_ledger_outcomes_total", outcome="approved", **verdict) == 40
    assert value(found, "vitrine_ledger_reasons_total", activity="judge", recipe="packshot_white", reason="blockiness_ratio") == 7
    assert value(found, "vitrine_ledger_worker_seconds_total", activity="render", category="mugs") == 120
    assert value(found, "vitrine_ledger_cost_usd_total", activity="render", category="mugs") == pytest.approx(120 / 3600 * 0.10)
    assert value(found, "vitrine_backlog_items", activity="screen", category="mugs") == 2
    assert value(found, "vitrine_backlog_cells", category="mugs") == 1
    assert value(found, "vitrine_products", state="active") == 2
    assert value(found, "vitrine_budget_limit_usd", budget="day") == 12.5
    assert value(found, "vitrine_budget_used_usd", budget="category mugs") == pytest.approx(120 / 3600 * 0.10)
    assert value(found, "vitrine_notifications", state="waiting") == 1
    assert value(found, "vitrine_dagster_failed_partitions", job="produce_cell") == 0


def test_every_series_is_in_the_table_with_its_labels_and_none_names_a_product(project, instance):
    found = scraped(project, instance)
    by_name = {family.name: family for family in FAMILIES}
    for name, labels in found:
        assert set(by_name[name].labels) == {key for key, _ in labels}, name
        assert not [label for label in labels if "MUG" in label[1]], name


def test_names_say_their_unit_and_no_name_is_used_twice():
    names = [family.name for family in FAMILIES] + [instrument.prometheus_name for instrument in INSTRUMENTS]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.name.startswith("vitrine_") and family.name.endswith("_total") == (family.kind == "counter"), family.name
        for word in ("seconds", "usd"):
            assert word not in family.name or family.name.removesuffix("_total").endswith(word), family.name


def test_sums_are_carried_on_and_never_fall(project):
    """Settled rows are read once. A row whose transaction committed late, under a lower number, is still counted while it is young."""
    sums, now = RunningSums(tally, ("outcome",), ("item_count",)), utc_now()
    tallied(project, "approved", 5, at=now - dt.timedelta(hours=9))
    tallied(project, "approved", 2, at=now)
    assert sums.read(project, now) == {("approved",): [7.0]}
    assert sums.settled == {("approved",): [5.0]}
    tallied(project, "approved", 1, at=now)
    assert sums.read(project, now) == {("approved",): [8.0]}
    assert sums.read(project, now + dt.timedelta(hours=2)) == {("approved",): [8.0]}
    assert sums.settled == {("approved",): [8.0]}


def test_a_part_that_cannot_be_gathered_keeps_what_was_known_and_counts_the_failure(project, instance, caplog):
    parts = [part for part in all_parts() if part.name == "outbox"]
    notify(project, Notice(type="budget.stopped", key="b", subject="spring", message="The budget is used up."))
    scraped(project, instance, parts)
    parts[0].gather = lambda *_: 1 / 0
    parts[0].refresh(project, instance)
    found = {
        s.name: s.value
        for metric in Exposition(parts).collect()
        for s in metric.samples
        if s.labels in ({"state": "waiting"}, {"part": "outbox"})
    }
    assert found["vitrine_notifications"] == 1
    assert found["vitrine_exporter_refresh_failures_total"] == 1


def test_heartbeats_runs_and_failed_cells_come_from_the_instance(project, instance):
    from dagster._daemon.types import DaemonHeartbeat

    instance.add_daemon_heartbeat(DaemonHeartbeat(utc_now().timestamp() - 90, "SENSOR", "1", []))

    @dg.op
    def work():
        raise RuntimeError("no")

    @dg.job(name="produce_cell")
    def produce_cell():
        work()

    produce_cell.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": "mugs|2026-11-21"})
    found = scraped(project, instance)
    assert 89 < value(found, "vitrine_dagster_heartbeat_age_seconds", daemon="SENSOR") < 200
    assert value(found, "vitrine_dagster_failed_partitions", job="produce_cell") == 1
    assert value(found, "vitrine_dagster_runs", status="queued") == 0


def test_the_span_of_a_run_that_ended_is_sent_once(project, instance):
    @dg.job(name="produce_cell")
    def nothing():
        pass

    with otlp_collector() as collector:
        (project.settings.project_dir / "vitrine.yaml").open("a").write(f"telemetry: {{endpoint: '{collector.url}'}}\n")
        start_telemetry(open_project(project.settings.project_dir).settings)
        try:
            ends = TraceEnds()
            run = nothing.execute_in_process(instance=instance, tags={"dagster/partition": "mugs|2026-11-21"}).run_id
            for _ in range(3):
                ends.send(instance, every_s=0.0)
        finally:
            stop_telemetry()
    (span,) = collector.spans
    assert span.name == "produce_cell" and span.trace_id.hex() == run.replace("-", "") and span.parent_span_id == b""


def test_scrapes_go_on_while_a_part_is_being_gathered(project, instance):
    """A plan of a million products takes its time; Prometheus gives up on a target after ten seconds."""
    hold, gathering = threading.Event(), threading.Event()

    def slow(*_):
        gathering.set()
        hold.wait(30)
        return {}

    parts = [part for part in all_parts() if part.name in ("outbox", "backlog")]
    scraped(project, instance, parts)
    parts[1].gather = slow
    thread = threading.Thread(target=parts[1].refresh, args=(project, instance))
    thread.start()
    gathering.wait(10)
    try:
        found = {s.name for metric in Exposition(parts).collect() for s in metric.samples}
    finally:
        hold.set()
        thread.join()
    assert "vitrine_backlog_cells" in found
