"""Outbox, watch and metrics on PostgreSQL, where transactions of many dispatchers go on at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from assets.drift import find_drift, windows_until
from benchmarks.drift import fill
from orchestration.metrics_server import all_parts
from orchestration.notifying import deliver_due, watch_once
from resources.observing_tables import tally
from resources.outbox import Notice, notify
from resources.project import open_project
from resources.settings import utc_now
from tests.made_up_work import BRAND, Shop
from tests.observing.receivers import http_receiver
from tests.tiny_project import write_project


@pytest.fixture
def folder(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setenv("LEDGER_URL", postgres_url)
    monkeypatch.setenv("OPS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    folder = write_project(tmp_path / "project", looks=False, base_model=tmp_path)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]"))
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("ledger: {url_env: LEDGER_URL}\nbudgets: {day_usd: 5, tier_day_usd: {express: 1}}\n")
        settings.write("notifications: {webhooks: [{name: ops, url_env: OPS_URL, secret_env: OPS_SECRET, allow_private_network: true}]}\n")
    return folder


def test_events_told_by_four_at_once_are_delivered_once_each(folder, monkeypatch):
    events = [Notice(type="budget.stopped", key=f"b{number}", subject="spring", message="Used up.") for number in range(20)]
    projects = [open_project(folder) for _ in range(4)]
    with http_receiver() as hook:
        monkeypatch.setenv("OPS_URL", hook.url)
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(lambda pair: notify(projects[pair[0] % 4], pair[1]), enumerate(events * 4)))
            list(pool.map(deliver_due, projects))
        deliver_due(projects[0])
    assert sum(told) == 20
    assert sorted(json.loads(body)["data"]["key"] for _, body in hook.received) == sorted(event.key for event in events)


def test_every_part_of_the_metrics_is_gathered(folder):
    from assets.catalog import refresh_catalog

    project = open_project(folder)
    refresh_catalog(project)
    row = {"activity": "judge", "category": "mugs", "recipe": "packshot_white", "outcome": "approved", "reason": "", "item_count": 3}
    project.ledger.append(tally, [{**row, "at": utc_now().replace(tzinfo=None)}])
    with dg.DagsterInstance.ephemeral() as instance:
        for part in all_parts():
            part.refresh(project, instance)
            assert part.failures == 0, part.name
        assert watch_once(project, instance) == 0


def test_what_drifts_is_counted_on_postgresql_as_on_sqlite(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setenv("LEDGER_URL", postgres_url)
    now, told = utc_now().replace(tzinfo=None), []
    for name, ledger in (("sqlite", ""), ("postgresql", "ledger: {url_env: LEDGER_URL}\n")):
        project = Shop(tmp_path / name, brand=BRAND).open()
        settings = tmp_path / name / "vitrine.yaml"
        settings.write_text(settings.read_text() + ledger)
        project = open_project(tmp_path / name)
        fill(project, 2_400, measured=True, end=now, categories=["mugs"])
        found = find_drift(project, windows_until(now))
        told.append((found.shares, found.columns, found.renders, found.renders_before, found.unjudged))
    assert told[0] == told[1] and told[0][0] and told[0][1]
