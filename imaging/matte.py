"""From a hard product mask to a soft one: the alpha of every edge pixel.

Along a plain background both colors of an edge pixel are known: the product's from just inside, the background's (with
its shadow) from just outside. Where the pixel lies between them, in sRGB levels as noise is even there, is its mix; alpha is
the share of light that the mix stands for, as lenses and composite.py add light. Colors are estimated at working size, alpha
is solved at full size, in the band around the edge only. Leaves out hair and glass; decontaminate.py corrects color.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import FloatImage, lengths
from imaging.color_spread import carry_color, sample
from imaging.crops import box_around, placed
from imaging.linear_light import light_of_fine_levels

Photo = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

BAND_PX = 5.0
"""How far inside the mask's skirt a pixel may still be mixed; this and the next four in pixels of a 1024 px picture."""
SURELY_INSIDE_PX = 3.0
"""Behind the skirt by more than this, a pixel that is not background is product."""
PEAK_PX = 5.0
"""Neighborhood in which the strongest contrast stands for the product, where it is too thin to have an inside."""
SKIRT_PX = 1.5
"""How far outside the true edge the mask's skirt ends; used where contrast cannot tell."""
MARGIN_PX = 40.0
"""How much picture around the product is looked at."""
BACKGROUND_REACH_PX = (2.0, 5.0, 12.0)
PRODUCT_REACH_PX = (1.5, 3.0)
CHROMA_WEIGHT = 0.7
"""JPEG halves the resolution of color, so color says less about where an edge is."""
PURE_LEVELS = 8.0
PURE_SHARES = (0.08, 0.12)
"""Mixtures within so many levels of pure background and of pure product are noise: a share of the product's contrast, within these shares. Half
as many left rims of bright specks on black (demo photographs)."""
FIRM_CONTRAST = (6.0, 14.0)
"""Contrast (of 255) below which the edge is placed by shape alone, and from which by color alone."""
TEXTURE_SPREADS = (1.5, 3.0)
"""A product whose mean lies fewer of its own standard deviations from the background has threads that look like background:
below the first its edge is placed by shape, from the second by color."""
LEAST_LIGHT = 1e-4
"""Squared difference of two lights below which levels tell a mix as well as light does."""
CHUNK_PX = 1_000_000
"""Edge pixels solved at once; bounds memory on large photos."""


@dataclass(frozen=True, kw_only=True)
class EdgeColors:
    """What is needed to solve an edge pixel. Masks have working size; maps show a box of it around the product."""

    band: Mask
    inside: Mask
    left_px: int
    top_px: int
    background_HW3: FloatImage
    """sRGB 0..255 of the background behind the edge."""
    product_HW3: FloatImage
    """sRGB 0..255 of the product just inside; meaningless where `has_product` is 0."""
    has_product_HW: FloatImage
    peak_HW: FloatImage
    """Strongest contrast nearby."""
    contrast_HW: FloatImage
    """How far product and background lie apart; 0..about 255."""
    distinct_HW: FloatImage
    """How clearly texture leaves the product's color apart from the background; 0..1."""
    shape_HW: FloatImage
    """Alpha by shape alone, 0..1."""
    depth_HW: FloatImage
    """0 in the skirt .. 1 surely inside, by shape alone."""

    def positions(self, y: npt.NDArray[np.intp], x: npt.NDArray[np.intp], photo_HW3: Photo) -> Values:
        """Pixels of a photo of any size as (N, 2) x, y in the maps."""
        rows, columns = self.band.shape
        height, width = photo_HW3.shape[:2]
        in_x = (x + 0.5) * (columns / width) - (0.5 + self.left_px)
        in_y = (y + 0.5) * (rows / height) - (0.5 + self.top_px)
        return np.stack([in_x, in_y], axis=-1).astype(np.float32)


