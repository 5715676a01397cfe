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
SAME_CHROMA = 9.0
"""Groups whose shading-free chroma differs by less are one material; distance in a, b at L = 50."""
SAME_LIGHTNESS_GRAY = 24.0
SAME_LIGHTNESS_COLORED = 42.0
"""And whose mean lightness differs by less: grays tell materials apart by lightness alone, so their limit is tighter."""
COLORED_FROM = 14.0
"""Chroma (at L = 50) from which a material is colored rather than gray."""
SOLID_ALPHA = 250


@dataclass(frozen=True, kw_only=True)
class DominantRegion:
    """The main material of a product.

    mask: float32 (H, W) 0..1, soft at its borders, 0 outside the product. share: of the product's area, 0..1.
    lab: median color. colored: whether its chroma tells it from grays.
    """

    mask: FloatImage
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
    mask = _membership(_features(lab), centers, group) * (alpha_HW > 0)
    core = inside & (mask > 0.5)
    middle = np.median(lab[core], axis=0) if core.any() else np.zeros(3)
    return DominantRegion(
        mask=mask.astype(np.float32),
        share=float(core.sum() / inside.sum()),
        lab=(float(middle[0]), float(middle[1]), float(middle[2])),
        colored=bool(np.hypot(middle[1], middle[2]) * 66 / (middle[0] + 16) >= COLORED_FROM),
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
    """Which groups belong to the material that covers most: its largest group and all that differ from it by shading alone."""
    best: npt.NDArray[np.bool_] = np.zeros(len(centers), bool)
    for seed in range(len(centers)):
        chroma = np.linalg.norm(centers[:, 1:] - centers[seed, 1:], axis=1)
        lightness = np.abs(centers[:, 0] - centers[seed, 0]) / LIGHTNESS_WEIGHT
        colored = np.hypot(centers[seed, 1], centers[seed, 2]) >= COLORED_FROM
        same = (chroma < SAME_CHROMA) & (lightness < (SAME_LIGHTNESS_COLORED if colored else SAME_LIGHTNESS_GRAY))
        if counts[same].sum() > counts[best].sum():
            best = same
    return best


def _membership(features: FloatImage, centers: FloatImage, group: npt.NDArray[np.bool_]) -> FloatImage:
    """How much each pixel belongs to the group rather than to any other, 0..1; soft where two materials mix in a pixel."""
    if group.all():
        return np.ones(features.shape[:2], np.float32)
    distances = [np.linalg.norm(features - center, axis=-1) for center in centers]
    own = np.min([d for d, member in zip(distances, group, strict=True) if member], axis=0)
    other = np.min([d for d, member in zip(distances, group, strict=True) if not member], axis=0)
    belongs = np.clip(0.5 + (other - own) / (0.35 * (other + own) + 1.0), 0, 1).astype(np.float32)
    smooth = cv2.GaussianBlur(cv2.medianBlur(np.round(belongs * 255).astype(np.uint8), 5), (0, 0), 1.0)
    return np.asarray(smooth, np.float32) / np.float32(255)
