"""Small true composites for the gate's tests: a drawn, textured product on white or in a scene, with what a cell knows about it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.corruptions import Scene, gradient_scene, place_product
from quality.measurements import RenderEvidence

SIDE_PX = 560


def textured_bottle() -> np.ndarray:
    """A ribbed, labelled bottle with shading and speckles, RGBA (700, 400, 4): enough texture to be found, enough plain area to be stained."""
    rng = np.random.default_rng(4)
    mask = np.zeros((700, 400), np.uint8)
    cv2.rectangle(mask, (60, 200), (340, 660), 255, -1)
    cv2.ellipse(mask, (200, 205), (140, 70), 0, 180, 360, 255, -1)
    cv2.ellipse(mask, (200, 655), (140, 34), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (150, 40), (250, 180), 255, -1)
    x = np.linspace(-1, 1, 400, dtype=np.float32)
    light = 0.55 + 0.45 * np.sqrt(np.clip(1 - (x * 0.95) ** 2, 0, 1)) + 0.12 * np.sin(x * 40)
    color = np.array([178, 92, 64], np.float32) * light[None, :, None] * np.ones((700, 1, 1), np.float32)
    color += cv2.GaussianBlur(rng.normal(0, 26, (700, 400)).astype(np.float32), (0, 0), 2.0)[..., None]
    color = np.clip(color, 0, 255).astype(np.uint8)
    cv2.rectangle(color, (90, 360), (310, 540), (236, 228, 210), -1)
    for row, text in ((410, "NORTH"), (455, "LIGHT"), (505, "N 7")):
        cv2.putText(color, text, (118, row), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (40, 36, 34), 3, cv2.LINE_AA)
    cv2.rectangle(color, (150, 40), (250, 120), (52, 50, 48), -1)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    return np.dstack([color, alpha.astype(np.uint8)])


def white_scene(**changes) -> Scene:
    scene = place_product(textured_bottle(), SIDE_PX, fill=0.86, seed=3)
    return replace(scene, **changes)


def sloped_scene() -> Scene:
    return place_product(textured_bottle(), SIDE_PX, fill=0.8, seed=3, background_HW3=gradient_scene(SIDE_PX, 3))


@dataclass(frozen=True)
class Known:
    """How much is known about a picture: with `expected`, the complete true composite as well."""

    expected: bool = True
    background: str = "white"


def evidence(picture: np.ndarray, scene: Scene, known: Known = Known(), **facts) -> RenderEvidence:
    return RenderEvidence(
        pixels_HW3=picture,
        product_rgb_HW3=np.clip(np.rint(scene.rgb_HW3), 0, 255).astype(np.uint8),
        product_alpha_HW=np.rint(scene.alpha_HW * 255).astype(np.uint8),
        expected_HW3=scene.flat() if known.expected else None,
        facts={"background": known.background, **facts},
        file_format="JPEG",
        file_bytes=120_000,
    )
