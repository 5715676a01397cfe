"""The color of the light: what burnt-out white, its shade, and photos that show nothing tell of it, which is nothing."""

import warnings

import numpy as np
import pytest

from imaging.linear_light import to_light
from imaging.white_balance import NOTHING, estimated, from_backdrop

SIDE = 200
PRODUCT = np.zeros((SIDE, SIDE), bool)
PRODUCT[70:130, 70:130] = True


def photo(*, shade_share: float, shade=(236, 226, 214), paper=(255, 255, 255)) -> np.ndarray:
    """Linear light of a blue product on paper whose lower part lies in a shade."""
    levels = np.full((SIDE, SIDE, 3), paper, np.uint8)
    levels[SIDE - round(shade_share * SIDE) :] = shade
    levels[PRODUCT] = (60, 90, 150)
    return to_light(levels)


@pytest.mark.parametrize("shade_share", [0.0, 0.1, 0.21, 0.4])
def test_burnt_out_white_is_white_whatever_its_shade_looks_like(shade_share):
    """A fifth of warm shade beside pure white was called the backdrop's color, and pure white became bluish."""
    found = estimated(photo(shade_share=shade_share), PRODUCT)
    assert found.gains == NOTHING and found.witness == "none" and "white already" in found.why


@pytest.mark.parametrize("shade_share", [0.0, 0.21])
def test_a_burnt_out_backdrop_is_no_witness_of_a_lamp(shade_share):
    """It gave gains of 1 as if the light had been measured."""
    with pytest.raises(ValueError, match="burnt out to white"):
        from_backdrop(photo(shade_share=shade_share), PRODUCT)


def test_a_backdrop_burnt_out_in_one_channel_alone_has_no_color_that_is_known():
    with pytest.raises(ValueError, match="burnt out in one channel"):
        from_backdrop(photo(shade_share=0.0, paper=(255, 240, 200)), PRODUCT)


def test_a_tinted_backdrop_with_a_burnt_spot_still_tells_the_light():
    tinted = photo(shade_share=0.0, paper=(240, 232, 224))
    tinted[:60] = 1.0
    found = estimated(tinted, PRODUCT)
    assert found.witness == "background" and found.gains[0] < 1 < found.gains[2]


def test_an_even_photo_without_backdrop_tells_nothing():
    """Gray edges of a photo without edges were 0 divided by 0: not a number in the facts, and a warning."""
    even = np.full((SIDE, SIDE, 3), 0.3, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimated(even, np.ones((SIDE, SIDE), bool))
    assert found.gains == NOTHING and found.cast_chroma == 0
