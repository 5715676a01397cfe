"""Ground a placed product: contact line, ambient occlusion and a cast shadow that agrees with the light.

Shadows start where the product touches the ground (footprint.py) and are returned as one darkness map: the share of light that does not reach
the ground. composite.py lays them down with `darken`, in linear light. Leaves out reflections and the product's own shading.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.footprint import Footprint

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

PENUMBRA_HEIGHTS = (0.0, 0.2, 0.5, 1.0)
"""Heights, in product heights, at which the cast shadow is blurred by the width of the light; parts between are blends."""
DEPTH_SLICES = (0.0, 0.14, 0.29, 0.43, 0.57, 0.71, 0.86, 1.0)
"""Where, between its front and its back, a solid product's silhouette stands when its shadow is drawn: a body as a few cards."""
MIN_STANCE_DEPTH = 0.14
"""Depth, in box widths on the picture, of what stands on feet: a sofa seen from 15 degrees above."""
WALL_SHADOW = 0.5
"""Darkness of a shadow on the wall against one on the ground: the wall is far behind, and much light reaches it past the product."""
LOW_CLEARANCE = 0.2
"""Free height under a product, in box widths, below which hardly any light gets under it."""
NARROW_FOOT_GAIN = 1.7
"""A thin leg's contact line is short and would blur away; this much stronger, it is as dark as a wide foot's."""
MIN_DEPTH = 0.07
"""Depth of a solid product's foot on the picture, in box widths, when its front edge is straight and tells nothing."""
DRAWN_PX = 600
"""Shadows are drawn at about this frame height, at most at half the frame's: the sharpest edge, the contact line, has a sigma of 1.2 pixels there."""


@dataclass(frozen=True, kw_only=True)
class ShadowLight:
    """What a shadow needs to know of the light.

    side: -1 from the left .. +1 from the right. hardness: 0 overcast .. 1 sun. reach: length of the cast shadow on the ground per unit
    of product height, sideways; a low sun has more. contact, occlusion, cast: share of light that each part takes, 0..1. spread: width of the
    occlusion against an open floor's, and darkness under a product on feet; a packshot's is kept small.
    """

    side: float
    hardness: float
    reach: float = 0.6
    contact: float = 0.8
    occlusion: float = 0.5
    cast: float = 0.45
    spread: float = 1.0


