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
HORIZON_SEARCH = (0.40, 0.80)
"""Share of the height, from the top, in which a table edge is looked for: product sets are shot from slightly above."""
HORIZON_DEFAULT = 0.62
"""Where sets of the embedded model have it (measured on 1,572 rendered scenes: median .63); used when no edge is visible."""
HORIZON_MIN_STEP = 3.0
"""Smallest step in Lab between wall and surface, across most of the width, that counts as an edge; Delta E 1976."""


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
    wall, surface = lab[: row - 2], lab[row + 2 :]
    hardness = _hardness(wall)
    return PlateLight(
        horizon_share=round(horizon, 4),
        horizon_seen=seen,
        side=round(_side(wall, surface, hardness), 3),
        hardness=round(hardness, 3),
        warmth=round(_warmth(wall), 2),
        surface_rgb=_median_rgb(small[row + 2 :]),
        wall_rgb=_median_rgb(small[: row - 2]),
        brightness=round(float(lab[..., 0].mean()), 2),
    )


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


def _hardness(wall: FloatImage) -> float:
    """How much of the wall's lightness varies by hard-edged patches (window panes, leaf shadows) rather than by a smooth fall-off."""
    lightness = np.ascontiguousarray(wall[..., 0])
    patches = lightness - cv2.GaussianBlur(lightness, (0, 0), MEASURED_AT_PX / 8)
    return float(np.clip((float(patches.std()) - 1.5) / 7.0, 0.0, 1.0))


def _side(wall: FloatImage, surface: FloatImage, hardness: float) -> float:
    """Which side the key light is on, -1 left .. +1 right, from the fall-off of lightness across wall and surface."""
    across = np.linspace(-1, 1, MEASURED_AT_PX, dtype=np.float32)
    slope = 0.0
    for part, weight in ((wall, 1.0), (surface, 0.6)):
        column = np.median(part[..., 0], axis=0)
        slope += weight * float(np.polyfit(across, column / max(float(column.mean()), 8.0), 1)[0])
    return float(np.clip(np.tanh(slope * 6.0), -1, 1))


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
