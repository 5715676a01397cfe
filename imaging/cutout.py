"""Cut a product out of a studio photo, and say how sure we are.

Classical and deterministic: background surface, flood, shadow removal, GrabCut, soft edge. Leaves out scenes, hair and
glass: those are refused with a reason, never guessed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import BackgroundModel, Mask, fit_background, flood_from_border
from imaging.color import FloatImage, srgb_to_lab
from imaging.matte import continue_product_color, edge_alpha
from imaging.shadow_removal import remove_shadows

CUTOUT_VERSION = "1"
"""Raised whenever the same photo may get another alpha; part of the render key."""

WORK_SIDE_PX = 1024
"""Long side at which the decision is made; only the edge is refined at full size."""
GRABCUT_SIDE_PX = 512
MAX_FILLED_HOLE_SHARE = 0.004


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """A product's alpha and color, with a verdict on both."""

    foreground_HW3: npt.NDArray[np.uint8]
    """sRGB; the product's color goes on under the soft edge and a few pixels beyond it."""
    alpha_HW: npt.NDArray[np.uint8]
    """0 background .. 255 product, same size as the photo."""
    accepted: bool
    confidence: float
    """0..1; accepted exactly when it is at least 0.5."""
    reasons: tuple[str, ...]
    """Why it was refused, as short codes; empty when accepted."""
    measurements: dict[str, float]


def cut_out(photo_HW3: npt.NDArray[np.uint8]) -> Cutout:
    """Separate the product from a plain background; doubtful pictures come back with `accepted=False` and the best alpha.

    photo_HW3: uint8 sRGB, shape (H, W, 3), each side at least 64 px. Deterministic; raises on nothing that is a picture.
    """
    assert photo_HW3.dtype == np.uint8 and photo_HW3.ndim == 3 and photo_HW3.shape[2] == 3, photo_HW3.shape
    small_HW3 = _fit_long_side(photo_HW3, WORK_SIDE_PX)
    lab_HW3 = srgb_to_lab(small_HW3)
    model = fit_background(lab_HW3)
    offset_HW3 = lab_HW3 - model.surface(*lab_HW3.shape[:2])
    first = _fill_holes(remove_shadows(_flood(offset_HW3, model), offset_HW3, lab_HW3[..., 0]))
    cut = _grab(small_HW3, first)
    final = remove_shadows(cut, offset_HW3, lab_HW3[..., 0])
    measurements = _measure(first, cut, final, model)
    reasons = _reasons(measurements)
    full = _resize_mask(final, photo_HW3.shape[1], photo_HW3.shape[0])
    return Cutout(
        foreground_HW3=continue_product_color(photo_HW3, full),
        alpha_HW=edge_alpha(full),
        accepted=not reasons,
        confidence=0.25 if reasons else 0.75,
        reasons=reasons,
        measurements=measurements,
    )


def _flood(offset_HW3: FloatImage, model: BackgroundModel) -> Mask:
    distance = cv2.GaussianBlur(np.linalg.norm(offset_HW3, axis=2), (0, 0), 0.8)
    foreground = ~flood_from_border(distance < model.flood_delta_e)
    return np.asarray(cv2.morphologyEx(foreground.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def _fill_holes(foreground: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~foreground).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < MAX_FILLED_HOLE_SHARE * foreground.size
    small[0] = False
    small[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = False
    assert count == len(small)
    return np.asarray(foreground | small[labels], dtype=bool)


def _grab(photo_HW3: npt.NDArray[np.uint8], foreground: Mask) -> Mask:
    """GrabCut in a band around the mask's edge, at reduced size."""
    small = _fit_long_side(photo_HW3, GRABCUT_SIDE_PX)
    height, width = small.shape[:2]
    mask = cv2.resize(foreground.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    size = max(3, int(0.02 * max(height, width))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    inside, around = cv2.erode(mask, kernel) > 0, cv2.dilate(mask, kernel) > 0
    labels = np.where(mask > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inside], labels[~around] = cv2.GC_FGD, cv2.GC_BGD
    if inside.sum() < 50 or (~around).sum() < 50:
        return foreground
    cv2.setRNGSeed(0)
    cv2.grabCut(small[..., ::-1].copy(), labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    found = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return _resize_mask(found, foreground.shape[1], foreground.shape[0])


def _measure(first: Mask, cut: Mask, final: Mask, model: BackgroundModel) -> dict[str, float]:
    contours, _ = cv2.findContours(final.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    border = np.concatenate([final[0], final[-1], final[:, 0], final[:, -1]])
    return {
        "agree": float((first & cut).sum() / max(1, (first | cut).sum())),
        "roughness": sum(len(contour) for contour in contours) / float(np.sqrt(max(1, final.sum()))),
        "border_out": model.ring_off_share,
        "fg_border": float(border.mean()),
        "area_share": float(final.mean()),
        "background_residual": model.residual_p95,
    }


def _reasons(measurements: dict[str, float]) -> tuple[str, ...]:
    reasons = []
    if measurements["area_share"] < 0.01:
        reasons.append("no_product")
    if measurements["border_out"] > 0.03 or measurements["area_share"] > 0.75:
        reasons.append("cluttered_background")
    if measurements["fg_border"] > 0.02:
        reasons.append("product_cropped")
    if measurements["agree"] < 0.96:
        reasons.append("low_contrast_edge")
    if measurements["roughness"] > 6.5:
        reasons.append("ragged_outline")
    return tuple(reasons)


def _fit_long_side(image_HW3: npt.NDArray[np.uint8], side_px: int) -> npt.NDArray[np.uint8]:
    height, width = image_HW3.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image_HW3
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _resize_mask(mask: Mask, width_px: int, height_px: int) -> Mask:
    if mask.shape == (height_px, width_px):
        return mask
    soft = cv2.resize(mask.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft > 0.5, dtype=bool)
