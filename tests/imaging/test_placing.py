"""Placing a cut-out: where it lands, what stays of its pixels, and that the same arrays give the same bytes."""

import cv2
import numpy as np
import pytest

from catalog.placement import Placement
from imaging.placing import OPAQUE_ALPHA, fit_centered, fit_standing, place, product_box
from imaging.upright import place_upright
from tests.drawn_products import chair, mug


def placement(**changes):
    values = {"scale": 1.0, "left_px": 0.0, "top_px": 0.0, "frame_width_px": 300, "frame_height_px": 300}
    return Placement(**{**values, **changes})


def locked(alpha):
    """Alpha as `place` gives it: nearly opaque is opaque."""
    return np.where(alpha >= OPAQUE_ALPHA, 255, alpha)


def test_a_cut_out_placed_at_its_own_size_keeps_its_bytes():
    foreground, alpha = mug()
    rgb, placed = place(foreground, alpha, placement())
    assert np.array_equal(placed, locked(alpha))
    assert np.array_equal(rgb[alpha == 255], foreground[alpha == 255])


def test_whole_pixels_of_offset_move_the_product_and_change_nothing():
    foreground, alpha = mug()
    rgb, placed = place(foreground, alpha, placement(left_px=25, top_px=-10))
    assert np.array_equal(placed[:290, 25:], locked(alpha)[10:, :275])
    assert np.array_equal(rgb[:290, 25:][alpha[10:, :275] == 255], foreground[10:, :275][alpha[10:, :275] == 255])


@pytest.mark.parametrize("scale", [0.31, 0.77, 1.0, 1.9, 3.3])
def test_the_box_lands_where_the_placement_says(scale):
    foreground, alpha = mug()
    left, top, right, bottom = product_box(alpha)
    _, placed = place(foreground, alpha, placement(scale=scale, left_px=7.3, top_px=-4.6, frame_width_px=1000, frame_height_px=1000))
    expected = (scale * left + 7.3, scale * top - 4.6, scale * right + 7.3, scale * bottom - 4.6)
    assert np.abs(np.array(product_box(placed)) - expected).max() <= 1.0


def test_enlarging_keeps_the_inside_opaque_and_the_outside_empty():
    foreground, alpha = chair()
    _, placed = place(foreground, alpha, placement(scale=2.5, frame_width_px=750, frame_height_px=750))
    hard = cv2.resize(alpha, (750, 750), interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode((hard > 250).astype(np.uint8), np.ones((9, 9))) > 0
    outside = cv2.dilate((hard > 4).astype(np.uint8), np.ones((9, 9))) == 0
    assert inside.any() and (placed[inside] == 255).all()
    assert (placed[outside] == 0).all()


def test_a_transparent_neighbor_lends_no_color_to_the_edge():
    """The photo's background is still in the color plane of a cut-out; mixing it in would draw a rim of studio white."""
    foreground = np.full((60, 60, 3), 255, np.uint8)
    alpha = np.zeros((60, 60), np.uint8)
    foreground[20:40, 20:40], alpha[20:40, 20:40] = (30, 60, 90), 255
    rgb, placed = place(foreground, alpha, placement(scale=0.37, left_px=0.4, frame_width_px=30, frame_height_px=30))
    visible = placed > 40
    assert np.abs(rgb[visible].astype(int) - (30, 60, 90)).max() <= 6


def test_a_product_half_outside_the_frame_is_cut_off_there():
    foreground, alpha = mug()
    _, placed = place(foreground, alpha, placement(left_px=-130))
    assert np.array_equal(placed[:, :170], locked(alpha)[:, 130:])
    _, nothing = place(foreground, alpha, placement(left_px=400))
    assert not nothing.any()


def test_the_same_arrays_give_the_same_bytes():
    foreground, alpha = chair()
    where = placement(scale=1.37, left_px=3.2, top_px=1.1)
    first, second = place(foreground, alpha, where), place(foreground, alpha, where)
    assert first[0].tobytes() == second[0].tobytes() and first[1].tobytes() == second[1].tobytes()


@pytest.mark.parametrize(("width", "height"), [(800, 800), (1200, 600), (500, 900)])
def test_a_centered_product_fills_what_was_asked_and_stands_in_the_middle(width, height):
    foreground, alpha = mug()
    where = fit_centered(alpha, frame_width_px=width, frame_height_px=height, fill_pct=80)
    _, placed = place(foreground, alpha, where)
    left, top, right, bottom = product_box(placed)
    assert max((right - left) / width, (bottom - top) / height) == pytest.approx(0.80, abs=0.004)
    assert abs((left + right) / 2 - width / 2) <= 1 and abs((top + bottom) / 2 - height / 2) <= 1


def test_a_standing_product_ends_on_the_base_line_and_is_never_too_wide():
    foreground, alpha = mug()
    tall = fit_standing(alpha, frame_width_px=600, frame_height_px=600, height_pct=50, width_max_pct=90, base_pct=84)
    left, top, right, bottom = product_box(place(foreground, alpha, tall)[1])
    assert abs(bottom - 0.84 * 600) <= 1 and abs(bottom - top - 300) <= 2
    narrow = fit_standing(alpha, frame_width_px=600, frame_height_px=600, height_pct=50, width_max_pct=20, base_pct=84)
    left, top, right, bottom = product_box(place(foreground, alpha, narrow)[1])
    assert abs(right - left - 120) <= 2 and abs(bottom - 0.84 * 600) <= 1


def test_an_alpha_without_a_product_has_no_box():
    with pytest.raises(ValueError, match="no product"):
        product_box(np.full((10, 10), 90, np.uint8))


@pytest.mark.parametrize("scale", [0.45, 0.8, 1.3])
@pytest.mark.parametrize("by_matrix", [False, True], ids=["place", "place_upright"])
@pytest.mark.parametrize("even", [(150, 90, 40), (235, 250, 255)], ids=["dark", "pale"])
def test_an_even_color_stays_even_up_to_a_hard_edge(scale, by_matrix, even):
    """The bicubic kernel overshoots behind an edge; a rim lighter than the product is what a bad cut-out looks like, and a gray one around white."""
    color, alpha = np.full((200, 200, 3), even, np.uint8), np.zeros((200, 200), np.uint8)
    alpha[60:140, 50:150] = 255
    if by_matrix:
        rgb, placed = place_upright(color, alpha, np.array([[scale, 0, 3.3], [0, scale, 5.6], [0, 0, 1]]), (260, 260))
    else:
        rgb, placed = place(color, alpha, Placement(scale=scale, left_px=3.3, top_px=5.6, frame_width_px=260, frame_height_px=260))
    off = np.abs(rgb[placed == 255].astype(int) - even).max()
    assert off <= (2 if max(even) < 200 else 5)
