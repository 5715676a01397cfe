"""Read a scene plate's light and layout: where the surface begins, where the key light comes from, how hard and warm it is.

Works on 128 px plates of the embedded base model as well as on large ones: everything is measured on a 96 px copy. What is done with
the answer is shadows.py and plate_finish.py. Does not recognize objects.
"""

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab

Uint8 = npt.NDArray[np.uint8]

MEASURED_AT_PX = 96
PRODUCT_MEASURED_AT_PX = 128
HORIZON_SEARCH = (0.40, 0.80)
"""Share of the height, from the top, in which a table edge is looked for: product sets are shot from slightly above."""
HORIZON_DEFAULT = 0.62
"""Where sets of the embedded model have it (measured on 1,572 rendered scenes: median .63); used when no edge is visible."""
HORIZON_MIN_STEP = 3.0
"""Smallest step in Lab between wall and surface, across most of the width, that counts as an edge; Delta E 1976."""

EDGE_MIN_SLOPE = 1.2
"""L of Lab per pixel of the 96 px copy from which a change is an edge of light, not a fall-off."""
EDGE_SHARE_OF_SUN = 0.15
"""Share of the wall with such edges from which the light is a sun's. This, the slope and the lean gain give the right side on 97 % of 393
rendered scenes with known light (golden hour 85 %, its even wall shows little; the rest 98 to 100 %)."""
PATCH_SIGMA_PX = 7.0
"""Patches of light are what remains of the wall without its fall-off, blurred by this."""
PROP_FREE_SHARE = 0.72
"""Upper share of the wall that props rarely reach; their own edges say nothing of the light."""
FALLOFF_HALF = 0.03
"""Relative fall-off across the wall at which the side is half certain."""
LEAN_GAIN = 5.0


@dataclass(frozen=True, kw_only=True)
class PlateLight:
    """The light of a plate, as far as shadows and tints need it.

    horizon_share: where the surface begins, 0 top .. 1 bottom; horizon_seen False means that no edge was found and the usual place is
    taken. side: -1 the key light comes from the left, +1 from the right, values between are less certain or more frontal.
    hardness: 0 overcast .. 1 sun. warmth: b of Lab of the light's tint, about -20 blue .. +20 golden.
    surface_rgb, wall_rgb: median sRGB, 0..255. brightness: mean L of Lab, 0..100.
    """

    horizon_share: float
    horizon_seen: bool
    side: float
    hardness: float
    warmth: float
    surface_rgb: tuple[int, int, int]
    wall_rgb: tuple[int, int, int]
    brightness: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def read_light(plate_HW3: Uint8) -> PlateLight:
    """The light and layout of a plate. plate_HW3: uint8 sRGB, any size from 32 px."""
    small = cv2.resize(plate_HW3, (MEASURED_AT_PX, MEASURED_AT_PX), interpolation=cv2.INTER_AREA)
    lab = srgb_to_lab(small)
    horizon, seen = _horizon(lab)
    row = round(horizon * MEASURED_AT_PX)
    wall = lab[: row - 2]
    edge_share, lean = _edges(wall)
    return PlateLight(
        horizon_share=round(horizon, 4),
        horizon_seen=seen,
        side=round(_side(wall, edge_share, lean), 3),
        hardness=round(min(edge_share / EDGE_SHARE_OF_SUN, 1.0), 3),
        warmth=round(_warmth(wall), 2),
        surface_rgb=_median_rgb(small[row + 2 :]),
        wall_rgb=_median_rgb(small[: row - 2]),
        brightness=round(float(lab[..., 0].mean()), 2),
    )


