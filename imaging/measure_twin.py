"""Measure whether a scene shows the product a second time: the best match of its picture elsewhere in the frame, also mirrored or smaller.

For scenes, where a second thing is nothing strange by itself. On plain backgrounds any second thing is (measure_foreign).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views, bounding_box

SEARCH_SIDE_PX = 112
"""Longer side at which the product is looked for: a twin of four tenths still has 20 to 30 px, and a full search takes milliseconds."""
SCALES = (1.0, 0.8, 0.63, 0.5, 0.4)
REFINED = (0.9, 0.95, 1.05, 1.1)
"""Around the best coarse scale: a template a tenth too large matches half as well."""
MAX_OVERLAP = 0.15
"""Share of the twin that may lie over the product itself."""
MIN_TEMPLATE_PX = 40
COLOR_RMS = 20.0
"""Lab distance at which a match of the same pattern in other colors counts 1/e: a shadow's outline, a prop of the same shape."""


@dataclass(frozen=True, kw_only=True)
class _Template:
    lab_HW3: FloatImage
    mask_HW: FloatImage


def measure_twin(views: Views) -> dict[str, float | None]:
    """`twin_similarity`: 0 nothing like the product elsewhere, 1 the same picture again. None without an expected product.

    Normalized correlation of Lab inside the silhouette, times how near the colors are, at the best place, scale and orientation.
    """
    if not views.comparable:
        return {"twin_similarity": None}
    assert views.expected_lab_HW3 is not None and views.product_HW is not None
    scale = min(1.0, SEARCH_SIDE_PX / max(views.product_HW.shape))
    size = (max(8, round(views.product_HW.shape[1] * scale)), max(8, round(views.product_HW.shape[0] * scale)))
    frame, expected = (
        np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA)) for p in (views.render_lab_HW3, views.expected_lab_HW3)
    )
    product = np.asarray(cv2.resize(views.product_HW.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= 128)
    box = bounding_box(product)
    if box is None:
        return {"twin_similarity": 0.0}
    cut = slice(box[1], box[3]), slice(box[0], box[2])
    whole = _Template(lab_HW3=expected[cut], mask_HW=product[cut].astype(np.float32))
    mirrored = _Template(lab_HW3=whole.lab_HW3[:, ::-1].copy(), mask_HW=whole.mask_HW[:, ::-1].copy())
    coarse = [(_match(frame, product, shape, size_share), shape, size_share) for shape in (whole, mirrored) for size_share in SCALES]
    best, shape, size_share = max(coarse, key=lambda found: found[0])
    return {"twin_similarity": max(0.0, best, *(_match(frame, product, shape, size_share * step) for step in REFINED))}


def _match(frame: FloatImage, product_HW: Mask, template: _Template, scale: float) -> float:
    """Similarity at the best place away from the product; 0 where the scaled template does not fit or is too small to tell."""
    height, width = template.mask_HW.shape
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    if size[0] >= frame.shape[1] or size[1] >= frame.shape[0]:
        return 0.0
    lab = cv2.resize(template.lab_HW3, size, interpolation=cv2.INTER_AREA)
    mask = (cv2.resize(template.mask_HW, size, interpolation=cv2.INTER_AREA) > 0.6).astype(np.float32)
    if mask.sum() < MIN_TEMPLATE_PX:
        return 0.0
    overlap = cv2.matchTemplate(product_HW.astype(np.float32), mask, cv2.TM_CCORR) / mask.sum()
    agreement = cv2.matchTemplate(frame, lab, cv2.TM_CCOEFF_NORMED, mask=np.dstack([mask] * 3))
    agreement = np.where(np.isfinite(agreement) & (overlap <= MAX_OVERLAP), agreement, -1)
    _, best, _, (left, top) = cv2.minMaxLoc(agreement)
    if best <= 0:
        return 0.0
    there = frame[top : top + size[1], left : left + size[0]]
    rms = float(np.sqrt((((there - lab) ** 2).sum(axis=2) * mask).sum() / mask.sum()))
    return float(min(1.0, best) * np.exp(-((rms / COLOR_RMS) ** 2)))
