"""The loss curves as a picture: both lines, the ring at the best step, and the same bytes for the same curve."""

import io

import numpy as np
from PIL import Image

from training.checkpoint import CurvePoint
from training.curve_picture import HEIGHT_PX, HELD_OUT, TRAINED, WIDTH_PX, curve_picture

CURVE = [CurvePoint(step=20 * n, train_loss=0.5 / n if n else None, validation_loss=0.6 / (n + 1)) for n in range(8)]


def where(data, color):
    """Places (row, column) of about this color below the legend."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    pixels[:50] = 255
    return np.argwhere(np.abs(pixels - color).max(axis=2) < 30)


def test_both_curves_fall_from_left_to_right_over_the_whole_width():
    data = curve_picture(CURVE, 140, "LoRA: oak")
    assert Image.open(io.BytesIO(data)).size == (WIDTH_PX, HEIGHT_PX) and len(data) < 20_000
    for color in (HELD_OUT, TRAINED):
        places = where(data, color)
        left, right = places[places[:, 1].argmin()], places[places[:, 1].argmax()]
        assert left[0] + 60 < right[0] and right[1] - left[1] > 450


def test_the_ring_moves_with_the_best_step():
    first, last = (curve_picture(CURVE, step, "LoRA: oak") for step in (20, 140))
    assert first != last and last == curve_picture(CURVE, 140, "LoRA: oak")


def test_one_point_or_a_flat_curve_can_be_drawn():
    for curve in (CURVE[:1], [CurvePoint(step=s, train_loss=None if s == 0 else 0.0, validation_loss=0.0) for s in (0, 5)]):
        assert curve_picture(curve, 0, "LoRA: oak")[1:4] == b"PNG"
