"""Colors of a corrected photo are compared inside its product alone."""

import numpy as np

from imaging.measure_enhancement import measure_enhancement

RED, PAPER = (176, 40, 36), (238, 238, 236)


def railing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Red rails of 12 px on paper: the photo, its cut-out's colors (which go on beyond the edge), and the alpha."""
    alpha_HW = np.zeros((240, 240), np.uint8)
    for left in range(17, 230, 27):
        alpha_HW[10:230, left : left + 12] = 255
    photo = np.where(alpha_HW[..., None] > 0, np.uint8(RED), np.uint8(PAPER))
    return photo, np.full_like(photo, RED), alpha_HW


def test_a_photo_that_was_left_as_it_is_has_kept_its_hue():
    """A chair with thin legs was rejected untouched (hue off by 4.7): blocks beside its legs were compared with their backdrop."""
    photo, cutout, alpha_HW = railing()
    hue = measure_enhancement(photo, cutout, alpha_HW, (1.0, 1.0, 1.0))["hue_kept_delta_e"]
    assert hue is not None and hue < 0.2


def test_rails_whose_hue_was_turned_are_found():
    photo, cutout, alpha_HW = railing()
    orange = np.where(alpha_HW[..., None] > 0, np.uint8((176, 76, 36)), photo)
    hue = measure_enhancement(orange, cutout, alpha_HW, (1.0, 1.0, 1.0))["hue_kept_delta_e"]
    assert hue is not None and hue > 4
