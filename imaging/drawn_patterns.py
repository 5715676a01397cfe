"""Patterns that are drawn rather than photographed: stripes, checks, dots and herringbone in colors of one's choice. One repeat each, seamless."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

SIDE_PX = 384
FINER = 3
"""Drawn larger by this and reduced, so that edges are smooth."""


def drawn_pattern(name: str, ground_rgb: tuple[int, int, int], figure_rgb: tuple[int, int, int]) -> Uint8:
    """One repeat of a pattern, uint8 sRGB (SIDE_PX, SIDE_PX, 3)."""
    side = SIDE_PX * FINER
    place: FloatImage = ((np.arange(side) + 0.5) / side).astype(np.float32)
    across, down = (np.asarray(plane, np.float32) for plane in np.meshgrid(place, place))
    cover = cv2.resize(DRAWN[name](across, down), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)[..., None]
    ground, figure = np.array(ground_rgb, np.float32), np.array(figure_rgb, np.float32)
    return np.asarray(np.round(ground + (figure - ground) * cover), np.uint8)


def _stripes(across: FloatImage, down: FloatImage) -> FloatImage:
    return np.asarray(np.abs(across - 0.5) < 0.25, np.float32)


def _checks(across: FloatImage, down: FloatImage) -> FloatImage:
    """Gingham: where both stripes cross, the color is full, where one lies alone, half."""
    wide, tall = (np.abs(plane - 0.5) < 0.25 for plane in (across, down))
    return np.asarray((wide.astype(np.float32) + tall) / 2, np.float32)


def _dots(across: FloatImage, down: FloatImage) -> FloatImage:
    """Dots in two rows, the second between those of the first."""
    cover = np.zeros_like(across)
    for x, y in ((0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1)):
        cover = np.maximum(cover, (np.hypot(across - x, down - y) < 0.17).astype(np.float32))
    return np.asarray(cover, np.float32)


def _herringbone(across: FloatImage, down: FloatImage) -> FloatImage:
    """Twill lines that turn at every half of the repeat, broken by a thin line where they meet."""
    folded = np.abs(across - 0.5)
    lines = np.mod(4 * (down + folded), 1) < 0.5
    seam = np.minimum(np.minimum(across, 1 - across), folded) < 0.012
    return np.where(seam, np.float32(0.35), lines.astype(np.float32)).astype(np.float32)


DRAWN: Mapping[str, Callable[[FloatImage, FloatImage], FloatImage]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "herringbone": _herringbone,
}
"""What share of a pixel the figure's color covers, by place in the repeat (0..1)."""
