"""Move a photo and its alpha into a frame by a similarity, in one resampling that keeps fine texture. Finds no places; see registration.py."""

import cv2
import numpy as np
import numpy.typing as npt

ByteImage = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float32]


def warp_into_frame(source_HW3: ByteImage, alpha_HW: ByteImage, matrix: Matrix, frame_size: tuple[int, int]) -> tuple[ByteImage, ByteImage]:
    """The photo and its alpha moved into a frame of (height, width) by a 2x3 matrix.

    When it shrinks, it is moved at twice the frame's size and averaged there, so that nothing aliases and the finest threads keep the contrast
    that a render made by averaging gives them: moved at the frame's own size they lost up to half of it, and the render looked noisy.
    """
    height, width = frame_size
    source_HW3, alpha_HW, matrix = _halved_while_tiny(source_HW3, alpha_HW, matrix)
    factor = 2 if _scale_of(matrix) < 1 else 1
    enlarged = (np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]]) @ np.vstack([matrix, [0, 0, 1]])).astype(
        np.float32
    )
    box = _touched(alpha_HW, matrix, frame_size)
    enlarged[:, 2] -= (factor * box[1].start, factor * box[0].start)
    part = ((box[1].stop - box[1].start), (box[0].stop - box[0].start))
    size = (factor * part[0], factor * part[1])
    color = cv2.warpAffine(source_HW3, enlarged, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(alpha_HW, enlarged, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    rgb, alpha = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    rgb[box], alpha[box] = (cv2.resize(picture, part, interpolation=cv2.INTER_AREA) for picture in (color, cover))
    return rgb, alpha


def _halved_while_tiny(source: ByteImage, alpha: ByteImage, matrix: Matrix) -> tuple[ByteImage, ByteImage, Matrix]:
    """Photo, alpha and matrix with the photo averaged until it shrinks to no less than half."""
    while _scale_of(matrix) < 0.5 and min(alpha.shape) >= 4:
        rows, columns = (side // 2 for side in alpha.shape)
        source, alpha = (
            np.asarray(cv2.resize(picture[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
            for picture in (source, alpha)
        )
        matrix = (np.vstack([matrix, [0, 0, 1]]) @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]))[:2].astype(np.float32)
    return source, alpha, matrix


def _scale_of(matrix: Matrix) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _touched(alpha: ByteImage, matrix: Matrix, frame_size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the frame in which the moved product lies, with a little room; one pixel if it lies outside."""
    left, top, width, height = cv2.boundingRect(alpha)
    corners = np.array([[left, top, 1], [left + width, top, 1], [left, top + height, 1], [left + width, top + height, 1]])
    x, y = matrix @ corners.T
    ends = []
    for places, side in ((y, frame_size[0]), (x, frame_size[1])):
        first = int(np.clip(np.floor(places.min()) - 4, 0, side - 1))
        ends.append(slice(first, int(np.clip(np.ceil(places.max()) + 4, first + 1, side))))
    return ends[0], ends[1]
