"""Measure whether the shadow below a product can be its own: it begins where the product stands, and it is dark ground, not paint.

Needs the product's place and no expected picture. Whether there is a shadow at all is measure_shadow.py. Left out, because neither told good
scenes from bad ones on patterned ground: which side the shadow falls to, and how hard its edge is.
"""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views, bounding_box

EDGE_PX = 3
"""The shadow is looked for from this far below the product on, beyond its blended edge."""
DEPTH_SHARE = 0.20
"""How far below the foot a shadow is looked for, as a share of the product's height."""
FOOT_SHARE = 0.06
"""Columns of the product that reach this near to its lowest row (of its height) are its foot; as in measure_shadow.py."""
VISIBLE_DELTA_L = 6.0
"""From this much darker than its surroundings on, ground counts as shaded: contact_delta_l asks for 8 and tells of less."""
DARKEST_SHARE = 0.6
"""The shadow has begun where it is this dark, relative to its darkest row."""
OPEN_SHARE = 0.85
"""Ground is open again where this much of the lightness that the shadow took has come back."""
MIN_FOOT_COLUMNS = 5


def measure_grounding(views: Views) -> dict[str, float | None]:
    """`shadow_gap_pct`: distance from the product's foot to its shadow, in percent of the product's height; 0 where no shadow shows.
    `shadow_chroma`: how far the shadow's color is from that of the same ground in less light, in a*, b* at L 50; 0 where none shows.

    None when the product's place is not known or there is no ground below its foot.
    """
    columns: dict[str, float | None] = {"shadow_gap_pct": None, "shadow_chroma": None}
    box = None if views.product_HW is None else bounding_box(views.product_HW)
    if views.product_HW is None or box is None:
        return columns
    foot = _foot(views.product_HW, box)
    if foot is None:
        return columns
    tall, (foot_columns, lowest) = box[3] - box[1], foot
    rows = lowest[:, None] + np.arange(EDGE_PX, max(12, round(DEPTH_SHARE * tall)))[None]
    rows = rows[:, (rows < views.product_HW.shape[0]).all(axis=0)]
    first, last = int(rows.min()), int(rows.max()) + 1
    ground = cv2.blur(views.render_lab_HW3[first:last], (5, 3))
    darker = _open_ground(ground[..., 0], box) - ground[..., 0]
    columns["shadow_gap_pct"] = _gap_pct(darker[rows - first, foot_columns[:, None]], tall)
    columns["shadow_chroma"] = _chroma(ground[rows - first, foot_columns[:, None]])
    return columns


def _foot(product_HW: Mask, box: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Columns of the foot and the product's lowest row in each; None if too few have ground below them in the frame."""
    columns = np.flatnonzero(product_HW.any(axis=0))
    lowest = product_HW.shape[0] - 1 - np.argmax(product_HW[::-1, columns], axis=0)
    foot = (lowest > box[3] - 1 - FOOT_SHARE * (box[3] - box[1])) & (lowest + EDGE_PX + 3 < product_HW.shape[0])
    return (columns[foot], lowest[foot]) if foot.sum() >= MIN_FOOT_COLUMNS else None


def _open_ground(lightness: FloatImage, box: tuple[int, int, int, int]) -> FloatImage:
    """Lightness of each row's ground far from the product, left and right, and straight between them; the shape of what goes in.

    Row by row, so that where a table ends and the wall begins nothing has to be known of either.
    """
    width, wide = lightness.shape[1], box[2] - box[0]
    least = max(8, width // 50)
    left, right = max(least, box[0] - wide // 2), min(width - least, box[2] + wide // 2)
    sides = np.median(lightness[:, :left], axis=1), np.median(lightness[:, right:], axis=1)
    place = np.clip((np.arange(width) - left / 2) / max(1.0, (right + width) / 2 - left / 2), 0, 1)[None]
    return np.asarray(sides[0][:, None] * (1 - place) + sides[1][:, None] * place, np.float32)


def _gap_pct(darker_RD: FloatImage, tall: int) -> float:
    """Rows from the foot to where its shadow has begun, in percent of the product's height; darker_RD: columns of the foot by rows below."""
    profile = np.median(darker_RD, axis=0)
    if profile.max() < VISIBLE_DELTA_L:
        return 0.0
    return float(100 * int(np.argmax(profile >= DARKEST_SHARE * profile.max())) / tall)


def _chroma(ground_RD3: FloatImage) -> float:
    """Color of the shaded rows below the foot against that of the open ground right below them, both scaled to L 50.

    Less light on the same ground scales L + 16, a* and b* alike, so scaled colors agree. The nearest open ground is compared, because ground
    further away may be another tile; the blackest rows say nothing of color.
    """
    rows_D3 = np.median(ground_RD3, axis=0)
    lightness = rows_D3[:, 0]
    darkest = int(np.argmin(lightness[: max(3, len(lightness) // 2)]))
    rise = float(lightness[darkest:].max() - lightness[darkest])
    if rise < VISIBLE_DELTA_L:
        return 0.0
    share = (lightness - lightness[darkest]) / rise
    opens = darkest + int(np.argmax(share[darkest:] >= OPEN_SHARE))
    shaded = np.flatnonzero((share[:opens] >= 0.1) & (share[:opens] <= 0.6))
    if not len(shaded):
        return 0.0
    scaled = rows_D3[:, 1:] * (66 / (rows_D3[:, :1] + 16))
    return float(np.linalg.norm(np.median(scaled[shaded], axis=0) - np.median(scaled[opens : opens + max(3, len(shaded))], axis=0)))
