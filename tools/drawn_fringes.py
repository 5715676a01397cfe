"""Draw products with hair, fur and fringes whose true alpha is known: hundreds to thousands of anti-aliased threads on a solid body.

The demo catalog has none. Not photographs: threads cross and clump, but cast no shadow on one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from imaging.linear_light import light_of_fine_levels, to_levels, to_light

SUPERSAMPLING = 4
STEPS = 10
"""Straight pieces of a thread."""

COLORS = {"umber": (74, 52, 40), "cream": (232, 222, 204), "rust": (168, 72, 40), "black": (28, 27, 30), "silver": (150, 150, 154)}
KINDS = ("collar", "pompom", "tassel", "rug", "brush", "scarf")
BACKDROPS = {"white": (255, 255, 255), "beige": (218, 202, 178), "gray": (205, 207, 210)}

Points = npt.NDArray[np.float64]


@dataclass
class _Canvas:
    """A picture SUPERSAMPLING times as large; coordinates are shares of its side."""

    size_px: int
    color: tuple[int, int, int]
    seed: int
    rng: np.random.Generator = field(init=False)
    pixels: npt.NDArray[np.uint8] = field(init=False)
    covered: npt.NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        side = self.size_px * SUPERSAMPLING
        self.rng = np.random.default_rng(self.seed)
        self.pixels, self.covered = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8)

    def tone(self, x: float, spread: float) -> tuple[int, ...]:
        """The product's color under light from the left, a little lighter or darker for each thread."""
        light = (1.1 - 0.35 * x) * float(np.exp(self.rng.normal(0, spread)))
        return tuple(int(np.clip(channel * light, 0, 255)) for channel in self.color)

    def body(self, corners: Points, shade: float = 0.9) -> None:
        """A solid part."""
        fixed = np.round(corners * self.pixels.shape[0] * 16).astype(np.int32)
        color = tuple(int(channel * shade) for channel in self.tone(float(corners[:, 0].mean()), 0))
        cv2.fillPoly(self.pixels, [fixed], color, shift=4)
        cv2.fillPoly(self.covered, [fixed], 255, shift=4)

    def thread(self, root: Points, angle: float, length: float, curl: float, width_px: float) -> None:
        """A thread that leaves its root at an angle (radians, y down), bends by `curl` radians on its way and tapers."""
        angles = angle + curl * np.linspace(0, 1, STEPS) ** 1.5 + self.rng.normal(0, 0.06, STEPS)
        moves = length / STEPS * np.stack([np.cos(angles), np.sin(angles)], -1)
        points = np.concatenate([root[None], root + np.cumsum(moves, axis=0)]) * self.pixels.shape[0]
        color = self.tone(float(root[0]), 0.18)
        for share, part in ((1.0, points[:6]), (0.55, points[5:])):
            fixed = np.round(part * 16).astype(np.int32)
            thickness = max(1, round(width_px * share * SUPERSAMPLING))
            cv2.polylines(self.pixels, [fixed], False, color, thickness, shift=4)
            cv2.polylines(self.covered, [fixed], False, 255, thickness, shift=4)

    def shown(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Color without any background, and alpha 0..1, both of `size_px`."""
        size = (self.size_px, self.size_px)
        alpha = cv2.resize(self.covered, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        premultiplied = cv2.resize(self.pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        color = premultiplied / np.maximum(alpha, 1 / 64)[..., None]
        return np.clip(np.round(color), 0, 255).astype(np.uint8), alpha


def draw(kind: str, color: str, size_px: int = 1024, seed: int = 1) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A product of a kind (KINDS) and color (COLORS): its color, uint8 (H, W, 3), and its true alpha, float32 0..1."""
    canvas = _Canvas(size_px, COLORS[color], seed)
    {"collar": _collar, "pompom": _pompom, "tassel": _tassel, "rug": _rug, "brush": _brush, "scarf": _scarf}[kind](canvas)
    return canvas.shown()


def photo_of(
    color_HW3: npt.NDArray[np.uint8], alpha_HW: npt.NDArray[np.float32], backdrop: str, *, quality: int = 90, seed: int = 1
) -> npt.NDArray[np.uint8]:
    """The product on studio paper with a falloff of light, noise, and what JPEG does to it; uint8 (H, W, 3)."""
    side = alpha_HW.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    light = np.ones_like(x) if backdrop == "white" else 1 - 0.06 * y - 0.04 * np.abs(x - 0.5)
    noise = np.random.default_rng(seed).normal(0, 0.0 if backdrop == "white" else 1.2, (side, side, 3))
    empty = np.array(BACKDROPS[backdrop], np.float32) * light[..., None] + noise
    share = alpha_HW[..., None]
    picture = to_levels(to_light(color_HW3) * share + light_of_fine_levels(np.asarray(empty, np.float32)) * (1 - share))
    _, coded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def all_drawings() -> Iterator[tuple[str, str]]:
    """Every kind in three of the colors."""
    names = tuple(COLORS)
    for index, kind in enumerate(KINDS):
        for step in range(3):
            yield kind, names[(index + step * 2) % len(names)]


def _ring(center: tuple[float, float], across: float, up: float, count: int) -> tuple[Points, npt.NDArray[np.float64]]:
    """Points on an ellipse and the angles at which they look outward."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.stack([center[0] + across * np.cos(turn), center[1] + up * np.sin(turn)], -1)
    return points, np.arctan2(np.sin(turn) / up, np.cos(turn) / across)


def _fur(canvas: _Canvas, roots: Points, angles: npt.NDArray[np.float64], length: float, per_root: int, width_px: float) -> None:
    """Threads at every root, in clumps that lean together."""
    lean = cv2.GaussianBlur(canvas.rng.normal(0, 1, (1, len(roots))), (0, 0), len(roots) / 60, borderType=cv2.BORDER_REFLECT)[0]
    lean *= 0.5 / max(1e-6, float(lean.std()))
    for root, angle, side in zip(roots, angles, lean, strict=True):
        for _ in range(per_root):
            own = length * float(np.clip(canvas.rng.normal(0.75, 0.3), 0.15, 1.6))
            canvas.thread(root, angle + side + canvas.rng.normal(0, 0.25), own, canvas.rng.normal(side, 0.5), width_px)


def _collar(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    outer, outward = _ring((0.5, 0.5), 0.30, 0.27, 1100)
    inner, inward = _ring((0.5, 0.48), 0.15, 0.12, 500)
    band = np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
    canvas.body(band)
    for inset in (0.9, 0.75, 0.6):
        points, angles = _ring((0.5, 0.49), 0.30 * inset, 0.27 * inset, 500)
        _fur(canvas, points, angles, 0.05, 2, 1.3 * scale)
    _fur(canvas, outer, outward, 0.075, 3, 0.9 * scale)
    _fur(canvas, inner, inward + np.pi, 0.04, 2, 0.9 * scale)


def _pompom(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    for radius, length in ((0.10, 0.12), (0.17, 0.10), (0.22, 0.09)):
        points, angles = _ring((0.5, 0.52), radius, radius, 900)
        canvas.body(points)
        _fur(canvas, points, angles, length, 3, 1.1 * scale)


def _tassel(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    canvas.body(np.array([(0.45, 0.2), (0.55, 0.2), (0.57, 0.34), (0.43, 0.34)]))
    cord, _ = _ring((0.5, 0.15), 0.03, 0.055, 60)
    for root, after in zip(cord, np.roll(cord, -1, 0), strict=True):
        step = after - root
        canvas.thread(root, float(np.arctan2(step[1], step[0])), 0.012, 0.0, 6 * scale)
    across = canvas.rng.uniform(-1, 1, 520)
    for share in across:
        root = np.array([0.5 + 0.065 * share, 0.33])
        canvas.thread(
            root,
            np.pi / 2 - 0.28 * share + canvas.rng.normal(0, 0.07),
            canvas.rng.normal(0.48, 0.03),
            canvas.rng.normal(0, 0.18),
            2.2 * scale,
        )


def _rug(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    canvas.body(np.array([(0.14, 0.26), (0.86, 0.26), (0.86, 0.74), (0.14, 0.74)]))
    for row in np.linspace(0.29, 0.71, 8):
        canvas.body(np.array([(0.16, row), (0.84, row), (0.84, row + 0.02), (0.16, row + 0.02)]), shade=0.6)
    for side, edge in ((np.pi / 2, 0.735), (-np.pi / 2, 0.265)):
        for knot in np.linspace(0.15, 0.85, 64):
            lean = canvas.rng.normal(0, 0.2)
            for _ in range(7):
                root = np.array([knot + canvas.rng.normal(0, 0.0015), edge])
                angle = side + lean + canvas.rng.normal(0, 0.08)
                canvas.thread(root, angle, canvas.rng.normal(0.11, 0.012), canvas.rng.normal(lean, 0.25), 1.5 * scale)


def _brush(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    canvas.body(
        np.array([(0.47, 0.08), (0.53, 0.08), (0.54, 0.42), (0.62, 0.46), (0.62, 0.54), (0.38, 0.54), (0.38, 0.46), (0.46, 0.42)]),
        shade=0.7,
    )
    for share in canvas.rng.uniform(-1, 1, 900):
        root = np.array([0.5 + 0.115 * share, 0.535])
        canvas.thread(
            root,
            np.pi / 2 - 0.2 * share + canvas.rng.normal(0, 0.05),
            canvas.rng.normal(0.33, 0.02),
            canvas.rng.normal(0, 0.1),
            1.4 * scale,
        )


def _scarf(canvas: _Canvas) -> None:
    scale = canvas.size_px / 1024
    canvas.body(np.array([(0.3, 0.1), (0.47, 0.1), (0.49, 0.7), (0.27, 0.72)]))
    canvas.body(np.array([(0.52, 0.1), (0.7, 0.1), (0.74, 0.6), (0.53, 0.62)]), shade=0.75)
    for left, right, edge in ((0.275, 0.485, 0.705), (0.535, 0.735, 0.605)):
        for knot in np.linspace(left, right, 16):
            lean = canvas.rng.normal(0, 0.12)
            for _ in range(12):
                root = np.array([knot + canvas.rng.normal(0, 0.003), edge])
                canvas.thread(
                    root,
                    np.pi / 2 + lean + canvas.rng.normal(0, 0.1),
                    canvas.rng.normal(0.17, 0.02),
                    canvas.rng.normal(0, 0.3),
                    1.2 * scale,
                )
