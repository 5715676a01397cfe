"""Find the part of a product that carries its color: the largest region of one material color, as a soft mask.

Shading does not split a region (chroma is compared at equal lightness), a different material does: metal parts, labels, soles, prints.
Changes no color; the recolor recipe does.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab
from imaging.color_table import through_table

Uint8 = npt.NDArray[np.uint8]

MEASURED_AT_PX = 256
CLUSTERS = 7
LIGHTNESS_WEIGHT = 0.35
"""How much lightness counts beside chroma when pixels are grouped: shading varies it inside one material."""
COLORED_FROM = 14.0
"""Chroma (at L = 50) from which a material is colored rather than gray."""
SAME_HUE_DEG = 18.0
SAME_CHROMA_RATIO = 2.0
"""Two colored groups are one material if hue and chroma differ by less: reflections and depth of shade change chroma more than hue."""
SAME_CHROMA = 6.5
"""Where one group is gray, hue says nothing: their shading-free a and b must be this near."""
SAME_LIGHTNESS_GRAY = 24.0
SAME_LIGHTNESS_COLORED = 42.0
"""And their mean lightness: grays tell materials apart by lightness alone, so their limit is tighter."""
NEAR, FAR = 12.0, 18.0
"""Distance from the material's groups up to which a pixel belongs to it, and from which it does not: a highlight, a mirrored floor."""
MIX_HUE_COS = 0.90
"""Cosine of the largest hue difference (26 degrees) between a material and its mixture with white."""
MIX_BESIDE_DELTA_AB = 7.0
"""How far beside the line from a material to white its mixture with a warm or cold light's white may lie, in a and b. The gloss on the side of a purple
bag of the demo lies 4 to 5 beside it; of the demo's photographs three change by this, and each gets its material whole."""
DEEPER_CHROMA = (1.0, 1.2)
"""Chroma (at L = 50) over the material's own from which a pixel of its hue may be that material in deep shade: gloss reflects itself
there, so chroma grows. Ends of the ramp."""
BORDER_PX = 2
"""Half width, in photo pixels, of the border in which two materials mix: lens blur and demosaicing spread an edge over 3 to 5 pixels."""
MIN_BORDER_CONTRAST = 8.0
"""Delta E 1976 between both sides from which a border pixel can be split between them."""
SOLID_ALPHA = 250
PIECE_DELTA_AB = 14.0
"""Distance of a piece's mean a and b (at L = 50) from the largest piece's, off its hue, from which it is another material; a strap in its own
light is 5, a shade mirrored in brass 20."""
PIECE_SHARE = 0.2
PIECE_REACH_PX = 12
FAINT, MOSTLY = 0.15, 0.6
"""Membership below which a pixel is none of the material, for a tinge of the new color on brass is seen; and from which it is all of it, for a veil
of the old color in dark folds is seen as well."""
RIM_SHARE = 0.003
"""Width of the outline's own mixture with the background, in shares of the product's longer side, and two pixels at least."""
RIM_DELTA_E = (30.0, 45.0)
"""Delta E 1976 from the material within which a pixel of the rim is the material, and beyond which it is something else."""


@dataclass(frozen=True, kw_only=True)
class DominantRegion:
    """The main material of a product.

    mask: float32 (H, W) 0..1, soft at its borders, 0 outside the product. border: bool (H, W), pixels that hold two materials, whose mask
    is the share of this one. share: of the product's area, 0..1. lab: median color. colored: whether its chroma tells it from grays.
    torn: how much of its border runs through what looks alike on both sides: such pixels per square root of the product's. 0 where it was drawn.
    """

    mask: FloatImage
    border: npt.NDArray[np.bool_]
    share: float
    lab: tuple[float, float, float]
    colored: bool
    torn: float = 0.0


