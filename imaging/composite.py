"""Put a placed product into surroundings: shadow and reflection on the ground, light wrapped around its edge, and itself laid over them.

All of it adds up light (linear_light.py), so a soft edge is as bright as the two things that share it. Where the product is opaque its bytes stay;
no effect reaches them. Where a product stands is placing.py, what its shadow looks like shadows.py.

    ground = grounded(light_HW3, placed, shadow=..., reflection=...)      linear light, product not yet on it
    picture = composite(wrap_edge(placed.rgb_HW3, placed.alpha_HW, back, amount=0.3), placed.alpha_HW, back)
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from imaging.footprint import Footprint, find_footprint
from imaging.linear_light import Uint8, to_levels, to_light
from imaging.placing import OPAQUE_ALPHA
from imaging.shadows import ShadowLight, darken, shadow_map

FloatImage = npt.NDArray[np.float32]

LOCKED_INSET_PX = 2
"""How far inside the matte pixels stay untouched: the gate compares inside a 5x5 erosion, which is two pixels."""
WRAP_REACH_PX = 7
"""How far around an edge pixel light is gathered that wraps around it."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A product in a frame as `placing.place` gives it: colors uint8 (H, W, 3), not premultiplied, and alpha uint8 (H, W)."""

    rgb_HW3: Uint8
    alpha_HW: Uint8

    @cached_property
    def footprint(self) -> Footprint:
        """Where it touches the ground."""
        return find_footprint(self.alpha_HW)


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """The shadow a product throws: what the light is like, and the share of each channel's light (0..1) that is left where it is darkest."""

    light: ShadowLight
    kept_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    horizon_row: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reflection:
    """A product mirrored in the ground: share of its light at the foot, how far down it shows (product heights), blur at that depth (of the same)."""

    strength: float
    reach: float = 0.35
    blur: float = 0.02


def composite(rgb_HW3: Uint8, alpha_HW: Uint8, background_HW3: Uint8) -> Uint8:
    """A placed cut-out laid over a background of the same size; where alpha is 255 the product's bytes, where it is 0 the background's.

    Soft pixels share the spot, so their light is added, not their levels: half white and half black is level 188, not 128.
    """
    result = background_HW3.copy()
    cv2.copyTo(rgb_HW3, cv2.compare(alpha_HW, 255, cv2.CMP_EQ), result)
    soft = np.flatnonzero(cv2.inRange(alpha_HW, np.array([1.0]), np.array([254.0])))
    if soft.size:
        share = (alpha_HW.reshape(-1)[soft].astype(np.float32) / np.float32(255))[:, None]
        over, beneath = to_light(rgb_HW3.reshape(-1, 3)[soft]), to_light(background_HW3.reshape(-1, 3)[soft])
        result.reshape(-1, 3)[soft] = to_levels(beneath + (over - beneath) * share)
    return result


def grounded(light_HW3: FloatImage, *placed: Placed, shadow: Shadow | None = None, reflection: Reflection | None = None) -> FloatImage:
    """Surroundings with the reflections and shadows of products on their ground, the products themselves not yet on them; linear light.

    placed: from back to front. Where the shadows of two meet, the darker one counts: they keep away the same light.
    """
    for one in placed:
        if reflection is not None and reflection.strength > 0:
            light_HW3 = _reflected(light_HW3, one, reflection)
    if shadow is not None and placed:
        maps = [shadow_map(one.alpha_HW, one.footprint, shadow.light, horizon_row=shadow.horizon_row) for one in placed]
        darkness = maps[0]
        for other in maps[1:]:
            darkness = np.maximum(darkness, other)
        light_HW3 = darken(light_HW3, darkness, tint_rgb=shadow.kept_rgb)
    return light_HW3


def wrap_edge(rgb_HW3: Uint8, alpha_HW: Uint8, background_HW3: Uint8, *, amount: float) -> Uint8:
    """Product colors whose outermost rim takes on the light behind it, as light wraps around an edge; uint8.

    Pixels at least LOCKED_INSET_PX inside the matte keep their bytes. A rim of studio white in a dark scene disappears this way. `amount`: 0 none ..
    1 the rim is as bright as what lies behind it.
    """
    if amount == 0:
        return rgb_HW3
    size = 2 * LOCKED_INSET_PX + 1
    inside = (alpha_HW >= OPAQUE_ALPHA).astype(np.float32)
    # The share of the neighborhood that is solid: exactly 1 on locked pixels, so the wrap ends there without a step.
    depth = cv2.blur(inside, (size, size), borderType=cv2.BORDER_REPLICATE)
    locked = cv2.erode(inside, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    rim = np.flatnonzero(~locked & (alpha_HW > 0))
    reach = 2 * WRAP_REACH_PX + 1
    around = cv2.blur(to_light(background_HW3), (reach, reach)).reshape(-1, 3)[rim]
    own = to_light(rgb_HW3.reshape(-1, 3)[rim])
    result = rgb_HW3.copy()
    result.reshape(-1, 3)[rim] = to_levels(own + (around - own) * (amount * (1 - depth.reshape(-1)[rim]))[:, None])
    return result


def _reflected(light_HW3: FloatImage, placed: Placed, reflection: Reflection) -> FloatImage:
    """The ground with the product mirrored in it, column by column from where it stands; fades and blurs with depth."""
    footprint, height = placed.footprint, placed.alpha_HW.shape[0]
    left, top, right, bottom = footprint.box
    reach = reflection.reach * (bottom - top)
    first, last = max(0, int(footprint.ground_row[left:right].min()) - 1), min(height, int(bottom + reach) + 1)
    if last <= first:
        return light_HW3
    rows, columns = np.mgrid[first:last, left:right].astype(np.float32)
    ground = footprint.ground_row[None, left:right]
    depth = rows - ground
    mirrored = cv2.remap(to_light(placed.rgb_HW3), columns, ground - depth, cv2.INTER_LINEAR, borderValue=0)
    cover = cv2.remap(placed.alpha_HW, columns, ground - depth, cv2.INTER_LINEAR, borderValue=0).astype(np.float32) / 255
    cover[depth < 0] = 0
    premultiplied = np.dstack([mirrored * cover[..., None], cover])
    soft = cv2.GaussianBlur(premultiplied, (0, 0), max(0.5, reflection.blur * (bottom - top)))
    near = np.clip(1 - depth / reach, 0, 1)[..., None]
    mixed = premultiplied * near**2 + soft * (1 - near**2)
    weight = reflection.strength * near**1.5 * (depth >= 0)[..., None]
    result = light_HW3.copy()
    part = result[first:last, left:right]
    result[first:last, left:right] = part * (1 - weight * mixed[..., 3:]) + mixed[..., :3] * weight
    return result
