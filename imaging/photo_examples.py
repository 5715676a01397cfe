"""Spoil a good product photo on purpose, one fault at a time, to show people what a photo rule means.

For the guidelines page only: faults are made so strong that everybody sees them at thumbnail size, far beyond the thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.photo_background import LOOK_LONG_SIDE_PX, look_at_surroundings

EXAMPLE_PX = 440
"""Long side of an example; pages show it at half of that."""
DETAIL_SHARE = 0.34
"""Side of the detail shown for sharpness, as a share of the product's longer side."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A good photo, what of it is product, and its background without it; all of one size, uint8 (H, W, 3) and float32 (H, W) 0..1."""

    photo_HW3: Picture
    alpha_HW: npt.NDArray[np.float32]
    empty_HW3: Picture
    detail_HW3: Picture
    """A part of the photo at full resolution, where most edges are."""


def subject_of(photo_HW3: Picture) -> Subject:
    """Prepare a good photo, any size, for `example_pair`."""
    small = _fit(photo_HW3, LOOK_LONG_SIDE_PX)
    mask = look_at_surroundings(srgb_to_lab(small)).product_HW.astype(np.uint8)
    shown = _fit(photo_HW3, EXAMPLE_PX)
    size = shown.shape[1::-1]
    alpha = cv2.GaussianBlur(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), (0, 0), 1.2)
    hole = cv2.dilate(mask, np.ones((25, 25), np.uint8))
    filled = cv2.inpaint(np.ascontiguousarray(small[::2, ::2]), np.ascontiguousarray(hole[::2, ::2]), 5, cv2.INPAINT_TELEA)
    empty = cv2.GaussianBlur(cv2.resize(filled, size, interpolation=cv2.INTER_CUBIC), (0, 0), 9)
    return Subject(photo_HW3=shown, alpha_HW=alpha, empty_HW3=np.asarray(empty, np.uint8), detail_HW3=_detail(photo_HW3, mask))


def example_pair(code: str, subject: Subject) -> tuple[Picture, Picture] | None:
    """What is wanted and what is not, for a rule's code; None for a rule about what no picture shows."""
    if code in _ON_DETAIL:
        return subject.detail_HW3, _ON_DETAIL[code](subject.detail_HW3)
    if code in ("same_photo", "near_duplicate"):
        colorway = _over(_other_color(subject), subject.photo_HW3, subject.alpha_HW)
        return _pair(subject.photo_HW3, colorway), _pair(subject.photo_HW3, subject.photo_HW3)
    return (subject.photo_HW3, _ON_PHOTO[code](subject)) if code in _ON_PHOTO else None


def _fit(photo: Picture, long_side_px: int) -> Picture:
    scale = long_side_px / max(photo.shape[:2])
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8)


def _over(front: Picture, behind: Picture, alpha: npt.NDArray[np.float32]) -> Picture:
    return np.asarray(np.rint(front * alpha[..., None] + behind * (1 - alpha[..., None])), np.uint8)


