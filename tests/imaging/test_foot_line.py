"""The lower outline against drawn products on a floor with a contact shadow: hue decides, and where it cannot nothing changes."""

import cv2
import numpy as np

from imaging.color import srgb_to_lab
from imaging.foot_line import with_foot_line

FLOOR = (236, 234, 230)
SIDE_PX = 512


def block(color: tuple[int, int, int], *, shade_px: int = 0, base: tuple[int, int, int] | None = None) -> np.ndarray:
    """A block of 240 px standing on row 360, soft as a photo is; with a dark shadow or a base of another color under it."""
    photo = np.full((SIDE_PX, SIDE_PX, 3), FLOOR, np.float32)
    photo[120:360, 130:380] = color
    if shade_px:
        photo[360 : 360 + shade_px, 130:380] = 0.3 * np.array(FLOOR)
    if base is not None:
        photo[360:372, 130:380] = base
    return np.clip(cv2.GaussianBlur(photo, (0, 0), 0.8), 0, 255).astype(np.uint8)


def block_mask(bottom: int) -> np.ndarray:
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[120:bottom, 130:380] = True
    return mask


def corrected(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    floor = np.broadcast_to(srgb_to_lab(np.array(FLOOR, np.uint8).reshape(1, 1, 3)), photo.shape)
    return with_foot_line(mask, srgb_to_lab(photo), np.ascontiguousarray(floor), 1.0)


def test_a_sliver_of_shadow_under_a_colored_product_is_taken_off():
    cleaned = corrected(block((150, 60, 40), shade_px=8), block_mask(368))
    assert cleaned[358, 160:350].all()
    assert not cleaned[364:, 160:350].any()


def test_a_bite_that_shade_took_is_given_back():
    mask = block_mask(361)
    mask[352:, 220:290] = False
    photo = block((70, 100, 200))
    cleaned = corrected(photo, mask)
    assert cleaned[356, 160:350].all()
    assert not cleaned[366:].any()


def test_a_base_of_another_color_stays():
    mask = block_mask(372)
    np.testing.assert_array_equal(corrected(block((150, 60, 40), base=(205, 200, 190)), mask)[:370], mask[:370])


def test_a_gray_product_on_gray_floor_is_left_alone():
    mask = block_mask(366)
    np.testing.assert_array_equal(corrected(block((120, 119, 117), shade_px=6), mask), mask)


def test_nothing_comes_of_nothing():
    empty = np.zeros((SIDE_PX, SIDE_PX), bool)
    assert not corrected(block((150, 60, 40)), empty).any()
