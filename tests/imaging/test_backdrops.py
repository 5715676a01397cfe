"""Backdrops: of the color that was asked for, textures without seams, and contrast told as an eye sees it."""

import cv2
import numpy as np
import pytest

from imaging.backdrops import Backdrop, draw_backdrop
from imaging.color import delta_e2000, srgb_to_lab
from imaging.edge_contrast import edge_contrast
from imaging.linear_light import to_levels
from imaging.textures import TILE_PX, tile_of
from tests.drawn_products import mug
from tests.picture_letters import shown_on_failure

TEXTURES = ("linen", "plaster", "wood", "marble")


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_texture_has_no_seam(texture):
    """Where a tile meets itself, neighbors differ no more than elsewhere at the same step of a weave."""
    tile = tile_of(texture)
    with shown_on_failure(f"seam-{texture}", tile=to_levels(0.6 * tile)):
        for axis in (0, 1):
            inside = np.abs(np.diff(tile, axis=axis).take(range(7, TILE_PX - 1, 8), axis=axis)).mean()
            seam = np.abs(tile.take(0, axis=axis) - tile.take(TILE_PX - 1, axis=axis)).mean()
            assert seam < 1.8 * inside
    assert tile.mean() == pytest.approx(1, abs=1e-3) and tile.min() > 0.3 and tile.max() < 1.5


@pytest.mark.parametrize("texture", [None, "linen", "plaster"])
@pytest.mark.parametrize("color", ["#c9d2bf", "#3c5a46", "#f3c9c4"])
def test_a_sweep_has_the_color_that_was_asked_for(texture, color):
    picture = to_levels(draw_backdrop(Backdrop(color_hex=color, texture=texture), width_px=300, height_px=300))
    goal = srgb_to_lab(np.array([[[int(color[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    with shown_on_failure("sweep", picture=picture):
        assert delta_e2000(np.median(srgb_to_lab(picture), axis=(0, 1)), goal) < 2.5


def test_a_backdrop_is_lighter_on_the_side_of_its_light():
    picture = draw_backdrop(Backdrop(color_hex="#c9d2bf", light_side=-1.0), width_px=300, height_px=300)
    assert picture[:, :30].mean() > 1.05 * picture[:, -30:].mean()


def test_the_same_backdrop_is_the_same_to_the_byte():
    first, second = (
        draw_backdrop(Backdrop(color_hex="#c9d2bf", texture="wood", line_share=0.66), width_px=200, height_px=240) for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


def on_gray(level, behind):
    foreground, alpha = mug()
    return np.where(alpha[..., None] > 127, np.uint8(level), np.full_like(foreground, behind)), alpha


def test_contrast_is_the_difference_along_the_outline():
    black, gray = (np.array([[[level] * 3]], np.uint8) for level in (60, 180))
    expected = delta_e2000(srgb_to_lab(black)[0, 0], srgb_to_lab(gray)[0, 0])
    assert edge_contrast(*on_gray(60, 180)) == pytest.approx(float(expected), rel=0.1)
    assert edge_contrast(*on_gray(180, 180)) < 0.5
    assert edge_contrast(*on_gray(180, 188)) < 3


def test_a_dark_print_inside_does_not_save_a_pale_product_on_white():
    picture, alpha = on_gray(250, 255)
    cv2.circle(picture, (110, 170), 25, (20, 20, 20), -1)
    assert edge_contrast(picture, alpha) < 3


def test_nothing_in_the_frame_has_no_outline():
    picture, alpha = on_gray(60, 180)
    assert edge_contrast(picture, np.zeros_like(alpha)) is None
