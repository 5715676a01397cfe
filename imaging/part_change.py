"""Put changed pixels of one part back into a picture: the part takes them, its border its share of the change, everything else stays."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.dominant_region import mean_nearby

Uint8 = npt.NDArray[np.uint8]


def with_part_changed(before_HW3: Uint8, changed_HW3: Uint8, mask_HW: FloatImage, border_HW: npt.NDArray[np.bool_]) -> Uint8:
    """A picture in which a part is another's. mask_HW: float32 0..1; border_HW: pixels that hold two materials, whose mask is the part's share."""
    mixed = np.asarray(cv2.blendLinear(changed_HW3, before_HW3, mask_HW, 1 - mask_HW), np.uint8)
    at: tuple[npt.NDArray[Any], ...] = np.divmod(np.flatnonzero(border_HW), border_HW.shape[1])
    if len(at[0]):
        # A border pixel holds two materials: it gets its share of the change that the material beside it sees.
        beside = ((mask_HW > 0.5) & ~border_HW).view(np.uint8)
        change = mean_nearby(changed_HW3, beside, at)[0] - mean_nearby(before_HW3, beside, at)[0]
        mixed[at] = np.clip(np.round(before_HW3[at] + change * mask_HW[at][:, None]), 0, 255).astype(np.uint8)
    return mixed
