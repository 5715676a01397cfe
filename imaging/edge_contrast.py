"""Measure how clearly a product stands out from what is behind it, along its outline. Decides nothing."""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import delta_e2000, srgb_to_lab

Uint8 = npt.NDArray[np.uint8]

MEASURED_AT_PX = 500
"""Longer side at which it is measured: contrast is seen from a distance."""
RING_PX = 6
"""Width of the rims inside and outside of the outline that are compared."""
BLURRED_PX = 13
"""Side of the square over which each rim is averaged."""
WEAK_PART_PCT = 25.0
"""Percentile of the outline that is told: a quarter may fade away, as a white handle does, and the shape is still read."""


def edge_contrast(picture_HW3: Uint8, alpha_HW: Uint8) -> float | None:
    """CIEDE2000 between product and surroundings along the outline, its weaker quarter's best; None when there is no outline.

    picture_HW3: the finished picture, uint8 sRGB. alpha_HW: the placed product, uint8. Colors just inside and just outside are averaged along the
    outline; the outermost pixel on either side is left out, for it is mixed.
    """
    scale = min(1.0, MEASURED_AT_PX / max(alpha_HW.shape))
    size = (max(8, round(alpha_HW.shape[1] * scale)), max(8, round(alpha_HW.shape[0] * scale)))
    lab = srgb_to_lab(np.asarray(cv2.resize(picture_HW3, size, interpolation=cv2.INTER_AREA), np.uint8))
    solid = np.asarray(cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
    inward, outward = (cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1] for mask in (solid, 1 - solid))
    outline = (inward > 0) & (inward <= 1.5)
    means, known = [], outline
    for distance in (inward, outward):
        rim = ((distance > 1.5) & (distance <= 1.5 + RING_PX)).astype(np.float32)
        share = cv2.blur(rim, (BLURRED_PX, BLURRED_PX))
        means.append(cv2.blur(lab * rim[..., None], (BLURRED_PX, BLURRED_PX)) / np.maximum(share, 1e-6)[..., None])
        known = known & (share > 0.02)
    if known.sum() < 20:
        return None
    return float(np.percentile(delta_e2000(means[0][known], means[1][known]), WEAK_PART_PCT))
