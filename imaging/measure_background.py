"""Measure what lies around the product: white, border, noise, foreign content, color of a plain backdrop, flat or blown scenes.

Leaves out the halo at the product's edge (measure_edges) and shadows (measure_shadow).
"""

import cv2
import numpy as np

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.footprint import WHITE_BORDER_PX, find_footprint
from imaging.measure_views import ByteImage, Mask, Views, highest_channel, lowest_channel
from imaging.product_planes import LEVELS_PER_L, dot

WHITE_LEVEL = 254
"""Smallest channel value that counts as white: exact 255 everywhere is unusable with JPEG (quality reference, 4.4)."""
PURE_WHITE_FROM_PX = 16
"""Beyond this distance from the product a marketplace's main image is exactly 255; within, a JPEG's edges ring."""
BORDER_PX = WHITE_BORDER_PX
EDGE_LEVELS = 24.0
"""Sobel magnitude in 8-bit levels from which a background pixel belongs to an edge."""
HARD_EDGE_LEVELS = 72.0
"""The same on a backdrop whose shadows are not known: above the steepest cast shadow (60 levels over 8 px), below any letter or object."""
STRIDE = 3
"""Shares and medians look at every third pixel of every third row: they are the same to two digits and cost a ninth."""


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


def measure_pure_white(render_HW3: ByteImage, product_alpha_HW: ByteImage, *, shadow: bool = True) -> dict[str, float | None]:
    """`pure_white_pct`: share of exactly 255 among the pixels more than PURE_WHITE_FROM_PX from the product and outside its shadow's zone, percent.

    Both arrays uint8 at full size; alpha 0..255. shadow: False where none was asked for, so that no zone is left out. None where no pixel is that far away or nothing stands in the frame.
    """
    near = cv2.dilate((product_alpha_HW > 0).view(np.uint8), np.ones((2 * PURE_WHITE_FROM_PX + 1,) * 2, np.uint8)) > 0
    try:
        left, top, right, bottom = find_footprint(product_alpha_HW).shadow_zone(near.shape[1], near.shape[0])
    except ValueError:  # no pixel is half covered
        return {"pure_white_pct": None}
    if shadow:
        near[top:bottom, left:right] = True
    far = lowest_channel(render_HW3)[~near]
    return {"pure_white_pct": float((far == 255).mean() * 100) if far.size else None}


def measure_background(views: Views, background_hex: str | None = None, *, soft_shadows: bool = False) -> dict[str, float | None]:
    """Noise, foreign edges, distance to the expected background, and how much is flat or clipped, all outside the product.

    background_hex: the color a plain backdrop should have. soft_shadows: cast shadows may lie on it; only hard edges are foreign then.
    Columns that need the expected picture or the color are None without it.
    """
    columns: dict[str, float | None] = dict.fromkeys(
        ("background_noise", "extra_edge_permille", "background_delta_e", "backdrop_delta_e", "background_clipped_pct", "background_std")
    )
    zone = views.background_HW
    pixels = 0 if zone is None else cv2.countNonZero(zone.view(np.uint8))
    if zone is None or pixels < 1000:
        return columns
    lightness = np.asarray(cv2.extractChannel(views.render_lab_HW3, 0))
    weight = zone.astype(np.float32)
    columns["background_noise"] = immerkaer_noise(lightness, weight) * LEVELS_PER_L
    rest = (lightness - np.float32(dot(lightness, weight) / pixels)) * weight
    columns["background_std"] = float(np.sqrt(dot(rest, rest) / pixels)) * LEVELS_PER_L
    few = views.render_HW3[::STRIDE, ::STRIDE]
    clipped = (lowest_channel(few) >= WHITE_LEVEL) | (highest_channel(few) <= 3)
    columns["background_clipped_pct"] = float(clipped[zone[::STRIDE, ::STRIDE]].mean() * 100)
    limit = HARD_EDGE_LEVELS if soft_shadows and not views.shadow_known else EDGE_LEVELS
    edges = (edge_magnitude(lightness) > limit / LEVELS_PER_L) & zone
    if views.complete and views.expected_lab_HW3 is not None:
        steep = edge_magnitude(np.asarray(cv2.extractChannel(views.expected_lab_HW3, 0))) > EDGE_LEVELS / 2 / LEVELS_PER_L
        edges &= cv2.dilate(steep.view(np.uint8), np.ones((5, 5), np.uint8)) == 0
        columns["background_delta_e"] = _far_off(views, zone)
    columns["extra_edge_permille"] = cv2.countNonZero(edges.view(np.uint8)) / pixels * 1000
    if background_hex is not None:
        wanted = srgb_to_lab(np.array([[rgb_of(background_hex)]], np.uint8))[0, 0]
        seen = views.render_lab_HW3[::STRIDE, ::STRIDE][zone[::STRIDE, ::STRIDE]]
        columns["backdrop_delta_e"] = float(delta_e2000(np.median(seen, axis=0), wanted))
    return columns


def _far_off(views: Views, zone_HW: Mask) -> float:
    """99.5th percentile of the smoothed Lab distance to the expected background, at half size."""
    assert views.expected_lab_HW3 is not None
    height, width = (side // 2 for side in zone_HW.shape)
    difference = cv2.absdiff(views.render_lab_HW3, views.expected_lab_HW3)[: 2 * height, : 2 * width]
    half = cv2.blur(cv2.resize(difference, (width, height), interpolation=cv2.INTER_AREA), (3, 3))
    square = cv2.transform(half * half, np.ones((1, 3), np.float32))
    return float(np.sqrt(np.percentile(square[zone_HW[: 2 * height : 2, : 2 * width : 2]][::2], 99.5)))


def immerkaer_noise(lightness_HW: FloatImage, weight_HW: FloatImage) -> float:
    """Noise sigma over a zone, in the picture's units (Immerkaer 1996, "Fast noise variance estimation"); sees texture as noise."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(lightness_HW, cv2.CV_32F, kernel))
    return dot(response, weight_HW) / max(1.0, float(weight_HW.sum())) * float(np.sqrt(np.pi / 2) / 6)


def edge_magnitude(levels_HW: np.ndarray) -> np.ndarray:
    """Sobel gradient magnitude of a lightness image."""
    return np.asarray(cv2.magnitude(cv2.Sobel(levels_HW, cv2.CV_32F, 1, 0), cv2.Sobel(levels_HW, cv2.CV_32F, 0, 1)))


def rgb_of(color_hex: str) -> tuple[int, int, int]:
    """The 8-bit sRGB values of `#rrggbb`."""
    value = int(color_hex.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255
