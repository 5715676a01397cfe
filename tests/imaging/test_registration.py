"""Finding a product's place in a render, and moving its photo there without losing its finest threads."""

import cv2
import numpy as np
import pytest

from benchmarks.corruptions import place_product
from imaging.registration import MIN_INLIERS, register
from imaging.warping import warp_into_frame
from tests.judged_pictures import textured_bottle


def photo_of(side_px=800):
    scene = place_product(textured_bottle(), side_px, fill=0.7, seed=0, background_HW3=np.full((side_px, side_px, 3), 200, np.float32))
    return scene.flat(), np.rint(scene.alpha_HW * 255).astype(np.uint8), scene.box


@pytest.mark.parametrize("fill", [0.86, 0.4])
def test_a_product_is_found_to_a_third_of_a_pixel(fill):
    photo, alpha, box = photo_of()
    render = place_product(textured_bottle(), 560, fill=fill, seed=0)
    found = register(photo, alpha, render.flat())
    assert found.method == "features" and found.certain and found.inliers >= MIN_INLIERS
    corners = np.array([[box[0], box[1], 1], [box[2], box[3], 1]]) @ found.matrix.T
    assert np.abs(corners.ravel() - render.box).max() < 1.0, "the boxes themselves are whole pixels"
    scale = float(np.hypot(found.matrix[0, 0], found.matrix[1, 0]))
    assert scale == pytest.approx((render.box[3] - render.box[1]) / (box[3] - box[1]), rel=0.004)


def test_nothing_is_found_in_another_picture():
    photo, alpha, _ = photo_of()
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3)).astype(np.uint8)
    found = register(photo, alpha, noise)
    assert found is None or not found.certain


@pytest.mark.parametrize("scale", [0.23, 0.46, 0.69, 1.0, 1.7])
def test_what_is_moved_lands_where_the_matrix_says(scale):
    photo, alpha = np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.uint8)
    cv2.rectangle(photo, (120, 80), (279, 219), (200, 100, 50), -1)
    cv2.rectangle(alpha, (120, 80), (279, 219), 255, -1)
    matrix = np.array([[scale, 0, 31.3], [0, scale, 12.6]], np.float32)
    rgb, moved = warp_into_frame(photo, alpha, matrix, (560, 720))
    weight = moved / 255.0
    y, x = np.mgrid[0:560, 0:720]
    assert (weight * x).sum() / weight.sum() == pytest.approx(scale * 199.5 + 31.3, abs=0.1)
    assert (weight * y).sum() / weight.sum() == pytest.approx(scale * 149.5 + 12.6, abs=0.1)
    assert weight.sum() == pytest.approx(160 * 140 * scale**2, rel=0.02)
    assert np.abs(rgb[moved == 255].astype(int) - (200, 100, 50)).mean() < 3


def test_a_product_beyond_the_frame_leaves_it_empty():
    photo, alpha = np.full((100, 100, 3), 90, np.uint8), np.full((100, 100), 255, np.uint8)
    _, moved = warp_into_frame(photo, alpha, np.array([[0.7, 0, 900], [0, 0.7, -400]], np.float32), (200, 300))
    assert moved.shape == (200, 300) and not moved.any()


def test_fine_threads_keep_the_contrast_that_averaging_gives_them():
    """Moved at the frame's own size, half a pixel off, they lost half of it."""
    x = np.arange(600, dtype=np.float32)
    threads = np.broadcast_to(128 + 60 * np.cos(2 * np.pi * x / 3.4), (500, 600))
    photo = np.repeat(threads[..., None], 3, axis=2).astype(np.uint8)
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    averaged = cv2.resize(photo, (414, 345), interpolation=cv2.INTER_AREA)
    moved, _ = warp_into_frame(photo, alpha, np.array([[0.69, 0, 0.35], [0, 0.69, 0.35]], np.float32), (345, 414))
    kept = moved[50:-50, 50:-50].std() / averaged[50:-50, 50:-50].std()
    assert 0.8 < kept < 1.35
