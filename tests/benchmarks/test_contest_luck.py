"""Luck is drawn in contests of equals: judging by other noise takes away most of what choosing a checkpoint gives, and few equals are promoted."""

import json

import numpy as np
import pytest

from benchmarks import contest_luck
from benchmarks.contest_luck import equals, losses_of, pool_of, shares, shifted

CONTESTS = 120


@pytest.fixture(scope="module")
def pools():
    return pool_of(1, 80), pool_of(2, contest_luck.HELD_OUT)


def test_a_best_of_twelve_equals_wins_its_loss_half_as_often_by_other_noise_and_is_promoted_seldom(pools):
    same, other = (shares(equals(*pools, CONTESTS, 12, other_noise=noise)) for noise in (False, True))
    assert other["loss_won"] < 0.6 * same["loss_won"] and same["loss_won"] > 0.2
    assert other["promoted"] <= 0.05 + 3 * (0.05 * 0.95 / CONTESTS) ** 0.5


def test_a_veto_of_equals_is_rarer_than_an_estimate_beyond_its_tolerance_and_a_gross_one_is_sure(pools):
    luck = shares(equals(*pools, CONTESTS, 1, other_noise=True))
    assert luck["vetoed"] < 0.7 * luck["vetoed_by_estimates"]
    gross = shares(shifted(pools[0], pool_of(3, 80, lighter=8.0), pools[1], 40))
    assert gross["vetoed"] >= 0.95 and gross["promoted"] == 0


def test_a_checkpoint_is_chosen_by_its_trainings_noise(monkeypatch):
    """Where all of a loss goes with the picture, other noise changes nothing; where nothing does, choosing gives no gain by other noise."""

    def mean_log(other_noise, checkpoints=12):
        random = np.random.default_rng(0)
        return np.mean([np.log(losses_of(checkpoints, random, other_noise=other_noise) / 0.15).mean() for _ in range(400)])

    monkeypatch.setattr(contest_luck, "OF_THE_PICTURE", 0.0)
    assert mean_log(False) < -0.03 and abs(mean_log(True)) < 0.005
    monkeypatch.setattr(contest_luck, "OF_THE_PICTURE", 1.0)
    assert mean_log(True) == pytest.approx(mean_log(False)) and mean_log(True) < -0.03


def test_the_command_writes_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["contest_luck", "--contests", "10", "--json", str(tmp_path / "luck.json")])
    monkeypatch.setattr(contest_luck, "POOL", 16)
    assert contest_luck.main() == 0
    report = json.loads((tmp_path / "luck.json").read_text())
    assert len(report["equals"]) == 6 and len(report["worse"]) == 5 and "| equals: best of |" in capsys.readouterr().out
