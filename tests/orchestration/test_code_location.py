"""The code location loads whole, and loads light."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import ALL_ASSETS, build_defs
from orchestration.instance import open_instance
from orchestration.jobs import ALL_JOBS
from resources.settings import read_settings

REPOSITORY = Path(__file__).resolve().parents[2]

HEAVY = (
    "torch",
    "diffusers",
    "transformers",
    "peft",
    "great_expectations",
    "skimage",
    "pandas",
    "pyarrow",
    "boto3",
    "opentelemetry",
    "prometheus_client",
    "fastapi",
)

PROBE = """
import json, sys, time
import dagster
plain = time.process_time()
from orchestration.definitions import defs
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
loaded = defs() if callable(defs) else defs
loaded.get_repository_def() if hasattr(loaded, "get_repository_def") else None
print(json.dumps({"heavy": [n for n in %r if n in sys.modules], "cpu_s": time.process_time() - plain}))
"""


@pytest.fixture(scope="module")
def probe():
    """One fresh process that loads the code location of the demo project as a code server would."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE % (HEAVY,)],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "VITRINE_PROJECT": str(REPOSITORY / "demo")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_code_server_imports_no_model_library_and_no_great_expectations(probe):
    """The code server, each run and each step import the definitions; what is imported once stays in memory everywhere."""
    assert probe["heavy"] == []


def test_the_definitions_of_the_demo_load_and_validate():
    definitions = build_defs(read_settings(REPOSITORY / "demo"))
    dg.Definitions.validate_loadable(definitions)


def test_every_asset_reads_well_in_the_ui():
    """Owner, group, kinds and a description of at least a sentence, for each asset of the graph."""
    for asset in ALL_ASSETS:
        for spec in asset.specs:
            assert spec.owners, spec.key
            assert spec.group_name in {"catalog", "intake", "training", "generation", "quality", "publishing", "reporting"}, spec.key
            assert spec.kinds, spec.key
            assert spec.description and len(spec.description) > 60, spec.key


def test_every_asset_has_a_code_version():
    for asset in ALL_ASSETS:
        for spec in asset.specs:
            assert spec.code_version, spec.key


def test_a_schedule_that_is_not_configured_does_not_exist(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    assert build_defs(read_settings(tmp_path)).schedules == []
    (tmp_path / "vitrine.yaml").write_text('nightly: {cron: "0 1 * * *", budget_usd: 1.0}\n')
    assert [schedule.name for schedule in build_defs(read_settings(tmp_path)).schedules] == ["nightly_stale_cells"]


def test_heavy_runs_leave_a_place_free_for_reading_the_catalog(tmp_path):
    """Two long cells once filled every place, and a new photo was not even noticed until one of them ended."""
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    with open_instance(read_settings(tmp_path)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    (limit,) = queue.tag_concurrency_limits
    assert limit["limit"] < queue.max_concurrent_runs
    assert {job.name for job in ALL_JOBS if limit["key"] in job.tags} == {"produce_cell", "train_category"}
