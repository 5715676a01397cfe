"""The part of a picture that holds a mask: work is done there, and put back where it came from."""

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice]


def box_around(mask: Mask, margin_px: float) -> Box:
    """The mask's bounding box with a margin, inside the picture; the whole picture when the mask is empty."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return slice(0, height), slice(0, width)
    margin = int(np.ceil(margin_px))
    return (
        slice(max(0, int(rows[0]) - margin), min(height, int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(width, int(columns[-1]) + 1 + margin)),
    )


def in_one_piece(mask: Mask) -> bool:
    """Whether a mask is one connected piece or none (neighbors of a corner count); told from its outlines, a tenth of the cost of labeling it."""
    outlines, parents = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return len(outlines) < 2 or int((parents[0, :, 3] < 0).sum()) < 2


def placed(mask: Mask, box: Box, shape: tuple[int, ...]) -> Mask:
    """A mask of a box in a picture of this shape, false around it."""
    whole = np.zeros(shape, dtype=bool)
    whole[box] = mask
    return whole
