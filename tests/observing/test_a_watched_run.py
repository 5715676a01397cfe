"""A whole tiny `vitrine run` with telemetry and JSON logs on: what a collector receives, what the log says, and what it must not say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.instruments import INSTRUMENTS
from resources.observing_tables import step_usage, tally
from resources.project import open_project
from tests.observing.otlp_receiver import otlp_collector, plain
from tests.tiny_model import write_tiny_base_model
from tests.tiny_project import write_photo, write_project

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]

CANARIES = {
    "SHOP_PASSWORD": "canary-pass-91",
    "OPS_HOOK": "https://hooks.slack.com/services/T0/B0/canaryslack77",
    "OTLP_LOGIN": "authorization=Bearer canarybearer5512",
    "SIGNING": "whsec_Y2FuYXJ5c2VjcmV0MDEyMzQ1Njc4OTA=",
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """The project, the collector and the log of one run. One photo is refused, and one product's text tries to smuggle secrets into logs."""
    base = tmp_path_factory.mktemp("watched")
    folder = write_project(base / "project", base_model=write_tiny_base_model(base / "model"))
    table = folder / "catalog" / "products.csv"
    table.write_text(table.read_text().replace("MUG-2.jpg", "bad.jpg"))
    import numpy as np

    write_photo(folder / "catalog" / "photos" / "bad.jpg", np.full((64, 64, 3), 200, np.uint8))
    with otlp_collector() as collector:
        with (folder / "vitrine.yaml").open("a") as settings:
            settings.write(
                f"logging: json\ntelemetry: {{endpoint: '{collector.url}', headers_env: OTLP_LOGIN, interval_s: 1}}\n"
                "notifications:\n"
                "  slack: [{name: ops, url_env: OPS_HOOK}]\n"
                "  email: [{name: owner, to: [canary.owner@example.org], sender: vitrine@example.org, host: smtp.example.org}]\n"
            )
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "run", "--workers", "1", "--json"],
            cwd=REPOSITORY,
            env={**os.environ, "VITRINE_PROJECT": str(folder), "OMP_NUM_THREADS": "1", **CANARIES},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        (base / "stderr.jsonl").write_text(done.stderr)
        yield open_project(folder), collector, done


def lines_of(log):
    return [json.loads(line) for line in log.splitlines()]


def test_a_trace_leads_from_the_cell_to_its_steps_and_groups(watched):
    _, collector, _ = watched
    by_id = {span.span_id: span for span in collector.spans}
    (cell,) = [span for span in collector.spans if span.name == "produce_cell"]
    assert cell.parent_span_id == b""
    step = next(span for span in collector.spans if span.name == "render_shard")
    assert step.parent_span_id == cell.span_id and step.trace_id == cell.trace_id
    group = next(span for span in collector.spans if span.name == "group")
    shard = by_id[group.parent_span_id]
    assert shard.name == "shard" and by_id[shard.parent_span_id].name == "render_shard"
    about = plain(group.attributes)
    assert about["vitrine.product"] == "MUG-1" and about["vitrine.recipe"] in ("packshot_white", "staged_scene")
    assert about["vitrine.cell"].startswith("mugs|") and about["vitrine.run_id"].replace("-", "") == group.trace_id.hex()


def test_counters_in_the_ledger_and_at_the_collector_tell_what_was_made(watched):
    project, collector, done = watched
    summary = json.loads(done.stdout)
    assert collector.total("vitrine.items", activity="render", outcome="made") == summary["rendered_now"]
    assert collector.total("vitrine.items", activity="screen", outcome="refused") == 1
    assert collector.total("vitrine.items", activity="judge", outcome="approved") == summary["approved"]
    assert collector.total("vitrine.training.steps", category="mugs") == 30
    assert collector.total("vitrine.worker.time", activity="train") > 0
    assert collector.total("vitrine.cost.usd", category="mugs") > 0
    query = sa.select(sa.func.sum(tally.c.item_count).label("n")).where(tally.c.activity == "render", tally.c.outcome == "made")
    assert project.ledger.one(query)["n"] == summary["rendered_now"]


def test_every_instrument_arrives_with_its_unit_and_only_with_bounded_labels(watched):
    _, collector, _ = watched
    there = {i.name: i for i in INSTRUMENTS}
    for name in there.keys() - {"vitrine.step.retries", "vitrine.step.gpu.memory.peak"}:  # nothing was tried twice; no GPU here
        assert collector.metrics[name].unit == there[name].unit
        assert collector.labels(name) == set(there[name].labels)
    for metric, _, labels in collector.points:
        for key, value in labels:
            assert "MUG" not in str(value), (metric, key)


def test_processes_say_who_they_are_and_log_in_with_the_named_header(watched):
    _, collector, _ = watched
    assert {r["service.name"] for r in collector.resources} == {"vitrine"}
    assert len({r["service.instance.id"] for r in collector.resources}) == 2  # the command, its worker
    assert {h.get("authorization") or h.get("Authorization") for h in collector.headers} == {"Bearer canarybearer5512"}


def test_every_log_line_is_json_and_says_what_was_being_worked_on(watched):
    _, _, done = watched
    lines = lines_of(done.stderr)
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)
    drawn = next(line for line in lines if line["message"] == "group rendered")
    assert drawn["product"] == "MUG-1" and len(drawn["render_key"]) == 64 and drawn["step"] == "render_shard"
    assert drawn["cell"].startswith("mugs|") and drawn["run_id"]
    refused = next(line for line in lines if line["message"] == "photo refused")
    assert refused["product"] == "MUG-2" and refused["reasons"]


def test_dagsters_own_events_are_in_the_same_log(watched):
    _, _, done = watched
    events = [line for line in lines_of(done.stderr) if line["logger"] == "dagster"]
    assert any(line["message"].startswith('Finished execution of run for "produce_cell"') for line in events)
    assert {line["run_id"] for line in events if "run_id" in line} == {
        line["run_id"] for line in lines_of(done.stderr) if line["logger"] == "vitrine.step"
    }


def test_no_secret_and_no_address_is_in_any_log(watched):
    project, _, done = watched
    texts = [done.stderr, done.stdout]
    texts += [p.read_text(errors="replace") for p in project.settings.dagster_home.rglob("*") if p.suffix in {".out", ".err", ".log"}]
    for canary in ("canary-pass-91", "canaryslack77", "canarybearer5512", "Y2FuYXJ5c2VjcmV0", "canary.owner@"):
        assert not [text for text in texts if canary in text], canary


def test_what_each_step_used_is_in_the_ledger(watched):
    project, _, _ = watched
    rows = project.ledger.rows(sa.select(step_usage))
    assert {"render_shard", "category_lora", "validated_renders", "source_photos"} <= {row["op"] for row in rows}
    for row in rows:
        assert row["wall_s"] > 0 and row["rss_peak_bytes"] > 50 * 2**20 and row["outcome"] == "done", row["op"]
