"""Staged scenes: the product composited into an empty set, grounded by shadows that follow the set's light.

The plate comes drawn (plates.py). Product pixels inside the matte stay as photographed; only the soft edge takes on the scene's color.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.placement import Placement
from imaging.footprint import Footprint, find_footprint
from imaging.light import PlateLight, read_light
from imaging.placing import composite, fit_standing, place
from imaging.plate_finish import finish_plate
from imaging.shadows import ShadowLight, darken, shadow_map

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

SOLID_ALPHA = 250
"""Alpha (0..255) from which a pixel belongs to the matte's inside."""
LOCKED_INSET_PX = 2
"""How far inside the matte pixels stay untouched: the gate compares inside a 5x5 erosion, which is two pixels."""


def render_staged(
    foreground_HW3: Uint8, alpha_HW: Uint8, plate_HW3: Uint8, resolved: dict[str, Any], seed: int
) -> tuple[Uint8, Placement, dict[str, Any]]:
    """The product in a scene; cut-out at photo size, plate of any size. Returns pixels, placement and facts."""
    params = resolved["params"]
    width, height = resolved["width_px"], resolved["height_px"]
    placement = fit_standing(
        alpha_HW,
        frame_width_px=width,
        frame_height_px=height,
        height_pct=resolved["product_height_pct"],
        width_max_pct=resolved["product_width_max_pct"],
        base_pct=resolved["base_pct"],
    )
    rgb, alpha = place(foreground_HW3, alpha_HW, placement)
    light = read_light(plate_HW3)
    scene = finish_plate(
        plate_HW3,
        width_px=width,
        height_px=height,
        horizon_share=light.horizon_share,
        base_share=resolved["base_pct"] / 100,
        blur_pct=params["blur_pct"],
        grain=params["grain"],
        seed=seed,
    )
    footprint = find_footprint(alpha)
    if resolved["glossy"]:
        scene = _reflect(scene, rgb, alpha, footprint)
    if params["shadow"] > 0:
        darkness = shadow_map(alpha, footprint, scene_shadow(light, params["shadow"]), horizon_row=light.horizon_share * height)
        scene = darken(scene, darkness, tint_rgb=shadow_tint(light))
    background = np.clip(np.round(scene), 0, 255).astype(np.uint8)
    tinted = tint_edge(rgb, alpha, background, amount=params["edge_tint"])
    facts = {"prompt": resolved["prompt"], "plate_px": list(plate_HW3.shape[:2]), "light": light.as_dict()}
    return composite(tinted, alpha, background), placement, facts


def scene_shadow(light: PlateLight, strength: float) -> ShadowLight:
    """The shadow that a plate's light calls for: harder and longer under sun, a soft pool under an overcast sky."""
    return ShadowLight(
        side=light.side,
        hardness=light.hardness,
        reach=0.45 + 0.45 * light.hardness,
        contact=0.85 * strength,
        occlusion=0.55 * strength,
        cast=(0.40 + 0.2 * light.hardness) * strength,
    )


def shadow_tint(light: PlateLight) -> tuple[float, float, float]:
    """What ambient light leaves in a shadow: a little of the surface's own color, cooler where the key light is warm."""
    cool = float(np.clip(light.warmth / 20, 0, 1)) * 0.03
    red, green, blue = (0.10 * channel / 255 for channel in light.surface_rgb)
    return max(red - cool, 0.0), green, blue + cool


def tint_edge(rgb_HW3: Uint8, alpha_HW: Uint8, background_HW3: Uint8, *, amount: float) -> Uint8:
    """Product colors whose outermost rim takes on the scene's color there, as light wrapping around an edge does; uint8.

    Pixels at least LOCKED_INSET_PX inside the matte keep their bytes. A rim of studio white in a dark scene disappears this way.
    """
    inside = (alpha_HW >= SOLID_ALPHA).astype(np.uint8)
    size = 2 * LOCKED_INSET_PX + 1
    locked = cv2.erode(inside, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    rim = (locked == 0) & (alpha_HW > 0)
    around = cv2.blur(background_HW3, (15, 15)).astype(np.float32)
    weight = amount * np.where(inside == 1, 0.5, 1.0).astype(np.float32)[..., None]
    mixed = rgb_HW3 + (around - rgb_HW3) * weight
    return np.where(rim[..., None], np.clip(np.round(mixed), 0, 255).astype(np.uint8), rgb_HW3)


def _reflect(scene: FloatImage, rgb: Uint8, alpha: Uint8, footprint: Footprint) -> FloatImage:
    """The scene with the product mirrored faintly in its surface, column by column from where it stands; fades with depth."""
    height, width = alpha.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = rows - footprint.ground_row[None, :]
    source_row = footprint.ground_row[None, :] - depth
    top, bottom = footprint.box[1], footprint.box[3]
    reach = 0.35 * (bottom - top)
    strength = 0.16 * np.clip(1 - depth / reach, 0, 1) ** 1.5 * (depth >= 0)
    first = max(0, int(footprint.ground_row.min()) - 1)
    mirrored = cv2.remap(rgb, columns[first:], source_row[first:], cv2.INTER_LINEAR, borderValue=0)
    cover = cv2.remap(alpha, columns[first:], source_row[first:], cv2.INTER_LINEAR, borderValue=0)
    soft = cv2.GaussianBlur(np.dstack([mirrored * (cover[..., None] / 255.0), cover / 255.0]).astype(np.float32), (0, 0), 2.5)
    weight = strength[first:, :, None]
    result = scene.copy()
    result[first:] = scene[first:] * (1 - weight * soft[..., 3:]) + soft[..., :3] * weight
    return result
