"""Light a surface covered with another material: the photo's own shading, the new material's relief and highlight, and what it mirrors."""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.drawn_materials import Look
from imaging.shading import Light
from imaging.surface import Surface

FloatImage = npt.NDArray[np.float32]

LIGHT_UP, LIGHT_FRONT = 0.62, 0.62
"""The key light stands above and in front, to the side that the photo tells."""
GLOSS_KEPT = 0.35
"""Of the photo's own gloss, how much a shiny material keeps (matt ones keep none): its shape is true, its size is the old material's."""


def relit(
    laid_HW3: FloatImage, slopes_HW2: FloatImage | None, surface: Surface, light: Light, look: Look, *, side: float, px_size: float
) -> FloatImage:
    """Linear light (H, W, 3). laid: the material's own color. slopes: of its relief, per tile pixel. side: -1 lit from the left .. +1.

    px_size: tile pixels per picture pixel, so that a relief seen from afar is no steeper.
    """
    normal = surface.normal
    towards = np.array([0.55 * side, -LIGHT_UP, LIGHT_FRONT], np.float32)
    towards /= np.float32(np.linalg.norm(towards))
    lit = _dot(normal, towards)
    bumped = normal
    if slopes_HW2 is not None and look.relief > 0:
        strength = np.float32(look.relief * min(1.0, 1 / max(px_size, 1e-3)) ** 0.5)
        bumped = normal - cv2.merge([slopes_HW2[..., 0] * strength, slopes_HW2[..., 1] * strength, np.zeros_like(lit)])
        bumped = bumped / np.sqrt(np.square(bumped).sum(axis=-1))[..., None]
    relief = np.clip(1 + 1.3 * (_dot(bumped, towards) - lit), 0.45, 1.6)
    shade = light.falling * relief
    if look.mirror > 0:
        seen = _surroundings(bumped)
        shade = shade * (1 - look.mirror) + np.power(light.falling, np.float32(0.85)) * seen * look.mirror * relief
    half = towards + np.array([0, 0, 1], np.float32)
    half /= np.float32(np.linalg.norm(half))
    highlight = np.power(np.clip(_dot(bumped, half), 0, 1), np.float32(look.sharp)) * np.float32(look.shine)
    own = light.gloss * np.float32(GLOSS_KEPT * min(1.0, look.shine / 0.3))
    return np.asarray(laid_HW3 * shade[..., None] + (highlight * np.minimum(light.falling, 1.2) + own)[..., None], np.float32)


def _surroundings(normal: FloatImage) -> FloatImage:
    """How bright a studio looks mirrored in a surface that faces this way: bright boxes at both sides and above, dark between, floor below."""
    right, down = normal[..., 0], normal[..., 1]
    boxes = np.exp(-(((np.abs(right) - 0.45) / 0.16) ** 2)) * 0.5 + np.exp(-((right / 0.14) ** 2)) * 0.25
    edge = np.clip((np.abs(right) - 0.72) / 0.25, 0, 1)
    return np.asarray(np.clip(0.66 + boxes - 0.30 * edge - 0.30 * down, 0.2, 1.6), np.float32)


def _dot(normal: FloatImage, direction: FloatImage) -> FloatImage:
    return np.asarray(cv2.transform(normal, direction[None]), np.float32).reshape(normal.shape[:2])
