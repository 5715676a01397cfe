"""Give an enlarged surface the fine detail that a small plate cannot hold: noise laid on the ground plane in perspective.

How strong it is and how far it is drawn out sideways (wood, brushed metal) is read from the plate's own surface, so lacquer stays smooth.
Leaves out the wall, which is out of focus, and real patterns: tiles and veins are the base model's.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

TILE_PX = 512
VANISHING_ABOVE = 0.42
"""How far above the surface's far edge its vanishing line lies, in frame heights: sets are shot from about 15 degrees above."""
STRENGTH_PER_ROUGHNESS = 1.5
MAX_STRENGTH = 7.0
"""Standard deviation of the detail in levels of 255, per level of roughness that the plate shows, and at most."""
SMOOTH_ROUGHNESS = 0.35
"""Roughness, in levels of L, that the model's own residue leaves on lacquer; nothing is added for it."""


def read_surface(plate_HW3: Uint8, horizon_share: float) -> tuple[float, float]:
    """How rough a plate's surface is (standard deviation of fine lightness, L of Lab) and how drawn out sideways (1 even .. 6 wood)."""
    small = cv2.resize(plate_HW3, (128, 128), interpolation=cv2.INTER_AREA)
    lightness = np.ascontiguousarray(srgb_to_lab(small)[round(horizon_share * 128) + 4 :, :, 0])
    fine = lightness - cv2.GaussianBlur(lightness, (0, 0), 3.0)
    across = float(np.median(np.abs(np.diff(lightness, axis=1))))
    down = float(np.median(np.abs(np.diff(lightness, axis=0))))
    # Foreshortening alone makes even texture change about 1.6 times faster down the picture than across.
    drawn_out = float(np.clip(down / max(across, 0.05) / 1.6, 1.0, 6.0))
    return float(1.48 * np.median(np.abs(fine - np.median(fine)))), drawn_out


def add_surface_detail(scene_HW3: FloatImage, *, horizon_share: float, roughness: float, drawn_out: float, seed: int) -> FloatImage:
    """The scene with fine detail on its surface, in perspective; float32 0..255, as given.

    roughness, drawn_out: from `read_surface`. seed: of the noise.
    """
    strength = min(STRENGTH_PER_ROUGHNESS * max(roughness - SMOOTH_ROUGHNESS, 0.0), MAX_STRENGTH)
    height, width = scene_HW3.shape[:2]
    first = round(horizon_share * height)
    if strength <= 0 or first >= height - 2:
        return scene_HW3
    vanishing = (horizon_share - VANISHING_ABOVE) * height
    rows, columns = np.mgrid[first:height, 0:width].astype(np.float32)
    depth = height / (rows - vanishing)
    x = (columns - width / 2) * depth / drawn_out
    y = 3.2 * height * depth
    noise = cv2.remap(_tile(seed), x % TILE_PX, y % TILE_PX, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    fade = np.clip((rows - first) / (0.06 * height), 0, 1)
    level = scene_HW3[first:].mean(axis=2, keepdims=True)
    gain = 1 + (noise * fade * strength)[..., None] / np.maximum(level, 40.0)
    result = scene_HW3.copy()
    result[first:] = scene_HW3[first:] * gain
    return result


def _tile(seed: int) -> FloatImage:
    """A square of noise that repeats without a seam: fine to coarse octaves, standard deviation 1."""
    random = np.random.default_rng(seed)
    tile = np.zeros((TILE_PX, TILE_PX), np.float32)
    for sigma, weight in ((0.7, 0.75), (1.6, 0.9), (4.0, 0.8), (10.0, 0.5)):
        noise = random.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
        margin = int(4 * sigma) + 1
        soft = cv2.GaussianBlur(np.pad(noise, margin, mode="wrap"), (0, 0), sigma)[margin:-margin, margin:-margin]
        tile += weight * soft / soft.std()
    return np.asarray(tile / tile.std(), np.float32)
