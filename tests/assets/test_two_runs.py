"""Two runs over one cell at once give one result, and one of them does the work."""

import multiprocessing
import time
from collections import Counter

import dagster as dg
import pytest
import sqlalchemy as sa

from assets import cell_lease
from assets.cell_lease import resource_of, run_is_over
from assets.partitions import cell_key
from assets.planning import known_cells
from orchestration.instance import open_instance
from orchestration.running import CategoryTask, refresh, run_category, tasks_for
from publishing.manifest import read_manifest
from resources.leases import LeaseTimes, holding, take
from resources.ledger_tables import cell_manifest, cutout, judgment, publication, render, source_photo, spend
from resources.project import open_project
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

SKUS = ("MUG-1", "MUG-2")


def _run(folder, start, leases, answers):
    if not leases:
        cell_lease.holding = _no_lease
    project = open_project(folder)
    ((category, drop),) = known_cells(project)
    start.wait(120)
    failures = run_category(str(folder), CategoryTask(category=category, train=False, drops=(drop,)))
    answers.put([failure.message for failure in failures])


def _no_lease(ledger, *_, **__):
    from contextlib import nullcontext

    return nullcontext(ledger)


def produce_twice(folder, leases=True):
    """Two processes, each with a run of its own over the project's one cell, begun together; the failures of both."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    runs = [context.Process(target=_run, args=(folder, start, leases, answers)) for _ in range(2)]
    for run in runs:
        run.start()
    messages = [answers.get(timeout=400) for _ in runs]
    for run in runs:
        run.join(60)
    return [message for failures in messages for message in failures]


def made(folder):
    """What is there, by its keys; without times."""
    ledger = open_project(folder).ledger
    tables = (source_photo, cutout, render, judgment, publication)
    there = {t.name: sorted(tuple(row[c.name] for c in t.primary_key) for row in ledger.rows(sa.select(t))) for t in tables}
    digests = sorted((row["render_key"], row["render_digest"]) for row in ledger.rows(sa.select(render)))
    manifests = sorted((row["kind"], row["manifest_key"]) for row in ledger.rows(sa.select(cell_manifest)))
    return {**there, "digests": digests, "manifests": manifests, "shown": sorted(read_manifest(folder / "out" / "published").images)}


def items_paid(folder):
    """Items of each activity in the clock of costs."""
    paid = Counter()
    for row in open_project(folder).ledger.rows(sa.select(spend)):
        paid[row["activity"]] += row["item_count"]
    return {name: count for name, count in paid.items() if name in ("screen", "cut out", "render", "judge", "publish")}


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request, tmp_path, monkeypatch):
    return new_project(request, tmp_path / "project", monkeypatch, request.param)


def new_project(request, folder, monkeypatch, database):
    write_project(folder, skus=SKUS, looks=False)
    if database == "postgresql":
        monkeypatch.setenv("LEDGER_OF_TEST", request.getfixturevalue("postgres_url"))
        (folder / "vitrine.yaml").write_text((folder / "vitrine.yaml").read_text() + "ledger: {url_env: LEDGER_OF_TEST}\n")
    refresh(open_project(folder))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What one run makes of the same project."""
    folder = write_project(tmp_path_factory.mktemp("undisturbed") / "project", skus=SKUS, looks=False)
    refresh(open_project(folder))
    (task,) = tasks_for(open_project(folder))
    assert run_category(str(folder), task) == []
    return folder


def test_two_runs_over_one_cell_make_each_thing_once_with_the_same_bytes(folder, undisturbed):
    failures = produce_twice(folder)
    assert all("is at work on cell/mugs/" in message for message in failures)  # it may also have waited, and found nothing to do
    assert made(folder) == made(undisturbed)
    assert items_paid(folder) == items_paid(undisturbed)


def test_without_leases_the_same_two_runs_do_work_twice(request, tmp_path, monkeypatch, undisturbed):
    """That the test above can fail."""
    folder = new_project(request, tmp_path / "project", monkeypatch, "sqlite")
    produce_twice(folder, leases=False)
    assert sum(items_paid(folder).values()) > sum(items_paid(undisturbed).values())


def test_a_run_that_finds_another_at_work_ends_with_its_name_and_changes_nothing(folder, monkeypatch):
    monkeypatch.setattr(cell_lease, "TIMES", LeaseTimes(wait_s=0.5))
    project = open_project(folder)
    ((category, drop),) = known_cells(project)
    with holding(project.ledger, resource_of(cell_key(category, drop)), "0123-other-run"):
        start = time.monotonic()
        (failure,) = run_category(str(folder), CategoryTask(category=category, train=False, drops=(drop,)))
        assert time.monotonic() - start < 60, "it was tried again and again"
    assert "Run 0123-other-run is at work on cell/mugs/" in failure.message
    assert made(folder)["source_photo"] == []


def test_the_cell_of_a_run_that_ended_is_taken_over_at_once(folder):
    """Otherwise a killed run would hold its cell for as long as a machine may take to start."""
    project = open_project(folder)
    ((category, drop),) = known_cells(project)
    with open_instance(project.settings) as instance:
        ended = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job())
        take(project.ledger, resource_of(cell_key(category, drop)), ended.run_id, times=LeaseTimes(ttl_s=3600))
        assert not run_is_over(instance, ended.run_id)
        instance.report_run_failed(ended, "its process is gone")
        assert run_is_over(instance, ended.run_id)
        assert not run_is_over(instance, "a run of another instance")
    assert run_category(str(folder), CategoryTask(category=category, train=False, drops=(drop,))) == []
    assert made(folder)["digests"]


def test_a_late_delivery_is_refused_before_it_touches_the_shop_window(folder):
    """The published folder is no database: its commit asks the fence while it holds the folder's lock."""
    from assets.published_images import publish_cell
    from catalog.errors import LeaseRefused

    project = open_project(folder)
    ((category, drop),) = known_cells(project)
    late = take(project.ledger, "cell/late", "run-1", times=LeaseTimes())
    take(project.ledger, "cell/late", "run-2", times=LeaseTimes(), is_over=lambda _: True)
    publish_cell(project, category, drop)
    with pytest.raises(LeaseRefused):
        publish_cell(project.with_ledger(project.ledger.fenced(late)), category, drop)


def test_lease_names_are_those_of_partitions():
    assert resource_of("mugs|2026-11-20") == "cell/mugs/2026-11-20"
    assert resource_of("mugs") == "lora/mugs"
