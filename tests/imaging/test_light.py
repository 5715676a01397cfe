"""Reading a plate: horizon, side of the light, and a product's own shading; on drawn sets and, where present, on rendered ones."""

import numpy as np
import pytest

from imaging.light import HORIZON_DEFAULT, read_light, read_product_side
from tests.drawn_products import chair, lit_wall, mug, sunlit_wall


@pytest.mark.parametrize("size", [64, 128, 512])
@pytest.mark.parametrize("horizon", [0.5, 0.64, 0.74])
def test_the_edge_of_the_table_is_found(size, horizon):
    light = read_light(lit_wall(light_from_left=True, size=size, horizon=horizon))
    assert light.horizon_seen and abs(light.horizon_share - horizon) < 0.025


def test_a_set_without_an_edge_says_so():
    light = read_light(np.full((128, 128, 3), 190, np.uint8))
    assert not light.horizon_seen and light.horizon_share == HORIZON_DEFAULT
    assert light.side == 0.0


def test_the_side_of_a_soft_light_is_where_the_wall_is_brighter():
    assert read_light(lit_wall(light_from_left=True)).side < -0.5
    assert read_light(lit_wall(light_from_left=False)).side > 0.5


def test_the_side_of_a_sun_is_read_from_the_lean_of_its_patches():
    """The bright patch of a window may lie on either half of the wall, whatever side the sun is on."""
    left, right = read_light(sunlit_wall(sun_from_left=True)), read_light(sunlit_wall(sun_from_left=False))
    assert left.side < -0.5 and right.side > 0.5
    assert left.hardness > 0.8
    assert read_light(lit_wall(light_from_left=True)).hardness < 0.2


def test_a_mirrored_plate_mirrors_its_light():
    plate = lit_wall(light_from_left=True)
    assert read_light(plate).side == pytest.approx(-read_light(plate[:, ::-1]).side, abs=0.02)


@pytest.mark.parametrize("drawn", [mug, chair])
def test_a_product_shows_where_it_was_lit_from(drawn):
    foreground, alpha = drawn()
    assert read_product_side(foreground, alpha) < -0.3
    assert read_product_side(foreground[:, ::-1], alpha[:, ::-1]) > 0.3


def test_a_product_without_shading_takes_no_side():
    assert read_product_side(np.full((80, 80, 3), 90, np.uint8), np.full((80, 80), 255, np.uint8)) == 0.0
