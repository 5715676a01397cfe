"""`vitrine train`: what it shows and says at the end, that it goes on where it was interrupted, and what it refuses at once."""

import json
from pathlib import Path

import pytest

from catalog.errors import TrainingError
from orchestration import cli_train
from resources.leases import LeaseTimes, take
from resources.project import open_project
from tests.tiny_project import write_project


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
