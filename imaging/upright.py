"""The map that stands a photo upright, as one 3x3 matrix; the warp by it; and what such a matrix does, for a gate that trusts no renderer.

Coordinates are pixel edges, as in catalog/placement.py. What is wrong with a photo is tilt.py's to find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.placing import OPAQUE_ALPHA

Uint8 = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Linear = npt.NDArray[np.floating[Any]]

MAX_TILT_DEG = 8.0
"""Photos that lean more were meant to, or are to be taken again."""
MAX_STRETCH_PCT, MAX_KEYSTONE_PCT = 15.0, 40.0
"""How differently two directions may be scaled at the product's middle, and its far side against its near one, in a correction that is believed."""
MOST_KEYSTONE_DEG = 16.0
"""What tilt.py looks for."""
_HALF = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What a matrix does at the middle of a box: turn in degrees (clockwise), scale, how much more one direction is scaled than the other, and how
    much the scale changes from one side of the box to the other, in percent; `mirrored` as in a mirror."""

    turn_deg: float
    scale: float
    stretch_pct: float
    keystone_pct: float
    mirrored: bool

    def is_correction(self) -> bool:
        """Whether a photo may be moved so to stand upright: a small turn, a mild keystone."""
        return (
            abs(self.turn_deg) <= MAX_TILT_DEG + 0.01
            and not self.mirrored
            and 0.02 <= self.scale <= 8.0
            and self.stretch_pct <= MAX_STRETCH_PCT
            and self.keystone_pct <= MAX_KEYSTONE_PCT
        )


def steepest_keystone_deg(width_px: int, height_px: int) -> float:
    """Degrees by which verticals at the two sides of a photo may converge to be mended: its far side then grows by MAX_KEYSTONE_PCT against the near."""
    ratio = (1 + MAX_KEYSTONE_PCT / 100) ** (2 / 3)  # the scale changes with the third power of what the matrix divides by, an area's root
    return float(min(np.degrees(2 * (ratio - 1) / (ratio + 1) * width_px / height_px), MOST_KEYSTONE_DEG))


def upright_matrix(width_px: int, height_px: int, *, tilt_deg: float, keystone_deg: float = 0.0) -> Matrix:
    """From a leaning photo to one that stands upright, both about their own middle and at one scale there.

    tilt_deg, keystone_deg: as `tilt.Tilt` tells them, of the photo as it is; keystone_deg up to `steepest_keystone_deg`.
    """
    assert abs(keystone_deg) <= steepest_keystone_deg(width_px, height_px) + 0.01, keystone_deg
    middle = np.array([[1, 0, -width_px / 2], [0, 1, -height_px / 2], [0, 0, 1]])
    # A vertical at x leans by tilt - keystone * x / width: parallel again when lines above the middle are spread by what they converge.
    bend = np.radians(keystone_deg) / width_px
    straight = np.array([[1, 0, 0], [0, 1, 0], [0, bend, 1]]) if keystone_deg else np.eye(3)
    back = np.array([[1, 0, width_px / 2], [0, 1, height_px / 2], [0, 0, 1]])
    return np.asarray(back @ straight @ _rotation(-tilt_deg) @ middle, np.float64)


def _rotation(clockwise_deg: float) -> Matrix:
    cosine, sine = np.cos(np.radians(clockwise_deg)), np.sin(np.radians(clockwise_deg))
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def placed_by(matrix: Matrix, *, scale: float, left_px: float, top_px: float) -> Matrix:
    """A map followed by a scaling and a shift: from the photo into a frame."""
    return np.array([[scale, 0, left_px], [0, scale, top_px], [0, 0, 1]]) @ matrix


def moved_points(points_N2: npt.NDArray[np.floating[Any]], matrix: Matrix) -> npt.NDArray[np.float64]:
    """Where points come to lie."""
    moved = np.column_stack([points_N2, np.ones(len(points_N2))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def moved_box(covered_HW: npt.NDArray[np.bool_], matrix: Matrix) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is covered once it is moved, wherever that is: a warp into a frame loses what leaves it.

    Of each row its two ends count, as straight lines stay straight. Raises ValueError if nothing is covered.
    """
    rows = np.flatnonzero(covered_HW.any(axis=1))
    if not rows.size:
        raise ValueError("nothing is covered")
    first = covered_HW[rows].argmax(axis=1)
    last = covered_HW.shape[1] - covered_HW[rows, ::-1].argmax(axis=1)
    corners = np.concatenate([np.column_stack([x, rows + down]) for x in (first, last) for down in (0, 1)])
    moved = moved_points(corners.astype(np.float64), matrix)
    (left, top), (right, bottom) = moved.min(axis=0), moved.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def motion_of(matrix: Matrix, box: tuple[float, float, float, float]) -> Motion:
    """What a matrix does to a box (left, top, right, bottom) of the photo."""
    left, top, right, bottom = box
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    jacobian = _jacobian(matrix, middle)
    _, sizes, _ = np.linalg.svd(jacobian)
    sides = [(left, middle[1]), (right, middle[1]), (middle[0], top), (middle[0], bottom)]
    areas = [abs(float(np.linalg.det(_jacobian(matrix, np.array(side))))) ** 0.5 for side in sides]
    return Motion(
        turn_deg=float(np.degrees(np.arctan2(jacobian[1, 0] - jacobian[0, 1], jacobian[0, 0] + jacobian[1, 1]))),
        scale=float(np.sqrt(sizes[0] * sizes[1])),
        stretch_pct=float(sizes[0] / max(float(sizes[1]), 1e-9) - 1) * 100,
        keystone_pct=(max(areas) / max(min(areas), 1e-9) - 1) * 100,
        mirrored=bool(np.linalg.det(jacobian) < 0),
    )