def _box(alpha: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the product; the whole picture when there is none."""
    rows, columns = np.nonzero(alpha > 0.5)
    if not rows.size:
        return 0, alpha.shape[0], 0, alpha.shape[1]
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _detail(photo: Picture, mask: Picture) -> Picture:
    """The busiest square of the product, enlarged to the size of an example where the photo is small."""
    scale = max(photo.shape[:2]) / max(mask.shape)
    top, bottom, left, right = (round(v * scale) for v in _box(mask))
    side = min(max(96, round(DETAIL_SHARE * max(bottom - top, right - left))), *photo.shape[:2])
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    edges = cv2.blur(np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)), (side, side))
    half = side // 2
    inside = edges[half : photo.shape[0] - half, half : photo.shape[1] - half]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape) if inside.size else (0, 0)
    return _fit(np.ascontiguousarray(photo[row : row + side, column : column + side]), EXAMPLE_PX)


def _pixels(detail: Picture) -> Picture:
    coarse = cv2.resize(detail, (36, 36), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, detail.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _moved(detail: Picture) -> Picture:
    kernel = np.zeros((61, 61), np.float32)
    cv2.line(kernel, (6, 44), (54, 16), 1.0, 2, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(detail, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


def _pair(one: Picture, other: Picture) -> Picture:
    height, width = one.shape[:2]
    halves = [_fit(np.ascontiguousarray(picture), max(1, max(height, width) // 2)) for picture in (one, other)]
    gap = np.full((halves[0].shape[0], 8, 3), 128, np.uint8)
    return np.hstack([halves[0], gap, halves[1]])


def _other_color(subject: Subject) -> Picture:
    """The photo with the product's main hue, and only that, turned to another; a gray product gets darker."""
    hsv = cv2.cvtColor(subject.photo_HW3, cv2.COLOR_RGB2HSV).astype(int)
    colored = (subject.alpha_HW > 0.5) & (hsv[..., 1] > 60)
    if colored.mean() < 0.02:
        return np.asarray(subject.photo_HW3 * 0.55, np.uint8)
    main = int(np.bincount(hsv[..., 0][colored], minlength=180).argmax())
    near = np.abs((hsv[..., 0] - main + 90) % 180 - 90) < 22
    hsv[..., 0] = np.where(near, (hsv[..., 0] + 70) % 180, hsv[..., 0])
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def _burnt(subject: Subject) -> Picture:
    """Two and a half stops too bright: highlights lose their color before they are white, as in a camera."""
    light = 1.0 - np.exp(-3.2 * (subject.photo_HW3 / 255.0) ** 1.6)
    return np.asarray(np.clip(255 * (light + 0.35 * light.mean(axis=2, keepdims=True)), 0, 255), np.uint8)


def _copies(subject: Subject) -> Picture:
    """The product three times over its own background."""
    height, width = subject.alpha_HW.shape
    picture = subject.empty_HW3
    for center, size in ((0.22, 0.5), (0.78, 0.5), (0.5, 0.55)):
        move = np.array([[size, 0, width * (center - size / 2)], [0, size, height * (0.98 - size) - 0.2 * height]], np.float32)
        front = cv2.warpAffine(subject.photo_HW3, move, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        picture = _over(
            np.asarray(front, np.uint8), picture, np.asarray(cv2.warpAffine(subject.alpha_HW, move, (width, height)), np.float32)
        )
    return picture


def _clutter(subject: Subject) -> Picture:
    """A table full of other things behind the product."""
    rng, table = np.random.default_rng(4), subject.empty_HW3.copy()
    height, width = table.shape[:2]
    colors = ((178, 84, 62), (64, 108, 132), (206, 170, 92), (92, 124, 84), (70, 66, 78), (228, 222, 210))
    for number in range(46):
        x, y = int(rng.integers(-40, width)), int(rng.integers(-40, height))
        extent, color = rng.integers(24, 110, 2), colors[number % len(colors)]
        if number % 3:
            cv2.rectangle(table, (x, y), (x + int(extent[0]), y + int(extent[1])), color, -1, cv2.LINE_AA)
        else:
            cv2.circle(table, (x, y), int(extent[0]) // 2, color, -1, cv2.LINE_AA)
    return _over(subject.photo_HW3, np.asarray(cv2.GaussianBlur(table, (0, 0), 0.8), np.uint8), subject.alpha_HW)


def _stamped(subject: Subject) -> Picture:
    """A watermark repeated over the picture, and a camera's date in the corner."""
    picture = subject.photo_HW3.copy()
    height, width = picture.shape[:2]
    layer = np.zeros((2 * height, 2 * width), np.uint8)
    for row, y in enumerate(range(30, 2 * height, 92)):
        for x in range(-80 * (row % 2), 2 * width, 230):
            cv2.putText(layer, "SAMPLE", (x, y), cv2.FONT_HERSHEY_DUPLEX, 1.1, 255, 2, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((width, height), 28, 1.0)
    layer = cv2.warpAffine(layer, turn, (2 * width, 2 * height))[height // 2 : height // 2 + height, width // 2 : width // 2 + width]
    picture = _over(np.full_like(picture, 90), picture, layer.astype(np.float32) / 255 * 0.4)
    cv2.putText(picture, "24 03 '26", (width - 138, height - 18), cv2.FONT_HERSHEY_DUPLEX, 0.75, (255, 140, 20), 2, cv2.LINE_AA)
    return picture


def _cut_off(subject: Subject) -> Picture:
    top, bottom, left, right = _box(subject.alpha_HW)
    height, width = subject.alpha_HW.shape
    edge = right - (right - left) // 3
    side = min(edge, height)
    first = max(0, min((top + bottom) // 2 - side // 2, height - side))
    return _fit(np.ascontiguousarray(subject.photo_HW3[first : first + side, edge - side : edge]), max(height, width))


def _half_arrived(subject: Subject) -> Picture:
    picture = subject.photo_HW3.copy()
    picture[round(0.56 * len(picture)) :] = 128
    return picture


def _dull(subject: Subject) -> Picture:
    """Adobe RGB numbers shown as if they were sRGB."""
    gray = subject.photo_HW3.mean(axis=2, keepdims=True)
    return np.asarray(np.clip(gray + 0.5 * (subject.photo_HW3 - gray), 0, 255), np.uint8)


def _toned(factors: tuple[float, float, float]) -> Callable[[Subject], Picture]:
    return lambda subject: np.asarray(np.clip(subject.photo_HW3 * np.array(factors), 0, 255), np.uint8)


_ON_DETAIL: dict[str, Callable[[Picture], Picture]] = {
    "too_small": _pixels,
    "blurred": lambda detail: np.asarray(cv2.GaussianBlur(detail, (0, 0), 9), np.uint8),
    "motion_blurred": _moved,
}
_ON_PHOTO: dict[str, Callable[[Subject], Picture]] = {
    "truncated": _half_arrived,
    "no_product": lambda subject: subject.empty_HW3,
    "cropped": _cut_off,
    "several_subjects": _copies,
    "cluttered": _clutter,
    "too_dark": _toned((0.2, 0.2, 0.2)),
    "overexposed": _burnt,
    "color_cast": _toned((1.12, 0.92, 0.5)),
    "color_profile": _dull,
    "text_overlay": _stamped,
}
