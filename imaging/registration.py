"""Find where a photographed product stands in a render, when nobody kept the placement.

SIFT on the product, a similarity by RANSAC, refined by ECC. Where too few features agree, silhouettes tell where to measure, but nothing is
registered then (`Registration.certain`). Leaves out judging the match.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.expected_picture import blend_levels
from imaging.measure_geometry import find_product
from imaging.measure_views import ByteImage, bounding_box
from imaging.similarity import polish
from imaging.warping import Matrix, warp_into_frame

WORK_SIDE_PX = 900
"""Long side at which features are matched."""
MIN_INLIERS = 12
"""Fewer matches than this agree by chance (quality reference, 4.1)."""
FEATURES = 3000
MIN_CONTRAST = 0.012
"""SIFT's contrast threshold, a third of its usual one: a plain carafe or a dark hoodie has fewer than 12 stronger features."""
MATCH_RATIO = 0.8
RANSAC_PX = 2.0
MIN_CORRELATION = 0.55
"""Smallest ECC correlation at which two silhouettes are taken for the same product."""
MAX_ROTATION_DEG = 12.0


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A similarity from photo pixels to render pixels (2x3, pixel centers), and how it was found."""

    matrix: Matrix
    method: Literal["features", "silhouette"]
    inliers: int

    @property
    def certain(self) -> bool:
        """Whether enough features agree; if not, a person must look at the picture (quality reference, 4.1)."""
        return self.inliers >= MIN_INLIERS


def register(source_HW3: ByteImage, alpha_HW: ByteImage, render_HW3: ByteImage) -> Registration | None:
    """Where the source's product stands in the render, or None when it cannot be found.

    source_HW3, alpha_HW: the photo and its product alpha (0..255), same size. render_HW3: any size. All sRGB uint8.
    """
    assert source_HW3.shape[:2] == alpha_HW.shape, (source_HW3.shape, alpha_HW.shape)
    source_scale = min(1.0, WORK_SIDE_PX / max(source_HW3.shape[:2]))
    render_scale = min(1.0, WORK_SIDE_PX / max(render_HW3.shape[:2]))
    source, alpha, render = _resize(source_HW3, source_scale), _resize(alpha_HW, source_scale), _resize(render_HW3, render_scale)
    inliers, matrix = _match_features(source, alpha, render)
    method: Literal["features", "silhouette"] = "features"
    if matrix is None or inliers < MIN_INLIERS or not _upright(matrix):
        matrix, method, inliers = _match_silhouettes(source, alpha, render), "silhouette", 0
        if matrix is None:
            return None
    refined = _refine(source, alpha, render, matrix)
    if refined is None and method == "silhouette":
        return None
    matrix = polish(source, alpha, render, refined if refined is not None else matrix)
    return Registration(matrix=_rescale(matrix, source_scale, render_scale), method=method, inliers=inliers)


def _resize(image: ByteImage, scale: float) -> ByteImage:
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _rescale(matrix: Matrix, source_scale: float, render_scale: float) -> Matrix:
    """The same map between full-size pictures; pixel centers lie at half-integers of the outer coordinate."""

    def to_small(scale: float) -> npt.NDArray[np.float64]:
        return np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])

    whole = np.linalg.inv(to_small(render_scale)) @ np.vstack([matrix, [0, 0, 1]]) @ to_small(source_scale)
    return np.asarray(whole[:2], dtype=np.float32)


def _upright(matrix: Matrix) -> bool:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    angle = abs(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    return 0.02 < scale < 20 and angle < MAX_ROTATION_DEG


def _match_features(source: ByteImage, alpha: ByteImage, render: ByteImage) -> tuple[int, Matrix | None]:
    mask = cv2.dilate((alpha > 127).astype(np.uint8) * 255, np.ones((5, 5), np.uint8))
    pairs = matched_points(_on_border_color(source, alpha, render), np.asarray(mask, np.uint8), render, features=FEATURES)
    if pairs is None:
        return 0, None
    cv2.setRNGSeed(0)
    matrix, used = cv2.estimateAffinePartial2D(*pairs, method=cv2.RANSAC, ransacReprojThreshold=RANSAC_PX)
    return (0, None) if matrix is None else (int(used.sum()), np.asarray(matrix, dtype=np.float32))


def matched_points(
    source_HW3: ByteImage, mask_HW: ByteImage, render_HW3: ByteImage, *, features: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Places of a source's features, inside a mask, and of those in a render that look like them and like no other; None for fewer than four."""
    sift = cv2.SIFT.create(features, contrastThreshold=MIN_CONTRAST)
    points_s, words_s = sift.detectAndCompute(cv2.cvtColor(source_HW3, cv2.COLOR_RGB2GRAY), mask_HW)
    points_r, words_r = sift.detectAndCompute(cv2.cvtColor(render_HW3, cv2.COLOR_RGB2GRAY), None)
    if words_s is None or words_r is None or len(words_s) < 4 or len(words_r) < 4:
        return None
    pairs = cv2.BFMatcher().knnMatch(words_s, words_r, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < MATCH_RATIO * pair[1].distance]
    if len(good) < 4:
        return None
    return (
        np.array([points_s[m.queryIdx].pt for m in good], np.float32),
        np.array([points_r[m.trainIdx].pt for m in good], np.float32),
    )


