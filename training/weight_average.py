"""A running average of an adapter's weights over its steps (EMA): calmer than the last weights, and often better for few pictures."""

from typing import Any


class WeightAverage:
    """An exponential average of a vector of weights, on the vector's device.

    Early steps count more than `decay` says, min(decay, (1 + n) / (10 + n)) after n steps, so that the average does not stay at the
    untrained weights (as in EMAModel of diffusers, after Polyak and Juditsky 1992).
    """

    def __init__(self, decay: float, weights: Any) -> None:
        assert 0 < decay < 1
        self.decay = decay
        self.flat = weights.detach().clone()

    def update(self, weights: Any, steps_before: int) -> None:
        """Take in the weights after a step; `steps_before` counts the steps before it."""
        kept = min(self.decay, (1 + steps_before) / (10 + steps_before))
        self.flat.lerp_(weights.detach(), 1 - kept)
