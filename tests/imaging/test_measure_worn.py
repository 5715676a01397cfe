"""How far a product was kept in a picture that was drawn with it: drawn garments moved, folded, lit otherwise, recolored, exchanged, left out."""

import cv2
import numpy as np
import pytest

from imaging.measure_worn import REGISTERED_FROM, measure_worn
from tests.worn_garments import garment, hue_turned, worn


@pytest.mark.parametrize("color", [(60, 110, 90), (230, 228, 224), (35, 35, 40), (170, 60, 70)])
def test_a_printed_garment_in_folds_and_other_light_is_found_and_its_color_agrees(color):
    found = measure_worn(worn(*garment(color=color)), *garment(color=color))
    assert found["worn_features"] >= REGISTERED_FROM and found["worn_delta_e"] < 8 and 10 < found["worn_area_pct"] < 40


def test_a_garment_of_another_hue_in_the_same_place_is_told_by_its_color():
    photo, alpha = garment()
    found = measure_worn(worn(hue_turned(photo), alpha), photo, alpha)
    assert found["worn_delta_e"] > 14


def test_a_plain_garment_has_no_features_and_its_color_is_still_compared():
    same = measure_worn(worn(*garment(printed=False)), *garment(printed=False))
    other = measure_worn(worn(*garment(printed=False, color=(170, 60, 70))), *garment(printed=False))
    assert same["worn_features"] < REGISTERED_FROM and same["worn_delta_e"] < 8 and same["worn_area_pct"] > 10
    assert other["worn_delta_e"] > 14 and other["worn_area_pct"] < 0.5


def test_another_print_on_the_same_cloth_is_not_recognized():
    photo, alpha = garment()
    blank = garment(printed=False)[0]
    cv2.putText(blank, "OTHER 77", (150, 300), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.5, (240, 240, 40), 3, cv2.LINE_AA)
    assert measure_worn(worn(blank, alpha), photo, alpha)["worn_features"] < REGISTERED_FROM


def test_without_a_product_nothing_is_evaluated():
    photo, alpha = garment()
    assert set(measure_worn(photo, photo, np.zeros_like(alpha)).values()) == {None}