def _on_border_color(source: ByteImage, alpha: ByteImage, render: ByteImage) -> ByteImage:
    """The product over the color that the render has at its border: before the same background, outlines match, too."""
    ring = np.concatenate(
        [render[:4].reshape(-1, 3), render[-4:].reshape(-1, 3), render[:, :4].reshape(-1, 3), render[:, -4:].reshape(-1, 3)]
    )
    color = np.median(ring, axis=0).astype(np.uint8)
    return blend_levels(source, alpha, np.broadcast_to(color, source.shape))


def _match_silhouettes(source: ByteImage, alpha: ByteImage, render: ByteImage) -> Matrix | None:
    """Box onto box, for a product on a plain background in both."""
    found = find_product(srgb_to_lab(render))
    box_s, box_r = bounding_box(alpha > 127), None if found is None else bounding_box(found)
    if box_s is None or box_r is None:
        return None
    scale_x, scale_y = (box_r[2] - box_r[0]) / (box_s[2] - box_s[0]), (box_r[3] - box_r[1]) / (box_s[3] - box_s[1])
    if not 0.8 < scale_x / scale_y < 1.25:
        return None
    scale = float(np.sqrt(scale_x * scale_y))
    center_s, center_r = (((b[0] + b[2] - 1) / 2, (b[1] + b[3] - 1) / 2) for b in (box_s, box_r))
    return np.array([[scale, 0, center_r[0] - scale * center_s[0]], [0, scale, center_r[1] - scale * center_s[1]]], np.float32)


def _refine(source: ByteImage, alpha: ByteImage, render: ByteImage, matrix: Matrix) -> Matrix | None:
    """A similarity near `matrix` that makes the product's pixels agree best (ECC on an affine map, its nearest similarity kept)."""
    height, width = render.shape[:2]
    rgb, mask = warp_into_frame(source, alpha, matrix, (height, width))
    zone = cv2.erode((mask > 250).astype(np.uint8), np.ones((3, 3), np.uint8))
    if zone.sum() < 400:
        return None
    step = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    expected, actual = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (rgb, render))
    try:
        correlation, step = cv2.findTransformECC(expected, actual, step, cv2.MOTION_AFFINE, criteria, zone, 5)
    except cv2.error:
        return None
    if correlation < MIN_CORRELATION or np.abs(step[:, :2] - np.eye(2)).max() > 0.15:
        return None
    # A squash must stay visible to the gate: only a common scale, rotation and shift are taken out.
    cos, sin = (step[0, 0] + step[1, 1]) / 2, (step[1, 0] - step[0, 1]) / 2
    rows, columns = np.nonzero(zone)
    center = np.array([columns.mean(), rows.mean()])
    linear = np.array([[cos, -sin], [sin, cos]])
    offset = step[:, :2] @ center + step[:, 2] - linear @ center
    whole = np.vstack([np.column_stack([linear, offset]), [0, 0, 1]]) @ np.vstack([matrix, [0, 0, 1]])
    return np.asarray(whole[:2], dtype=np.float32)
