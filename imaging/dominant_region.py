"""Find the part of a product that carries its color: the largest region of one material color, as a soft mask.

Shading does not split a region (chroma is compared at equal lightness), a different material does: metal parts, labels, soles, prints.
Changes no color; the recolor recipe does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab

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
DEEPER_CHROMA = (1.0, 1.2)
"""Chroma (at L = 50) over the material's own from which a pixel of its hue may be that material in deep shade: gloss reflects itself
there, so chroma grows. Ends of the ramp."""
BORDER_PX = 2
"""Half width, in photo pixels, of the border in which two materials mix: lens blur and demosaicing spread an edge over 3 to 5 pixels."""
MIN_BORDER_CONTRAST = 8.0
"""Delta E 1976 between both sides from which a border pixel can be split between them."""
SOLID_ALPHA = 250


@dataclass(frozen=True, kw_only=True)
class DominantRegion:
    """The main material of a product.

    mask: float32 (H, W) 0..1, soft at its borders, 0 outside the product. border: bool (H, W), pixels that hold two materials, whose mask
    is the share of this one. share: of the product's area, 0..1. lab: median color. colored: whether its chroma tells it from grays.
    """

    mask: FloatImage
    border: npt.NDArray[np.bool_]
    share: float
    lab: tuple[float, float, float]
    colored: bool


def find_dominant_region(foreground_HW3: Uint8, alpha_HW: Uint8) -> DominantRegion:
    """The largest region of one material color. uint8 sRGB colors and alpha at photo size; raises ValueError without solid pixels."""
    lab = srgb_to_lab(foreground_HW3)
    inside = alpha_HW >= SOLID_ALPHA
    if not inside.any():
        raise ValueError("the alpha holds no solid pixel")
    step = max(1, int(max(alpha_HW.shape) / MEASURED_AT_PX))
    samples = _features(cv2.blur(lab, (step, step))[::step, ::step])[inside[::step, ::step]]
    if len(samples) < CLUSTERS:
        samples = _features(lab)[inside]
    centers, counts = _cluster(samples)
    group = _largest_material(centers, counts)
    belongs = _membership(_features(lab), centers, group)
    core = inside & (belongs > 0.5)
    middle: FloatImage = np.asarray(np.median(lab[core], axis=0) if core.any() else np.zeros(3), np.float32)
    colored = bool(np.hypot(middle[1], middle[2]) * 66 / (middle[0] + 16) >= COLORED_FROM)
    if colored:
        belongs = np.maximum(belongs, _mixes_with_white(lab, middle))
    mask, border = _unmix_border(lab, cv2.medianBlur(belongs.astype(np.float32), 3), alpha_HW > 0)
    return DominantRegion(
        mask=mask,
        border=border,
        share=float(core.sum() / inside.sum()),
        lab=(float(middle[0]), float(middle[1]), float(middle[2])),
        colored=colored,
    )


def _features(lab: FloatImage) -> FloatImage:
    """Weighted lightness, and a and b as they would be at L = 50: scaling light scales a, b and L + 16 alike."""
    scale = 66 / (np.maximum(lab[..., :1], 6.0) + 16)
    return np.concatenate([lab[..., :1] * LIGHTNESS_WEIGHT, lab[..., 1:] * scale], axis=-1).astype(np.float32)


def _cluster(samples: FloatImage) -> tuple[FloatImage, npt.NDArray[np.int64]]:
    """K-means started at mutually far points: no random start, so the same photo gives the same groups."""
    centers = [np.median(samples, axis=0)]
    for _ in range(CLUSTERS - 1):
        distance = np.min([np.linalg.norm(samples - center, axis=1) for center in centers], axis=0)
        centers.append(samples[int(np.argsort(distance)[int(0.995 * (len(distance) - 1))])])
    current = np.array(centers, np.float32)
    for _ in range(12):
        nearest = np.argmin(((samples[:, None] - current[None]) ** 2).sum(-1), axis=1)
        current = np.array([samples[nearest == k].mean(0) if (nearest == k).any() else current[k] for k in range(CLUSTERS)], np.float32)
    return current, np.bincount(nearest, minlength=CLUSTERS)


def _largest_material(centers: FloatImage, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which groups belong to the material that covers most: one group and all that differ from it by shading alone.

    Not by way of a third: pixels where two materials mix would chain them together.
    """
    linked = np.array([[_same_material(one, other) for other in centers] for one in centers])
    areas = [counts[row].sum() for row in linked]
    return np.asarray(linked[int(np.argmax(areas))], bool)