def find_dominant_region(foreground_HW3: Uint8, alpha_HW: Uint8) -> DominantRegion:
    """The largest region of one material color. uint8 sRGB colors and alpha at photo size; raises ValueError without solid pixels.

    Groups and middle color come from a grid of samples, and what belongs to them is looked up by color, in the product's box alone: a
    photo of 4 MP takes .3 CPU-seconds so, where asking every pixel took 2.5.
    """
    inside = alpha_HW >= SOLID_ALPHA
    if not inside.any():
        raise ValueError("the alpha holds no solid pixel")
    material = _find_material(foreground_HW3, inside)
    window = window_of(alpha_HW)
    product, colors = alpha_HW[window] > 0, np.ascontiguousarray(foreground_HW3[window])
    found = cv2.medianBlur(through_table(colors, material.membership), 3)
    ramp = (np.arange(256, dtype=np.float32) / np.float32(255) - np.float32(FAINT)) / np.float32(MOSTLY - FAINT)
    belongs: FloatImage = np.asarray(cv2.LUT(found, np.clip(ramp, 0, 1)), np.float32)
    belongs = _without_others(colors, found, belongs)
    mask, border, torn_px = _unmix_border(colors, _to_the_rim(colors, belongs, alpha_HW[window], material.middle), product)
    whole_mask, whole_border = np.zeros(alpha_HW.shape, np.float32), np.zeros(alpha_HW.shape, bool)
    whole_mask[window], whole_border[window] = mask, border
    return DominantRegion(
        mask=whole_mask,
        border=whole_border,
        share=material.share,
        lab=(float(material.middle[0]), float(material.middle[1]), float(material.middle[2])),
        colored=material.colored,
        torn=torn_px / float(np.sqrt(max(1, int(product.sum())))),
    )


