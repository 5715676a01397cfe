"""From a hard product mask to a soft one: edge alpha, and the product's own color under the soft edge.

Along a plain background both colors of every edge pixel are known: the product's from just inside, the background's (with
its shadow) from just outside. Where the pixel lies between them is its alpha. Colors are estimated at working size, alpha
is solved at full size, in the band around the edge only. Leaves out hair and glass.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import FloatImage
from imaging.color_spread import carry_color

Photo = npt.NDArray[np.uint8]

BAND_PX = 5.0
"""How far inside the mask's skirt a pixel may still be mixed, in pixels of a 1024 px picture."""
PEAK_PX = 5.0
"""Neighborhood in which the strongest contrast stands for the product, where it is too thin to have an inside."""
CHROMA_WEIGHT = 0.7
"""JPEG halves the resolution of color, so color says less about where an edge is."""
PURE_SHARES = (0.12, 0.88)
"""Mixtures below and above are noise around pure background and pure product."""
FIRM_CONTRAST = (6.0, 14.0)
"""Contrast (of 255) below which the edge is placed by shape alone, and from which by color alone."""
SKIRT_PX = 1.5
"""How far outside the true edge the mask's skirt ends, where contrast cannot tell."""
REACH_PX = (1.5, 4.0, 12.0)
"""Blurs with which color is carried across the edge; the widest is used only where the narrower ones reach nothing."""


@dataclass(frozen=True, kw_only=True)
class EdgeColors:
    """What is needed to solve a pixel of the edge band, as maps of working size."""

    band: Mask
    inside: Mask
    background_HW3: FloatImage
    """sRGB 0..255 of the background behind the edge."""
    product_HW3: FloatImage
    """sRGB 0..255 of the product just inside; meaningless where `has_product` is 0."""
    has_product_HW: FloatImage
    peak_HW: FloatImage
    """Strongest contrast nearby."""
    shape_HW: FloatImage
    """Alpha by shape alone, 0..1."""
    contrast_HW: FloatImage
    """How far product and background lie apart; 0..about 255."""