def _same_material(one: FloatImage, other: FloatImage) -> bool:
    chroma_one, chroma_other = float(np.hypot(one[1], one[2])), float(np.hypot(other[1], other[2]))
    lightness = abs(float(one[0] - other[0])) / LIGHTNESS_WEIGHT
    if min(chroma_one, chroma_other) >= COLORED_FROM:
        hue = np.rad2deg(np.arctan2(one[2], one[1]) - np.arctan2(other[2], other[1]))
        turn = abs((float(hue) + 180) % 360 - 180)
        ratio = max(chroma_one, chroma_other) / min(chroma_one, chroma_other)
        return turn < SAME_HUE_DEG and ratio < SAME_CHROMA_RATIO and lightness < SAME_LIGHTNESS_COLORED
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
    """How surely a pixel is a colored material plus white: a highlight, or the soft border of a white print; 0..1.

    Same hue, lighter, less chroma. Pure white is not: a label stays.
    """
    chroma, own_chroma = np.hypot(lab[..., 1], lab[..., 2]), float(np.hypot(material[1], material[2]))
    along = (lab[..., 1] * material[1] + lab[..., 2] * material[2]) / (np.maximum(chroma, 1e-3) * own_chroma)
    same_hue = np.clip((along - MIX_HUE_COS) / (1 - MIX_HUE_COS) * 2, 0, 1)
    tinted = np.clip((chroma / own_chroma - 0.10) / 0.15, 0, 1)
    lighter = np.clip((lab[..., 0] - material[0]) / 6, 0, 1)
    return np.asarray(same_hue * tinted * lighter, np.float32)


def _unmix_border(lab: FloatImage, belongs: FloatImage, product: npt.NDArray[np.bool_]) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """The mask with its border pixels set to how much of the material is in them, judged by the colors on both sides; and the border.

    A border pixel of two materials looks like a third one, and would stay behind as a pale outline around the new color.
    """
    size = 2 * BORDER_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = ((belongs > 0.5) & product).astype(np.uint8)
    sure, reach = cv2.erode(core, kernel), cv2.dilate(core, kernel)
    beyond = product & (reach == 0)
    ring = product & (reach > 0) & (sure == 0)
    inner, inner_weight = nearby_mean(lab, sure.astype(np.float32))
    outer, outer_weight = nearby_mean(lab, beyond.astype(np.float32))
    axis = inner - outer
    length = np.square(axis).sum(axis=-1)
    share = np.clip(((lab - outer) * axis).sum(axis=-1) / np.maximum(length, 1e-3), 0, 1)
    known = ring & (length > MIN_BORDER_CONTRAST**2) & (inner_weight > 0.02) & (outer_weight > 0.02)
    return np.where(known, share, belongs * product).astype(np.float32), known


def nearby_mean(values_HWC: FloatImage, weight_HW: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Mean of the weighted pixels a few pixels around each pixel, and how much weight is there, 0..1; float32."""
    size = 6 * BORDER_PX + 1
    total = cv2.blur(weight_HW, (size, size))
    mean = cv2.blur(values_HWC * weight_HW[..., None], (size, size)) / np.maximum(total, 1e-4)[..., None]
    return np.asarray(mean, np.float32), np.asarray(total, np.float32)