def region_of_mask(foreground_HW3: Uint8, alpha_HW: Uint8, mask_HW: Uint8) -> DominantRegion:
    """The same of a part that somebody drew: its colors are whatever lies under the mask (uint8, 255 all of it). ValueError for an empty one."""
    solid = mask_HW >= 128
    if not solid.any():
        raise ValueError("the mask holds no solid pixel")
    chosen = foreground_HW3[solid]
    lab = srgb_to_lab(np.ascontiguousarray(chosen[:: max(1, len(chosen) // MEASURED_AT_PX**2)][None]))[0]
    middle = np.median(lab, axis=0)
    return DominantRegion(
        mask=(mask_HW.astype(np.float32) / np.float32(255)),
        border=(mask_HW > 12) & (mask_HW < 243),
        share=float(solid.sum() / max(1, int((alpha_HW >= SOLID_ALPHA).sum()))),
        lab=(float(middle[0]), float(middle[1]), float(middle[2])),
        colored=_is_colored(middle),
    )


def _is_colored(middle: FloatImage) -> bool:
    return bool(np.hypot(middle[1], middle[2]) * 66 / (middle[0] + 16) >= COLORED_FROM)


@dataclass(frozen=True, kw_only=True)
class _Material:
    """Groups of colors, which of them are the material, its median Lab, and its share of the product."""

    centers: FloatImage
    group: npt.NDArray[np.bool_]
    middle: FloatImage
    colored: bool
    share: float

    def membership(self, lab: FloatImage) -> FloatImage:
        """How surely pixels of these colors are the material, 0..1."""
        belongs = _membership(_features(lab), self.centers, self.group)
        return np.maximum(belongs, _mixes_with_white(lab, self.middle)) if self.colored else belongs


def _find_material(colors_HW3: Uint8, inside: npt.NDArray[np.bool_]) -> _Material:
    """The material that covers most, told from about MEASURED_AT_PX squared samples."""
    step = max(1, int(max(inside.shape) / MEASURED_AT_PX))
    grid = inside[::step, ::step]
    if grid.sum() < CLUSTERS:
        step, grid = 1, inside
    # Smoothed, so that noise makes no groups; the middle color is of the pixels themselves.
    smooth = colors_HW3 if step == 1 else cv2.blur(colors_HW3, (step, step))
    centers, counts = _cluster(_features(srgb_to_lab(np.ascontiguousarray(smooth[::step, ::step])))[grid])
    group = _largest_material(centers, counts)
    lab = srgb_to_lab(np.ascontiguousarray(colors_HW3[::step, ::step]))[grid]
    core = _membership(_features(lab), centers, group) > 0.5
    middle: FloatImage = np.asarray(np.median(lab[core], axis=0) if core.any() else np.zeros(3), np.float32)
    return _Material(centers=centers, group=group, middle=middle, colored=_is_colored(middle), share=float(core.mean()))


def _features(lab: FloatImage) -> FloatImage:
    """Weighted lightness, and a and b as they would be at L = 50: scaling light scales a, b and L + 16 alike."""
    scale = 66 / (np.maximum(lab[..., :1], 6.0) + 16)
    return np.concatenate([lab[..., :1] * LIGHTNESS_WEIGHT, lab[..., 1:] * scale], axis=-1).astype(np.float32)


def _cluster(samples: FloatImage) -> tuple[FloatImage, npt.NDArray[np.int64]]:
    """K-means started at mutually far points: no random start, so the same photo gives the same groups."""
    centers = [np.median(samples, axis=0)]
    away = np.full(len(samples), np.inf, np.float32)
    for _ in range(CLUSTERS - 1):
        away = np.minimum(away, np.square(samples - centers[-1]).sum(axis=1))
        rank = int(0.995 * (len(away) - 1))
        centers.append(samples[int(np.argpartition(away, rank)[rank])])
    current = np.array(centers, np.float32)
    nearest = np.zeros(len(samples), np.intp)
    for _ in range(12):
        # The nearest center is the one with the least |c|^2 - 2 s.c: |s|^2 is the same for all.
        before, nearest = nearest, np.argmin(np.square(current).sum(axis=1) - 2 * (samples @ current.T), axis=1)
        if np.array_equal(before, nearest):
            break
        number = np.bincount(nearest, minlength=CLUSTERS)
        sums = np.stack([np.bincount(nearest, samples[:, axis], CLUSTERS) for axis in range(samples.shape[1])], axis=1)
        current = np.where(number[:, None] > 0, sums / np.maximum(number, 1)[:, None], current).astype(np.float32)
    return current, np.bincount(nearest, minlength=CLUSTERS)


def _largest_material(centers: FloatImage, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which groups belong to the material that covers most: one group and all that differ from it by shading alone, and are of one hue.

    Not by way of a third: pixels where two materials mix, or one mirrors the other, would chain them together. An orange lampshade, its mirror
    in the brass foot, and the brass lie 15 degrees of hue apart each.
    """
    linked = np.array([[_same_material(one, other) for other in centers] for one in centers])
    one_hue = np.array([[_same_hue(one, other) for other in centers] for one in centers])
    best, area = np.zeros(len(centers), bool), -1
    for anchor in range(len(centers)):
        group = np.zeros(len(centers), bool)
        group[anchor] = True
        for other in sorted(np.flatnonzero(linked[anchor]), key=lambda member: -int(counts[member])):
            group[other] = bool(one_hue[other][group].all())
        if counts[group].sum() > area:
            best, area = group, int(counts[group].sum())
    return best


def _same_hue(one: FloatImage, other: FloatImage) -> bool:
    """Whether two groups are of one hue, or one of them has none."""
    chroma = [float(np.hypot(group[1], group[2])) for group in (one, other)]
    hue = np.rad2deg(np.arctan2(one[2], one[1]) - np.arctan2(other[2], other[1]))
    return min(chroma) < COLORED_FROM or abs((float(hue) + 180) % 360 - 180) < SAME_HUE_DEG


def _same_material(one: FloatImage, other: FloatImage) -> bool:
    chroma_one, chroma_other = float(np.hypot(one[1], one[2])), float(np.hypot(other[1], other[2]))
    lightness = abs(float(one[0] - other[0])) / LIGHTNESS_WEIGHT
    if min(chroma_one, chroma_other) >= COLORED_FROM:
        ratio = max(chroma_one, chroma_other) / min(chroma_one, chroma_other)
        return _same_hue(one, other) and ratio < SAME_CHROMA_RATIO and lightness < SAME_LIGHTNESS_COLORED
    return float(np.hypot(*(one[1:] - other[1:]))) < SAME_CHROMA and lightness < SAME_LIGHTNESS_GRAY


def _membership(features: FloatImage, centers: FloatImage, group: npt.NDArray[np.bool_]) -> FloatImage:
    """How much each pixel belongs to the group rather than to any other, 0..1; soft where two materials mix in a pixel."""
    distances = [np.linalg.norm(features - center, axis=-1) for center in centers]
    own = np.min([d for d, member in zip(distances, group, strict=True) if member], axis=0)
    other = np.min([d for d, member in zip(distances, group, strict=True) if not member] or [np.full_like(own, FAR)], axis=0)
    nearer = np.clip(0.5 + (other - own) / (0.35 * (other + own) + 1.0), 0, 1)
    near = np.clip((FAR - own) / (FAR - NEAR), 0, 1)
    return np.asarray(nearer * np.maximum(near, _deeper_shade(features, centers[group].mean(axis=0))), np.float32)


def _deeper_shade(features: FloatImage, material: FloatImage) -> FloatImage:
    """How surely a pixel has a colored material's hue, is darker and has more chroma: the same material where gloss mirrors it; 0..1."""
    chroma, own_chroma = np.hypot(features[..., 1], features[..., 2]), float(np.hypot(material[1], material[2]))
    if own_chroma < COLORED_FROM:
        return np.zeros_like(chroma)
    along = (features[..., 1] * material[1] + features[..., 2] * material[2]) / (np.maximum(chroma, 1e-3) * own_chroma)
    same_hue = np.clip((along - MIX_HUE_COS) / (1 - MIX_HUE_COS) * 2, 0, 1)
    low, high = DEEPER_CHROMA
    deeper = np.clip((chroma / own_chroma - low) / (high - low), 0, 1)
    return np.asarray(same_hue * deeper * (features[..., 0] < material[0]), np.float32)


def _mixes_with_white(lab: FloatImage, material: FloatImage) -> FloatImage:
    """How surely a pixel is a colored material plus the light's white: a highlight, or the soft border of a white print; 0..1.

    Lighter, less chroma, and on the way from the material's color to white: of its hue, or hardly beside that line where the light is a little warm
    or cold and a gloss mirrors it (the side of a lacquered bag). Pure white is not: a label stays.
    """
    own_chroma = float(np.hypot(material[1], material[2]))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    along = (lab[..., 1] * material[1] + lab[..., 2] * material[2]) / own_chroma
    beside = np.abs(lab[..., 1] * material[2] - lab[..., 2] * material[1]) / own_chroma
    same_hue = np.clip((along / np.maximum(chroma, 1e-3) - MIX_HUE_COS) / (1 - MIX_HUE_COS) * 2, 0, 1)
    tinted = np.clip((chroma / own_chroma - 0.10) / 0.15, 0, 1)
    near_line = np.clip((MIX_BESIDE_DELTA_AB - beside) / 2, 0, 1) * np.clip((along / own_chroma - 0.12) / 0.10, 0, 1)
    lighter = np.clip((lab[..., 0] - material[0]) / 6, 0, 1)
    return np.asarray(np.maximum(same_hue * tinted, near_line) * lighter, np.float32)


def _without_others(colors_HW3: Uint8, found: Uint8, belongs: FloatImage) -> FloatImage:
    """Membership without pieces apart from the largest that are of another color: the material mirrored in brass is not the material."""
    step = max(1, max(belongs.shape) // (2 * MEASURED_AT_PX))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((found > 127).view(np.uint8), connectivity=8)
    if count > 2:
        small = labels[::step, ::step]
        chroma = _features(srgb_to_lab(np.ascontiguousarray(colors_HW3[::step, ::step])))[..., 1:].reshape(-1, 2)
        number = np.maximum(np.bincount(small.ravel(), minlength=count), 1)
        means = np.stack([np.bincount(small.ravel(), chroma[:, axis], count) / number for axis in (0, 1)], axis=-1)
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        apart, hue = means - means[largest], means[largest] / max(float(np.linalg.norm(means[largest])), 1e-3)
        # Deep shade of a gloss has more chroma, of the same hue: only what lies off it counts.
        off_hue = np.abs(apart[:, 0] * hue[1] - apart[:, 1] * hue[0])
        away = np.where(np.linalg.norm(means[largest]) >= COLORED_FROM, off_hue, np.linalg.norm(apart, axis=1)) > PIECE_DELTA_AB
        lesser = stats[:, cv2.CC_STAT_AREA] < PIECE_SHARE * stats[largest, cv2.CC_STAT_AREA]
        seen = np.bincount(small.ravel(), minlength=count) >= 4
        dropped = away & lesser & seen
        dropped[0] = False
        if dropped.any():
            # What is half of the material around a dropped piece goes with it.
            around = cv2.dilate(dropped[labels].view(np.uint8), np.ones((2 * PIECE_REACH_PX + 1,) * 2, np.uint8)) > 0
            own = cv2.dilate((~dropped & (np.arange(count) > 0))[labels].view(np.uint8), np.ones((5, 5), np.uint8)) > 0
            return np.asarray(belongs * (~around | own), np.float32)
    return belongs


def _to_the_rim(colors_HW3: Uint8, belongs: FloatImage, alpha_HW: Uint8, middle: FloatImage) -> FloatImage:
    """Membership taken out to the outline: there lens blur mixes the background in, and the old color would stay as a fringe.

    The outermost pixels are what lies just inside of them, unless they clearly have another color: a rim of black enamel.
    """
    reach = max(2, round(RIM_SHARE * max(alpha_HW.shape)))
    solid = np.pad((alpha_HW >= 128).view(np.uint8), reach)
    inside = cv2.erode(solid, np.ones((2 * reach + 1,) * 2, np.uint8))[reach:-reach, reach:-reach]
    rim = _places(((alpha_HW > 0) & (inside == 0)).view(np.uint8))
    levels = cv2.convertScaleAbs(belongs, alpha=255) * inside
    beside = cv2.dilate(levels, np.ones((4 * reach + 1,) * 2, np.uint8))[rim].astype(np.float32) / np.float32(255)
    lab = srgb_to_lab(np.ascontiguousarray(colors_HW3[rim][None]))[0]
    near = np.clip((RIM_DELTA_E[1] - np.linalg.norm(lab - middle, axis=1)) / (RIM_DELTA_E[1] - RIM_DELTA_E[0]), 0, 1)
    result = belongs.copy()
    result[rim] = np.maximum(belongs[rim], beside * near)
    return result


def _unmix_border(colors_HW3: Uint8, belongs: FloatImage, product: npt.NDArray[np.bool_]) -> tuple[FloatImage, npt.NDArray[np.bool_], int]:
    """The mask with its border pixels set to how much of the material is in them, judged by the colors on both sides; the border; and how many
    pixels of the border are alike on both sides.

    A border pixel of two materials looks like a third one, and would stay behind as a pale outline around the new color.
    """
    size = 2 * BORDER_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    solid = product.view(np.uint8)
    core = cv2.bitwise_and((belongs > 0.5).view(np.uint8), solid)
    sure, reach = cv2.erode(core, kernel), cv2.dilate(core, kernel)
    mask: FloatImage = np.asarray(belongs * product, np.float32)
    known = np.zeros(product.shape, bool)
    ring = _places(cv2.bitwise_and(cv2.subtract(reach, sure), solid))
    if not len(ring[0]):
        return mask, known, 0
    inner, inner_weight = mean_nearby(colors_HW3, sure, ring)
    outer, outer_weight = mean_nearby(colors_HW3, cv2.subtract(solid, reach), ring)
    own = srgb_to_lab(np.ascontiguousarray(colors_HW3[ring][None]))[0]
    inner, outer = (srgb_to_lab(np.ascontiguousarray(levels[None] / 255))[0] for levels in (inner, outer))
    axis = inner - outer
    length = np.square(axis).sum(axis=-1)
    share = np.clip(((own - outer) * axis).sum(axis=-1) / np.maximum(length, 1e-3), 0, 1)
    between = (inner_weight > 0.02) & (outer_weight > 0.02)
    told = (length > MIN_BORDER_CONTRAST**2) & between
    place = (ring[0][told], ring[1][told])
    mask[place], known[place] = share[told], True
    return mask, known, int(np.count_nonzero(between & ~told))


def _places(plane_HW: Uint8) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of what is not zero."""
    rows, columns = np.divmod(np.flatnonzero(plane_HW), plane_HW.shape[1])
    return rows, columns


def without_details(mask_HW: FloatImage, alpha_HW: Uint8, largest_share: float) -> FloatImage:
    """A part's mask with its small holes filled (specks of a glaze, stitches), up to a share of the part's area each."""
    holes = ((mask_HW < 0.5) & (alpha_HW >= 128)).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(holes, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < largest_share * max(1.0, float(mask_HW.sum()))
    small[0] = False
    filled = cv2.dilate(small[labels].view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(filled & (alpha_HW > 0), np.float32(1), mask_HW)


def with_what_lies_on_it(part_HW: npt.NDArray[np.bool_], alpha_HW: Uint8) -> npt.NDArray[np.bool_]:
    """A part together with what of the product it surrounds (a logo, a label): that lies on the same surface. A hole one sees through stays one."""
    solid = alpha_HW >= 128
    count, labels = cv2.connectedComponents((solid & ~part_HW).view(np.uint8), connectivity=4)
    edge = cv2.dilate(np.pad((~solid).view(np.uint8), 1, constant_values=1), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    lies_on = np.ones(count, bool)
    lies_on[0] = False
    lies_on[np.unique(labels[edge])] = False
    return np.asarray(part_HW | lies_on[labels])


def mean_nearby(colors_HW3: Uint8, chosen_HW: Uint8, at: tuple[npt.NDArray[Any], ...]) -> tuple[FloatImage, FloatImage]:
    """Mean of the chosen pixels (0 or 1) a few pixels around some places, and how much of the surroundings they are, 0..1; float32 (N, 3), (N,).

    The means are smooth: they are made of every second pixel, as whole numbers, which a plane of floats takes four times as long for.
    """
    size = (2 * (3 * BORDER_PX // 2) + 1,) * 2
    chosen, colors = every_second(chosen_HW), every_second(colors_HW3)
    number = cv2.boxFilter(chosen, cv2.CV_16U, size, normalize=False)
    sums = cv2.boxFilter(cv2.copyTo(colors, chosen), cv2.CV_16U, size, normalize=False)
    rows, columns = (np.minimum(place // 2, side - 1) for place, side in zip(at, chosen.shape, strict=True))
    found = number[rows, columns].astype(np.float32)
    return np.asarray(sums[rows, columns] / np.maximum(found, 1)[:, None], np.float32), found / np.float32(size[0] * size[1])


def every_second(plane: Uint8) -> Uint8:
    """Every second row and column of bytes; a last one that is odd is left out."""
    height, width = (max(2, side // 2 * 2) for side in plane.shape[:2])
    even = plane[:height, :width]
    if even.shape[:2] != (height, width):  # one pixel wide or high
        return np.ascontiguousarray(plane[::2, ::2])
    return np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_NEAREST), np.uint8)


def window_of(plane_HW: npt.NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns that hold anything of a mask or an alpha; the rest of the photo need not be computed."""
    levels = plane_HW if plane_HW.dtype == np.uint8 else (plane_HW > 0).view(np.uint8)
    left, top, width, height = cv2.boundingRect(levels)
    assert width > 0, "an empty plane has no window"
    return slice(top, top + height), slice(left, left + width)
