"""Measure what lies around the product: white, border, noise, foreign content, color of a plain backdrop, flat or blown scenes.

Leaves out the halo at the product's edge (measure_edges) and shadows (measure_shadow).
"""

import cv2
import numpy as np

from imaging.color import delta_e2000, srgb_to_lab
from imaging.measure_views import ByteImage, Mask, Views, highest_channel, lowest_channel

WHITE_LEVEL = 254
"""Smallest channel value that counts as white: exact 255 everywhere is unusable with JPEG (quality reference, 4.4)."""
BORDER_PX = 8
EDGE_LEVELS = 24.0
"""Sobel magnitude in 8-bit levels from which a background pixel belongs to an edge."""
HARD_EDGE_LEVELS = 72.0
"""The same on a backdrop whose shadows are not known: above the steepest cast shadow (60 levels over 8 px), below any letter or object."""
STRIDE = 3
"""Percentiles and medians look at every third pixel: they are the same to two digits and cost a third."""


def measure_white(render_HW3: ByteImage, background_HW: Mask) -> dict[str, float | None]:
    """How white the background and the border are, at full size.

    render_HW3: uint8 sRGB. background_HW: pixels that should be white, full size. Values: percent, and an 8-bit level.
    """
    lowest = lowest_channel(render_HW3)
    zone = lowest[background_HW]
    ring = np.concatenate(
        [lowest[:BORDER_PX].ravel(), lowest[-BORDER_PX:].ravel(), lowest[:, :BORDER_PX].ravel(), lowest[:, -BORDER_PX:].ravel()]
    )
    return {
        "white_share_pct": float((zone >= WHITE_LEVEL).mean() * 100) if zone.size else None,
        "border_min_rgb": float(np.percentile(ring, 1)),
    }


def measure_background(views: Views, background_hex: str | None = None, *, soft_shadows: bool = False) -> dict[str, float | None]:
    """Noise, foreign edges, distance to the expected background, and how much is flat or clipped, all outside the product.

    background_hex: the color a plain backdrop should have. soft_shadows: cast shadows may lie on it; only hard edges are foreign then.
    Columns that need the expected picture or the color are None without it.
    """
    columns: dict[str, float | None] = dict.fromkeys(
        ("background_noise", "extra_edge_permille", "background_delta_e", "backdrop_delta_e", "background_clipped_pct", "background_std")
    )
    zone = views.background_HW
    if zone is None or int(zone.sum()) < 1000:
        return columns
    lightness = views.render_lab_HW3[..., 0] * 2.55
    columns["background_noise"] = immerkaer_noise(lightness, zone)
    columns["background_std"] = float(lightness[zone].std())
    highest = highest_channel(views.render_HW3)[zone]
    lowest = lowest_channel(views.render_HW3)[zone]
    columns["background_clipped_pct"] = float(((lowest >= WHITE_LEVEL) | (highest <= 3)).mean() * 100)
    edges = edge_magnitude(lightness) > (HARD_EDGE_LEVELS if soft_shadows and not views.shadow_known else EDGE_LEVELS)
    if views.complete and views.expected_lab_HW3 is not None:
        known = cv2.dilate((edge_magnitude(views.expected_lab_HW3[..., 0] * 2.55) > EDGE_LEVELS / 2).astype(np.uint8), np.ones((5, 5)))
        edges &= known == 0
        difference = cv2.blur(cv2.absdiff(views.render_lab_HW3, views.expected_lab_HW3), (5, 5))
        columns["background_delta_e"] = float(np.percentile(np.linalg.norm(difference[zone][::STRIDE], axis=1), 99.5))
    columns["extra_edge_permille"] = float(edges[zone].mean() * 1000)
    if background_hex is not None:
        wanted = srgb_to_lab(np.array([[rgb_of(background_hex)]], np.uint8))[0, 0]
        columns["backdrop_delta_e"] = float(delta_e2000(np.median(views.render_lab_HW3[zone][:: STRIDE * 3], axis=0), wanted))
    return columns


def immerkaer_noise(levels_HW: np.ndarray, zone_HW: Mask) -> float:
    """Noise sigma in 8-bit levels over a zone (Immerkaer 1996, "Fast noise variance estimation"); sees texture as noise."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.abs(cv2.filter2D(levels_HW, cv2.CV_32F, kernel))[zone_HW].mean() * np.sqrt(np.pi / 2) / 6)


def edge_magnitude(levels_HW: np.ndarray) -> np.ndarray:
    """Sobel gradient magnitude of a lightness image."""
    return np.asarray(cv2.magnitude(cv2.Sobel(levels_HW, cv2.CV_32F, 1, 0), cv2.Sobel(levels_HW, cv2.CV_32F, 0, 1)))


def rgb_of(color_hex: str) -> tuple[int, int, int]:
    """The 8-bit sRGB values of `#rrggbb`."""
    value = int(color_hex.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255
