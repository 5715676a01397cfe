"""The operator's commands as processes: retry makes what is missing, metrics serve answers and ends, both say what they did."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from assets.catalog import refresh_catalog
from orchestration.stale import stale_cells
from resources.project import open_project
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("commands")
    folder = write_project(base / "project", skus=("MUG-1",), looks=False, base_model=base)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]"))
    refresh_catalog(open_project(folder))
    return folder


def command(folder, *arguments):
    environment = {**os.environ, "VITRINE_PROJECT": str(folder), "OMP_NUM_THREADS": "1"}
    return [sys.executable, "-m", "orchestration.cli", *arguments], {"env": environment, "cwd": REPOSITORY, "text": True}


def done(folder, *arguments):
    line, options = command(folder, *arguments)
    return subprocess.run(line, capture_output=True, **options)


def test_metrics_serve_answers_and_ends_when_told_to(folder):
    line, options = command(folder, "metrics", "serve", "--port", "0")
    process = subprocess.Popen(line, stderr=subprocess.PIPE, **options)
    try:
        said = process.stderr.readline()
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/metrics", said)):
            assert process.poll() is None, said
            said = process.stderr.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics", timeout=20) as answer:
            assert b"vitrine_build_info{" in answer.read()
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


def test_a_retry_without_a_daemon_makes_the_cell_here(folder):
    (need,) = stale_cells(open_project(folder))
    ran = done(folder, "retry", f"{need.category}|{need.drop}")
    assert ran.returncode == 0, ran.stderr
    assert "1 cells and 0 LoRAs run again, 0 failed." in ran.stdout
    assert stale_cells(open_project(folder)) == []


def test_nothing_that_failed_is_nothing_to_retry(folder):
    ran = done(folder, "retry", "--failed")
    assert ran.returncode == 0 and "No cell's newest run failed." in ran.stdout


@pytest.mark.parametrize("arguments", [[], ["mugs|2026-11-21", "--failed"], ["mugs"], ["hats|2026-11-21"]])
def test_a_retry_that_does_not_say_what_is_wrong_use(folder, arguments):
    ran = done(folder, "retry", *arguments)
    assert ran.returncode == 2 and "Nothing was started." in ran.stderr


def test_resources_and_notices_show_what_there_is(folder):
    assert "source_photos" in done(folder, "resources").stdout
    assert "Nobody was told anything yet." in done(folder, "notices").stdout
