"""Materials that are drawn rather than photographed: wood, brushed metal, leather, woven fabric, ceramic. One repeat each, seamless, with relief.

All noise is made in the frequency domain, and so repeats by itself; the same name and color give the same pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import fft2, fftfreq, ifft2

from imaging.shading import to_linear
from imaging.tiles import Tile

FloatImage = npt.NDArray[np.float32]
Drawn = tuple[FloatImage, FloatImage]
"""Brightness around 1 with a tint (H, W, 3) that the base color is multiplied with, and relief (H, W) in tile pixels."""

SIDE_PX = 512


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a material takes light: `shine` is the strength of its highlight, `sharp` how small that is, `mirror` the share of its surroundings that
    it mirrors (1 metal), `relief` how strong its own relief is lit, `texture` how much of the old material's fine shading stays."""

    shine: float
    sharp: float
    mirror: float
    relief: float
    texture: float


LOOKS: Mapping[str, Look] = {
    "wood": Look(shine=0.05, sharp=18, mirror=0, relief=0.5, texture=0.2),
    "metal": Look(shine=0.30, sharp=26, mirror=1, relief=0.5, texture=0.22),
    "leather": Look(shine=0.07, sharp=16, mirror=0, relief=1.0, texture=0.3),
    "fabric": Look(shine=0.0, sharp=1, mirror=0, relief=0.8, texture=0.25),
    "ceramic": Look(shine=0.55, sharp=90, mirror=0.12, relief=0.15, texture=0.0),
}
COLORS: Mapping[str, str] = {"wood": "#a9713f", "metal": "#b9babd", "leather": "#7a4a2b", "fabric": "#c9bfae", "ceramic": "#e9e4da"}
"""The color of each when none is asked for: oak, steel, saddle leather, raw linen, off-white glaze."""
WIDTH_CM: Mapping[str, float] = {"wood": 22.0, "metal": 12.0, "leather": 4.5, "fabric": 2.4, "ceramic": 14.0}


@lru_cache(maxsize=16)
def drawn_material(name: str, color_rgb: tuple[int, int, int]) -> Tile:
    """One repeat of a material in a color."""
    tint, relief = DRAWN[name]()
    linear = to_linear(np.array([[color_rgb]], np.uint8))[0, 0] * tint
    return Tile(linear_HW3=np.ascontiguousarray(np.clip(linear, 0, 1), np.float32), width_cm=WIDTH_CM[name], relief_HW=relief)


def _noise(seed: int, *, along: float, across: float, softness: float = 1.0) -> FloatImage:
    """Noise that repeats, mean 0, spread 1; `along` and `across` are its sizes in pixels down and across the tile."""
    white = np.random.default_rng(seed).standard_normal((SIDE_PX, SIDE_PX), np.float32)
    down, right = fftfreq(SIDE_PX)[:, None] * along, fftfreq(SIDE_PX)[None] * across
    kept = np.exp(-((down**2 + right**2) ** softness) * 4)
    made = ifft2(fft2(white) * kept).real
    return np.asarray((made - made.mean()) / made.std(), np.float32)


def _wood() -> Drawn:
    """Upright grain: growth rings that wander, cut lengthwise, light early wood and dark late wood; pores as short dark strokes."""
    across = np.arange(SIDE_PX, dtype=np.float32)[None] / SIDE_PX
    wander = 1.15 * _noise(11, along=620, across=150) + 0.28 * _noise(12, along=240, across=40)
    spacing = 0.45 * np.sin(2 * np.pi * across) + 0.3 * np.sin(4 * np.pi * across + 1)
    ring = np.mod(9 * across + spacing + 0.62 * wander, 1).astype(np.float32)
    late = np.clip(ring - 0.15, 0, 1) ** 2.2 * np.clip((1 - ring) * 9, 0, 1)
    fibre = _noise(13, along=160, across=2.2)
    pore = np.clip(_noise(14, along=46, across=2.6) - 1.35 + 0.5 * (ring < 0.3), 0, 1.2)
    broad = _noise(15, along=400, across=200)
    dark = 0.50 * late + 0.045 * fibre + 0.34 * pore + 0.05 * broad
    # Late wood and pores are redder than early wood.
    tint = np.exp(-dark[..., None] * np.array([0.85, 1.1, 1.35], np.float32)) * 1.12
    return tint.astype(np.float32), (-1.6 * pore - 0.3 * late + 0.05 * fibre).astype(np.float32)


