"""Measure the halo around the product: a light, dark or colored fringe just outside its edge."""

from dataclasses import dataclass

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.footprint import shaded_between_feet
from imaging.measure_views import SHADOW_ROWS_SHARE, Mask, Views

CHROMA_WEIGHT = 0.5
"""Chroma counts half: JPEG's halved color resolution bleeds up to 8 Delta E of chroma across a saturated edge, and nobody sees it."""


@dataclass(frozen=True, kw_only=True)
class HaloRing:
    """The pixels in which a fringe is looked for, and what was found there; arrays of the `crop` around the product.

    `expected_HW`: where the render is compared with the expected picture, `difference_N` in Lab units, chroma halved, one per pixel of it; None
    if the background is not known. `near_HW`: where lightness is compared with the near surroundings, `step_N` in L*; None if there is too
    little of it.
    """

    crop: tuple[slice, slice]
    expected_HW: Mask | None
    difference_N: FloatImage | None
    near_HW: Mask | None
    step_N: FloatImage | None


def measure_halo(views: Views) -> dict[str, float | None]:
    """The fringe 1 to 4 px outside the product, in Delta E.

    `halo_delta_e`: 90th percentile against the expected picture, None if the background is not known; only above the zone of the contact
    shadow when the expected picture has none (`Views.shadow_known` False), and where a product on feet shades the ground between them against that
    ground at 6-10 px, shade and all. `halo_step`: median step in
    lightness between the ring at 1-3 px and the ring at 6-10 px, without reference, above the zone of the contact shadow.
    """
    columns: dict[str, float | None] = {"halo_delta_e": None, "halo_step": None}
    ring = halo_ring(views)
    if ring is not None and ring.difference_N is not None:
        columns["halo_delta_e"] = float(np.percentile(ring.difference_N, 90))
    if ring is not None and ring.step_N is not None:
        columns["halo_step"] = float(abs(np.median(ring.step_N)))
    return columns


def halo_ring(views: Views) -> HaloRing | None:
    """Where `measure_halo` looks and what it finds there; None without a product."""
    box = views.product_box
    if views.product_HW is None or box is None:
        return None
    left, top, right, bottom = box
    height, width = views.product_HW.shape
    crop = slice(max(0, top - 16), min(height, bottom + 16)), slice(max(0, left - 16), min(width, right + 16))
    solid = views.product_HW[crop].view(np.uint8)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    render = views.render_lab_HW3[crop]
    upper = np.zeros_like(solid, dtype=bool)
    upper[: max(0, int(bottom - SHADOW_ROWS_SHARE * (bottom - top)) - crop[0].start)] = True
    expected, found = None, None
    if views.complete and views.expected_lab_HW3 is not None:
        ring = (outside > 1.5) & (outside <= 4.5)
        if not views.shadow_known:
            ring &= upper
        beyond = views.expected_lab_HW3[crop]
        if not views.shadow_known and (shaded := shaded_between_feet(views.product_HW)) is not None:
            under = np.zeros_like(ring)
            under[max(0, shaded[2] - crop[0].start) :, max(0, shaded[0] - crop[1].start) : max(0, shaded[1] - crop[1].start)] = True
            beyond, known = _with_shaded_ground(beyond, render, outside, under)
            ring &= known
        if ring.any():
            difference = render[ring] - beyond[ring]
            difference[:, 1:] *= CHROMA_WEIGHT
            expected, found = np.asarray(ring), np.linalg.norm(difference, axis=1)
    near, step = _step(cv2.extractChannel(render, 0), outside, upper)
    return HaloRing(crop=crop, expected_HW=expected, difference_N=found, near_HW=near, step_N=step)


def _with_shaded_ground(expected: FloatImage, render: FloatImage, outside: FloatImage, under: Mask) -> tuple[FloatImage, Mask]:
    """The expected picture with the ground under a product on feet as it is a little further from the product, and where that is known.

    Shade is soft, a fringe is not: against the near ground a fringe shows as it does on white. Between parts less than 12 px apart nothing is known.
    """
    far = ((outside > 6) & (outside <= 10)).astype(np.float32)
    share = cv2.blur(far, (15, 15))
    known = share > 0.02
    ground = cv2.blur(render * far[..., None], (15, 15)) / np.maximum(share, 0.02)[..., None]
    return np.where((under & known)[..., None], ground, expected).astype(np.float32), np.asarray(known | ~under)


def _step(lightness: np.ndarray, outside: np.ndarray, upper: np.ndarray) -> tuple[Mask | None, FloatImage | None]:
    near, far = (outside > 1.5) & (outside <= 3.5) & upper, (outside > 6) & (outside <= 10) & upper
    if near.sum() < 50 or far.sum() < 50:
        return None, None
    weight = far.astype(np.float32)
    share = cv2.blur(weight, (15, 15))
    local = cv2.blur(lightness * weight, (15, 15))
    known = near & (share > 0.02)
    if not known.any():
        return None, None
    return np.asarray(known), np.asarray(lightness[known] - local[known] / share[known])
