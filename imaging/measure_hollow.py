"""Measure a hollow garment's picture against the garment on its mannequin: what is left of the mannequin, what was changed, what was drawn.

The mannequin is looked for anew in the cut-out, or is where the catalog's mask says; what the renderer took for one is not asked. It is looked for in
the same way, though: a hand that the renderer did not know for one is not known here either, and only a mask tells.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import delta_e76, srgb_to_lab
from imaging.mannequin import find_mannequin

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SAME_DELTA_E = 4.0
"""CIE76 up to which a pixel counts as the one that was there before."""
WHITE_LEVEL = 248
"""From here on in all channels the picture shows its white ground."""
RIM_PX = 7
"""Side of the square by which areas are drawn in before they are compared: along what was taken out, colors are cleaned."""

COLUMNS = ("mannequin_left_pct", "garment_changed_pct", "inside_drawn_pct", "garment_loose_pct")


def measure_hollow(
    render_HW3: ByteImage, product_HW3: ByteImage, alpha_HW: ByteImage, mask_HW: ByteImage | None = None
) -> tuple[dict[str, float | None], Mask]:
    """The four columns of a hollow garment, and where the garment is in the picture; all None where no mannequin is told in the cut-out.

    All arrays have the picture's size: the cut-out lies where it was placed. mask_HW: the mannequin as somebody drew it, 0..255, in place of looking
    for one.
    """
    columns: dict[str, float | None] = dict.fromkeys(COLUMNS)
    found = find_mannequin(product_HW3, alpha_HW, None if mask_HW is None else np.asarray(mask_HW >= 128))
    silhouette = alpha_HW >= 128
    if found.refusal or not silhouette.any():
        return columns, np.asarray(silhouette)
    apart = delta_e76(srgb_to_lab(render_HW3), srgb_to_lab(product_HW3))
    taken = (found.cover_HW > 0.5) & silhouette
    core, cloth = _inner(taken), _inner(np.asarray((alpha_HW >= 250) & (found.cover_HW < 0.02)))
    shows = render_HW3.min(axis=2) < WHITE_LEVEL
    garment = silhouette & ~taken
    kept = _inner(np.asarray(garment & (apart < SAME_DELTA_E)))
    columns["mannequin_left_pct"] = _percent(core & (apart < SAME_DELTA_E), core)
    columns["garment_changed_pct"] = _percent(cloth & (apart >= SAME_DELTA_E), cloth)
    columns["inside_drawn_pct"] = _percent(taken & shows, garment)
    columns["garment_loose_pct"] = _loose(kept)
    return columns, np.asarray(garment | (taken & shows))


def _inner(mask: Mask) -> Mask:
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((RIM_PX, RIM_PX), np.uint8)) > 0)


def _percent(part: Mask, whole: Mask) -> float:
    return float(100 * part.sum() / max(1, whole.sum()))


def _loose(garment: Mask) -> float:
    """Percent of the garment that lies apart from its largest part: a silhouette in pieces is no garment's."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(garment.astype(np.uint8))
    if count < 2:
        return 100.0
    areas = stats[1:, cv2.CC_STAT_AREA]
    return float(100 * (1 - areas.max() / areas.sum()))
