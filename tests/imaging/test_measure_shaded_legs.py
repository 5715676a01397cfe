"""The shadow that a product with legs casts under itself is no fringe and no growth of it; a true fringe is seen there as well."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from generation.packshot import white_ground
from imaging.composite import composite
from imaging.footprint import shaded_between_feet
from imaging.measure_edges import measure_halo
from imaging.measure_views import prepare_views
from imaging.unexpected import small_views, unexpected_map
from tests.drawn_products import mug
from tests.picture_letters import shown_on_failure

HALO_MAX = 9.0
"""The bound of HALO in quality/rules/packshot_white.yaml."""
SIZE = (500, 900)


@lru_cache
def bench():
    """Colors and alpha of a low bench in its frame: a board on four legs, a rail between them, seen from a little above."""
    large = np.zeros((4 * SIZE[0], 4 * SIZE[1]), np.uint8)
    large[4 * 120 : 4 * 160, 4 * 60 : 4 * 840] = 255
    for left, foot in ((80, 400), (150, 325), (690, 335), (790, 415)):
        large[4 * 150 : 4 * foot, 4 * left : 4 * (left + 26)] = 255
    large[4 * 270 : 4 * 285, 4 * 150 : 4 * 710] = 255
    alpha = cv2.resize(large, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return np.full((*SIZE, 3), (196, 150, 98), np.uint8), alpha


@lru_cache
def packshot(strength):
    rgb, alpha = bench()
    return composite(rgb, alpha, white_ground(alpha, strength=strength)[0])


def halo(picture):
    rgb, alpha = bench()
    views = prepare_views(render_HW3=picture, product_rgb_HW3=rgb, product_alpha_HW=alpha, background_rgb=(255, 255, 255))
    return measure_halo(views)["halo_delta_e"]


def fringed(picture, level):
    """With a line of two pixels of another lightness around the product, one pixel off its edge."""
    around = cv2.distanceTransform((bench()[1] < 128).astype(np.uint8), cv2.DIST_L2, 5)
    damaged = picture.copy()
    damaged[(around > 1.5) & (around <= 3.5)] = level
    return damaged


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.8, 1.0])
def test_the_shadow_under_a_bench_is_no_fringe(strength):
    """A bench on honest white was rejected: its soft shadow lay against rungs and legs above the strip that was left out."""
    with shown_on_failure(f"bench-{strength}", picture=packshot(strength)):
        assert halo(packshot(strength)) < HALO_MAX / 2


@pytest.mark.parametrize("level", [255, 190, 120], ids=["light, in the shade alone", "gray", "dark"])
def test_a_fringe_around_a_bench_is_seen_in_its_shade_as_well(level):
    damaged = fringed(packshot(0.8), level)
    with shown_on_failure(f"bench-fringe-{level}", picture=damaged):
        assert halo(damaged) > HALO_MAX


def test_a_fringe_that_lies_in_the_shade_alone_is_seen():
    picture, (left, right, top) = packshot(0.8), shaded_between_feet(bench()[1] >= 128)
    damaged = picture.copy()
    damaged[top:, left:right] = fringed(picture, 110)[top:, left:right]
    with shown_on_failure("bench-fringe-in-shade", picture=damaged):
        assert halo(damaged) > HALO_MAX


def test_the_shadow_under_a_bench_is_nothing_foreign_and_a_box_there_is():
    rgb, alpha = bench()

    def foreign(picture):
        views = prepare_views(render_HW3=picture, product_rgb_HW3=rgb, product_alpha_HW=alpha, background_rgb=(255, 255, 255))
        small = small_views(views)
        return int(unexpected_map(small, complete=False, background=np.full_like(small.render_HW3, (100, 0, 0))).sum())

    grown = packshot(1.0).copy()
    grown[285:330, 300:360] = (40, 70, 190)
    assert foreign(packshot(1.0)) < 20
    assert foreign(grown) > 200


def test_only_what_stands_on_feet_shades_the_ground_between_them():
    assert shaded_between_feet(mug()[1] >= 128) is None
    assert shaded_between_feet(np.zeros((20, 20), bool)) is None
    left, right, top = shaded_between_feet(bench()[1] >= 128)
    assert (left, right) == (80, 816) and 200 < top < 300
