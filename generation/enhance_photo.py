"""What is done to a photo's light and detail before it is placed: noise, blur, white balance, exposure, in this order, each only as far as needed.

What was found and done is told in facts; geometry and framing are enhance.py's.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from catalog.sentences import clause, sentence
from generation.kind import Job
from imaging.deblur import MOST_PX, WORTH_PX, blur_sigma_px, deblurred
from imaging.exposure import Exposure, exposed, level_exposure, wanted_exposure
from imaging.linear_light import FloatImage, luminance, to_levels, to_light
from imaging.measure_enhancement import measure_enhancement
from imaging.noise import denoised
from imaging.white_balance import NOTHING, WhiteBalance, balanced, estimated, from_backdrop, from_gray_point, small_light

Uint8 = npt.NDArray[np.uint8]

MAX_HUE_DELTA_E = 2.0
"""CIEDE2000 at equal lightness that a correction may turn the product's color by, apart from white balance. Issue: dE 2."""
HISTOGRAM_BINS = 32


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A photo corrected, in linear light (H, W, 3), at its own size, and what was done to it as plain data."""

    linear_HW3: FloatImage
    facts: dict[str, Any]


def correct(job: Job, photo_HW3: Uint8, picture_HW3: Uint8, *, level: bool) -> Corrected:
    """Correct `picture_HW3`, the photo or its cut-out's colors, by what the photo tells.

    level: bring it to the light of all others, instead of mending what is underexposed. Raises RenderError when white balance cannot be had as
    it was asked for, or the product's hue would be turned.
    """
    params, alpha_HW = job.params, job.source.alpha_HW
    small, product = small_light(photo_HW3, alpha_HW)
    light = _light(job, small, product)
    exposure = _exposure(params, balanced(small, light.gains), product, level=level)
    blur_px = blur_sigma_px(luminance(to_light(photo_HW3))) if params["deblur"] > 0 else None
    is_deblurred = blur_px is not None and WORTH_PX <= blur_px <= MOST_PX
    for strength in dict.fromkeys(
        (params["denoise"], params["denoise"] / 2)
    ):  # half the noise rather than a picture of another color, or none
        clean, noise_before, noise_after = denoised(picture_HW3, strength=strength)
        linear = to_light(clean)
        if blur_px is not None and is_deblurred:
            linear = deblurred(linear, blur_px, strength=params["deblur"])
        linear = exposed(balanced(linear, light.gains), exposure.ev)
        hue = measure_enhancement(to_levels(linear), picture_HW3, alpha_HW, light.gains)["hue_kept_delta_e"]
        if hue is None or hue <= MAX_HUE_DELTA_E:
            break
    else:
        raise RenderError(
            f"Recipe '{job.name}' would turn the product's color by {hue:.1f} Delta E 2000 beside the white balance; at most {MAX_HUE_DELTA_E:g} are "
            f"allowed. Nothing was made. {_way_out(params, is_deblurred=is_deblurred)}"
        )
    told = {"gains": list(light.gains), "witness": light.witness, "cast_chroma": round(light.cast_chroma, 2), "why": light.why}
    if light.witness == "gray_point":
        x, y = params["gray_point"]
        told["point_px"] = [round(x * photo_HW3.shape[1], 1), round(y * photo_HW3.shape[0], 1)]
    facts = {
        "white_balance": told,
        "exposure": {"ev": exposure.ev, "reference": exposure.reference, "why": exposure.why},
        "noise": {"before": round(noise_before, 2), "after": round(noise_after, 2), "strength": strength},
        "blur": {"sigma_px": None if blur_px is None else round(blur_px, 2), "taken_back": is_deblurred},
        "hue_delta_e": None if hue is None else round(hue, 2),
    }
    return Corrected(linear_HW3=linear, facts=facts)


def _way_out(params: dict[str, Any], *, is_deblurred: bool) -> str:
    """What can be done about a hue that would be turned: of what was done to the picture, what can be done less."""
    lower = [f"`{name}`" for name, is_done in (("denoise", params["denoise"] > 0), ("deblur", is_deblurred)) if is_done]
    steps = [f"lower {' or '.join(lower)}"] if lower else []
    steps += ["set `exposure: off`"] if params["exposure"] != "off" else []
    return sentence(", ".join([*steps, "or photograph the product in better light" if steps else "photograph the product in better light"]))


def mended_detail(photo_HW3: Uint8, *, denoise: float, deblur: float) -> tuple[Uint8, dict[str, Any]]:
    """A photo with its noise and slight blur mended and its light as it was, and what was found: for a photo that is about to be enlarged."""
    blur_px = blur_sigma_px(luminance(to_light(photo_HW3)))
    clean, before, after = denoised(photo_HW3, strength=denoise)
    is_deblurred = deblur > 0 and WORTH_PX <= blur_px <= MOST_PX
    if is_deblurred:
        clean = to_levels(deblurred(to_light(clean), blur_px, strength=deblur))
    noise = {"before": round(before, 2), "after": round(after, 2)}
    return clean, {"noise": noise, "blur": {"sigma_px": round(blur_px, 2), "taken_back": is_deblurred}}


def histogram(picture_HW3: Uint8) -> list[list[int]]:
    """Share of a picture's pixels per level in permille: red, green, blue, HISTOGRAM_BINS each."""
    counted = [
        np.bincount(plane[::2, ::2].ravel() // (256 // HISTOGRAM_BINS), minlength=HISTOGRAM_BINS) for plane in cv2.split(picture_HW3)
    ]
    return [[round(1000 * int(one) / int(plane.sum())) for one in plane] for plane in counted]


def _light(job: Job, small: FloatImage, product: npt.NDArray[np.bool_]) -> WhiteBalance:
    how = job.params["white_balance"]
    try:
        if how == "auto":
            return estimated(small, product)
        if how == "background":
            return from_backdrop(small, product)
        if how == "gray_point":
            return from_gray_point(small, *job.params["gray_point"])
    except ValueError as error:
        raise RenderError(
            f"Recipe '{job.name}' cannot balance the light by `white_balance: {how}`: {clause(error)}. Nothing was made. Set `white_balance` to auto or off."
        ) from error
    return WhiteBalance(gains=NOTHING, witness="none", cast_chroma=0.0, why="off")


def _exposure(params: dict[str, Any], small: FloatImage, product: npt.NDArray[np.bool_], *, level: bool) -> Exposure:
    if params["exposure"] == "off":
        return Exposure(ev=0.0, reference="none", why="off")
    if level:
        return level_exposure(
            small, product, backdrop_lightness=params["backdrop_lightness"],
            target_lightness=params["target_lightness"], max_ev=params["max_exposure_ev"],
        )  # fmt: skip
    return wanted_exposure(small, target_lightness=params["target_lightness"], max_ev=params["max_exposure_ev"])
