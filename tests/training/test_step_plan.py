"""Step plans are pure functions of the training's digest and the step: that is what makes a resume exact."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler

from generation.base_model import BaseModel
from training.latents import Encoded, EncodedPicture
from training.plan import plan_training
from training.settings import LoraSettings
from training.step_plan import learning_rate, step_samples
from training.timesteps import noise_levels
from training.training_set import TrainingSet

BASE = BaseModel(folder=Path(), digest="b", family="sd", size_px=64, latent_scale=8, latent_channels=8, max_tokens=32)
SETTINGS = LoraSettings(steps=100, batch_size=4, learning_rate=1e-3, caption_dropout=0.4)
PICTURES = 6


@pytest.fixture
def encoded():
    pictures = tuple(EncodedPicture(latents_Chw=torch.full((8, 2, 2), float(index)), prompt_row=2 + index % 2) for index in range(PICTURES))
    prompts = tuple({"prompt": torch.full((1, 3, 5), float(row))} for row in range(4))
    return Encoded(train=pictures, held_out=pictures[:2], prompts=prompts, truncated_prompts=0)


def samples(encoded, step, digest="d"):
    data = TrainingSet(trigger="t", size_px=64, train=(), held_out=(), duplicates=(), digest=digest)
    levels = noise_levels(SETTINGS, BASE.behavior, SimpleNamespace(scheduler=DDIMScheduler()))
    return step_samples(plan_training(SETTINGS, data, BASE), step, encoded, levels)


def stacked(some, name):
    return torch.stack([getattr(sample, name) for sample in some])


def test_a_step_is_the_same_whenever_it_is_asked_for(encoded):
    first = samples(encoded, 17)
    torch.rand(1)
    again, other_step, other_training = samples(encoded, 17), samples(encoded, 18), samples(encoded, 17, "e")
    noise = stacked(first, "noise_Chw")
    assert torch.equal(noise, stacked(again, "noise_Chw")) and torch.equal(stacked(first, "timestep"), stacked(again, "timestep"))
    assert not torch.equal(noise, stacked(other_step, "noise_Chw")) and not torch.equal(noise, stacked(other_training, "noise_Chw"))


def test_every_picture_is_seen_once_before_any_is_seen_twice(encoded):
    seen = [int(sample.latents_Chw[0, 0, 0]) for step in range(3) for sample in samples(encoded, step)]
    assert sorted(seen[:PICTURES]) == sorted(seen[PICTURES:]) == list(range(PICTURES))
    assert seen[:PICTURES] != seen[PICTURES:]


def test_pictures_of_several_shapes_are_seen_once_a_round_and_batches_are_nearly_all_of_one_shape():
    sizes = [(2, 2)] * 9 + [(2, 4)] * 7 + [(4, 2)] * 6
    pictures = tuple(EncodedPicture(latents_Chw=torch.full((1, *size), float(i)), prompt_row=1) for i, size in enumerate(sizes))
    encoded = Encoded(train=pictures, held_out=pictures[:2], prompts=({"prompt": torch.zeros(1, 3, 5)},) * 2, truncated_prompts=0)
    batches = [samples(encoded, step) for step in range(22)]
    seen = [int(sample.latents_Chw.flatten()[0]) for taken in batches for sample in taken]
    for start in range(0, len(seen), len(sizes)):
        assert sorted(seen[start : start + len(sizes)]) == list(range(len(sizes)))
    mixed = [len({sample.latents_Chw.shape for sample in taken}) > 1 for taken in batches]
    assert sum(mixed) <= 8, "a round of 22 pictures has room for 5 batches of 4; at most two of them are mixed"


def test_timesteps_of_a_batch_cover_the_whole_schedule(encoded):
    for step in range(20):
        assert sorted(int(sample.timestep) // 250 for sample in samples(encoded, step)) == [0, 1, 2, 3]


def test_prompts_are_dropped_in_the_asked_shares(encoded):
    taken = [sample for step in range(400) for sample in samples(encoded, step)]
    rows = torch.stack([sample.prompt["prompt"][0, 0, 0] for sample in taken])
    shares = [float((rows == row).float().mean()) for row in range(4)]
    assert shares[0] == pytest.approx(0.1, abs=0.03)
    assert shares[1] == pytest.approx(0.36, abs=0.04)
    own = torch.stack([sample.latents_Chw[0, 0, 0] % 2 + 2 for sample in taken])
    assert torch.equal(rows[rows >= 2], own[rows >= 2])


def test_the_learning_rate_warms_up_and_falls():
    rates = [learning_rate(step, SETTINGS) for step in range(SETTINGS.steps)]
    peak = rates.index(max(rates))
    assert rates[0] < rates[peak] == pytest.approx(1e-3) and peak <= 5
    assert rates[peak:] == sorted(rates[peak:], reverse=True) and 0 < rates[-1] < 1e-4