def estimate_edge_colors(photo_HW3: Photo, mask: Mask, unit_px: float) -> EdgeColors:
    """Estimate product and background color on both sides of the mask's edge, at working size."""
    inside = _eroded(mask, max(2.0, BAND_PX * unit_px))
    around = _dilated(mask, 1.0)
    color = photo_HW3.astype(np.float32)
    background, _ = carry_color(color, ~around, tuple(unit_px * reach for reach in (2.0, 5.0, 12.0)))
    product, has_product = carry_color(color, inside, tuple(unit_px * reach for reach in (1.5, 3.0)))
    contrast = np.linalg.norm(_opponent(color) - _opponent(background), axis=2)
    peak = cv2.GaussianBlur(contrast, (0, 0), 0.6) * mask
    size = 2 * max(2, round(PEAK_PX * unit_px)) + 1
    peak = cv2.dilate(peak, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    apart = np.linalg.norm(_opponent(product) - _opponent(background), axis=2) * has_product
    return EdgeColors(
        band=around & ~inside,
        inside=inside,
        background_HW3=background,
        product_HW3=product,
        has_product_HW=has_product.astype(np.float32),
        peak_HW=np.asarray(peak, dtype=np.float32),
        shape_HW=np.asarray(cv2.GaussianBlur(_eroded(mask, max(1.0, SKIRT_PX * unit_px)).astype(np.float32), (0, 0), 0.6)),
        contrast_HW=np.maximum(apart, peak).astype(np.float32),
    )


def mix_of(color_N3: FloatImage, background_N3: FloatImage, product_N3: FloatImage) -> npt.NDArray[np.float32]:
    """Share of the product in a mixed color: its projection on the line from background to product; not clipped."""
    direction = _opponent(product_N3) - _opponent(background_N3)
    step = _opponent(color_N3) - _opponent(background_N3)
    length = np.einsum("...c,...c->...", direction, direction)
    return np.asarray(np.einsum("...c,...c->...", step, direction) / np.maximum(length, 1e-3), dtype=np.float32)


def solve_alpha(color_N3: FloatImage, colors: EdgeColors, at: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Alpha of edge pixels, 0..1.

    color_N3: sRGB 0..255. at: (N, 2) x, y in the maps of `colors`.
    The larger of two estimates is taken, because each errs towards the background: the mix of the two colors where a
    stripe of another color runs along the edge, contrast against the strongest nearby where a dark line does.
    """
    background = sample(colors.background_HW3, at)
    mix = mix_of(color_N3, background, sample(colors.product_HW3, at))
    mix = np.where(sample(colors.has_product_HW, at) > 0.5, mix, 0)
    contrast = np.linalg.norm(_opponent(color_N3) - _opponent(background), axis=-1)
    share = np.maximum(mix, contrast / np.maximum(sample(colors.peak_HW, at), 1e-3))
    low, high = PURE_SHARES
    by_color = np.clip((share - low) / (high - low), 0, 1)
    weak, firm = FIRM_CONTRAST
    trust = np.clip((sample(colors.contrast_HW, at) - weak) / (firm - weak), 0, 1)
    return np.asarray(trust * by_color + (1 - trust) * sample(colors.shape_HW, at), dtype=np.float32)


def sample(map_HW: FloatImage, at_N2: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Bilinear values of a map at (x, y) positions; float32 (N,) or (N, 3)."""
    width = 4096  # cv2.remap takes pictures, and none wider than 32767
    rows = -(-len(at_N2) // width)
    padded = np.zeros((rows * width, 2), dtype=np.float32)
    padded[: len(at_N2)] = at_N2
    grid = padded.reshape(rows, width, 2)
    values = cv2.remap(map_HW, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values.reshape(rows * width, *map_HW.shape[2:])[: len(at_N2)], dtype=np.float32)


def _opponent(color: FloatImage) -> FloatImage:
    """Luma and two weighted color differences of sRGB 0..255; float32, same shape."""
    red, green, blue = color[..., 0], color[..., 1], color[..., 2]
    luma = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    weight = np.float32(CHROMA_WEIGHT)
    return np.stack([luma, weight * np.float32(0.713) * (red - luma), weight * np.float32(0.564) * (blue - luma)], axis=-1)


def _eroded(mask: Mask, radius_px: float) -> Mask:
    if not mask.any():
        return mask.copy()
    inner = cv2.distanceTransform(np.pad(mask, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(inner > radius_px, dtype=bool)


def _dilated(mask: Mask, radius_px: float) -> Mask:
    return ~_eroded(~mask, radius_px) if not mask.all() else mask.copy()


def soft_alpha(photo_HW3: Photo, colors: EdgeColors) -> npt.NDArray[np.uint8]:
    """Alpha of a photo of any size whose edge colors were estimated on a reduced copy; uint8 (H, W)."""
    height, width = photo_HW3.shape[:2]
    alpha = _resized(colors.inside, width, height).astype(np.uint8) * np.uint8(255)
    y, x = np.nonzero(_resized(colors.band, width, height))
    solved = solve_alpha(photo_HW3[y, x].astype(np.float32), colors, _work_positions(y, x, photo_HW3, colors))
    alpha[y, x] = np.round(solved * 255).astype(np.uint8)
    return alpha


def product_color(photo_HW3: Photo, alpha_HW: npt.NDArray[np.uint8], colors: EdgeColors, small: Photo, unit_px: float) -> Photo:
    """The photo with the product's own color under its soft edge and about 12 px (of 1024) beyond it."""
    small_alpha = cv2.resize(alpha_HW, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    carried, reached = carry_color(small.astype(np.float32), small_alpha == 255, tuple(unit_px * reach for reach in REACH_PX))
    height, width = photo_HW3.shape[:2]
    y, x = np.nonzero(_resized(reached & ~colors.inside, width, height))
    at = _work_positions(y, x, photo_HW3, colors)
    seen, behind, beyond = photo_HW3[y, x].astype(np.float32), sample(colors.background_HW3, at), sample(carried, at)
    share = np.clip(mix_of(seen, behind, beyond), 0, 1)[:, None]
    unmixed = behind + (seen - behind) / np.maximum(share, 0.3)
    trust = share**3 * (alpha_HW[y, x] > 0)[:, None]
    result = photo_HW3.copy()
    result[y, x] = np.clip(np.round(trust * unmixed + (1 - trust) * beyond), 0, 255).astype(np.uint8)
    return result


def _work_positions(y: npt.NDArray[np.int64], x: npt.NDArray[np.int64], photo_HW3: Photo, colors: EdgeColors) -> npt.NDArray[np.float32]:
    """Pixel positions of the photo in the maps of `colors`, as (N, 2) x, y."""
    rows, columns = colors.band.shape
    height, width = photo_HW3.shape[:2]
    return np.stack([(x + 0.5) * (columns / width) - 0.5, (y + 0.5) * (rows / height) - 0.5], axis=-1).astype(np.float32)


def _resized(mask: Mask, width_px: int, height_px: int) -> Mask:
    if mask.shape == (height_px, width_px):
        return mask
    return np.asarray(cv2.resize(mask.astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_NEAREST) > 0)
