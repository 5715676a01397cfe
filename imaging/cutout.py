"""Cut a product out of a studio photo, and say how sure we are.

Classical and deterministic: background surface, edges, trapped-ball flood, foot line, soft edge, verdict. The decision is made at 1024 px, the
edge solved at full size; fringes and fur too, where threads explain the photo (fringe.py). Leaves out scenes and glass: those are refused with a
reason, never guessed.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import srgb_to_lab
from imaging.crops import in_one_piece
from imaging.cutout_verdict import FRINGE_LIMITS, judge, measure_cutout
from imaging.decontaminate import product_color
from imaging.foot_line import with_foot_line
from imaging.fringe import Fringe, find_fringe, fringe_alpha, fringe_color, hollow_share, measure_fringe, undecided_share
from imaging.matte import estimate_edge_colors, soft_alpha
from imaging.product_mask import ProductMask, disk, find_product
from imaging.shadow_removal import without_loose_shadows

CUTOUT_VERSION = "8"
"""Raised whenever the same photo may get another alpha; part of the render key."""
WORK_SIDE_PX = 1024
"""Long side at which the decision is made."""
MIN_SIDE_PX = 64
DARK_BRIGHTNESS = 0.7
BESIDE_DARK_PX = 8.0
"""Within 8 px (of 1024) of a contact shadow this dark, a share of the floor's cube-root brightness, the foot line places the edge and not color."""

SPECK_PX = 12
"""Pixels, of a 1024 px picture, below which a piece that hangs on nothing is noise."""

LEAST_RAGGED = 1.18
"""Raggedness from which an outline is looked at for threads; most products stay below and cost nothing more. Drawn fringes that are solved have 1.21 and
more, printed cloth with a rippled edge 1.15."""


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """A product's alpha and color, with a verdict on both."""

    foreground_HW3: npt.NDArray[np.uint8]
    """sRGB; the product's color goes on under the soft edge and about 12 px (of 1024) beyond it."""
    alpha_HW: npt.NDArray[np.uint8]
    """0 background .. 255 product, same size as the photo."""
    accepted: bool
    confidence: float
    """0..1; accepted exactly when it is at least 0.5."""
    reasons: tuple[str, ...]
    """Why it was refused, as short codes (cutout_verdict.LIMITS); empty when accepted."""
    measurements: dict[str, float]


def cut_out(photo_HW3: npt.NDArray[np.uint8]) -> Cutout:
    """Separate a product from its plain background; a doubtful one comes back refused, with the best alpha there is.

    photo_HW3: uint8 sRGB, shape (H, W, 3), each side at least 64 px. The same photo always gives the same cut-out.
    """
    assert photo_HW3.dtype == np.uint8 and photo_HW3.ndim == 3 and photo_HW3.shape[2] == 3, photo_HW3.shape
    assert min(photo_HW3.shape[:2]) >= MIN_SIDE_PX, photo_HW3.shape
    small = fit_long_side(photo_HW3, WORK_SIDE_PX)
    unit_px = max(small.shape[:2]) / 1024
    lab = srgb_to_lab(small)
    found = find_product(lab, unit_px)
    mask = with_foot_line(found.mask, lab, found.model.surface(*lab.shape[:2]), unit_px)
    dark = (mask ^ found.mask) & (found.shade.brightness_HW < DARK_BRIGHTNESS)
    found = replace(found, mask=mask)
    by_shape = np.asarray(cv2.dilate(dark.astype(np.uint8), disk(BESIDE_DARK_PX * unit_px)) > 0, dtype=bool)
    colors = estimate_edge_colors(small, mask, unit_px, by_shape=by_shape)
    small_alpha = soft_alpha(small, colors)
    kept = _without_leftovers(small_alpha > 127, found)
    colors = replace(colors, band=colors.band & kept, inside=colors.inside & kept)
    small_alpha[~kept] = 0
    small_alpha = _without_specks(small_alpha)
    alpha = small_alpha if photo_HW3 is small else _without_specks(soft_alpha(photo_HW3, colors))
    measurements = measure_cutout(small, small_alpha > 127, found, colors)
    confidence, reasons = judge(measurements)
    cutout = Cutout(
        foreground_HW3=product_color(photo_HW3, alpha, small, colors, unit_px),
        alpha_HW=alpha,
        accepted=not reasons,
        confidence=confidence,
        reasons=reasons,
        measurements=measurements,
    )
    if measurements["raggedness"] < LEAST_RAGGED:
        return cutout
    return _with_threads(photo_HW3, small, small_alpha > 127, find_fringe(small, lab, found, unit_px), cutout)


def _with_threads(photo_HW3: npt.NDArray[np.uint8], small_HW3: npt.NDArray[np.uint8], hard: Mask, fringe: Fringe, cutout: Cutout) -> Cutout:
    """The cut-out with its hair or fringes solved where threads explain the photo; as it is where they do not."""
    measurements = {**cutout.measurements, **measure_fringe(small_HW3, hard, fringe), "undecided_share": 0.0, "hollow_share": 0.0}
    if judge(measurements, FRINGE_LIMITS)[1]:
        return cutout
    alpha, mixed = fringe_alpha(photo_HW3, cutout.alpha_HW, fringe)
    measurements |= {"undecided_share": undecided_share(mixed, fringe), "hollow_share": hollow_share(alpha, cutout.alpha_HW)}
    confidence, reasons = judge(measurements, FRINGE_LIMITS)
    if reasons:
        return cutout
    return Cutout(
        foreground_HW3=fringe_color(photo_HW3, cutout.foreground_HW3, alpha, fringe),
        alpha_HW=alpha,
        accepted=True,
        confidence=confidence,
        reasons=(),
        measurements=measurements,
    )


def _without_specks(alpha_HW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Without what is covered by more than half and hangs on nothing: two pixels of JPEG's ringing under a saucer would be the foot it stands on."""
    least_px, covered = SPECK_PX * (max(alpha_HW.shape) / 1024) ** 2, alpha_HW > 127
    if in_one_piece(covered) and np.count_nonzero(covered) >= least_px:
        return alpha_HW
    _, labels, stats, _ = cv2.connectedComponentsWithStats(covered.view(np.uint8), connectivity=8)
    specks = stats[:, cv2.CC_STAT_AREA] < least_px
    specks[0] = False
    return np.where(specks[labels], np.uint8(0), alpha_HW) if specks.any() else alpha_HW


def _without_leftovers(product: Mask, found: ProductMask) -> Mask:
    """Room around the pieces that are product; specks and bits of shadow that only the skirt held to it are left out."""
    kept = without_loose_shadows(product, found.shade, found.edge_map)
    return np.asarray(cv2.dilate(kept.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0, dtype=bool)


def fit_long_side(image_HW3: npt.NDArray[np.uint8], side_px: int) -> npt.NDArray[np.uint8]:
    """The picture, its long side at most this long."""
    height, width = image_HW3.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image_HW3
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