def estimate_edge_colors(photo_HW3: Photo, mask: Mask, unit_px: float, *, by_shape: Mask | None = None) -> EdgeColors:
    """Estimate product and background color on both sides of the mask's edge, at working size.

    by_shape: where color is not asked, as a product's dark rim has the color of the shadow beside it.
    """
    box = box_around(mask, MARGIN_PX * unit_px)
    local = mask[box]
    depth = _depth(local)
    inside = depth > max(2.0, BAND_PX * unit_px)
    around = cv2.dilate(local.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
    color = photo_HW3[box].astype(np.float32)
    wanted = cv2.dilate((around & ~inside).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    background, _ = carry_color(color, ~around, tuple(reach * unit_px for reach in BACKGROUND_REACH_PX), wanted)
    seen = _opponent(color)
    with_energy = cv2.merge([color, np.square(lengths(seen))])
    carried, has_product = carry_color(with_energy, inside, tuple(reach * unit_px for reach in PRODUCT_REACH_PX), wanted)
    product = np.ascontiguousarray(carried[..., :3])
    # From here on for the wanted pixels alone: vectors, not pictures.
    at = np.flatnonzero(wanted)
    behind, own, seen_there = (values.reshape(-1, 3)[at] for values in (background, product, seen))
    behind, own = _opponent(behind), _opponent(own)
    apart = lengths(own - behind)
    spread = np.sqrt(np.maximum(carried.reshape(-1, 4)[at, 3] - np.square(own).sum(axis=1), 1e-3))
    overlapping, distinct = TEXTURE_SPREADS
    size = 2 * max(2, round(PEAK_PX * unit_px)) + 1
    contrast = _spread_out(lengths(seen_there - behind) * local.reshape(-1)[at], at, local.shape)
    peak = cv2.dilate(cv2.GaussianBlur(contrast, (0, 0), 0.6), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    has = has_product.reshape(-1)[at]
    distinct_HW = np.ones(local.shape, np.float32)
    distinct_HW.reshape(-1)[at] = np.where(has, np.clip((apart / spread - overlapping) / (distinct - overlapping), 0, 1), 1)
    if by_shape is not None:
        distinct_HW[by_shape[box]] = 0
    skirt, sure = max(1.0, SKIRT_PX * unit_px), max(2.0, SURELY_INSIDE_PX * unit_px)
    return EdgeColors(
        band=placed(around & ~inside, box, mask.shape),
        inside=placed(inside, box, mask.shape),
        left_px=box[1].start,
        top_px=box[0].start,
        background_HW3=background,
        product_HW3=product,
        has_product_HW=has_product.astype(np.float32),
        peak_HW=peak,
        contrast_HW=np.maximum(_spread_out(apart * has, at, local.shape), peak),
        distinct_HW=distinct_HW,
        shape_HW=cv2.GaussianBlur((depth > skirt).astype(np.float32), (0, 0), 0.6),
        depth_HW=np.clip((depth - sure) / max(1.0, unit_px), 0, 1).astype(np.float32),
    )


def soft_alpha(photo_HW3: Photo, colors: EdgeColors) -> npt.NDArray[np.uint8]:
    """Alpha of a photo of any size whose edge colors were estimated on a reduced copy; uint8 (H, W)."""
    height, width = photo_HW3.shape[:2]
    alpha = resize_mask(colors.inside, width, height).astype(np.uint8) * np.uint8(255)
    y_all, x_all = np.divmod(np.flatnonzero(resize_mask(colors.band, width, height)), width)
    for start in range(0, len(y_all), CHUNK_PX):
        y, x = y_all[start : start + CHUNK_PX], x_all[start : start + CHUNK_PX]
        solved = _solve(photo_HW3[y, x].astype(np.float32), colors, colors.positions(y, x, photo_HW3))
        alpha[y, x] = np.round(solved * 255).astype(np.uint8)
    return alpha


def mix_of(color_N3: Values, background_N3: Values, product_N3: Values, *, least_squared: float = 1e-3) -> Values:
    """Share of the product in a mixed color: its projection on the line from background to product; not clipped.

    least_squared: where both are nearer than this, squared, in the colors' own unit (of 255, by itself), the share goes to 0.
    """
    behind = _opponent(background_N3)
    direction = _opponent(product_N3) - behind
    step = _opponent(color_N3) - behind
    length = np.maximum(np.einsum("nc,nc->n", direction, direction), least_squared)
    return np.asarray(np.einsum("nc,nc->n", step, direction) / length, dtype=np.float32)


def light_share(mix_N: Values, background_N3: Values, product_N3: Values) -> Values:
    """Share of the product's light in a mix of levels (0..1): what covers half of a pixel is half of its light, whatever level that is.

    Between black and white, level 128 is a fifth of the light; taken for half of it, a dark product would lose its rim when it is laid on white.
    """
    behind, own = light_of_fine_levels(background_N3), light_of_fine_levels(product_N3)
    seen = light_of_fine_levels(background_N3 + mix_N[:, None] * (product_N3 - background_N3))
    direction = own - behind
    length = np.einsum("nc,nc->n", direction, direction)
    share = np.einsum("nc,nc->n", seen - behind, direction) / np.maximum(length, 1e-9)
    return np.asarray(np.where(length > LEAST_LIGHT, np.clip(share, 0, 1), mix_N), dtype=np.float32)


def resize_mask(mask: Mask, width_px: int, height_px: int) -> Mask:
    """The mask at another size, by nearest neighbor."""
    if mask.shape == (height_px, width_px):
        return mask
    return np.asarray(cv2.resize(mask.astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_NEAREST) > 0)


def _solve(color_N3: Values, colors: EdgeColors, at_N2: Values) -> Values:
    """Alpha of edge pixels, 0..1.

    The larger of two estimates is taken, because each errs towards the background: the mix of the two colors where a
    stripe of another color runs along the edge, contrast against the strongest nearby where a dark line does.
    """
    background, product = sample(colors.background_HW3, at_N2), sample(colors.product_HW3, at_N2)
    known = sample(colors.has_product_HW, at_N2) > 0.5
    mix = np.where(known, mix_of(color_N3, background, product), 0)
    contrast = lengths(_opponent(color_N3) - _opponent(background))
    share = np.maximum(mix, contrast / np.maximum(sample(colors.peak_HW, at_N2), 1e-3))
    apart = sample(colors.contrast_HW, at_N2)
    least = np.clip(PURE_LEVELS / np.maximum(apart, 1), *PURE_SHARES)
    by_levels = np.clip((share - least) / (1 - 2 * least), 0, 1).astype(np.float32)
    beyond = np.clip(background + (color_N3 - background) / np.clip(share, least, 1)[:, None], 0, 255)
    by_color = light_share(by_levels, background, np.where(known[:, None], product, beyond).astype(np.float32))
    weak, firm = FIRM_CONTRAST
    trust = np.clip((apart - weak) / (firm - weak), 0, 1) * sample(colors.distinct_HW, at_N2)
    alpha = trust * by_color + (1 - trust) * sample(colors.shape_HW, at_N2)
    surely_product = sample(colors.depth_HW, at_N2) * np.clip((contrast - firm) / firm, 0, 1)
    return np.asarray(np.maximum(alpha, surely_product), dtype=np.float32)


def _opponent(color: FloatImage) -> FloatImage:
    """Luma and two weighted color differences of sRGB 0..255; float32, same shape."""
    red_weight, blue_weight = 0.713 * CHROMA_WEIGHT, 0.564 * CHROMA_WEIGHT
    luma = np.array([0.299, 0.587, 0.114])
    matrix = np.stack([luma, red_weight * ([1, 0, 0] - luma), blue_weight * ([0, 0, 1] - luma)])
    if not color.size:
        return color
    pixels = color.reshape(-1, 1, 3) if color.ndim == 2 else color
    return np.asarray(cv2.transform(pixels, matrix.astype(np.float32)).reshape(color.shape), dtype=np.float32)


def _spread_out(values_N: Values, at_N: npt.NDArray[np.intp], shape: tuple[int, ...]) -> FloatImage:
    """Values of some pixels (flat indices) as a picture that is 0 elsewhere."""
    whole = np.zeros(shape, np.float32)
    whole.reshape(-1)[at_N] = values_N
    return whole


def _depth(mask: Mask) -> FloatImage:
    """Distance to the nearest pixel outside the mask; beyond the picture counts as more of the same."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), dtype=np.float32)
