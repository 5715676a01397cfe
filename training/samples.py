"""Samples: one picture at one noise level with what the denoiser is told of it, and how samples of unlike shapes are computed together.

Draws nothing at random (see step_plan.py and validation.py).

Shape legend: C latent channels, h and w latent cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from generation.family import Conditioning


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A training problem of one picture, all tensors float32 on the CPU.

    `timestep` has no dimension; `prompt` is what the denoiser is told; `weight_hw` says how much each latent cell counts (0..1), None:
    each the same.
    """

    latents_Chw: Any
    noise_Chw: Any
    timestep: Any
    prompt: Conditioning
    weight_hw: Any = None


def parts_of_one_shape(samples: Sequence[Sample], most: int) -> Iterator[list[Sample]]:
    """The samples in parts of at most `most`, each of pictures of one shape; order is kept within a shape."""
    assert most >= 1
    by_shape: dict[tuple[int, ...], list[Sample]] = {}
    for sample in samples:
        by_shape.setdefault(tuple(sample.latents_Chw.shape), []).append(sample)
    for alike in by_shape.values():
        for start in range(0, len(alike), most):
            yield alike[start : start + most]
