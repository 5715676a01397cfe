"""Draw garments on mannequins: what the tests and the page of ghost_mannequin are made with, for no photograph of one is ours to ship.

Shapes with shading, folds and cloth; a plastic torso with neck and arms behind and within them. `draw("tee")` gives photo and alpha,
`draw_inside("tee")` the inside of its back.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Points = list[tuple[float, float]]

PLASTIC = (222, 196, 176)
"""A skin-like plastic, sRGB."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Outlines of one garment in units of the picture's side, its right half mirrored: body, sleeve, and the arc of its neckline (half width, depth)."""

    body: Points
    sleeve: Points
    neck: tuple[float, float]
    legs: bool = False
    hood: bool = False


SHAPES = {
    "tee": Shape(
        body=[(0.50, 0.215), (0.585, 0.205), (0.68, 0.245), (0.665, 0.40), (0.66, 0.74), (0.50, 0.755)],
        sleeve=[(0.66, 0.235), (0.70, 0.265), (0.775, 0.42), (0.695, 0.455), (0.655, 0.37)],
        neck=(0.085, 0.075),
    ),
    "dress": Shape(
        body=[(0.50, 0.215), (0.58, 0.205), (0.645, 0.24), (0.63, 0.36), (0.605, 0.45), (0.66, 0.62), (0.70, 0.83), (0.50, 0.85)],
        sleeve=[(0.63, 0.235), (0.67, 0.26), (0.70, 0.33), (0.645, 0.345), (0.62, 0.30)],
        neck=(0.08, 0.13),
        legs=True,
    ),
    "hoodie": Shape(
        body=[(0.50, 0.225), (0.60, 0.205), (0.69, 0.25), (0.685, 0.42), (0.67, 0.735), (0.50, 0.745)],
        sleeve=[(0.67, 0.235), (0.72, 0.275), (0.80, 0.58), (0.775, 0.655), (0.725, 0.645), (0.665, 0.40)],
        neck=(0.09, 0.06),
        hood=True,
    ),
}


def draw(
    name: str,
    *,
    color: tuple[int, int, int] = (48, 84, 132),
    plastic: tuple[int, int, int] = PLASTIC,
    side_px: int = 900,
    seed: int = 0,
    arm_in_front: bool = False,
) -> tuple[Uint8, Uint8, Uint8]:
    """A garment on a mannequin before white: photo (side, side, 3), alpha of both, and alpha of the garment alone, as it lies in the photo."""
    shape, big = SHAPES[name], side_px * 2
    garment = _filled(big, _mirrored(shape.body), _smooth=True)
    for side in (1, -1):
        garment |= _filled(big, [(0.5 + side * (x - 0.5), y) for x, y in shape.sleeve], _smooth=True)
    half, depth = shape.neck
    neckline = _filled(
        big,
        [(0.5 + half * np.cos(t), 0.205 + depth * np.sin(t)) for t in np.linspace(0, np.pi, 40)] + [(0.5 - half, 0.1), (0.5 + half, 0.1)],
    )
    garment &= ~neckline
    hood = np.zeros_like(garment)
    if shape.hood:
        hood = _filled(big, [(0.5 + 0.125 * np.cos(t), 0.195 + 0.075 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)]) & ~garment
    plastic_mask = _mannequin(big, shape)
    front = _filled(big, [(0.80, 0.42), (0.84, 0.46), (0.55, 0.60), (0.50, 0.58)]) if arm_in_front else np.zeros_like(garment)
    hood &= ~plastic_mask
    both = garment | plastic_mask | front | hood
    shown = (garment | hood) & ~front
    photo = np.full((big, big, 3), 255, np.float32)
    rng = np.random.default_rng(seed)
    photo[plastic_mask | front] = (np.array(plastic, np.float32) * _round_shade(plastic_mask | front)[..., None])[plastic_mask | front]
    cloth = np.array(color, np.float32) * _cloth_shade(shown, big, rng)[..., None]
    # The garment's neckline throws a thin shadow on the plastic.
    below = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), big / 160)
    photo *= 1 - 0.35 * (below * (plastic_mask & ~shown & ~front))[..., None]
    photo[shown] = cloth[shown]
    photo[hood] *= 0.85
    half_size = (side_px, side_px)
    made = cv2.resize(photo, half_size, interpolation=cv2.INTER_AREA) + rng.normal(0, 0.7, (side_px, side_px, 3))
    alphas = (cv2.resize(mask.astype(np.float32) * 255, half_size, interpolation=cv2.INTER_AREA) for mask in (both, shown))
    alpha, own = (np.round(one).astype(np.uint8) for one in alphas)
    return np.clip(made, 0, 255).round().astype(np.uint8), alpha, own


