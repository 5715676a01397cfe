"""Faults and harmless variants beyond the 31 and 8 of the quality reference: grown, eaten, doubled, turned in hue, marked, fringed on one side.

`corruptions.py` keeps those of the reference as they are; the benchmark reports both. A `stage` is a product in a drawn scene.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.corruptions import Fault, Scene, _about_center, _moved, jpeg, place_product, to_bytes, webp
from imaging.color import lab_to_srgb, srgb_to_lab

STAGE_FILL = 0.5
COLORED_CHROMA = 24.0
"""Mean CIELAB chroma from which a product is colored: 8 degrees or 15 % of it are a shift of 3.4, twice what is harmless."""


def stage(rgba_HW4: np.ndarray, side_px: int, seed: int) -> Scene:
    """The cut-out standing on the ground of a drawn scene, half as large as the frame, a little right of the middle."""
    scene = place_product(rgba_HW4, side_px, fill=STAGE_FILL, seed=seed, background_HW3=room(side_px, seed))
    bottom = scene.box[3]
    down = _moved(scene, np.array([[1, 0, 0.12 * side_px], [0, 1, 0.86 * side_px - bottom]], np.float32))
    return replace(down, background_HW3=scene.background_HW3)


def room(side_px: int, seed: int) -> np.ndarray:
    """A wall with light from a window and two props out of focus, and a ground of another color; float levels."""
    rng = np.random.default_rng(seed + 1)
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px
    wall, ground = (_muted(rng.uniform(low, high, 3)) for low, high in ((110, 215), (80, 190)))
    picture = np.where(y[..., None] < 0.66, wall * (1.05 - 0.25 * x[..., None]), ground * (0.75 + 0.4 * y[..., None])).astype(np.float32)
    for number in range(3):
        left = 0.08 + 0.27 * number
        pane = np.array([[left, 0.08], [left + 0.2, 0.02], [left + 0.24, 0.5], [left + 0.05, 0.55]]) * side_px
        light = np.zeros((side_px, side_px), np.float32)
        cv2.fillPoly(light, [pane.astype(np.int32)], 1.0)
        picture += 28 * cv2.GaussianBlur(light, (0, 0), 0.008 * side_px)[..., None]
    for _ in range(2):
        center, radius = rng.uniform(0.1, 0.9, 2) * (side_px, 0.6 * side_px), rng.uniform(0.06, 0.12) * side_px
        prop = np.zeros((side_px, side_px), np.float32)
        cv2.circle(prop, (int(center[0]), int(center[1] + 0.05 * side_px)), int(radius), 0.8, -1)
        prop = cv2.GaussianBlur(prop, (0, 0), 0.018 * side_px)[..., None]
        picture = picture * (1 - prop) + _muted(rng.uniform(40, 200, 3)) * prop
    grain = cv2.GaussianBlur(rng.normal(0, 6, (side_px, side_px)).astype(np.float32), (0, 0), 1.5)
    return np.clip(picture + grain[..., None], 0, 255)


def _muted(color: np.ndarray) -> np.ndarray:
    """Half way to gray, as walls and floors are."""
    return np.asarray(color.mean() + 0.5 * (color - color.mean()))


# --- the outline moves -----------------------------------------------------------------------------------------------------------------


def grown(s: Scene) -> np.ndarray:
    """A model drew the product a twelfth larger to its right and top than it was placed, and the true one was laid over it."""
    x0, _, _, y1 = s.box
    matrix = np.array([[1.08, 0, -0.08 * x0], [0, 1.08, -0.08 * y1]], np.float32)
    larger = _moved(s, matrix)
    under = s.background_HW3 * (1 - s.shadow_HW[..., None])
    under = under * (1 - larger.alpha_HW[..., None]) + larger.rgb_HW3 * larger.alpha_HW[..., None]
    return jpeg(replace(s, background_HW3=under, shadow_HW=np.zeros_like(s.shadow_HW)).flat(), 92)


def _at_the_side(s: Scene, share: float) -> tuple[int, int, int]:
    """A point of the product's outline in its upper half, at its widest there, and a radius: a share of its shorter side."""
    x0, y0, x1, y1 = s.box
    rows = slice(y0 + (y1 - y0) // 5, y0 + (y1 - y0) * 11 // 20)
    solid = s.alpha_HW > 0.9
    rights = np.where(solid.any(axis=1), solid.shape[1] - 1 - np.argmax(solid[:, ::-1], axis=1), 0)
    row = rows.start + int(np.argmax(rights[rows]))
    return int(rights[row]), row, max(2, round(share * min(x1 - x0, y1 - y0)))


def knob(share: float) -> Callable[[Scene], np.ndarray]:
    """A knob that the product does not have, of its own color and texture, grown out of its side."""

    def make(s: Scene) -> np.ndarray:
        x, y, radius = _at_the_side(s, share)
        lump = np.zeros_like(s.alpha_HW)
        cv2.circle(lump, (x + radius // 2, y), radius, 1.0, -1)
        lump = cv2.GaussianBlur(lump, (0, 0), 0.7)
        inside = (s.alpha_HW > 0.9).astype(np.float32)
        matrix = np.array([[1, 0, 2.0 * radius], [0, 1, 0]], np.float32)
        near = (
            cv2.GaussianBlur(s.rgb_HW3 * inside[..., None], (0, 0), radius)
            / np.maximum(cv2.GaussianBlur(inside, (0, 0), radius), 1e-3)[..., None]
        )
        moved = cv2.warpAffine(s.rgb_HW3.astype(np.float32), matrix, s.alpha_HW.shape[::-1])
        known = cv2.warpAffine(inside, matrix, s.alpha_HW.shape[::-1])[..., None]
        color = moved * known + near * (1 - known)
        outside = (lump * (1 - s.alpha_HW))[..., None]
        return jpeg(to_bytes(s.flat() * (1 - outside) + color * outside), 92)

    return make


def bite(share: float) -> Callable[[Scene], np.ndarray]:
    """A bite out of the product's side, filled with background."""

    def make(s: Scene) -> np.ndarray:
        x, y, radius = _at_the_side(s, share)
        gap = np.zeros_like(s.alpha_HW)
        cv2.circle(gap, (x - radius // 3, y), radius, 1.0, -1)
        gap = cv2.GaussianBlur(gap, (0, 0), 0.7)
        return jpeg(replace(s, alpha_HW=s.alpha_HW * (1 - gap)).flat(), 92)

    return make


# --- something else in the frame -------------------------------------------------------------------------------------------------------


def twin(scale: float, *, mirrored: bool = False) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        x0, _, x1, y1 = s.box
        side = s.alpha_HW.shape[0]
        across = -scale if mirrored else scale
        left = 0.03 * side - (across * x1 if mirrored else across * x0)
        small = _moved(s, np.array([[across, 0, left], [0, scale, y1 - scale * y1]], np.float32))
        picture = s.flat().astype(np.float32)
        free = (small.alpha_HW * (1 - s.alpha_HW))[..., None]
        return jpeg(to_bytes(picture * (1 - free) + small.rgb_HW3 * free), 92)

    return make


def prop(color: tuple[int, int, int], share: float) -> Callable[[Scene], np.ndarray]:
    """A ball of a color in the upper left corner, its diameter a share of the frame."""

    def make(s: Scene) -> np.ndarray:
        side = s.alpha_HW.shape[0]
        radius = share * side / 2
        ball = np.zeros_like(s.alpha_HW)
        cv2.circle(ball, (int(1.5 * radius), int(1.5 * radius)), int(radius), 1.0, -1)
        ball = (cv2.GaussianBlur(ball, (0, 0), 0.8) * (1 - s.alpha_HW))[..., None]
        return jpeg(to_bytes(s.flat() * (1 - ball) + np.array(color, np.float32) * ball), 92)

    return make


# --- color -----------------------------------------------------------------------------------------------------------------------------


def colored(turn_deg: float, gain: float) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        lab = srgb_to_lab(np.clip(s.rgb_HW3, 0, 255).astype(np.float32) / 255)
        angle = np.radians(turn_deg)
        a, b = lab[..., 1].copy(), lab[..., 2].copy()
        lab[..., 1] = gain * (a * np.cos(angle) - b * np.sin(angle))
        lab[..., 2] = gain * (a * np.sin(angle) + b * np.cos(angle))
        return jpeg(replace(s, rgb_HW3=lab_to_srgb(lab) * 255).flat(), 92)

    return make


# --- marks on the product --------------------------------------------------------------------------------------------------------------


def marked(opacity: float, text: str) -> Callable[[Scene], np.ndarray]:
    """Text in rising lines all over the product, white where it is dark and black where it is light."""

    def make(s: Scene) -> np.ndarray:
        p = s.flat().astype(np.float32)
        side = p.shape[0]
        x0, y0, x1, y1 = s.box
        layer = np.zeros((side, side), np.uint8)
        for y in range(y0 + (y1 - y0) // 6, y1, max(20, (y1 - y0) // 4)):
            cv2.putText(layer, text, (x0, y), cv2.FONT_HERSHEY_SIMPLEX, side / 700, 255, max(1, side // 280), cv2.LINE_AA)
        turn = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), 20, 1.0)
        ink = cv2.warpAffine(layer, turn, (side, side)).astype(np.float32)[..., None] / 255 * opacity * (s.alpha_HW > 0.5)[..., None]
        light = float(np.median(cv2.cvtColor(s.flat(), cv2.COLOR_RGB2GRAY)[s.alpha_HW > 0.9])) > 150
        return jpeg(to_bytes(p * (1 - ink) + (0 if light else 255) * ink), 92)

    return make


# --- edges and proportions -------------------------------------------------------------------------------------------------------------


def half_halo(width_px: int, level: int) -> Callable[[Scene], np.ndarray]:
    """A fringe along the left and upper outline only."""

    def make(s: Scene) -> np.ndarray:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width_px + 1, 2 * width_px + 1))
        shifted = np.roll(cv2.dilate(s.alpha_HW, kernel), (-width_px, -width_px), axis=(0, 1))
        wide = np.maximum(s.alpha_HW, shifted)
        fringe = np.where(s.alpha_HW[..., None] > 0.02, s.rgb_HW3 * s.alpha_HW[..., None] + level * (1 - s.alpha_HW[..., None]), level)
        return jpeg(replace(s, rgb_HW3=fringe, alpha_HW=wide).flat(), 92)

    return make


def halo_around(width_px: int, level: int) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width_px + 1, 2 * width_px + 1))
        wide = cv2.dilate(s.alpha_HW, kernel)
        fringe = np.where(s.alpha_HW[..., None] > 0.02, s.rgb_HW3 * s.alpha_HW[..., None] + level * (1 - s.alpha_HW[..., None]), level)
        return jpeg(replace(s, rgb_HW3=fringe, alpha_HW=wide).flat(), 92)

    return make


def squashed_by(share: float) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(_moved(s, _about_center(np.diag([1.0, 1 - share]), s)).flat(), 92)


def _is_colored(s: Scene) -> bool:
    lab = srgb_to_lab(np.clip(s.rgb_HW3, 0, 255).astype(np.float32) / 255)
    return float(np.hypot(lab[..., 1], lab[..., 2])[s.alpha_HW > 0.98].mean()) >= COLORED_CHROMA


@dataclass(frozen=True, kw_only=True)
class FurtherFault(Fault):
    """A fault, what it is judged as (`white`, `gradient` or `stage`), and the products it can be seen on."""

    shows_on: Callable[[Scene], bool] = lambda s: True


MORE_FAULTS: dict[str, FurtherFault] = {
    "grown": FurtherFault(make=grown),
    "grown_in_scene": FurtherFault(make=grown, on="stage"),
    "extra_part": FurtherFault(make=knob(1 / 9)),
    "extra_part_backdrop": FurtherFault(make=knob(1 / 9), on="gradient"),
    "extra_part_in_scene": FurtherFault(make=knob(1 / 9), on="stage"),
    "eaten_part": FurtherFault(make=bite(1 / 9)),
    "eaten_part_in_scene": FurtherFault(make=bite(1 / 9), on="stage"),
    "twin_in_scene": FurtherFault(make=twin(0.6), on="stage"),
    "small_twin_in_scene": FurtherFault(make=twin(0.4), on="stage"),
    "mirrored_twin_in_scene": FurtherFault(make=twin(0.6, mirrored=True), on="stage"),
    "pale_prop": FurtherFault(make=prop((232, 228, 220), 0.09)),
    "prop_backdrop": FurtherFault(make=prop((60, 90, 140), 0.09), on="gradient"),
    "hue_turn_8deg": FurtherFault(make=colored(8, 1.0), shows_on=_is_colored),
    "chroma_down_15pct": FurtherFault(make=colored(0, 0.85), shows_on=_is_colored),
    "chroma_up_15pct": FurtherFault(make=colored(0, 1.15), shows_on=_is_colored),
    "watermark_tiled_20pct": FurtherFault(make=marked(0.2, "SAMPLE SAMPLE SAMPLE")),
    "watermark_tiled_in_scene": FurtherFault(make=marked(0.3, "SAMPLE SAMPLE SAMPLE"), on="stage"),
    "half_halo_white_3px": FurtherFault(make=half_halo(3, 255), on="gradient"),
    "halo_white_in_scene": FurtherFault(make=halo_around(2, 255), on="stage"),
    "halo_gray_in_scene": FurtherFault(make=halo_around(3, 140), on="stage"),
    "squash_3pct": FurtherFault(make=squashed_by(0.03)),
    "squash_3pct_in_scene": FurtherFault(make=squashed_by(0.03), on="stage"),
}
"""Faults that the new measurements are for; found by any rule counts, as with the 31."""

MORE_BENIGN: dict[str, FurtherFault] = {
    "stage_jpeg_92": FurtherFault(make=lambda s: jpeg(s.flat(), 92), on="stage"),
    "stage_webp_85": FurtherFault(make=lambda s: webp(s.flat(), 85), on="stage"),
}
"""Harmless pictures, and what they are judged as."""
