"""How sharp a picture's edges are across themselves, averaged along themselves so that sensor noise and JPEG hide nothing.

An edge pixel's profile is smoothed along the edge over ALONG_PX, which leaves its sharpness and takes 85 % of the noise; pale products
on white are judged as surely as dark ones. Two ratios are taken at the ridges of the gradient: how steep edges are, in the worst of
eight directions (movement), and how much of the finest detail they hold (out of focus, or enlarged). The latter looks at edges within
14 degrees of the pixel grid only: turning a picture interpolates it, and averaging beside an edge's direction blurs it; both cost
more of the finest detail than a faint blur does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

ALONG_PX = 7
"""Length of the average along an edge."""
FAR_PX = 4
"""Half of the distance over which a step is measured; motion blur is at least that long to matter at working size."""
TURNS_DEG = (0.0, 22.5, 45.0, 67.5)
"""With both axes of each turn: eight directions."""
WITHIN_14_DEG, WITHIN_22_DEG, WITHIN_32_DEG = 4.0, 2.4, 1.6
"""Gradient across against along, from which an edge belongs to a direction: 1 / tan of the angle."""
STRONGEST_PCT = 70.0
MIN_STEP = 8.0
"""Change over 2 * FAR_PX below which an edge is texture."""
FINEST_STRONGEST_PCT, MIN_FINEST_GRADIENT = 80.0, 12.0
"""The same for the finest detail, on the Sobel magnitude of the smoothed picture."""
GRADIENT_SIGMA_PX = 1.5
MIN_GRADIENT = 7.0
"""Sobel magnitude (0..1020) of the blurred picture below which nothing is an edge."""
FRAME_PX = 10
"""Nearer to the frame than this, no edge is looked at."""
MIN_EDGE_PX = 25
"""A direction with fewer edge pixels says nothing."""
FINEST_KERNEL = np.array([1, -6, 15, -20, 15, -6, 1], np.float32) / np.float32(64)
"""sin(pi f)^6: lets 0.74 of the detail at 0.4 cycles a pixel through, 0.24 at 0.29, where a copy enlarged by 1.7 ends, 0.04 at 0.2."""
NOISE_RING_PX = (6, 20)
"""How far from edges the noise is read: nearer is the edge, farther may be another light."""
BURNT = 252.0
"""Burnt paper has no noise, and what stands before it has."""
MIN_NOISE_PX = 200
MIN_FINEST_PX = 200
"""Edge pixels, strong or not, for the finest detail; a photo of a ball has 3,000."""
MEDIAN_OF_SQUARE = 0.455
"""Median of the square of a normal variable of variance 1."""

Gray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class EdgeProfiles:
    """Ratios of a picture's edges; all are 0 for a picture without edges."""

    step_ratio_worst: float
    step_ratio_best: float
    """Change over 2 px against 8 px at the edges, in the blurriest and the sharpest of eight directions: a step 1, a ramp 0.25."""
    finest_ratio: float
    """Detail of the finest third of frequencies against middle ones at the edges: sharp 0.12 to 0.25, out of focus or enlarged 0.07 and less."""


@dataclass(frozen=True, kw_only=True)
class _Direction:
    """A turned picture seen along one axis: across the edges that belong to it. Pixels are named by their place in the flattened picture."""

    axis: int
    smooth_HW: Gray
    """Averaged along the edges."""
    across_HW: Gray
    """Gradient of the blurred picture across the edges, absolute."""
    ridges: npt.NDArray[np.int64]
    """Where that is the largest within FAR_PX, away from the frame."""
    slant: npt.NDArray[np.float32]
    """Gradient along against across, at the ridges."""

    def edges(self, within: float) -> npt.NDArray[np.int64]:
        """Ridges whose edge runs in this direction."""
        return np.asarray(self.ridges[self.slant * within < 1.0])

    def change(self, places: npt.NDArray[np.int64], reach_px: int) -> Gray:
        """abs(I(x + reach) - I(x - reach)) across the edges."""
        flat, step = self.smooth_HW.ravel(), reach_px * (self.smooth_HW.shape[1] if self.axis == 0 else 1)
        return np.asarray(np.abs(flat[places + step] - flat[places - step]))

    def through(self, kernel: Gray) -> Gray:
        """The picture filtered across the edges."""
        one = np.ones(1, np.float32)
        row, column = (one, kernel) if self.axis == 0 else (kernel, one)
        return np.asarray(cv2.sepFilter2D(self.smooth_HW, -1, row, column))


def edge_profiles(gray_HW: Gray) -> EdgeProfiles:
    """Measure the edges of a picture across themselves.

    gray_HW: float32, 0..255, at the size at which blur should be judged, at least 32 px a side.
    """
    views = {turn_deg: _directions(gray_HW, turn_deg) for turn_deg in TURNS_DEG}
    steps = _step_ratios([direction for view in views.values() for direction in view])
    return EdgeProfiles(step_ratio_worst=min(steps), step_ratio_best=max(steps), finest_ratio=_finest_ratio(views[0.0]))