def draw_inside(
    name: str, *, color: tuple[int, int, int] = (48, 84, 132), side_px: int = 700, light: float = 1.0, turn_deg: float = 0.0, seed: int = 1
) -> tuple[Uint8, Uint8]:
    """The inside of the back of the same garment, laid flat: photo and alpha. Its collar line hangs a little, with a band and a label below it."""
    shape, big = SHAPES[name], side_px * 2
    garment = _filled(big, _mirrored(shape.body), _smooth=True)
    for side in (1, -1):
        garment |= _filled(big, [(0.5 + side * (x - 0.5), y) for x, y in shape.sleeve], _smooth=True)
    half, _ = shape.neck

    def line(depth: float, lower: float = 0.0) -> Points:
        return [(0.5 + half * np.cos(t), 0.205 + lower + depth * np.sin(t)) for t in np.linspace(0, np.pi, 40)]

    garment &= ~_filled(big, [*line(0.022), (0.5 - half, 0.1), (0.5 + half, 0.1)])
    band = _filled(big, [*line(0.022), *reversed(line(0.022, 0.024))]) & garment
    label = _filled(big, [(0.475, 0.246), (0.525, 0.246), (0.525, 0.285), (0.475, 0.285)]) & garment
    rng = np.random.default_rng(seed)
    photo = np.full((big, big, 3), 255, np.float32)
    photo[garment] = (np.array(color, np.float32) * np.maximum(_cloth_shade(garment, big, rng), 0.86)[..., None])[garment]
    photo[band] *= 0.88
    photo[label] = (236, 234, 228)
    photo[garment] *= light
    turn = cv2.getRotationMatrix2D((big / 2, big / 2), turn_deg, 0.9)
    photo = cv2.warpAffine(photo, turn, (big, big), borderValue=(255, 255, 255))
    alpha = cv2.warpAffine(garment.astype(np.float32) * 255, turn, (big, big))
    small = (cv2.resize(one, (side_px, side_px), interpolation=cv2.INTER_AREA) for one in (photo, alpha))
    made, own = (np.clip(one, 0, 255).round().astype(np.uint8) for one in small)
    return made, own


def _mirrored(half: Points) -> Points:
    return half + [(1 - x, y) for x, y in reversed(half)]


def _filled(side: int, points: Points, _smooth: bool = False) -> npt.NDArray[np.bool_]:
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(points) * side).astype(np.int32)], 255)
    if _smooth:
        mask = cv2.GaussianBlur(mask, (0, 0), side / 110)
    return np.asarray(mask > 127)


def _mannequin(side: int, shape: Shape) -> npt.NDArray[np.bool_]:
    """Neck, shoulders and arms, and legs under a dress."""
    parts = _filled(
        side, [(0.455, 0.085), (0.545, 0.085), (0.55, 0.20), (0.66, 0.25), (0.64, 0.5), (0.36, 0.5), (0.34, 0.25), (0.45, 0.20)], True
    )
    for direction in (1, -1):
        arm = [(0.65, 0.25), (0.70, 0.28), (0.755, 0.45), (0.79, 0.66), (0.745, 0.67), (0.70, 0.47), (0.63, 0.33)]
        parts |= _filled(side, [(0.5 + direction * (x - 0.5), y) for x, y in arm], True)
        if shape.legs:
            leg = [(0.52, 0.80), (0.60, 0.80), (0.585, 0.965), (0.535, 0.965)]
            parts |= _filled(side, [(0.5 + direction * (x - 0.5), y) for x, y in leg], True)
    return parts


def _round_shade(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(0.72 + 0.28 * np.clip(depth / (0.03 * mask.shape[0]), 0, 1), np.float32)


def _cloth_shade(mask: npt.NDArray[np.bool_], side: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    depth = np.clip(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) / (0.05 * side), 0, 1)
    folds = cv2.GaussianBlur(rng.normal(0, 1, (side // 8, side // 24)).astype(np.float32), (0, 0), 2.2)
    folds = cv2.resize(folds, (side, side), interpolation=cv2.INTER_CUBIC)
    weave = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 1.2)
    return np.asarray(0.68 + 0.32 * depth + 0.10 * folds / folds.std() * depth + 0.022 * weave / weave.std(), np.float32)
