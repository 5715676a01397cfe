"""How far a product was kept in a picture that was drawn with it: drawn garments moved, folded, lit otherwise, recolored, exchanged, left out."""

import cv2
import numpy as np
import pytest

from imaging.measure_worn import REGISTERED_FROM, measure_worn

SIDE = 480


def garment(printed=True, color=(60, 110, 90), seed=0):
    """A shirt with a print, or a plain one: colors and alpha."""
    rng = np.random.default_rng(seed)
    photo, alpha = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    outline = np.array(
        [
            [120, 80],
            [200, 70],
            [280, 70],
            [360, 80],
            [430, 190],
            [370, 220],
            [350, 180],
            [350, 420],
            [130, 420],
            [130, 180],
            [110, 220],
            [50, 190],
        ]
    )
    cv2.fillPoly(alpha, [outline], 255)
    photo[alpha > 0] = color
    if printed:
        for n, word in enumerate(("VITRINE", "est. 26", "No 9 Q")):
            place, shade = (150, 200 + 60 * n), tuple(int(v) for v in rng.integers(0, 255, 3))
            cv2.putText(photo, word, place, cv2.FONT_HERSHEY_TRIPLEX, 1.2, shade, 2, cv2.LINE_AA)
    return photo, alpha


def worn(photo, alpha, *, light=0.85, fold_px=3.0):
    """The garment on somebody: smaller, turned, in folds, in other light, before a wall."""
    scene = np.full((600, 480, 3), (205, 203, 200), np.uint8)
    cv2.ellipse(scene, (240, 110), (60, 80), 0, 0, 360, (160, 118, 96), -1)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 6, 0.75)
    turn[1, 2] += 60
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    bent = cv2.remap(
        np.dstack([photo, alpha]), columns + fold_px * np.sin(rows / 40), rows + fold_px * np.sin(columns / 50), cv2.INTER_LINEAR
    )
    moved = cv2.warpAffine(bent, turn, (480, 600))
    shade = (light * (0.9 + 0.1 * np.sin(np.arange(480) / 30)))[None, :, None]
    cover = moved[..., 3:] / 255
    return np.clip(scene * (1 - cover) + moved[..., :3] * shade * cover, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("color", [(60, 110, 90), (230, 228, 224), (35, 35, 40), (170, 60, 70)])
def test_a_printed_garment_in_folds_and_other_light_is_found_and_its_color_agrees(color):
    found = measure_worn(worn(*garment(color=color)), *garment(color=color))
    assert found["worn_features"] >= REGISTERED_FROM and found["worn_delta_e"] < 8 and 10 < found["worn_area_pct"] < 40


def test_a_garment_of_another_hue_in_the_same_place_is_told_by_its_color():
    photo, alpha = garment()
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 30) % 180
    found = measure_worn(worn(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), alpha), photo, alpha)
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
