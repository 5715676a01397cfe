"""Measure whether the scene around a product is one: content that repeats like tiles, garish colors, one color. Its style is not judged."""

import cv2
import numpy as np

from imaging.measure_views import Mask, Views, highest_channel, lowest_channel

COMPARED_AT_PX = 192
"""Longer side of the copy that is compared with itself; a tile of a collapsed picture is larger than 8 of its pixels."""
TEXTURE_SIGMA_PX = 6.0
"""Content wider than this is light and layout, which agree with themselves everywhere."""
MIN_LAG_SHARE = 0.08
"""Content repeats when it comes again at least this far away, as a share of the longer side; nearer, all texture resembles itself."""
MIN_OVERLAP = 0.25
"""Share of the scene that must lie on scene after the move, for an agreement to count."""
CANDIDATES = 40
"""Highest agreements that are looked at; a tiling has a few, texture hundreds of low ones."""
MIN_LOST = 0.15
"""Agreement that must be lost on the way: along a clean edge hardly any is."""
MIN_TEXTURE = 1.0
"""Levels of texture below which nothing is there that could repeat."""
GARISH_HIGH, GARISH_LOW = 245, 10
"""Levels: a pixel with a channel from the one and a channel up to the other has all the color that sRGB can show."""
ONE_COLOR_LEVELS = 6


def measure_scene(views: Views) -> dict[str, float | None]:
    """`scene_repeat`, `scene_garish_pct`, `scene_one_color_pct` of what surrounds the product; all None when its place is not known."""
    zone = views.background_HW
    if zone is None or not zone.any():
        return {"scene_repeat": None, "scene_garish_pct": None, "scene_one_color_pct": None}
    garish = (highest_channel(views.render_HW3) >= GARISH_HIGH) & (lowest_channel(views.render_HW3) <= GARISH_LOW)
    return {
        "scene_repeat": _repeat(views.render_lab_HW3[..., 0], zone),
        "scene_garish_pct": float(garish[zone].mean() * 100),
        "scene_one_color_pct": _one_color_pct(views.render_HW3, zone),
    }


def _repeat(lightness_HW: np.ndarray, zone_HW: Mask) -> float:
    """The best agreement (normalized correlation, 0..1) of the scene's texture with itself moved by at least MIN_LAG_SHARE."""
    scale = COMPARED_AT_PX / max(zone_HW.shape)
    size = (max(8, round(zone_HW.shape[1] * scale)), max(8, round(zone_HW.shape[0] * scale)))
    inside = (cv2.resize(zone_HW.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99).astype(np.float32)
    small = cv2.resize(lightness_HW, size, interpolation=cv2.INTER_AREA)
    near = np.maximum(cv2.GaussianBlur(inside, (0, 0), TEXTURE_SIGMA_PX), 1e-3)
    texture = (small - cv2.GaussianBlur(small * inside, (0, 0), TEXTURE_SIGMA_PX) / near) * inside
    if inside.sum() == 0 or np.sqrt((texture**2).sum() / inside.sum()) < MIN_TEXTURE:
        return 0.0
    # Without limits one bright edge would speak for the whole scene.
    limit = 3 * float(np.sqrt((texture**2).sum() / inside.sum()))
    texture = np.clip(texture, -limit, limit)
    shape = tuple(cv2.getOptimalDFTSize(2 * side) for side in texture.shape)
    spectrum, weight, power = (np.fft.rfft2(plane, shape) for plane in (texture, inside, texture**2))
    agree, overlap = (np.fft.irfft2(np.abs(plane) ** 2, shape) for plane in (spectrum, weight))
    here, there = (np.fft.irfft2(plane, shape) for plane in (power * np.conj(weight), np.conj(power) * weight))
    energy, floor = np.sqrt(np.maximum(here * there, 0)), 0.2 * float((texture**2).sum())
    return _best_return(agree / np.maximum(energy, floor), overlap >= MIN_OVERLAP * inside.sum())


def _best_return(agreement_HW: np.ndarray, counted_HW: np.ndarray) -> float:
    """How well content comes again, 0..1: what part of the agreement that was lost on the way to a far move is back there.

    Along a straight edge a scene agrees with itself at every move, and nothing repeats; between two tiles agreement is lost.
    """
    shape = agreement_HW.shape
    signed = [(np.arange(side) + side // 2) % side - side // 2 for side in shape]
    far = np.hypot(signed[0][:, None], signed[1][None]) >= MIN_LAG_SHARE * COMPARED_AT_PX
    values = np.where(counted_HW & far, agreement_HW, -1.0)
    highest = values >= cv2.dilate(values, np.ones((7, 7), np.uint8))
    rows, columns = np.nonzero(highest & (values > 0))
    order = np.argsort(-values[rows, columns], kind="stable")[:CANDIDATES]
    best, steps = 0.0, np.linspace(0.1, 0.9, 25)[:, None]
    for row, column in zip(rows[order], columns[order], strict=True):
        way = np.rint(steps * [signed[0][row], signed[1][column]]).astype(int)
        lowest = max(0.0, float(agreement_HW[way[:, 0], way[:, 1]].min()))
        best = max(best, (float(values[row, column]) - lowest) / max(1 - lowest, MIN_LOST))
    return float(np.clip(best, 0, 1))


def _one_color_pct(render_HW3: np.ndarray, zone_HW: Mask) -> float:
    """Share of the scene within ONE_COLOR_LEVELS of its most frequent color, in percent."""
    pixels = render_HW3[::2, ::2][zone_HW[::2, ::2]].astype(np.int16)
    if not len(pixels):
        return 100.0
    cells = (pixels // 4).astype(np.int32)
    codes = cells[:, 0] * 4096 + cells[:, 1] * 64 + cells[:, 2]
    most = int(np.bincount(codes, minlength=64**3).argmax())
    color = np.array([most // 4096, most // 64 % 64, most % 64]) * 4 + 2
    return float((np.abs(pixels - color).max(axis=1) <= ONE_COLOR_LEVELS).mean() * 100)
