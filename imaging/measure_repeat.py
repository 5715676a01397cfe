"""Measure how often a pattern repeats in a picture, by its strongest wave; and which wave of a tile is its strongest."""

import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

SEARCH = (0.4, 2.5)
"""Where the wave is looked for, as shares of the frequency that is expected: half and double scale are found, and found wrong."""
WINDOW_SHARE = 0.6
"""Sigma of the window on the part's middle, in shares of half its box: near the outline a form squeezes what lies on it."""
FINER = 2
"""Frequencies asked per bin of the transform, along each axis, by padding to so many times its size."""
MIN_CONTRAST = 4.0
"""Strength of the wave over the median of those searched, from which it is a wave and no noise."""
SIDE_PX = 192


def strongest_wave(tile_HW3: FloatImage) -> float:
    """Waves per tile width of the strongest wave in a tile's lightness (root of linear light); 0 for an even tile."""
    plane = np.sqrt(np.clip(tile_HW3, 0, None).mean(axis=-1))
    height, width = plane.shape
    power = np.abs(np.fft.rfft2(plane - plane.mean())) ** 2
    down, right = np.unravel_index(int(np.argmax(power)), power.shape)
    down = down - height if down > height // 2 else down
    # Per width: a tile that is higher than wide has slower waves down than its number tells.
    return float(np.hypot(right, down * width / height)) if power.max() > 1e-6 * plane.size else 0.0


def measure_repeat(plane_HW: FloatImage, mask_HW: npt.NDArray[np.bool_], expected_px: float) -> float | None:
    """Length in pixels of the strongest wave on a part, near the expected length or far from it; None if no wave stands out.

    plane_HW: lightness with shading taken out. Only lengths of .4 to 2.5 times the expected one are searched.
    """
    rows, columns = np.nonzero(mask_HW)
    if len(rows) < 400 or expected_px < 3:
        return None
    center = (np.median(rows), np.median(columns))
    reach = (np.ptp(rows) * WINDOW_SHARE / 2, np.ptp(columns) * WINDOW_SHARE / 2)
    # No coarser than 8 pixels per wave of the finest that is searched.
    step = max(1, int(expected_px * SEARCH[0] / 8))
    top, left = (max(0, int(middle - 2 * size)) for middle, size in zip(center, reach, strict=True))
    part = (slice(top, int(center[0] + 2 * reach[0]) + 1, step), slice(left, int(center[1] + 2 * reach[1]) + 1, step))
    plane, inside = plane_HW[part].astype(np.float64), mask_HW[part].astype(np.float64)
    y = (np.arange(plane.shape[0]) * step + top - center[0]) / max(reach[0], 1)
    x = (np.arange(plane.shape[1]) * step + left - center[1]) / max(reach[1], 1)
    window = inside * np.exp(-(y[:, None] ** 2) * 1.5) * np.exp(-(x[None] ** 2) * 1.5)
    mean = (plane * window).sum() / max(window.sum(), 1e-9)
    wave = (plane - mean) * window
    # A slow fall-off across the part is no pattern.
    for place in (y[:, None], x[None]):
        tilt = np.broadcast_to(place, wave.shape)
        wave = wave - window * tilt * (wave * tilt).sum() / max((window * tilt**2).sum(), 1e-9)
    size = [1 << int(np.ceil(np.log2(max(n, SIDE_PX)))) for n in wave.shape]
    size = [n * FINER for n in size]
    power = np.abs(np.fft.rfft2(wave, size))
    down, right = np.fft.fftfreq(size[0])[:, None] / step, np.fft.rfftfreq(size[1])[None] / step
    frequency = np.hypot(down, right) * expected_px
    searched = (frequency > SEARCH[0]) & (frequency < SEARCH[1])
    if not searched.any():
        return None
    strength = np.where(searched, power, 0)
    best = np.unravel_index(int(np.argmax(strength)), strength.shape)
    if strength[best] < MIN_CONTRAST * np.median(power[searched]):
        return None
    return float(expected_px / _refined(strength, frequency, best))


def _refined(strength: npt.NDArray[np.float64], frequency: npt.NDArray[np.float64], best: tuple[np.intp, ...]) -> float:
    """The frequency of a peak from the peak and its eight neighbors, weighted by their strength over the weakest."""
    rows = [(int(best[0]) + step) % strength.shape[0] for step in (-1, 0, 1)]
    columns = [column for column in (int(best[1]) - 1, int(best[1]), int(best[1]) + 1) if 0 <= column < strength.shape[1]]
    weight = strength[np.ix_(rows, columns)]
    weight = np.clip(weight - weight.min(), 0, None) + 1e-12
    return float((frequency[np.ix_(rows, columns)] * weight).sum() / weight.sum())
