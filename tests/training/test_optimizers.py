"""Optimizers: each goes on exactly where it was, and one that is not installed says how to install it."""

import importlib.util
import sys

import pytest
import torch

from catalog.errors import TrainingError
from training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer
from training.settings import LoraSettings

PACKAGES = {"adamw": "torch", "adamw8bit": "bitsandbytes", "prodigy": "prodigyopt"}
SIZE = 10_000
"""bitsandbytes keeps 8 bits only of tensors of 4,096 values and more."""


def settings_of(name):
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    return LoraSettings(optimizer=name, learning_rate=1.0 if name == "prodigy" else 0.1)


def weights():
    flat = torch.nn.Parameter(torch.randn(SIZE, generator=torch.Generator().manual_seed(1)))
    flat.grad = torch.zeros(SIZE)
    return flat


def step(optimizer, flat, count, first=0):
    """Steps toward 3 on a noisy slope; the noise is the step's own."""
    for number in range(first, first + count):
        noise = torch.randn(SIZE, generator=torch.Generator().manual_seed(number))
        flat.grad.copy_((flat.detach() - 3) + 0.1 * noise)
        optimizer.step()


@pytest.mark.parametrize("name", PACKAGES)
def test_it_moves_toward_the_minimum(name):
    flat = weights()
    optimizer = build_optimizer(settings_of(name), flat)
    before = float((flat.detach() - 3).abs().mean())
    step(optimizer, flat, 60)
    assert float((flat.detach() - 3).abs().mean()) < 0.9 * before


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("taken", [0, 1, 7])
def test_a_restored_optimizer_takes_the_same_steps(name, taken):
    settings, flat = settings_of(name), weights()
    optimizer = build_optimizer(settings, flat)
    step(optimizer, flat, taken)
    kept, kept_flat = optimizer_tensors(optimizer, flat), flat.detach().clone()
    step(optimizer, flat, 5, first=taken)
    again = torch.nn.Parameter(kept_flat)
    again.grad = torch.zeros(SIZE)
    restored = build_optimizer(settings, again)
    restore_optimizer(restored, again, kept)
    step(restored, again, 5, first=taken)
    assert torch.equal(again, flat)


def test_a_checkpoint_of_it_is_not_changed_by_later_steps():
    flat = weights()
    optimizer = build_optimizer(settings_of("adamw"), flat)
    step(optimizer, flat, 2)
    kept = optimizer_tensors(optimizer, flat)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    step(optimizer, flat, 2)
    assert kept.keys() >= {"state/exp_avg", "state/exp_avg_sq", "state/step"} and all(
        torch.equal(kept[name], before[name]) for name in kept
    )


@pytest.mark.parametrize(("name", "rate"), [("adamw8bit", 1e-3), ("prodigy", 1.0)])
def test_one_that_is_not_installed_names_the_command(name, rate, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(TrainingError, match=f"needs the package {PACKAGES[name]}.*`pip install {PACKAGES[name]}`"):
        build_optimizer(LoraSettings(optimizer=name, learning_rate=rate), weights())
