"""Small drawn products with the features that matter: a mug with a handle, a chair on four feet, a two-colored bag. Not photographs."""

import cv2
import numpy as np


def shaded(shape, color, *, lit_from_left=True):
    """A color under light that falls off across the picture; uint8 (H, W, 3)."""
    across = np.linspace(1.12, 0.78, shape[1], dtype=np.float32)
    light = across if lit_from_left else across[::-1]
    return np.clip(np.asarray(color, np.float32) * light[None, :, None] * np.ones((shape[0], 1, 1), np.float32), 0, 255).astype(np.uint8)


def smooth(mask):
    return cv2.GaussianBlur((mask > 0).astype(np.float32) * 255, (0, 0), 0.7).round().astype(np.uint8)


def mug():
    """A cylinder seen from above with a round foot and a handle on the right; foreground and alpha, 300 x 300."""
    mask = np.zeros((300, 300), np.uint8)
    cv2.rectangle(mask, (80, 90), (180, 210), 255, -1)
    cv2.ellipse(mask, (130, 210), (50, 14), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (130, 90), (50, 12), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (182, 150), (32, 38), 0, 0, 360, 255, 12)
    return shaded(mask.shape, (190, 90, 60)), smooth(mask)


CHAIR_FEET = ((96, 222), (150, 252), (206, 226), (172, 208))
"""Column and row of the chair's four foot ends: left, front, right, far."""


def chair():
    """A seat with a back on four legs; foreground and alpha, 300 x 300."""
    mask = np.zeros((300, 300), np.uint8)
    cv2.fillConvexPoly(mask, np.array([(90, 150), (150, 168), (212, 150), (152, 134)]), 255)
    cv2.rectangle(mask, (90, 60), (98, 150), 255, -1)
    cv2.rectangle(mask, (98, 60), (150, 100), 255, -1)
    for column, row in CHAIR_FEET:
        cv2.rectangle(mask, (column - 4, 145), (column + 4, row), 255, -1)
    return shaded(mask.shape, (120, 150, 130)), smooth(mask)


def bag():
    """A teal bag with a wide white label and brass studs; foreground and alpha, 300 x 300."""
    mask = np.zeros((300, 300), np.uint8)
    cv2.rectangle(mask, (60, 110), (240, 260), 255, -1)
    cv2.ellipse(mask, (150, 110), (50, 60), 0, 180, 360, 255, 10)
    color = shaded(mask.shape, (40, 130, 130))
    cv2.rectangle(color, (110, 170), (190, 210), (240, 240, 238), -1)
    for column in (90, 210):
        cv2.circle(color, (column, 135), 9, (200, 160, 60), -1)
    return color, smooth(mask)


def lit_wall(*, light_from_left, size=128, horizon=0.64):
    """A plate: a wall that falls off away from the light above a surface of another color; uint8 (size, size, 3)."""
    plate = shaded((size, size), (150, 170, 140), lit_from_left=light_from_left)
    row = round(size * horizon)
    plate[row:] = shaded((size - row, size), (180, 140, 90), lit_from_left=light_from_left)
    return plate


def sunlit_wall(*, sun_from_left, size=128, horizon=0.64):
    """A plate with a window's light on the wall: level bars drawn as lines that fall away from the sun; uint8 (size, size, 3)."""
    plate = np.full((size, size, 3), (90, 80, 70), np.uint8)
    patch = np.array([(20, 8), (95, 38), (95, 74), (20, 44)])
    cv2.fillConvexPoly(plate, patch, (225, 205, 175))
    cv2.line(plate, (20, 26), (95, 56), (90, 80, 70), 3)
    cv2.line(plate, (57, 15), (57, 70), (90, 80, 70), 3)
    plate[round(size * horizon) :] = (120, 70, 40)
    return plate if sun_from_left else np.ascontiguousarray(plate[:, ::-1])
