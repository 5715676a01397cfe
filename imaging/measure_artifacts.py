"""Measure what compression, quantization and failed generation leave: 8x8 blocks, banding, tone steps, collapse."""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.measure_views import ByteImage, Mask, Views

BLOCK_PX = 8
SMOOTH_LEVELS = 6.0
"""Expected gradient (Sobel / 4, levels per pixel) below which a pixel tells about tones: at edges blur moves levels, not quantization."""
JPEG_BASE_STEP = 11.5
"""Mean of the two lowest AC steps of JPEG's standard luminance table at quality 50 (ITU-T T.81, annex K: 11 and 12)."""
JPEG_STEPS = np.arange(6, 61)
COMB_BIN = 0.1
"""Width of the bins in which coefficients are counted: a sixtieth of the smallest step."""
BAND_DISTANCES = (8.0, 256 / 24, 12.8, 16.0)
"""Distances of 32, 24, 20 and 16 levels. Fewer levels than that nobody overlooks, and broad tones of a scene look like them."""
MIN_SMOOTH_PIXELS = 2000
MIN_COMB = 0.45
"""Concentration of DCT coefficients on multiples of a step from which the picture was once saved with that step; measured
on ten products: at most 0.29 for untouched, resampled, WebP 85 and JPEG 92 pictures, at least 0.62 for JPEG 20 to 75, also saved again at 92."""


