"""Every named point of the code is passed by the sweep, killing there breaks nothing, and broken protocols are found."""

import ast
import json
import os
from pathlib import Path

import pytest

from tests import warm_start
from tests.crash.broken import BROKEN
from tests.crash.stages import STAGES

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
FLOORS = ("catalog", "imaging", "generation", "quality", "publishing", "training", "resources", "assets", "orchestration")


def points_in_the_code():
    """Every `failpoint("...")` of the product, with its file; a name given twice would make `nth` mean two places."""
    found = []
    for path in (path for floor in FLOORS for path in (REPOSITORY / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint" and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    found.append(name.value)
                else:
                    assert path.name == "failpoint.py", f"{path}: a point must be named by a literal"
    return found


def run(module, *arguments):
    """A sweep in a process of its own, with nothing started that a fork would lose; exit code and one dict per line."""
    ended = warm_start.run("-m", f"tests.crash.{module}", *arguments, environment={**os.environ, "PYTHONWARNINGS": "ignore"})
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert lines, ended.stderr[-3000:]
    return ended.returncode, lines


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return tmp_path_factory.mktemp("crash") / "world"


@pytest.fixture(scope="module")
def elsewhere():
    return run("elsewhere")


@pytest.fixture(scope="module")
def swept(world):
    code, stages = run("sweep", "--world", str(world))
    for stage in stages:
        print(f"{stage['stage']}: {stage['kills']} kills in {stage['cases']} cases, {len(stage['passes'])} points, {stage['seconds']} s")
    return code, {stage["stage"]: stage for stage in stages}


def test_there_are_sixty_points_and_each_has_a_name_of_its_own():
    names = points_in_the_code()
    assert len(names) >= 60
    assert len(names) == len(set(names))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_anywhere_is_finished_by_the_next_attempt_with_nothing_lost_doubled_or_torn(swept, stage):
    assert swept[1][stage]["wrong"] == []
    assert swept[1][stage]["kills"] >= swept[1][stage]["cases"] > 0


def test_checkpoints_in_a_bucket_and_damaged_blobs_survive_kills_at_every_pass(elsewhere):
    code, scenarios = elsewhere
    assert [scenario["wrong"] for scenario in scenarios] == [[]] * len(scenarios)
    assert (code, sum(scenario["kills"] for scenario in scenarios) >= 60) == (0, True)


def test_the_sweep_passes_every_point_of_the_code_and_kills_at_least_180_times(swept, elsewhere):
    code, stages = swept
    passed = {name for stage in [*stages.values(), *elsewhere[1]] for name in stage["passes"]}
    assert set(points_in_the_code()) == passed
    assert sum(stage["kills"] for stage in stages.values()) >= 180
    assert code == 0


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_protocol_makes_the_sweep_red(swept, world, mistake):
    code, stages = run("sweep", "--world", str(world), "--broken", mistake, "--seeds", "1")
    wrong = [text for stage in stages for text in stage["wrong"]]
    assert code == 1
    assert any(f" {BROKEN[mistake].breaks}: " in text for text in wrong), wrong