def _jacobian(matrix: Matrix, point: npt.NDArray[np.float64]) -> Matrix:
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    return np.asarray((matrix[:2, :2] * w - np.outer([x, y], matrix[2, :2])) / w**2, np.float64)


def warped(
    image: Linear, matrix: Matrix, size: tuple[int, int], *, flags: int = cv2.INTER_LANCZOS4, border: int = cv2.BORDER_REFLECT_101
) -> Linear:
    """A float32 picture moved into a frame of (width, height); averaged first where it shrinks, so that nothing aliases.

    Lanczos rings at hard edges: its results are held between the smallest and largest values around, so that none of it shows.
    """
    picture, shrunk = np.asarray(image, np.float32), np.asarray(matrix, np.float64)
    height, width = picture.shape[:2]
    scale = motion_of(matrix, (0, 0, width, height)).scale
    if scale < 0.75:
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.float32)
        shrunk = matrix @ np.diag([width / small[0], height / small[1], 1.0])
    centers = _HALF @ shrunk @ np.linalg.inv(_HALF)
    moved = np.asarray(cv2.warpPerspective(picture, centers, size, flags=flags, borderMode=border), np.float32)
    if flags != cv2.INTER_LANCZOS4:
        return moved
    around = np.ones((3, 3), np.uint8)
    low, high = (
        cv2.warpPerspective(edge(picture, around), centers, size, flags=cv2.INTER_LINEAR, borderMode=border)
        for edge in (cv2.erode, cv2.dilate)
    )
    return np.asarray(np.clip(moved, low, high), np.float32)


def place_upright(foreground_HW3: Uint8, alpha_HW: Uint8, matrix: Matrix, frame: tuple[int, int]) -> tuple[Uint8, Uint8]:
    """A cut-out moved into a frame of (width, height) by a matrix: what `placing.place` is for a mere scaling. Color and alpha, uint8.

    Resampled premultiplied, with what lies outside of the photo transparent.
    """
    alpha = alpha_HW.astype(np.float32)[..., None]
    bundle = np.concatenate([foreground_HW3 * (alpha / 255), alpha], axis=2)
    moved = warped(bundle, matrix, frame, flags=cv2.INTER_CUBIC, border=cv2.BORDER_CONSTANT)
    cover = np.clip(moved[..., 3], 0, 255)
    color = moved[..., :3] * (255 / np.maximum(moved[..., 3], 1))[..., None]  # not clipped: color overshoots as much as alpha
    rgb = np.where(cover[..., None] >= 0.5, np.clip(np.round(color), 0, 255), 0).astype(np.uint8)
    placed = np.round(cover).astype(np.uint8)
    return rgb, np.where(placed >= OPAQUE_ALPHA, np.uint8(255), placed)


def matrix_from(values: Sequence[float]) -> Matrix | None:
    """The matrix that nine numbers stand for, row by row; None when they are none that can be turned back."""
    if len(values) != 9 or not np.isfinite(values).all():
        return None
    matrix = np.asarray(values, np.float64).reshape(3, 3)
    return matrix if abs(float(np.linalg.det(matrix))) > 1e-9 else None
