"""Step plans are pure functions of the training's digest and the step: that is what makes a resume exact."""

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from generation.base_model import BaseModel
from training.latents import Encoded
from training.objective import DiffusionObjective
from training.plan import plan_training
from training.settings import LoraSettings
from training.step_plan import learning_rate, step_batch
from training.training_set import TrainingSet

BASE = BaseModel(folder=Path(), digest="b", family="sd", size_px=64, latent_scale=8, latent_channels=8, max_tokens=32)
SETTINGS = LoraSettings(steps=100, batch_size=4, learning_rate=1e-3, caption_dropout=0.4)
PICTURES = 6


@pytest.fixture
def encoded():
    latents = torch.arange(PICTURES, dtype=torch.float32)[:, None, None, None].expand(PICTURES, 8, 2, 2).contiguous()
    return Encoded(
        train_NChw=latents, held_out_NChw=latents[:2], prompts=tuple({"prompt": torch.full((1, 3, 5), float(row))} for row in range(4)),
        train_prompts=(2, 3) * 3, held_out_prompts=(2, 3), truncated_prompts=0,
    )  # fmt: skip


def batch(encoded, step, digest="d"):
    data = TrainingSet(trigger="t", size_px=64, train=(), held_out=(), duplicates=(), digest=digest)
    return step_batch(plan_training(SETTINGS, data, BASE), step, encoded, DiffusionObjective(DDIMScheduler()))


def test_a_step_is_the_same_whenever_it_is_asked_for(encoded):
    first = batch(encoded, 17)
    torch.rand(1)
    again, other_step, other_training = batch(encoded, 17), batch(encoded, 18), batch(encoded, 17, "e")
    assert torch.equal(first.noise_BChw, again.noise_BChw) and torch.equal(first.timesteps_B, again.timesteps_B)
    assert not torch.equal(first.noise_BChw, other_step.noise_BChw) and not torch.equal(first.noise_BChw, other_training.noise_BChw)


def test_every_picture_is_seen_once_before_any_is_seen_twice(encoded):
    seen = [int(value) for step in range(3) for value in batch(encoded, step).latents_BChw[:, 0, 0, 0]]
    assert sorted(seen[:PICTURES]) == sorted(seen[PICTURES:]) == list(range(PICTURES))
    assert seen[:PICTURES] != seen[PICTURES:]


def test_timesteps_of_a_batch_cover_the_whole_schedule(encoded):
    for step in range(20):
        assert sorted(int(t) // 250 for t in batch(encoded, step).timesteps_B) == [0, 1, 2, 3]


def test_prompts_are_dropped_in_the_asked_shares(encoded):
    rows = torch.cat([torch.cat([told["prompt"][:, 0, 0] for told in batch(encoded, step).prompts]) for step in range(400)])
    shares = [float((rows == row).float().mean()) for row in range(4)]
    assert shares[0] == pytest.approx(0.1, abs=0.03)
    assert shares[1] == pytest.approx(0.36, abs=0.04)
    own = torch.cat([batch(encoded, step).latents_BChw[:, 0, 0, 0] % 2 + 2 for step in range(400)])
    assert torch.equal(rows[rows >= 2], own[rows >= 2])


def test_the_learning_rate_warms_up_and_falls():
    rates = [learning_rate(step, SETTINGS) for step in range(SETTINGS.steps)]
    peak = rates.index(max(rates))
    assert rates[0] < rates[peak] == pytest.approx(1e-3) and peak <= 5
    assert rates[peak:] == sorted(rates[peak:], reverse=True) and 0 < rates[-1] < 1e-4