def _directions(gray: Gray, turn_deg: float) -> tuple[_Direction, _Direction]:
    """The picture turned, along both of its axes."""
    height, width = gray.shape
    if turn_deg:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
        gray = np.asarray(cv2.warpAffine(gray, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)
    blurred = cv2.GaussianBlur(gray, (0, 0), GRADIENT_SIGMA_PX)
    down, right = (np.abs(cv2.Sobel(blurred, -1, dx, 1 - dx)) for dx in (0, 1))
    return _direction(gray, 0, down, right), _direction(gray, 1, right, down)


def _direction(gray: Gray, axis: int, across: Gray, along: Gray) -> _Direction:
    length = 2 * FAR_PX + 1
    largest = cv2.dilate(across, np.ones((length, 1) if axis == 0 else (1, length), np.uint8))
    ridge = cv2.bitwise_and(cv2.compare(across, largest, cv2.CMP_EQ), cv2.compare(across, MIN_GRADIENT, cv2.CMP_GT))
    ridge[:FRAME_PX], ridge[-FRAME_PX:], ridge[:, :FRAME_PX], ridge[:, -FRAME_PX:] = 0, 0, 0, 0
    ridges = np.flatnonzero(ridge > 0)
    return _Direction(
        axis=axis,
        smooth_HW=np.asarray(cv2.blur(gray, (ALONG_PX, 1) if axis == 0 else (1, ALONG_PX)), np.float32),
        across_HW=across,
        ridges=ridges,
        slant=along.ravel()[ridges] / across.ravel()[ridges],
    )


def _step_ratios(directions: list[_Direction]) -> list[float]:
    """Change over 2 px against change over 2 * FAR_PX at the edges of every direction that has enough of them; [0.0] if none has."""
    near, far = [], []
    for direction in directions:
        edges = direction.edges(WITHIN_22_DEG)
        near.append(direction.change(edges, 1))
        far.append(direction.change(edges, FAR_PX))
    every = np.concatenate(far)
    if every.size < MIN_EDGE_PX:
        return [0.0]
    limit = max(MIN_STEP, float(np.percentile(every, STRONGEST_PCT)))
    strong = [values >= limit for values in far]
    return [
        float(np.sqrt(np.sum(n[kept] ** 2) / np.sum(f[kept] ** 2)))
        for n, f, kept in zip(near, far, strong, strict=True)
        if kept.sum() >= MIN_EDGE_PX
    ] or [0.0]


def _finest_ratio(directions: tuple[_Direction, _Direction]) -> float:
    """Finest against middle detail at the edges, root mean square, with the noise beside the edges taken out; 0 without edges."""
    edges = [direction.edges(WITHIN_14_DEG) for direction in directions]
    if sum(places.size for places in edges) < MIN_FINEST_PX:  # nothing in it runs straight: the nearest to it that there is
        edges = [direction.edges(WITHIN_32_DEG) for direction in directions]
    strengths = [direction.across_HW.ravel()[places] for direction, places in zip(directions, edges, strict=True)]
    every = np.concatenate(strengths)
    if every.size < MIN_EDGE_PX:
        return 0.0
    limit = max(MIN_FINEST_GRADIENT, float(np.percentile(every, FINEST_STRONGEST_PCT)))
    finest, middle, noises, pixels = 0.0, 0.0, [], 0
    for direction, places, strength in zip(directions, edges, strengths, strict=True):
        strong = np.zeros(direction.across_HW.shape, np.uint8)
        strong.ravel()[places[strength >= limit]] = 1
        near = np.flatnonzero(cv2.dilate(strong, np.ones((5, 1) if direction.axis == 0 else (1, 5), np.uint8)) > 0)
        detail = direction.through(FINEST_KERNEL) ** 2
        finest += float(detail.ravel()[near].sum())
        middle += float((direction.through(MIDDLE_KERNEL).ravel()[near] ** 2).sum())
        pixels += near.size
        noises.append(_noise_beside(strong, direction, detail))
    return float(np.sqrt(max(0.0, finest / max(1, pixels) - float(np.mean(noises))) / (middle / max(1, pixels) + 1e-3)))


def _noise_beside(strong: npt.NDArray[np.uint8], direction: _Direction, detail: Gray) -> float:
    """Power that noise leaves in the finest detail, from smooth places near the edges that are not burnt; 0 where there are too few."""
    inner, outer = (cv2.dilate(strong, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) for reach in NOISE_RING_PX)
    smooth = cv2.bitwise_and(cv2.compare(outer, inner, cv2.CMP_GT), cv2.compare(direction.across_HW, MIN_FINEST_GRADIENT, cv2.CMP_LT))
    smooth = cv2.bitwise_and(smooth, cv2.compare(direction.smooth_HW, BURNT, cv2.CMP_LT))
    beside = detail.ravel()[np.flatnonzero(smooth > 0)]
    return float(np.median(beside)) / MEDIAN_OF_SQUARE if beside.size >= MIN_NOISE_PX else 0.0


def _band(inner_sigma: float, outer_sigma: float) -> Gray:
    """The kernel of G(inner) - G(outer)."""
    size = 2 * int(3 * outer_sigma + 1) + 1
    inner, outer = (cv2.getGaussianKernel(size, sigma, cv2.CV_32F).ravel() for sigma in (inner_sigma, outer_sigma))
    return np.asarray(inner - outer, np.float32)


MIDDLE_KERNEL = _band(0.8, 3.2)
"""G(0.8) - G(3.2): the middle detail of sharpness.py, across edges."""
