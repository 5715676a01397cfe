"""`vitrine train`: what it shows and says at the end, that it goes on where it was interrupted, and what it refuses at once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.errors import TrainingError
from orchestration import cli_train
from resources.leases import LeaseTimes, take
from resources.project import open_project
from tests.tiny_project import write_project

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = write_project(tmp_path / "project", skus=("MUG-1",))
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    return open_project(folder)


def test_an_unknown_category_is_told_with_those_there_are(vitrine, project):
    code, _, err = vitrine("train", "hats")
    assert code == 1 and "The brand kit has no category 'hats'; it has: bags, mugs. Nothing was trained." in err


def test_a_category_without_looks_is_told_where_they_belong(vitrine, project):
    code, _, err = vitrine("train", "bags")
    assert code == 1 and "looks/bags" in err and "Put 16 or more pictures" in err


def test_a_run_at_work_on_the_same_lora_is_named_at_once(vitrine, project, monkeypatch):
    """Nothing is waited for: the step itself would wait, and then fail."""
    take(project.ledger, "lora/mugs", "run-of-somebody", times=LeaseTimes())
    monkeypatch.setattr("orchestration.running.run_category", None)
    code, _, err = vitrine("train", "mugs")
    assert code == 1 and "Run run-of-somebody is at work on the LoRA of mugs. Nothing was started" in err


@pytest.mark.slow  # a process of its own, as a terminal starts it
def test_ctrl_c_ends_it_within_seconds_in_a_sentence_and_with_a_checkpoint(project):
    """To the whole group, as a terminal sends it: Dagster's processes that follow the logs are in it."""
    command = [sys.executable, "-W", "ignore", "-m", "orchestration.cli", "train", "mugs"]
    env = {**os.environ, "VITRINE_PROJECT": str(project.settings.project_dir)}
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        said = [next(line for line in running.stderr if "step 6 of" in line)]
        os.killpg(running.pid, signal.SIGINT)
        said += list(running.stderr)
        assert running.wait() == 130
    assert said[-1] == "vitrine: Interrupted. What was trained so far is kept: `vitrine train mugs` goes on from there.\n"
    assert not any("Traceback" in line or "Interrupt" in line for line in said[:-1])
    assert not any("step 30 of" in line for line in said), "it did not go on to the end"
    assert list(project.settings.state_dir.rglob("step-*.json"))


@pytest.mark.slow  # trains through Dagster with the real classes, some 15 CPU seconds
def test_an_interrupted_training_goes_on_and_ends_with_lora_contest_and_pictures(vitrine, project, monkeypatch):
    tell, seen = cli_train._line, []

    def watch(category, progress):
        seen.append(progress.step)
        if len(seen) == 15:
            raise TrainingError("The machine was unplugged.")
        tell(category, progress)

    monkeypatch.setattr(cli_train, "_line", watch)
    code, _, err = vitrine("train", "mugs")
    assert code == 1 and "The machine was unplugged. What was trained so far is kept: `vitrine train mugs` goes on from there." in err
    assert "mugs: step 12 of 30, loss 0." in err and "left" in err
    code, out, _ = vitrine("train", "mugs")
    assert code == 0 and seen == [*range(1, 16), *range(10, 31)], "gone on from the checkpoint of step 10, which is validated first"
    assert "trained in" in out and "% lower" in out and "promoted: held-out loss" in out and "It is in use." in out
    paths = [Path(line.partition(": ")[2]) for line in out.splitlines()[-2:]]
    assert [path.name for path in paths] == ["curve.png", "samples.webp"] and all(path.stat().st_size > 1000 for path in paths)
    code, out, err = vitrine("train", "mugs", "--json")
    told = json.loads(out)
    assert (code, told["trained_now"], told["in_use"], told["curve"]) == (0, False, True, str(paths[0])) and "step" not in err
