"""What both training loops share: the rate schedule, the moving average of weights, the checkpoint on disk.

Knows nothing of autoencoders or diffusion.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FINAL_RATE_FRACTION = 0.02
"""Where a cool-down ends, as a fraction of the peak rate."""


def rate_at(seen: int, *, total: int, peak: float, warm_up: int, cool_down: int) -> float:
    """Learning rate after `seen` samples: linear warm-up, constant, then a linear cool-down to 2 % of the peak.

    Constant in between, so that a run can be prolonged: only the last `cool_down` of `total` samples know the end.
    """
    rising = min(1.0, (seen + 1) / max(1, warm_up))
    left = (total - seen) / max(1, cool_down)
    return peak * rising * max(FINAL_RATE_FRACTION, min(1.0, left))


class MovingAverage:
    """Exponential moving average of parameters; what is judged and shipped."""

    def __init__(self, parameters: Iterable["torch.nn.Parameter"], decay: float) -> None:
        self.live = list(parameters)
        self.averages = [parameter.detach().clone() for parameter in self.live]
        self.decay = decay

    def update(self, step: int) -> None:
        """Move towards the live weights; young averages (small `step`) move faster."""
        import torch

        keep = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(self.averages, [parameter.data for parameter in self.live], 1 - keep)

    def __enter__(self) -> None:
        """Put the averages into the live module until the `with` block ends."""
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for parameter, average in zip(self.live, self.averages, strict=True):
            kept = parameter.data.clone()
            parameter.data.copy_(average)
            average.copy_(kept)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old or the new one, never half of one."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state `save_checkpoint` wrote, on the CPU; None when there is none yet."""
    import torch

    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
