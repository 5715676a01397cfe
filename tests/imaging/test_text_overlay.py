"""Text over a photo is found beside the product, in any direction and color; print on the product and marks that are none are not."""

import cv2
import numpy as np
import pytest

from imaging.photo_measurements import measure_photo
from tests.sample_photos import studio_photo, written_over

PHOTO = studio_photo()
BOX = np.s_[300:740, 300:720]
"""The mug and its handle."""


def letters(photo: np.ndarray) -> float:
    return measure_photo(photo)["overlay_letters"]


@pytest.mark.parametrize("kind", ["date", "caption", "watermark"])
def test_text_beside_the_product_is_counted(kind: str):
    assert letters(written_over(PHOTO, kind)) >= 8


def test_a_photo_without_text_has_no_letters():
    assert letters(PHOTO) == 0
    assert letters(studio_photo(mugs=3, paper=(90, 92, 95))) == 0


def test_print_on_the_product_is_no_overlay():
    printed = PHOTO.copy()
    cv2.putText(printed, "COFFEE", (330, 640), cv2.FONT_HERSHEY_DUPLEX, 2.2, (245, 240, 230), 6, cv2.LINE_AA)
    assert letters(printed) == 0


def test_light_text_on_dark_paper_is_counted_too():
    dark = studio_photo(paper=(52, 54, 58)).copy()
    cv2.putText(dark, "northlight", (40, 980), cv2.FONT_HERSHEY_DUPLEX, 1.0, (200, 200, 200), 2, cv2.LINE_AA)
    assert letters(dark) >= 4


def test_specks_a_cord_and_three_letters_are_no_text():
    specked = PHOTO.copy()
    for x, y in np.random.default_rng(2).integers(20, 1000, (14, 2)):
        cv2.circle(specked, (int(x), int(y)), 3, (120, 118, 116), -1)
    cv2.ellipse(specked, (860, 200), (120, 60), 20, 0, 300, (40, 40, 40), 6, cv2.LINE_AA)
    cv2.putText(specked, "A B", (40, 980), cv2.FONT_HERSHEY_DUPLEX, 1.0, (90, 90, 90), 2, cv2.LINE_AA)
    assert letters(specked) == 0


def test_a_picture_full_of_marks_is_texture():
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    assert letters(noise) == 0
