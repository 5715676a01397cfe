"""Procedural surfaces for backdrops: linen, plaster, wood and marble as seamless tiles of relative light, always the same.

Each tile is float32 (TILE_PX, TILE_PX, 3), mean 1, to be multiplied with a color in linear light. Noise comes from fixed seeds, so a catalog's pictures
share one table. How a tile is laid on a wall or a floor is backdrops.py; paper has no tile, its grain is fine enough.
"""

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

FloatImage = npt.NDArray[np.float32]

Texture = Literal["linen", "plaster", "wood", "marble"]

TILE_PX = 1024


@cache
def tile_of(texture: Texture) -> FloatImage:
    """The tile of a texture; made once per process, 40 to 150 CPU-ms."""
    made = {"linen": _linen, "plaster": _plaster, "wood": _wood, "marble": _marble}[texture]()
    return np.asarray(made / made.mean(axis=(0, 1)), np.float32)


def _noise(seed: int, sigma_x: float, sigma_y: float | None = None) -> FloatImage:
    """Seamless Gaussian noise of unit spread, blurred: in the frequency domain, where a tile's edges meet by themselves."""
    across, down = fft.rfftfreq(TILE_PX).astype(np.float32), fft.fftfreq(TILE_PX).astype(np.float32)
    sigma_y = sigma_x if sigma_y is None else sigma_y
    blur = np.exp(-2 * np.pi**2 * ((sigma_x * across[None, :]) ** 2 + (sigma_y * down[:, None]) ** 2))
    white = np.random.default_rng(seed).standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
    noise = fft.irfft2(fft.rfft2(white) * blur, s=white.shape)
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _linen() -> FloatImage:
    """A plain weave: threads over and under, each of its own thickness, with slubs drawn out along it."""
    period = 8
    across, down = np.meshgrid(np.arange(TILE_PX), np.arange(TILE_PX))
    weft, warp = (0.5 + 0.5 * np.cos(2 * np.pi * (at % period) / period) for at in (down, across))
    over = ((down // period + across // period) % 2).astype(np.float32)
    relief = over * weft + (1 - over) * warp
    slubs = 0.5 * _noise(11, 60, 1.6) + 0.5 * _noise(12, 1.6, 60)
    light = 1 + 0.035 * (relief - relief.mean()) + 0.016 * slubs + 0.012 * _noise(13, 180)
    return np.repeat(light.astype(np.float32)[..., None], 3, axis=2)


def _plaster() -> FloatImage:
    """Troweled lime plaster: clouds of tone and shallow strokes lit from the side."""
    height = 2.2 * _noise(21, 90, 60) + 0.8 * _noise(22, 34, 14)
    slope = np.roll(height, -2, axis=1) - np.roll(height, 2, axis=1)
    light = 1 + 0.028 * _noise(24, 120) + 0.016 * _noise(25, 30) + 0.10 * np.clip(slope, -0.12, 0.12) + 0.006 * _noise(23, 3)
    return np.repeat(light.astype(np.float32)[..., None], 3, axis=2)


def _wood() -> FloatImage:
    """Flat-sawn oak: growth rings drawn out along the grain, pores, and late wood that is darker and browner."""
    down = np.arange(TILE_PX, dtype=np.float32)[:, None] / TILE_PX
    # A whole number of rings per tile, bent by noise that is seamless itself, keeps the tile seamless.
    rings = 13 * down + 0.55 * _noise(31, 260, 50) + 0.10 * _noise(32, 160, 9)
    late = (0.5 + 0.5 * np.sin(2 * np.pi * rings)) ** 2.2
    fibers = 0.7 * _noise(33, 90, 0.9) + 0.5 * _noise(34, 240, 2.5)
    pores = np.clip(_noise(35, 16, 0.6) - 1.9, 0, 1)
    dark = 0.20 * late + 0.035 * fibers + 0.16 * pores + 0.03 * _noise(36, 300, 120)
    browner = np.array([0.75, 1.0, 1.25], np.float32)
    return np.asarray(np.exp(-dark[..., None] * browner), np.float32)


def _marble() -> FloatImage:
    """White marble: soft gray clouds and a few veins, sharp on one side, where bent noise crosses zero."""
    bend = 1.1 * _noise(41, 70)
    light = 1 + 0.02 * _noise(42, 150) + 0.008 * _noise(43, 8)
    for seed, width, depth in ((44, 0.030, 0.20), (45, 0.014, 0.14), (46, 0.010, 0.10)):
        crossing = np.abs(_noise(seed, 150, 110) + 0.28 * bend + 0.07 * _noise(seed + 10, 14))
        strength = np.clip(0.5 + 0.6 * _noise(seed + 20, 120), 0, 1)
        light -= depth * strength * (0.65 * np.exp(-crossing / width) + 0.35 * np.exp(-crossing / (7 * width)))
    bluish = np.array([1.0, 0.97, 0.93], np.float32)
    return np.asarray(1 - (1 - light)[..., None] * bluish, np.float32)
