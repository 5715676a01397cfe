"""Measure a product whose looks were changed on purpose: whether the rest of it stayed, and whether form and light of the part stayed.

Which part was meant is the renderer's word (a small map among its facts), held against the material as found anew; what is in the picture there
and elsewhere is measured. What color was asked for is the plan's.
"""

import base64
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.dominant_region import find_dominant_region
from imaging.measure_background import rgb_of
from imaging.measure_repeat import measure_repeat
from imaging.measure_scale import compare_scale, measure_silhouette
from imaging.measure_views import Mask, Views, lowest_channel
from imaging.product_planes import ProductPlanes

MAP_SLACK = 1.5
"""Pixels of the part's map by which kept and changed parts are kept apart: what lies between is borders and rounding."""
FORM_SHARE = 0.03
"""Sigma of what counts as form rather than texture, in shares of the part's longer side."""
FLAT_L = 1.5
"""Spread of a part's form, in L, below which the photo has no shading that could be kept."""
MIN_PIXELS = 200
PATTERN_COLORS = 3
"""Colors that a pattern is taken apart into before its light is compared."""
PURE_WHITE = 254
LEAST_CONTRAST = 0.2
"""Contrast of a part, against the photo's, below which it counts as lost rather than as that of a darker or paler color."""


def part_of(views: Views, facts: dict[str, Any]) -> Mask | None:
    """The part that was to be changed, at working size; told by the map among the facts, or else the main material of the product as photographed.

    None without an expected product.
    """
    if not views.comparable or views.expected_HW3 is None or views.product_HW is None:
        return None
    told = _told_part(views.product_HW.shape, facts)
    return _main_material(views) if told is None else told


def measure_part(views: Views, facts: dict[str, Any]) -> dict[str, float | None]:
    """`part_agreement_pct`: overlap (IoU) of the part that the renderer says it changed with the main material as found anew; 100 without its word.

    Also 100 where the brand kit gave the part by a mask, which clustering cannot find anew. None without an expected product.
    """
    if not views.comparable or views.expected_HW3 is None or views.product_HW is None:
        return {"part_agreement_pct": None}
    told = _told_part(views.product_HW.shape, facts)
    if told is None or "part_mask" in (facts.get("resolved") or {}):
        return {"part_agreement_pct": 100.0}
    found, told = _main_material(views) & views.product_HW, told & views.product_HW
    return {"part_agreement_pct": 100 * float((found & told).sum() / max(1, (found | told).sum()))}


def target_of(facts: dict[str, Any]) -> str | None:
    """The color that was asked for: as planned, else as the renderer read it from a photographed swatch."""
    planned = (facts.get("resolved") or {}).get("target_hex")
    return planned or facts.get("target_hex")


