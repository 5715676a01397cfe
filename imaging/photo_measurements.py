"""Measure a decoded photograph before it becomes a product picture: sharpness, surroundings, framing, exposure, color cast.

Numbers only; what is good enough is decided in quality/screening.py. COLUMNS documents every number. Works on a copy of at most
768 px a side, so that blur is judged at the size where it would be seen and a 45-megapixel photo costs little more than a small one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.look_alike import photo_print
from imaging.photo_background import LOOK_LONG_SIDE_PX, look_at_surroundings
from imaging.sharpness import blur_effect, photo_sharpness
from imaging.text_overlay import letters_over_photo

WORK_LONG_SIDE_PX = 768
"""Sharpness is measured at this size: a little below what the smallest accepted photo has."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One measurement: what it says, its unit, its range and where its definition comes from."""

    says: str
    unit: str
    range: str
    source: str


_INTAKE = "intake measurements on 271 photographs at 768 px"
COLUMNS: dict[str, Column] = {
    "width_px": Column(says="width, upright", unit="px", range="1..", source="file"),
    "height_px": Column(says="height, upright", unit="px", range="1..", source="file"),
    "min_side_px": Column(says="shorter side", unit="px", range="1..", source="file"),
    "edge_fine_ratio": Column(
        says="fine against middle detail at the strongest edges", unit="ratio", range="0..2; sharp 0.33-1", source=_INTAKE
    ),
    "edge_finest_ratio": Column(
        says="finest against middle detail across the edges, noise taken out", unit="ratio", range="0..1; sharp 0.12-0.25",
        source="imaging/edge_profiles.py",
    ),
    "step_ratio_worst": Column(
        says="change over 2 px against 8 px across the edges, in the blurriest of eight directions", unit="ratio",
        range="0.25 (ramp) to 1 (step)", source="imaging/edge_profiles.py",
    ),
    "step_ratio_best": Column(
        says="the same in the sharpest direction", unit="ratio", range="as above", source="imaging/sharpness.py"
    ),
    "blur_effect": Column(says="how little more blur would change", unit="ratio", range="0..1; sharp < 0.5", source="Crete 2007"),
    "ring_residual_p95": Column(says="unevenness of the border", unit="delta E 76", range="0..", source=_INTAKE),
    "ring_off_share": Column(says="border that is not background", unit="share", range="0..1", source=_INTAKE),
    "ring_median_delta_e": Column(says="typical distance of the border from its surface", unit="delta E 76", range="0..", source=_INTAKE),
    "border_edge_share": Column(says="second busiest side of the border covered by edges", unit="share", range="0..1", source=_INTAKE),
    "product_share": Column(says="picture that stands out of the background", unit="share", range="0..1", source="rough mask, 320 px"),
    "frame_contact_share": Column(says="most of a side touched by the product", unit="share", range="0..1", source="rough mask, 320 px"),
    "subjects": Column(says="separate large parts", unit="count", range="0..", source="rough mask, 320 px"),
    "overlay_letters": Column(
        says="letters in rows on the plain parts of the picture", unit="count", range="0..", source="imaging/text_overlay.py"
    ),
    "lightness_mean": Column(says="mean CIE L", unit="L", range="0..100", source="CIE 1976"),
    "lightness_spread": Column(says="standard deviation of CIE L", unit="L", range="0..50", source="CIE 1976"),
    "product_lightness_median": Column(says="median CIE L of the product", unit="L", range="0..100", source="rough mask, 320 px"),
    "product_clipped_share": Column(says="product burnt to pure white", unit="share", range="0..1", source="all channels >= 253"),
    "black_share": Column(says="picture at pure black", unit="share", range="0..1", source="all channels <= 4"),
    "neutral_floor_chroma": Column(
        says="chroma of the grayest bright pixels (2nd percentile, L > 30)", unit="chroma", range="0..", source="CIE 1976"
    ),
    "look_print_high": Column(
        says="upper half of a perceptual print; copies share its bits but for a few", unit="bits", range="0..2^32-1", source="imaging/look_alike.py"
    ),
    "look_print_low": Column(says="lower half of that print", unit="bits", range="0..2^32-1", source="imaging/look_alike.py"),
}  # fmt: skip
"""Every key of `measure_photo`."""


def measure_photo(photo_HW3: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Measure a photograph; the keys are those of COLUMNS.

    photo_HW3: uint8 sRGB, any size of at least 64 px a side. Costs about 100 CPU-ms for a megapixel photo.
    """
    height, width = photo_HW3.shape[:2]
    working = _shrink(photo_HW3, WORK_LONG_SIDE_PX)
    gray_8bit = np.asarray(cv2.cvtColor(working, cv2.COLOR_RGB2GRAY), np.uint8)
    gray = gray_8bit.astype(np.float32)
    sharpness = photo_sharpness(gray)
    small = _shrink(working, LOOK_LONG_SIDE_PX)
    lab = srgb_to_lab(small)
    around = look_at_surroundings(lab)
    return {
        "width_px": float(width),
        "height_px": float(height),
        "min_side_px": float(min(width, height)),
        "edge_fine_ratio": sharpness.edge_fine_ratio,
        "edge_finest_ratio": sharpness.edge_finest_ratio,
        "step_ratio_worst": sharpness.step_ratio_worst,
        "step_ratio_best": sharpness.step_ratio_best,
        "blur_effect": blur_effect(gray),
        "ring_residual_p95": around.ring_residual_p95,
        "ring_off_share": around.ring_off_share,
        "ring_median_delta_e": around.ring_median_delta_e,
        "border_edge_share": around.border_edge_share,
        "product_share": around.product_share,
        "frame_contact_share": around.frame_contact_share,
        "subjects": float(around.subjects),
        "overlay_letters": float(letters_over_photo(gray_8bit, around.product_HW)),
        **_tones(small, lab, around.product_HW),
        **_look_print(small, around.product_HW),
    }


def _shrink(photo: npt.NDArray[np.uint8], long_side: int) -> npt.NDArray[np.uint8]:
    scale = long_side / max(photo.shape[:2])
    if scale >= 1.0:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _look_print(small: npt.NDArray[np.uint8], product: npt.NDArray[np.bool_]) -> dict[str, float]:
    bits = photo_print(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8), product)
    return {"look_print_high": float(bits >> 32), "look_print_low": float(bits & 0xFFFFFFFF)}


def _tones(small: npt.NDArray[np.uint8], lab: npt.NDArray[np.float32], product: npt.NDArray[np.bool_]) -> dict[str, float]:
    lightness = lab[..., 0]
    clipped = small.min(axis=2) >= 253
    bright = (lightness > 30.0) & ~clipped
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    neutral = float(np.percentile(chroma[bright], 2)) if bright.sum() >= 0.02 * bright.size else 0.0
    return {
        "lightness_mean": float(lightness.mean()),
        "lightness_spread": float(lightness.std()),
        "product_lightness_median": float(np.median(lightness[product])) if product.any() else 0.0,
        "product_clipped_share": float(clipped[product].mean()) if product.any() else 0.0,
        "black_share": float((small.max(axis=2) <= 4).mean()),
        "neutral_floor_chroma": neutral,
    }