def _metal() -> Drawn:
    """Brushed across: fine streaks, long against their width."""
    streak = 0.6 * _noise(21, along=2.0, across=420) + 0.4 * _noise(22, along=5.0, across=700)
    tint = 1 + 0.055 * streak[..., None] * np.ones(3, np.float32)
    return tint.astype(np.float32), (0.22 * streak).astype(np.float32)


def _leather() -> Drawn:
    """Pebbles of uneven size between creases, as full grain shrinks; color gathers in the creases."""
    generator = np.random.default_rng(31)
    cells = 19
    grid = (np.indices((cells, cells)).reshape(2, -1).T + 0.5 + generator.uniform(-0.46, 0.46, (cells * cells, 2))) * SIDE_PX / cells
    points = np.concatenate([grid + np.array([dy, dx]) * SIDE_PX for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    margin = SIDE_PX // 4
    inside = ((points > -margin) & (points < SIDE_PX + margin - 1)).all(axis=1)
    canvas = np.ones((SIDE_PX + 2 * margin,) * 2, np.uint8)
    spots = np.round(points[inside] + margin).astype(int)
    canvas[spots[:, 0], spots[:, 1]] = 0
    _, labels = cv2.distanceTransformWithLabels(canvas, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # The same crease on both sides of the tile's edge: the border of two pebbles is found on a canvas that goes on beyond it.
    crease = (labels != np.roll(labels, 1, 0)) | (labels != np.roll(labels, 1, 1))
    depth = cv2.distanceTransform((~crease).astype(np.uint8), cv2.DIST_L2, 5)[margin:-margin, margin:-margin]
    pebble = 1 - np.exp(-depth / 3.4)
    fine = _noise(32, along=7, across=7)
    tone = _noise(33, along=260, across=260)
    tint = (0.72 + 0.33 * pebble + 0.02 * fine + 0.012 * tone)[..., None] * np.ones(3, np.float32)
    return tint.astype(np.float32), (3.4 * pebble + 0.18 * fine).astype(np.float32)


def _fabric() -> Drawn:
    """Plain weave: each thread goes over one and under the next; threads differ a little, as linen does."""
    threads = 20
    place = np.arange(SIDE_PX, dtype=np.float32) * threads / SIDE_PX
    uneven = 0.10 * _noise(41, along=90, across=90)
    across, down = place[None] + uneven, place[:, None] + 0.10 * _noise(42, along=90, across=90)
    warp, weft = np.abs(np.sin(np.pi * across)), np.abs(np.sin(np.pi * down))
    over = np.cos(np.pi * np.floor(across)) * np.cos(np.pi * np.floor(down))
    bulge_x, bulge_y = np.abs(np.cos(np.pi * (across - 0.5))), np.abs(np.cos(np.pi * (down - 0.5)))
    height = np.where(over > 0, warp**0.6 * (0.55 + 0.45 * bulge_y), weft**0.6 * (0.55 + 0.45 * bulge_x))
    generator = np.random.default_rng(43)
    of_warp, of_weft = (generator.normal(0, 0.05, threads).astype(np.float32) for _ in range(2))
    thread = np.where(over > 0, of_warp[np.floor(across).astype(int) % threads], of_weft[np.floor(down).astype(int) % threads])
    fuzz = 0.035 * _noise(44, along=3, across=3)
    tint = (0.50 + 0.56 * height + thread + fuzz)[..., None] * np.ones(3, np.float32)
    return tint.astype(np.float32), (4.0 * height).astype(np.float32)


def _ceramic() -> Drawn:
    """A glaze: even, a breath of clouds, a few specks of iron."""
    cloud = _noise(51, along=220, across=220)
    speck = np.clip(_noise(52, along=7, across=7) - 3.3, 0, 0.7)
    tint = (1 + 0.014 * cloud - 0.55 * speck)[..., None] * np.ones(3, np.float32)
    tint = tint * (1 - speck[..., None] * np.array([0.0, 0.12, 0.25], np.float32))
    return tint.astype(np.float32), (0.8 * cloud).astype(np.float32)


DRAWN: Mapping[str, Callable[[], Drawn]] = {"wood": _wood, "metal": _metal, "leather": _leather, "fabric": _fabric, "ceramic": _ceramic}