def _told_part(shape: tuple[int, ...], facts: dict[str, Any]) -> Mask | None:
    if "part_map" not in facts:
        return None
    small = cv2.imdecode(np.frombuffer(base64.b64decode(facts["part_map"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) >= 128)


def _main_material(views: Views) -> Mask:
    assert views.expected_HW3 is not None and views.product_HW is not None
    alpha = views.product_HW.view(np.uint8) * 255
    return np.asarray(find_dominant_region(views.expected_HW3, alpha).mask > 0.5)


def measure_kept(views: Views, part_HW: Mask | None) -> dict[str, float | None]:
    """`kept_delta_e`: mean CIEDE2000 of the parts that were not to be changed, 0 if the part is all of the product; None without a product."""
    if part_HW is None:
        return {"kept_delta_e": None}
    assert views.near is not None
    near = views.near
    kept = near.inner_HW & ~_grown(part_HW)[near.box]
    if kept.sum() < MIN_PIXELS:
        return {"kept_delta_e": 0.0}
    return {"kept_delta_e": float(delta_e2000(*(_colors(planes, kept) for planes in (near.render, near.expected))).mean())}


def measure_target(views: Views, part_HW: Mask | None, target_hex: str | None) -> dict[str, float | None]:
    """How far the part is off its target, in CIEDE2000.

    `target_mean_delta_e`: mean of its pixels, each brought to the target's lightness along its shading. Without that, shading itself counts: an
    evenly lit ball is 8 off its own color on the mean. What is left is hue and chroma that are wrong.
    `target_median_delta_e`: its middle color, lightness and all: a colorway that is too pale or too dark as a whole.
    """
    columns: dict[str, float | None] = {"target_mean_delta_e": None, "target_median_delta_e": None}
    if part_HW is None or target_hex is None:
        return columns
    assert views.near is not None
    near = views.near
    changed = near.inner_HW & _shrunk(part_HW)[near.box]
    if changed.sum() < MIN_PIXELS:
        return columns
    target = srgb_to_lab(np.array([[rgb_of(target_hex)]], np.uint8))[0, 0]
    colors = _colors(near.render, changed)
    scale = (target[0] + 16) / (np.maximum(colors[:, :1], 6) + 16)
    level = np.concatenate([np.full_like(scale, target[0]), colors[:, 1:] * scale], axis=1)
    columns["target_mean_delta_e"] = float(delta_e2000(level, target).mean())
    columns["target_median_delta_e"] = float(delta_e2000(np.median(colors, axis=0).astype(np.float32), target))
    return columns


def measure_form(views: Views, part_HW: Mask | None, *, patterned: bool = False) -> dict[str, float | None]:
    """`shading_correlation` of the part's form between photo and render, 1 where the photo has none; and `structure_ssim`.

    patterned: compares light within each of a few colors that the part shows, for a pattern is lighter and darker by itself.
    """
    columns: dict[str, float | None] = {"shading_correlation": None, "structure_ssim": None}
    if part_HW is None:
        return columns
    assert views.near is not None
    near = views.near
    weight = (near.inner_HW & _shrunk(part_HW)[near.box]).astype(np.float32)
    if weight.sum() < MIN_PIXELS:
        return columns
    longer = max(np.ptp(np.nonzero(weight.any(axis=1))[0]), np.ptp(np.nonzero(weight.any(axis=0))[0]))
    sigma = max(FORM_SHARE * longer, 1.0)
    columns["shading_correlation"] = _form_correlation(near, weight, sigma, PATTERN_COLORS if patterned else 1)
    columns["structure_ssim"] = _structure(near, weight)
    return columns


def _form_correlation(near: ProductPlanes, weight: FloatImage, sigma: float, colors: int) -> float:
    """Correlation of smoothed lightness within each color, mean by area; colors over which the photo is even are left out."""
    small = np.ascontiguousarray(weight[::2, ::2]) > 0
    groups = _color_groups(near, small, colors)
    found = []
    for number in range(colors):
        chosen = groups == number
        if chosen.sum() < MIN_PIXELS / 2:
            continue
        own = chosen.astype(np.float32)
        render, photo = (
            _smooth(np.ascontiguousarray(plane[::2, ::2]), own, sigma / 2)[chosen] for plane in (near.render[0], near.expected[0])
        )
        if photo.std() >= FLAT_L and render.std() > 1e-3:
            found.append((float(np.corrcoef(render, photo)[0, 1]), float(chosen.sum())))
        elif photo.std() >= FLAT_L:
            found.append((0.0, float(chosen.sum())))
    return float(np.average([r for r, _ in found], weights=[n for _, n in found])) if found else 1.0


def _color_groups(near: ProductPlanes, chosen_HW: Mask, colors: int) -> npt.NDArray[np.int64]:
    """The number of each pixel's color, -1 outside; lightness counts little, for shading is not another color."""
    groups = np.full(chosen_HW.shape, -1, np.int64)
    lab = np.stack([plane[::2, ::2][chosen_HW] for plane in near.render], axis=-1) * np.array([0.5, 1, 1], np.float32)
    if colors == 1:
        groups[chosen_HW] = 0
        return groups
    centers = [np.median(lab, axis=0)]
    for _ in range(colors - 1):
        away = np.min([np.linalg.norm(lab - center, axis=1) for center in centers], axis=0)
        centers.append(lab[int(np.argsort(away)[int(0.97 * (len(away) - 1))])])
    current = np.array(centers, np.float32)
    for _ in range(6):
        nearest = np.argmin([np.square(lab - center).sum(axis=1) for center in current], axis=0)
        current = np.array([lab[nearest == k].mean(axis=0) if (nearest == k).any() else current[k] for k in range(colors)], np.float32)
    groups[chosen_HW] = nearest
    return groups


def measure_hollow(views: Views) -> dict[str, float | None]:
    """`eaten_pct` of a changed product: what is purely the white background inside the silhouette, from its edge on, in percent of its area.

    Its looks are new, so it cannot be compared with the photo; nothing lit is as white as nothing at all over an area.
    """
    if views.product_HW is None or not views.product_HW.any():
        return {"eaten_pct": None}
    outside = ~views.product_HW
    empty = (lowest_channel(views.render_HW3) >= PURE_WHITE).view(np.uint8)
    deep = cv2.erode(views.product_HW.view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    _, labels = cv2.connectedComponents(((empty > 0) | outside).view(np.uint8), connectivity=4)
    reached = np.isin(labels, np.unique(labels[outside]))
    return {"eaten_pct": 100 * float((reached & deep).sum()) / float(views.product_HW.sum())}


def _structure(near: ProductPlanes, weight: FloatImage) -> float:
    """Mean SSIM of the part's lightness, first brought to the photo's mean and spread: a dark color is no lost structure."""
    render, photo = near.render[0], near.expected[0]
    count = float(weight.sum())
    means = [float((plane * weight).sum() / count) for plane in (render, photo)]
    spread_r, spread_p = (
        max(float(np.sqrt((((plane - mean) * weight) ** 2).sum() / count)), 0.5) for plane, mean in zip((render, photo), means, strict=True)
    )
    # The render to the photo's, not the other way: what has lost its contrast must not pass for even.
    gain = spread_p / max(spread_r, LEAST_CONTRAST * spread_p)
    render = (render - np.float32(means[0])) * np.float32(gain) + np.float32(means[1])
    cover = np.maximum(_gauss(weight), np.float32(1e-3))
    mean_r, mean_p = (_gauss(plane * weight) / cover for plane in (render, photo))
    var_r = _gauss(render * render * weight) / cover - mean_r**2
    var_p = _gauss(photo * photo * weight) / cover - mean_p**2
    both = _gauss(render * photo * weight) / cover - mean_r * mean_p
    ssim = (2 * mean_r * mean_p + 1) / (mean_r**2 + mean_p**2 + 1) * (2 * both + 9) / (var_r + var_p + 9)
    return float((ssim * weight).sum() / count)


def measure_pattern(views: Views, part_HW: Mask | None, facts: dict[str, Any]) -> dict[str, float | None]:
    """`repeat_error_pct`: the pattern's repeat measured in the picture against its centimeters; 100 if no wave stands out.

    Centimeters become pixels by the silhouette as measured and the product's size in the catalog when it was made.
    """
    if part_HW is None or "repeat_cm" not in facts:
        return {"repeat_error_pct": None}
    assert views.near is not None
    near, expected_px = views.near, _repeat_px(views, facts)
    if expected_px is None:
        return {"repeat_error_pct": None}
    part = near.inner_HW & _shrunk(part_HW)[near.box]
    wave_px = expected_px / max(float(facts["waves_per_repeat"]), 1e-3)
    found = measure_repeat(near.render[0], part, wave_px)
    return {"repeat_error_pct": 100.0 if found is None else 100 * abs(found / wave_px - 1)}


def _repeat_px(views: Views, facts: dict[str, Any]) -> float | None:
    seen = measure_silhouette(views)
    scale = compare_scale(seen["product_width_px"], seen["product_height_px"], facts.get("size_cm"))["px_per_cm"]
    return None if scale is None else float(facts["repeat_cm"]) * scale * views.scale


def _slack(part_HW: Mask) -> npt.NDArray[np.uint8]:
    size = 2 * max(3, round(MAP_SLACK * max(part_HW.shape) / 160)) + 1
    return np.ones((size, size), np.uint8)


def _grown(part_HW: Mask) -> Mask:
    return np.asarray(cv2.dilate(part_HW.view(np.uint8), _slack(part_HW)) > 0)


def _shrunk(part_HW: Mask) -> Mask:
    return np.asarray(cv2.erode(part_HW.view(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def _colors(planes: tuple[FloatImage, FloatImage, FloatImage], chosen_HW: Mask) -> FloatImage:
    """Lab (N, 3) of chosen pixels, every second row and column."""
    return np.stack([plane[::2, ::2][chosen_HW[::2, ::2]] for plane in planes], axis=-1)


def _smooth(plane: FloatImage, weight: FloatImage, sigma: float) -> FloatImage:
    """Means of the weighted pixels around."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(plane * weight, (0, 0), sigma) / np.maximum(total, 1e-3), np.float32)


def _gauss(plane: FloatImage) -> FloatImage:
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5), np.float32)
