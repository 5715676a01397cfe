"""The running average of an adapter's weights."""

import pytest
import torch

from training.weight_average import WeightAverage


def test_after_many_steps_it_is_the_exponential_average():
    average = WeightAverage(0.9, torch.zeros(1))
    expected, weights = 0.0, torch.zeros(1)
    for step in range(200):
        weights = weights * 0 + step % 7
        average.update(weights, 1000 + step)
        expected = 0.9 * expected + 0.1 * float(weights)
    assert float(average.flat) == pytest.approx(expected, rel=1e-5)


def test_the_untrained_weights_are_soon_forgotten():
    average = WeightAverage(0.999, torch.full((1,), 100.0))
    for step in range(50):
        average.update(torch.zeros(1), step)
    assert float(average.flat) < 0.01, "with .999 from the start, 95 would be left"


def test_it_does_not_change_with_the_weights_it_began_from():
    weights = torch.ones(1)
    average = WeightAverage(0.9, weights)
    weights += 5
    assert float(average.flat) == 1