def measure_blockiness(render_HW3: ByteImage, expected_HW3: ByteImage | None, product_HW: Mask | None) -> dict[str, float | None]:
    """Differences across JPEG's 8-pixel grid over those beside it, relative to the expected picture; full size, 1 = no blocks.

    Relative because a straight product edge on the grid is no compression (quality reference, 4.4). None without product or expectation.
    """
    if expected_HW3 is None or product_HW is None or not product_HW.any():
        return {"blockiness_ratio": None}
    left, top, width, height = cv2.boundingRect(product_HW.view(np.uint8))
    # On the grid and a pixel to the left, whose step to the box belongs to it.
    rows, columns = (slice(start // BLOCK_PX * BLOCK_PX, start + length) for start, length in ((top, height), (left, width)))
    inside = product_HW[rows, columns].view(np.uint8) * np.uint8(255)
    values = []
    for picture in (render_HW3, expected_HW3):
        levels = np.asarray(cv2.cvtColor(picture[rows, columns], cv2.COLOR_RGB2GRAY))
        steps = (
            _on_and_off_grid(cv2.absdiff(levels[:, 1:], levels[:, :-1]), inside[:, 1:], axis=0),
            _on_and_off_grid(cv2.absdiff(levels[1:], levels[:-1]), inside[1:], axis=1),
        )
        values.append(sum(on for on, _ in steps) / max(0.3, sum(off for _, off in steps)))
    return {"blockiness_ratio": float(values[0] / max(0.5, values[1]))}


def _on_and_off_grid(step_HW: ByteImage, inside_HW: ByteImage, axis: int) -> tuple[float, float]:
    """Mean step across the 8-pixel grid, and beside it. step_HW: from each pixel to the next; axis: the one along which the grid lines run."""
    kept = cv2.bitwise_and(step_HW, inside_HW)
    sums, counts = (cv2.reduce(plane, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for plane in (kept, inside_HW))
    counts = counts / 255
    grid = np.arange(len(sums)) % BLOCK_PX == BLOCK_PX - 1
    on, off = (float(sums[part].sum()) / max(1.0, float(counts[part].sum())) for part in (grid, ~grid))
    return on, off


def measure_compression(render_HW3: ByteImage) -> dict[str, float | None]:
    """The quality at which the picture was once saved as JPEG, as its DCT coefficients tell; 100 where nothing points to less than 75.

    Needs no reference and survives a second save at high quality, not a change of size. render_HW3: uint8 sRGB at full size.
    """
    levels = np.asarray(cv2.cvtColor(render_HW3, cv2.COLOR_RGB2GRAY))
    rows, columns = (side // BLOCK_PX * BLOCK_PX for side in levels.shape)
    levels = levels[:rows, :columns].astype(np.float32)
    frequency = (np.arange(8) * 2 + 1) * np.pi / 16
    # The first coefficients across and down: a cosine along one side of the block, the mean along the other.
    first = (np.cos(frequency) / 2 * np.sqrt(8)).astype(np.float32)
    flat_down = np.asarray(cv2.resize(levels, (columns, rows // BLOCK_PX), interpolation=cv2.INTER_AREA))
    flat_across = np.asarray(cv2.resize(levels, (columns // BLOCK_PX, rows), interpolation=cv2.INTER_AREA))
    across = np.abs(flat_down.reshape(-1, BLOCK_PX) @ first)
    down = np.abs(np.tensordot(first, flat_across.reshape(rows // BLOCK_PX, BLOCK_PX, -1), axes=(0, 1))).ravel()
    steps = [_quantization_step(down), _quantization_step(across)]
    if min(steps) == 0:
        return {"jpeg_quality": 100.0}
    step = float(np.mean(steps)) / JPEG_BASE_STEP
    return {"jpeg_quality": float(np.clip(50 / step if step > 1 else 100 - 50 * step, 1, 100))}


def _quantization_step(values_N: npt.NDArray[np.float32]) -> float:
    """The step on whose multiples coefficients pile up; 0 when there is none from 6 up or too few coefficients to tell."""
    combs: dict[float, float] = {}
    share = np.bincount(
        (values_N[values_N < 8 * JPEG_STEPS[-1]] / COMB_BIN).astype(np.intp), minlength=round(8 * JPEG_STEPS[-1] / COMB_BIN)
    )
    middles = (np.arange(len(share)) + 0.5) * COMB_BIN
    for step in JPEG_STEPS:
        used = slice(int(0.6 * step / COMB_BIN), int(8 * step / COMB_BIN))
        count = int(share[used].sum())
        if count < 60:
            break
        combs[float(step)] = float(share[used] @ np.cos(2 * np.pi * middles[used] / step)) / count
    best = max(combs.values(), default=0.0)
    # Half the step fits nearly as well as the step itself: the largest that fits is meant.
    return max(step for step, comb in combs.items() if comb >= 0.9 * best) if best >= MIN_COMB else 0.0


def measure_banding(views: Views, *, scene: bool) -> dict[str, float | None]:
    """Signs that tone levels were thrown away: `banding_comb` 0..1 in a background that is not white, `tone_ripple` in 8-bit levels.

    The comb needs no reference: the levels of smooth background pixels pile up at even distances. The ripple needs an expected picture:
    the mean error at every expected level is a sawtooth.
    """
    columns: dict[str, float | None] = {"banding_comb": None, "tone_ripple": None}
    if scene and views.background_HW is not None and views.background_HW.any():
        columns["banding_comb"] = _banding_comb(views.render_HW3, views.background_HW)
    if views.comparable:
        assert views.expected_HW3 is not None and views.inner_HW is not None and views.near is not None
        everywhere = views.complete and scene and views.background_HW is not None
        part = (slice(None), slice(None)) if everywhere else views.near.box
        region = views.inner_HW[part]
        if everywhere and views.background_HW is not None:
            region = region | views.background_HW
        smooth = region & _smooth_parts(views.expected_HW3[part])
        region = smooth if smooth.sum() >= MIN_SMOOTH_PIXELS else region
        columns["tone_ripple"] = _tone_ripple(views.render_HW3[part], views.expected_HW3[part], region)
    return columns


def _smooth_parts(picture_HW3: ByteImage) -> Mask:
    lightness = cv2.GaussianBlur(cv2.cvtColor(picture_HW3, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    across, down = (cv2.Sobel(lightness, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    return np.asarray(cv2.magnitude(across, down) < SMOOTH_LEVELS * 4)


def _banding_comb(picture_HW3: ByteImage, zone_HW: Mask) -> float:
    """How strongly the levels of a smooth zone pile up at one even distance, 0 not at all .. 1; the middle channel's worst distance.

    Each stretch of levels as long as the distance gives a phase; only agreement *between* stretches counts, so one narrow tone of a plain
    wall is no comb. 0 where the tones spread over too few stretches to tell. Rejected: counting steps between flat runs (grain hides the
    bands from it, WebP 85 looks like bands to it). The middle channel, for levels are thrown away in all three, while one channel's few
    tones behind a clean gradient may stand evenly by chance (0.44 in one, 0.17 in the second of 20 such gradients; banded: 0.8 in two).
    """
    zone = zone_HW & _smooth_parts(picture_HW3)
    if zone.sum() < MIN_SMOOTH_PIXELS:
        return 0.0
    levels, combs, inside = np.arange(256), [], zone.view(np.uint8)
    for channel in range(3):
        worst = 0.0
        share = cv2.calcHist([picture_HW3], [channel], inside, [256], [0, 256]).ravel() / zone.sum()
        for distance in BAND_DISTANCES:
            reach = 2 * int(2 * distance) + 1
            trend = cv2.GaussianBlur(share.reshape(1, -1), (reach, 1), distance / 2, borderType=cv2.BORDER_CONSTANT).ravel()
            stretch = (levels // distance).astype(int)
            phase = 2 * np.pi * levels / distance
            teeth = np.bincount(stretch, (share - trend) * np.cos(phase)) + 1j * np.bincount(stretch, (share - trend) * np.sin(phase))
            weight = np.bincount(stretch, trend)
            pairs = weight.sum() ** 2 - (weight**2).sum()
            if pairs > 0.5:
                agreement = (abs(teeth.sum()) ** 2 - (np.abs(teeth) ** 2).sum()) / pairs
                worst = max(worst, float(np.sqrt(max(0.0, agreement))))
        combs.append(worst)
    return sorted(combs)[1]


def _tone_ripple(render_HW3: ByteImage, expected_HW3: ByteImage, region_HW: Mask) -> float:
    """Weighted RMS of the mean error per expected level after its smooth trend, worst channel; sampling noise taken out."""
    worst, levels, inside = 0.0, np.arange(256.0), region_HW.view(np.uint8)
    for channel in range(3):
        planes = [np.asarray(cv2.extractChannel(picture, channel)) for picture in (expected_HW3, render_HW3)]
        # How often each expected level became each level; means and scatters follow from it.
        pairs = cv2.calcHist(planes, [0, 1], inside, [256, 256], [0, 256, 0, 256]).astype(np.float64)
        count = pairs.sum(axis=1)
        first, second = pairs @ levels, pairs @ levels**2
        mean = first / np.maximum(count, 1)
        scatter = np.maximum(second / np.maximum(count, 1) - mean**2, 0.05) / np.maximum(count, 1)
        used = (count >= 30) & (levels >= 6) & (levels <= 249)
        if used.sum() < 12:
            continue
        weight = np.where(used, np.minimum(count, 0.03 * count[used].sum()), 0)
        error = np.where(count > 0, mean - levels, 0)
        trend = _straight_trend(levels, error, weight)
        ripple = float((weight * ((error - trend) ** 2 - scatter)).sum() / weight.sum())
        worst = max(worst, ripple)
    return float(np.sqrt(worst))


def _straight_trend(levels: np.ndarray, mean: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted local straight-line fit: follows a tint or lighter print, also at the ends of the tones, but no sawtooth."""
    w, wx, wxx = _smooth(weight), _smooth(weight * levels), _smooth(weight * levels**2)
    wy, wxy = _smooth(weight * mean), _smooth(weight * levels * mean)
    w = np.maximum(w, 1e-9)
    center, height = wx / w, wy / w
    spread = np.maximum(wxx / w - center**2, 4.0)
    return np.asarray(height + (wxy / w - center * height) / spread * (levels - center))


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(values.reshape(1, -1), (0, 0), 10, borderType=cv2.BORDER_CONSTANT)).ravel()


def measure_collapse(views: Views) -> dict[str, float | None]:
    """Signs that the whole picture failed: entropy of its gray levels in bits, and the share of flat blocks in percent."""
    gray = cv2.cvtColor(views.render_HW3, cv2.COLOR_RGB2GRAY)
    share = cv2.calcHist([np.ascontiguousarray(gray[::2, ::2])], [0], None, [256], [0, 256]).ravel() / gray[::2, ::2].size
    share = share[share > 0]
    small = cv2.resize(gray, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32)
    blocks = small.reshape(16, 16, 16, 16).std(axis=(1, 3))
    return {"entropy_bits": float(-(share * np.log2(share)).sum()), "flat_blocks_pct": float((blocks < 1.5).mean() * 100)}