def read_product_side(rgb_HW3: Uint8, alpha_HW: Uint8) -> float:
    """Which side the product itself was lit from, -1 left .. +1 right, near 0 when its shading does not say; uint8 colors and alpha.

    The median over rows of the lightness slope across the product: prints and parts of another color touch few rows.
    """
    scale = PRODUCT_MEASURED_AT_PX / max(alpha_HW.shape)
    size = (max(8, round(alpha_HW.shape[1] * scale)), max(8, round(alpha_HW.shape[0] * scale)))
    lightness = srgb_to_lab(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA))[..., 0]
    solid = cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA) >= 250
    slopes = []
    for row, inside in zip(lightness, solid, strict=True):
        columns = np.flatnonzero(inside)
        if columns.size < PRODUCT_MEASURED_AT_PX // 12:
            continue
        across = (columns - columns.mean()) / max((columns[-1] - columns[0]) / 2, 1)
        slopes.append(float((across * row[columns]).sum() / (across**2).sum() / (row[columns].mean() + 16)))
    if not slopes:
        return 0.0
    slope = float(np.median(slopes))
    return round(slope / (abs(slope) + FALLOFF_HALF), 3)


def _horizon(lab: FloatImage) -> tuple[float, bool]:
    """The row with the largest step that most columns share, and whether there is one. A median over columns ignores props."""
    reach = 4
    first, last = (round(share * MEASURED_AT_PX) for share in HORIZON_SEARCH)
    steps = []
    for row in range(first, last):
        above, below = lab[row - reach : row].mean(axis=0), lab[row : row + reach].mean(axis=0)
        steps.append(float(np.median(np.linalg.norm(below - above, axis=-1))))
    best = int(np.argmax(steps))
    if steps[best] < HORIZON_MIN_STEP:
        return HORIZON_DEFAULT, False
    return (first + best) / MEASURED_AT_PX, True


def _edges(wall: FloatImage) -> tuple[float, float]:
    """Share of the wall lit or shaded by hard-edged patches, and which way their edges lean: -1 falling to the right .. +1 to the left.

    Sun through a window draws the frame's level bars on the wall as lines that fall away from the sun; leaves lean the same way.
    """
    lightness = cv2.GaussianBlur(np.ascontiguousarray(wall[..., 0]), (0, 0), 1.0)
    patches = lightness - cv2.GaussianBlur(lightness, (0, 0), PATCH_SIGMA_PX)
    upper = round(PROP_FREE_SHARE * len(wall))
    across, down = (cv2.Sobel(patches, cv2.CV_32F, *axis)[:upper] / 8 for axis in ((1, 0), (0, 1)))
    steepness = across**2 + down**2
    edge = steepness > EDGE_MIN_SLOPE**2
    if not edge.any():
        return 0.0, 0.0
    return float(edge.mean()), float(2 * (across * down)[edge].sum() / steepness[edge].sum())


def _side(wall: FloatImage, edge_share: float, lean: float) -> float:
    """Which side the key light is on, -1 left .. +1 right: from the fall-off across the wall, or from the patches of a sun."""
    columns = np.median(wall[..., 0], axis=0)
    slope = float(np.polyfit(np.linspace(-1, 1, len(columns)), columns / max(float(columns.mean()), 8.0), 1)[0])
    from_falloff = slope / (abs(slope) + FALLOFF_HALF)
    sun = min(edge_share / EDGE_SHARE_OF_SUN, 1.0)
    return float((1 - sun) * from_falloff + sun * np.tanh(LEAN_GAIN * lean))


def _warmth(wall: FloatImage) -> float:
    """b of Lab of the bright half of the wall against its dark half: lit areas show the key light's color, shadows the ambient's."""
    lightness = wall[..., 0]
    middle = float(np.median(lightness))
    lit, dim = wall[lightness >= middle], wall[lightness < middle]
    if len(dim) == 0:
        return 0.0
    scale = float(lit[:, 0].mean() + 16) / float(dim[:, 0].mean() + 16)
    return float(np.clip(lit[:, 2].mean() - dim[:, 2].mean() * scale, -20, 20))


def _median_rgb(region: Uint8) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in np.median(region.reshape(-1, 3), axis=0))
    return red, green, blue
