"""Drawn garments, and the same on somebody: in folds, turned, in other light. What on-model pictures are measured and judged with in tests."""

import cv2
import numpy as np

SIDE = 480


def garment(printed=True, color=(60, 110, 90), seed=0):
    """A shirt with a print, or a plain one: colors and alpha."""
    rng = np.random.default_rng(seed)
    photo, alpha = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    outline = np.array(
        [
            [120, 80],
            [200, 70],
            [280, 70],
            [360, 80],
            [430, 190],
            [370, 220],
            [350, 180],
            [350, 420],
            [130, 420],
            [130, 180],
            [110, 220],
            [50, 190],
        ]
    )
    cv2.fillPoly(alpha, [outline], 255)
    photo[alpha > 0] = color
    if printed:
        for n, word in enumerate(("VITRINE", "est. 26", "No 9 Q")):
            place, shade = (150, 200 + 60 * n), tuple(int(v) for v in rng.integers(0, 255, 3))
            cv2.putText(photo, word, place, cv2.FONT_HERSHEY_TRIPLEX, 1.2, shade, 2, cv2.LINE_AA)
    return photo, alpha


def worn(photo, alpha, *, light=0.85, fold_px=3.0):
    """The garment on somebody: smaller, turned, in folds, in other light, before a wall."""
    scene = np.full((600, 480, 3), (205, 203, 200), np.uint8)
    cv2.ellipse(scene, (240, 110), (60, 80), 0, 0, 360, (160, 118, 96), -1)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 6, 0.75)
    turn[1, 2] += 60
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    bent = cv2.remap(
        np.dstack([photo, alpha]), columns + fold_px * np.sin(rows / 40), rows + fold_px * np.sin(columns / 50), cv2.INTER_LINEAR
    )
    moved = cv2.warpAffine(bent, turn, (480, 600))
    shade = (light * (0.9 + 0.1 * np.sin(np.arange(480) / 30)))[None, :, None]
    cover = moved[..., 3:] / 255
    return np.clip(scene * (1 - cover) + moved[..., :3] * shade * cover, 0, 255).astype(np.uint8)


def hue_turned(photo, steps=30):
    """The same picture with its hues turned, in steps of two degrees."""
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + steps) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
