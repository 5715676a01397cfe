"""Decide whether a cut-out can be trusted: measure it, name what is wrong, say how sure we are.

Makes no masks. A cut-out is as sure as its weakest measurement: each has a limit at which confidence is 0.5.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.crops import box_around
from imaging.matte import EdgeColors
from imaging.product_mask import ProductMask

AGREEMENT_SIDE_PX = 240
AGREEMENT_BAND_SHARE = 0.025
THIN_SHARE = 0.5
"""The band takes at most this share of the product's depth from either side."""
AGREEMENT_ROOM_BANDS = 3
"""Background is known this many bands around the product; farther off it says nothing of what lies behind the edge."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A measurement's limit: beyond it the cut-out is refused."""

    reason: str
    measurement: str
    limit: float
    softness: float
    """Distance from the limit at which confidence is 0.73 (or 0.27); negative where large values are good."""


LIMITS = (
    Limit(reason="no_product", measurement="area_share", limit=0.01, softness=-0.003),
    Limit(reason="cluttered_background", measurement="border_out", limit=0.03, softness=0.01),
    Limit(reason="cluttered_background", measurement="area_share", limit=0.75, softness=0.05),
    Limit(reason="product_cropped", measurement="fg_border", limit=0.02, softness=0.007),
    Limit(reason="low_contrast_edge", measurement="weak_edge_share", limit=0.35, softness=0.10),
    Limit(reason="low_contrast_edge", measurement="open_share", limit=0.10, softness=0.03),
    Limit(reason="cluttered_background", measurement="gaps_on_unplain", limit=0.6, softness=0.15),
    Limit(reason="low_contrast_edge", measurement="agree", limit=0.90, softness=-0.02),
    Limit(reason="ragged_outline", measurement="raggedness", limit=1.30, softness=0.08),
)
"""`gaps_on_unplain`: an outline with gaps, times how far the border is from a smooth surface. Each alone has harmless causes (a drawn bag on white
has gaps along half of its outline, a shadow that reaches the border is no surface)."""

FRINGE_LIMITS = (
    *(limit for limit in LIMITS if limit.measurement not in {"agree", "raggedness", "open_share"}),
    Limit(reason="ragged_outline", measurement="fringe_share", limit=0.38, softness=-0.03),
    Limit(reason="ragged_outline", measurement="thread_doubt", limit=0.17, softness=0.01),
    Limit(reason="ragged_outline", measurement="off_threads", limit=0.10, softness=0.02),
    Limit(reason="ragged_outline", measurement="undecided_share", limit=0.325, softness=0.02),
    Limit(reason="ragged_outline", measurement="hollow_share", limit=0.13, softness=0.015),
)
"""For a product with fringes or fur (fringe.py): none of what asks for a smooth, closed outline, and threads that explain the photo. Chosen on 12
drawings of brushes, collars, pompoms and scarves: shares of .46 to .95; doubts of .09 to .16 where the matte was good, from .18 where it was not;
undecided .18 to .29 and from .36.
`hollow_share` is .02 to .09 on all drawings that are solved, .18 to .62 on drawn prints of dots and stripes. The solid product that came nearest, a heathered cap, has .41, .16 and .46."""


def measure_cutout(small_HW3: npt.NDArray[np.uint8], product: Mask, found: ProductMask, colors: EdgeColors) -> dict[str, float]:
    """What the verdict rests on; all at working size, all finite."""
    area = int(product.sum())
    border = np.concatenate([product[0], product[-1], product[:, 0], product[:, -1]])
    perimeter = _perimeter(product)
    box = box_around(product, 12 * found.unit_px)
    smooth = cv2.GaussianBlur(product[box].astype(np.float32), (0, 0), max(1.0, 3 * found.unit_px)) > 0.5
    # A leak is a doubt when it is big and came in along much of the outline. One gap of 10 px let the ball into half of a bag whose outline
    # was right; a strip beside a crisp edge, where JPEG ripples, is long and leads nowhere.
    leak_share, gap_share = float(found.leak.sum() / max(1, area)), _gap_share(found)
    return {
        "area_share": area / product.size,
        "border_out": found.model.ring_off_share,
        "background_residual": found.model.residual_p95,
        "fg_border": float(border.mean()),
        "roughness": perimeter / float(np.sqrt(max(1, area))),
        "raggedness": perimeter / max(1.0, _perimeter(smooth)),
        "weak_edge_share": _weak_edge_share(product, colors),
        "leak_share": leak_share,
        "gap_share": gap_share,
        "open_share": min(leak_share, gap_share),
        "gaps_on_unplain": gap_share * found.model.residual_p95,
        "agree": _agreement(small_HW3, product),
    }


def judge(measurements: dict[str, float], limits: tuple[Limit, ...] = LIMITS) -> tuple[float, tuple[str, ...]]:
    """Confidence, 0..1, and the reasons for refusal; no reasons exactly when confidence is at least 0.5."""
    confidence, reasons = 1.0, []
    for limit in limits:
        distance = (limit.limit - measurements[limit.measurement]) / limit.softness
        sureness = 1 / (1 + float(np.exp(-np.clip(distance, -30, 30))))
        confidence = min(confidence, sureness)
        if sureness < 0.5:
            reasons.append(limit.reason)
    return confidence, tuple(dict.fromkeys(reasons))


def _perimeter(mask: Mask) -> float:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(contour, closed=True) for contour in contours))


def _weak_edge_share(product: Mask, colors: EdgeColors) -> float:
    """Share of the outline along which product and background lie less than 6 of 255 apart."""
    rows, columns = colors.contrast_HW.shape
    local = product[colors.top_px : colors.top_px + rows, colors.left_px : colors.left_px + columns]
    outline = local & (cv2.erode(local.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    return float((colors.contrast_HW[outline] < 6.0).mean()) if outline.any() else 1.0


def _gap_share(found: ProductMask) -> float:
    """Share of the outline that has no edge: there a small ball got through to a leak."""
    touched = cv2.dilate((~found.mask).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return float((touched & found.leak).sum() / max(1, int((touched & found.mask).sum())))


def _band_px(mask: Mask, long_side_px: int) -> int:
    """Half the width of the band that GrabCut decides; of a belt or a pencil so little that something of it is sure."""
    deepest = float(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3).max())
    return max(1, min(max(2, round(AGREEMENT_BAND_SHARE * long_side_px)), int(THIN_SHARE * deepest)))


def _agreement(small_HW3: npt.NDArray[np.uint8], product: Mask) -> float:
    """IoU with an independent opinion: GrabCut, which knows colors but no edges' history, in a band around the outline."""
    height, width = product.shape
    scale = min(1.0, AGREEMENT_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = cv2.resize(small_HW3, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(product.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    radius = _band_px(mask, max(size))
    box = box_around(np.asarray(mask, dtype=bool), AGREEMENT_ROOM_BANDS * radius)
    photo, mask = photo[box], mask[box]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    inside, around = cv2.erode(mask.astype(np.uint8), kernel) > 0, cv2.dilate(mask.astype(np.uint8), kernel) > 0
    if inside.sum() < 20 or (~around).sum() < 20:
        return 0.0
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inside], labels[~around] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(photo[..., ::-1].copy(), labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    other = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return float((mask & other).sum() / max(1, (mask | other).sum()))
