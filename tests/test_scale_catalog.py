"""The made-up catalog of the scale benchmark is what the real steps would have written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from assets.catalog_needs import catalog_needs
from assets.shelf import check_shelf
from benchmarks.scale_catalog import Scale, fill, write_settings
from resources.ledger_tables import on_shelf, render, settled
from resources.project import open_project
from tests.made_up_work import forget_markers

SCALE = Scale(products=240, categories=3)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale") / "shop"
    project = write_settings(folder, SCALE)
    fill(project, SCALE)
    return folder


def rows(project, table):
    return {row["sku"]: row for row in project.ledger.rows(sa.select(table))}


def test_the_real_plan_finds_nothing_to_do_with_and_without_markers(filled):
    project = open_project(filled)
    written, shown = rows(project, settled), rows(project, on_shelf)
    with_markers = catalog_needs(project)
    assert not any(need.is_stale for need in with_markers)
    assert sum(need.products for need in with_markers) == SCALE.products
    forget_markers(project)
    assert catalog_needs(open_project(filled)) == with_markers
    assert rows(project, settled) == written, "the markers the plan leaves are those the benchmark wrote"
    assert rows(project, on_shelf) == shown


def test_most_products_have_eight_renders_and_some_have_trouble(filled):
    project = open_project(filled)
    counts = project.ledger.rows(sa.select(render.c.sku, sa.func.count().label("n")).group_by(render.c.sku))
    assert {row["n"] for row in counts} >= {5, 8}
    assert sum(row["shape"] == "refused" for row in rows(project, settled).values()) > 3
    check_shelf(project)


def benchmark(*arguments):
    command = [sys.executable, "-W", "ignore", "-m", *map(str, arguments)]
    ended = subprocess.run(command, cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout.splitlines()


@pytest.mark.slow
def test_the_benchmark_of_planning_runs(filled):
    """A benchmark that nobody runs breaks with the next renamed method, and says so the day it is needed."""
    lines = benchmark("benchmarks.catalog_scale", filled, "--repeat", 1, "--categories", SCALE.categories)
    assert len(lines) == 2 + 6
    assert '"to_judge": 0' in lines[2] and '"to_judge": 0' not in lines[6]


@pytest.mark.slow
def test_the_benchmark_of_reading_runs(tmp_path):
    read = [json.loads(line) for line in benchmark("benchmarks.catalog_refresh", tmp_path / "shop", "--products", 40)]
    assert [(one["products"], one["changes"]) for one in read] == [(40, 40), (40, 40), (40, 40)]
