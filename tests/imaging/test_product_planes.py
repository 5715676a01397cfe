"""Planes around the product: whole tiles, means over the product alone, and a weight that never looks beyond it."""

import numpy as np
import pytest

from imaging.expected_picture import blend
from imaging.linear_light import to_levels, to_light
from imaging.product_planes import ProductPlanes, box_around, reduced, tile_means
from imaging.working_size import reduce_size, to_working_size


def planes(render, expected, inner):
    full = (slice(0, inner.shape[0]), slice(0, inner.shape[1]))
    return ProductPlanes(box=full, tile_px=20, render=(render,) * 3, expected=(expected,) * 3, inner_HW=inner)


def test_the_box_holds_the_product_in_whole_tiles():
    mask = np.zeros((400, 600), bool)
    mask[101:180, 207:333] = True
    rows, columns = box_around(mask, 20)
    assert (rows.stop - rows.start) % 20 == 0 and (columns.stop - columns.start) % 20 == 0
    assert rows.start <= 91 and rows.stop >= 190 and columns.start <= 197 and columns.stop >= 343
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < 2 * 79 * 126


def test_the_box_of_a_product_that_leaves_the_frame_stays_inside():
    mask = np.zeros((130, 95), bool)
    mask[60:, 50:] = True
    assert box_around(mask, 20) == (slice(50, 130), slice(35, 95))
    assert box_around(np.zeros((130, 95), bool), 20) is None


def test_means_and_deviations_look_at_the_product_alone():
    rng = np.random.default_rng(2)
    inner = np.zeros((60, 80), bool)
    inner[10:40, 20:70] = True
    plane = rng.normal(50, 4, inner.shape).astype(np.float32)
    plane[~inner] = 1e4
    seen = planes(plane, plane, inner)
    assert seen.count == inner.sum()
    assert seen.mean(plane) == pytest.approx(plane[inner].mean(), rel=1e-5)
    assert seen.deviation(plane) == pytest.approx(plane[inner].std(), rel=1e-3)


def test_reduced_colors_are_not_mixed_with_what_lies_beside_the_product():
    inner = np.zeros((40, 40), bool)
    inner[2:, 3:] = True
    plane = np.where(inner, 30, 90).astype(np.float32)
    first, second = planes(plane, plane, inner).reduced_colors
    cover = planes(plane, plane, inner).reduced_cover_HW
    assert first.shape == (10, 10, 3) and np.allclose(first[cover > 0], 30, atol=0.01) and np.array_equal(first, second)


def test_tile_means_are_those_of_whole_tiles():
    plane = np.random.default_rng(1).random((50, 71)).astype(np.float32)
    means = tile_means(plane, 20)
    assert means.shape == (2, 3)
    assert means[1, 2] == pytest.approx(plane[20:40, 40:60].mean(), rel=1e-5)
    assert reduced(plane, 4).shape == (12, 17)


@pytest.mark.parametrize("size", [(300, 404), (301, 403)])
@pytest.mark.parametrize("scale", [1.0, 0.83, 0.4, 0.12])
def test_a_picture_made_smaller_keeps_its_place_and_brightness(scale, size):
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    picture = np.clip(120 + 60 * np.sin(x / 30) + 50 * np.cos(y / 40), 0, 255).astype(np.uint8)
    fast, exact = to_working_size(picture, scale), reduce_size(picture, scale)
    assert fast.shape == exact.shape
    assert np.abs(fast.astype(int) - exact).mean() < 0.7


def test_blending_is_exact_where_one_picture_hides_the_other():
    over, beneath = (np.random.default_rng(n).integers(0, 256, (20, 30, 3), np.uint8) for n in (0, 1))
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:, 10:20], alpha[:, 20:] = 128, 255
    mixed = blend(over, alpha, beneath)
    assert np.array_equal(mixed[:, :10], beneath[:, :10]) and np.array_equal(mixed[:, 20:], over[:, 20:])
    half = (to_light(over[:, 10:20]) * 128.0 + to_light(beneath[:, 10:20]) * 127.0) / 255
    assert np.array_equal(mixed[:, 10:20], to_levels(half))
