"""Sensor noise of a photo: how much there is, and a denoising that is as strong as that and no stronger.

Luminance by non-local means, which keeps texture that repeats; color by a guided filter.
"""

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]

LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / np.float32(6)
"""Immerkaer 1996: blind to everything that is linear; white noise of sigma 1 comes out with sigma 1."""
BLOCK_PX = 16
QUIET_PERCENTILE = 20.0
"""The quietest fifth of the blocks shows the noise; at least that much of a product photo is backdrop or plain surface."""
CLIPPED = (4, 251)
"""Levels beyond which noise is cut off and looks smaller than it is."""
MIN_SIGMA = 1.6
"""Levels of noise below which nothing is taken away: less is not seen, and JPEG has mostly ironed it out. Measured: 0.3 to 1.2 on the demo."""
SEARCH_PX, PATCH_PX = 9, 3
COLOR_REACH_PX, COLOR_STRENGTH = 3, 3.0
"""Half the window, and how many times its noise a color plane may vary to be smoothed; 5 and 15 took more noise and 2 to 6 CIEDE2000 of hue."""


def noise_sigma(gray_HW: Uint8) -> float:
    """Sigma of a photo's noise in levels of 255, from its quietest blocks; 0 where a fifth of it is burnt out or black, for nothing shows it there.

    gray_HW: uint8, at the photo's own size. (Quiet blocks of the product alone would do otherwise, but a cap's cloth on cut-out white is no noise.)
    """
    plane = gray_HW.astype(np.float32)
    response = np.abs(cv2.filter2D(plane, -1, LAPLACIAN, borderType=cv2.BORDER_REFLECT))
    height, width = (max(1, side // BLOCK_PX) for side in gray_HW.shape)
    part = slice(0, height * BLOCK_PX), slice(0, width * BLOCK_PX)
    blocks = cv2.resize(response[part], (width, height), interpolation=cv2.INTER_AREA)
    levels = cv2.resize(plane[part], (width, height), interpolation=cv2.INTER_AREA)
    burnt = (levels < CLIPPED[0]) | (levels > CLIPPED[1])
    return float(np.percentile(np.where(burnt, 0, blocks), QUIET_PERCENTILE)) * 1.2533  # mean of |x| to sigma of a normal variable


def denoised(photo_HW3: Uint8, *, strength: float = 1.0) -> tuple[Uint8, float, float]:
    """The photo with its noise taken out, and the noise of its luminance before and after.

    strength: 0 leaves it as it is, 1 takes out what was measured. A photo with less than MIN_SIGMA comes back as it is.
    """
    luma, red, blue = cv2.split(cv2.cvtColor(photo_HW3, cv2.COLOR_RGB2YCrCb))
    before = noise_sigma(luma)
    if before < MIN_SIGMA or strength == 0:
        return photo_HW3, before, before
    clean = np.asarray(cv2.fastNlMeansDenoising(luma, None, strength * before, PATCH_PX, SEARCH_PX), np.uint8)
    planes = [clean, *(_smoothed(plane, noise=max(before, noise_sigma(plane)) * strength) for plane in (red, blue))]
    result = np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB), np.uint8)
    return result, before, noise_sigma(clean)


def _smoothed(plane: Uint8, *, noise: float) -> Uint8:
    """A color plane smoothed where it varies by no more than its noise (He, Sun & Tang 2010, the guided filter, its own guide).

    Guided by luminance, colored stripes of one lightness ran into one another: 3 to 7 CIEDE2000 on a striped mug.
    """
    window = (2 * COLOR_REACH_PX + 1,) * 2
    values = plane.astype(np.float32)

    def mean(image: Float) -> Float:
        return np.asarray(cv2.blur(image, window, borderType=cv2.BORDER_REFLECT), np.float32)

    middle = mean(values)
    variance = mean(values * values) - middle * middle
    slope = np.asarray(variance / (variance + np.float32(COLOR_STRENGTH * noise * noise)), np.float32)
    return np.asarray(np.clip(np.round(mean(slope) * values + mean(np.asarray(middle - slope * middle, np.float32))), 0, 255), np.uint8)