def shadow_map(
    alpha_HW: Uint8, footprint: Footprint, light: ShadowLight, *, horizon_row: float, within: tuple[int, int, int, int] | None = None
) -> FloatImage:
    """Light that a product takes from its surroundings, 0 none .. 1 all, float32 (H, W).

    alpha_HW: uint8, the placed alpha. horizon_row: where the ground ends and the wall begins; a long shadow bends up the wall there.
    within: left, top, right, bottom of the part of the frame that is wanted, the result's size then; what is outside is not drawn at all.
    """
    frame_px = alpha_HW.shape[0]
    if within is not None:
        left, top, right, bottom = within
        alpha_HW, horizon_row = alpha_HW[top:bottom, left:right], horizon_row - top
        footprint = footprint.moved(-left, -top, width=right - left)
    height, width = alpha_HW.shape
    ground = _Ground(alpha_HW, footprint, horizon_row, frame_px)
    clear = np.ones(ground.alpha.shape, np.float32)
    clear *= 1 - light.contact * _contact(ground)
    clear *= 1 - light.occlusion * _occlusion(ground, light.spread)
    if light.cast > 0:
        # Every pixel of the product is laid down many times, and the result is blurred: half the detail is enough for that part.
        coarse = _Ground(alpha_HW, footprint, horizon_row, frame_px, drawn_px=DRAWN_PX / 2)
        clear *= 1 - light.cast * cv2.resize(_cast(coarse, light), ground.size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(1 - clear, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def darken(light_HW3: FloatImage, darkness_HW: FloatImage, *, tint_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> FloatImage:
    """Surroundings (linear light) under a darkness map: full darkness leaves `tint_rgb` (0..1 per channel) of their light; float32."""
    kept = np.asarray(tint_rgb, np.float32)
    return np.asarray(light_HW3 * (1 - darkness_HW[..., None] * (1 - kept)), np.float32)


class _Ground:
    """The alpha and footprint at drawing size, and the lengths that shadows scale with."""

    def __init__(self, alpha: Uint8, footprint: Footprint, horizon_row: float, frame_px: int, drawn_px: float = DRAWN_PX) -> None:
        height, width = alpha.shape
        detail = max(2.0, frame_px / drawn_px)
        self.size = (max(1, round(width / detail)), max(1, round(height / detail)))
        self.alpha = cv2.resize(alpha, self.size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        columns = np.clip(((np.arange(self.size[0]) + 0.5) * detail).astype(int), 0, width - 1)
        self.row = footprint.ground_row[columns] / detail
        self.touch = footprint.touch[columns]
        self.solid, self.clearance = footprint.solid, footprint.clearance
        self.runs = [(first / detail, last / detail) for first, last in footprint.runs]
        left, top, right, bottom = (edge / detail for edge in footprint.box)
        self.left, self.right, self.bottom = left, right, bottom
        self.product_width, self.product_height = right - left, bottom - top
        self.horizon = horizon_row / detail
        self.frame = frame_px / detail
        self.depth = np.zeros(self.size[0], np.float32)
        for first, last in self.runs:
            span = np.arange(int(first), min(int(np.ceil(last)), self.size[0]))
            ends = (self.row[span[0]] + self.row[span[-1]]) / 2
            self.depth[span] = np.clip(2 * (self.row[span] - ends), MIN_DEPTH * self.product_width, 0.3 * self.product_width)


def _contact(ground: _Ground) -> FloatImage:
    """The dark gap right under the product: a line along its footprint, tight, with a wider, fainter one around it; 0..1."""
    line = np.zeros(ground.alpha.shape, np.float32)
    columns = np.flatnonzero(ground.touch > 0.02)
    rows = np.clip(ground.row[columns], 0, line.shape[0] - 1.001)
    below = rows.astype(int)
    part = rows - below
    line[below, columns] += ground.touch[columns] * (1 - part)
    line[below + 1, columns] += ground.touch[columns] * part
    result = np.zeros_like(line)
    for sigma, weight in ((0.0020 * ground.frame, 0.62), (0.0062 * ground.frame, 0.38)):
        result += weight * np.sqrt(2 * np.pi) * sigma * cv2.GaussianBlur(line, (0, 0), sigmaX=sigma * 1.6, sigmaY=sigma)
    return np.asarray(np.clip(result if ground.solid else NARROW_FOOT_GAIN * result, 0, 1), np.float32)


def _occlusion(ground: _Ground, spread: float) -> FloatImage:
    """Sky hidden by the product's underside: its footprint filled in and softened, wider across than up the ground; 0..1."""
    area = np.zeros(ground.alpha.shape, np.float32)
    for first, last in ground.runs:
        _fill_ring(area, ground, first, last)
    unit = spread * (ground.product_width if ground.solid else 0.35 * ground.product_width)
    result = np.zeros_like(area)
    for share, weight in ((0.022, 0.45), (0.060, 0.35), (0.15, 0.35)):
        result += weight * _blur(area, share * unit * 1.8, share * unit)
    if not ground.solid:
        stance = np.zeros_like(area)
        points = [(x, ground.row[int(min(x, ground.size[0] - 1))]) for first, last in ground.runs for x in (first, last)]
        # Under a low seat the floor is dark as far back as it shows: up to where the body hides it.
        span = (max(y for _, y in points) - min(y for _, y in points)) / ground.product_width
        hidden = ground.clearance + 0.06 if ground.clearance < LOW_CLEARANCE else 0.0
        depth = max(MIN_STANCE_DEPTH - span, hidden) * ground.product_width
        if depth > 0:
            points += [(x, y - depth) for x, y in points]
        cv2.fillConvexPoly(stance, cv2.convexHull(np.array(points, np.float32)).astype(np.int32), 1.0)
        soft = 2 - spread  # a fainter one is a softer one: the light comes from more sides
        closeness = float(np.clip(1.05 - 1.5 * ground.clearance, 0.35, 0.95))
        result = np.maximum(
            result, spread * closeness * _blur(stance, 0.06 * soft * ground.product_width, 0.034 * soft * ground.product_width)
        )
    return np.clip(result * 1.35, 0, 1)


def _fill_ring(area: FloatImage, ground: _Ground, first: float, last: float) -> None:
    """Fill one run's footprint: its front edge is the outline, its hidden back edge the same curve mirrored at the height of its ends."""
    columns = np.arange(int(first), max(int(first) + 1, int(np.ceil(last))))
    columns = columns[columns < ground.size[0]]
    front = ground.row[columns]
    ends = (front[0] + front[-1]) / 2
    back = np.minimum(2 * ends - front, front - 0.02 * (last - first))
    points = np.concatenate([np.stack([columns, front], -1), np.stack([columns, back], -1)[::-1]])
    cv2.fillPoly(area, [np.round(points).astype(np.int32)], 1.0)


def _cast(ground: _Ground, light: ShadowLight) -> FloatImage:
    """The silhouette laid on the ground away from the light, softer and fainter the higher the part that throws it; 0..1.

    Each column of the product stands on its own ground row, so that every leg's shadow starts at its own foot. A product with a solid
    base is as deep as its foot: its silhouette is laid down at several depths. Past the horizon the shadow climbs the wall.

    Every product pixel is sent to where its shadow falls; asking each ground pixel what shades it was rejected, because ground rows jump
    between feet and the answer is then not unique.
    """
    sideways = -light.side * light.reach
    upward = max(0.15, 0.34 * (1 - 0.55 * abs(light.side))) * (0.6 + 0.4 * light.reach)
    rows, columns = np.nonzero(ground.alpha > 0.02)
    lift = ground.row[columns] - rows
    kept = lift > 0
    rows, columns, lift = rows[kept], columns[kept], lift[kept]
    share = lift / max(ground.product_height, 1.0)
    shadow = np.zeros_like(ground.alpha)
    for index, height in enumerate(PENUMBRA_HEIGHTS):
        nearness = np.interp(share, PENUMBRA_HEIGHTS, np.eye(len(PENUMBRA_HEIGHTS))[index])
        used = nearness > 0
        mass = (ground.alpha[rows, columns] * np.exp(-share / (0.42 + light.hardness)) * nearness)[used]
        layer = np.zeros_like(shadow)
        for slice_share in DEPTH_SLICES if ground.solid else DEPTH_SLICES[:1]:
            base = (ground.row - slice_share * ground.depth)[columns[used]]
            along = np.minimum(lift[used], np.maximum(base - ground.horizon, 0) / upward)
            climbed = lift[used] - along
            # Laid down, the silhouette is squeezed by `upward`, so that many of its pixels fall on one of the ground's.
            on_wall = WALL_SHADOW * np.exp(-climbed / (0.3 * ground.product_height))
            squeezed = mass * np.where(climbed > 0, on_wall, upward)
            laid = _splat(columns[used] + along * sideways, base - along * upward - climbed, squeezed, shadow.shape)
            layer = np.maximum(layer, laid)
        if ground.solid:
            # Fills the gaps between the cards. A dilation was rejected: it smears the ends too, where a ring has no depth.
            layer = _blur(layer, 0.3, 0.5 * float(ground.depth.max()) * (DEPTH_SLICES[1] - DEPTH_SLICES[0]))
        sigma = (0.012 - 0.007 * light.hardness + (0.16 - 0.13 * light.hardness) * height) * ground.product_height
        shadow += _blur(layer, max(sigma, 0.8), max(0.6 * sigma, 0.8))
    return np.asarray(np.clip(shadow, 0, 1), np.float32)


def _splat(x: FloatImage, y: FloatImage, mass: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    """Mass at fractional places shared among the four pixels around each; what falls outside is lost."""
    total = np.zeros(shape[0] * shape[1], np.float32)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            column, row = left + dx, top + dy
            weight = mass * np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0]) & (weight > 0)
            total += np.bincount(row[inside] * shape[1] + column[inside], weight[inside], total.size)
    return total.reshape(shape)


def _blur(image: FloatImage, sigma_x: float, sigma_y: float) -> FloatImage:
    """Gaussian blur; wide ones on a smaller copy, where they cost little and look the same."""
    step = int(min(sigma_x, sigma_y) / 3)
    if step <= 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=max(sigma_x, 0.3), sigmaY=max(sigma_y, 0.3)), np.float32)
    height, width = image.shape
    small = cv2.resize(image, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=sigma_x / step, sigmaY=sigma_y / step)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
