"""A photo of a garment's inside comes to lie behind the opening that it belongs to, in its light; what does not fit is said."""

import numpy as np
import pytest

from imaging.hollow import hollow
from imaging.inside_photo import fit_inside
from imaging.mannequin import find_mannequin
from tools.drawn_mannequins import draw, draw_inside

SIDE = 320
ENDS = ((120.0, 60.0), (200.0, 64.0))


def fitted(photo, alpha, color=(48, 84, 132)):
    outside = np.full((SIDE, SIDE, 3), color, np.uint8)
    garment = np.zeros((SIDE, SIDE), bool)
    garment[100:] = True
    return fit_inside(photo, alpha, ENDS, outside, garment)


@pytest.mark.parametrize("turn_deg", [0.0, 7.0])
def test_the_ends_of_the_collar_line_come_to_lie_on_those_of_the_opening_however_the_garment_was_turned(turn_deg):
    back = fitted(*draw_inside("tee", side_px=SIDE, turn_deg=turn_deg))
    assert not back.refusal
    top = (back.alpha_HW >= 0.5).argmax(axis=0)
    for x, y in ENDS:
        assert abs(int(top[round(x)]) - y) <= 4
    middle = int(top[160])
    assert 62 < middle < 62 + 0.3 * 80, "the line hangs between them"


def test_one_cloth_is_put_in_the_outsides_light_and_a_lining_keeps_its_color():
    dark, lining = (fitted(*draw_inside("tee", side_px=SIDE, **how)) for how in ({"light": 0.75}, {"color": (205, 170, 90)}))
    assert dark.same_cloth and min(dark.gain) > 1.2 and not lining.same_cloth and lining.gain == (1, 1, 1)
    seen = np.median(dark.rgb_HW3[100:130, 130:190].reshape(-1, 3), axis=0)
    assert np.abs(seen - (48, 84, 132)).max() < 25


def test_a_photo_in_too_different_a_light_and_one_in_which_something_stands_up_are_not_used():
    assert "in another light" in fitted(*draw_inside("tee", side_px=SIDE, light=0.35)).refusal
    photo, alpha = draw_inside("tee", side_px=SIDE)
    alpha[20:90, 152:168] = 255  # a hanger's hook
    assert fitted(photo, alpha).refusal
    assert "too small" in fitted(photo, np.zeros_like(alpha)).refusal


def test_a_hollow_garment_shows_its_inside_photo_in_its_neck_and_nowhere_else_and_says_so():
    photo, alpha, _ = draw("dress", side_px=SIDE)
    found = find_mannequin(photo, alpha)
    inside = draw_inside("dress", color=(200, 60, 60), side_px=SIDE)
    drawn, shown = (hollow(photo, alpha, found, waist=False, inside_photo=one) for one in (None, inside))
    assert drawn.inside_back is None and shown.inside_back is not None and not shown.inside_back.refusal
    apart = np.abs(shown.rgb_HW3.astype(int) - drawn.rgb_HW3).max(axis=2) * (shown.alpha_HW >= 128) > 20
    rows, _ = np.nonzero(apart)
    assert apart.sum() > 200 and rows.max() < 0.4 * SIDE
    reddish = shown.rgb_HW3[apart][:, 0].astype(int) - shown.rgb_HW3[apart][:, 2]
    assert np.median(reddish) > 20
