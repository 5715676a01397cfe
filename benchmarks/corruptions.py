"""True composites of cut-out products, eight harmless variants of them, and the 31 faults a gate must catch.

Every function takes a `Scene` and returns an sRGB uint8 picture. Faults are usually saved as JPEG 92 afterwards, as a careless pipeline would.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from imaging.color import lab_to_srgb, srgb_to_lab


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A product in a frame, in layers. Float arrays: rgb 0..255, alpha and shadow 0..1."""

    rgb_HW3: np.ndarray
    alpha_HW: np.ndarray
    shadow_HW: np.ndarray
    background_HW3: np.ndarray
    seed: int

    def flat(self) -> np.ndarray:
        """The composite: background, shadow, product."""
        base = self.background_HW3 * (1 - self.shadow_HW[..., None])
        return to_bytes(base * (1 - self.alpha_HW[..., None]) + self.rgb_HW3 * self.alpha_HW[..., None])

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    @property
    def box(self) -> tuple[int, int, int, int]:
        ys, xs = np.nonzero(self.alpha_HW > 0.5)
        return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy()


def webp(picture: np.ndarray, quality: int) -> np.ndarray:
    ok, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert ok
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy()


# --- building scenes -------------------------------------------------------------------------------------------------------------------


def place_product(
    rgba_HW4: np.ndarray, side_px: int, *, fill: float, seed: int, background_HW3: np.ndarray | None = None, shadow: bool = True
) -> Scene:
    """The cut-out centered in a square frame, its longer box side `fill` of it, with a soft contact shadow."""
    alpha = rgba_HW4[..., 3].astype(np.float32) / 255
    ys, xs = np.nonzero(alpha > 0.5)
    pad = 4
    cut = rgba_HW4[max(0, ys.min() - pad) : ys.max() + pad + 1, max(0, xs.min() - pad) : xs.max() + pad + 1].astype(np.float32)
    scale = fill * side_px / (max(cut.shape[:2]) - 2 * pad)
    size = (max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale)))
    a = cut[..., 3:] / 255
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small_a = np.clip(cv2.resize(a, size, interpolation=interpolation), 0, 1)
    color = cv2.resize(cut[..., :3] * a, size, interpolation=interpolation) / np.maximum(small_a[..., None], 1e-3)
    rgb, out_a = np.full((side_px, side_px, 3), 127, np.float32), np.zeros((side_px, side_px), np.float32)
    top, left = (side_px - size[1]) // 2, (side_px - size[0]) // 2
    y0, x0 = max(0, top), max(0, left)
    h, w = min(side_px - y0, size[1]), min(side_px - x0, size[0])
    rgb[y0 : y0 + h, x0 : x0 + w] = np.clip(color, 0, 255)[y0 - top : y0 - top + h, x0 - left : x0 - left + w]
    out_a[y0 : y0 + h, x0 : x0 + w] = small_a[y0 - top : y0 - top + h, x0 - left : x0 - left + w]
    ground = np.full((side_px, side_px, 3), 255, np.float32) if background_HW3 is None else background_HW3.astype(np.float32)
    dark = contact_shadow(out_a) if shadow else np.zeros_like(out_a)
    return Scene(rgb_HW3=rgb, alpha_HW=out_a, shadow_HW=dark, background_HW3=ground, seed=seed)


def contact_shadow(alpha: np.ndarray) -> np.ndarray:
    """A soft dark ellipse under the product, strongest where it touches the ground."""
    side = alpha.shape[0]
    ys, xs = np.nonzero(alpha > 0.5)
    wide, bottom = xs.max() - xs.min(), ys.max()
    shade = np.zeros_like(alpha)
    center = (int((xs.min() + xs.max()) / 2), int(bottom - 0.01 * side))
    cv2.ellipse(shade, center, (int(wide * 0.5), max(3, int(0.025 * side))), 0, 0, 360, 0.45, -1)
    return cv2.GaussianBlur(shade, (0, 0), 0.014 * side)


def gradient_scene(side_px: int, seed: int) -> np.ndarray:
    """A smooth colored gradient, as a backdrop or wall would be."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px
    top, bottom, tilt = rng.uniform(150, 225, 3), rng.uniform(90, 170, 3), rng.uniform(-25, 25)
    return top * (1 - y[..., None]) + bottom * y[..., None] + tilt * (x - 0.5)[..., None]


# --- harmless variants -----------------------------------------------------------------------------------------------------------------


def shift_lab(rgb: np.ndarray, d_l: float, d_a: float, d_b: float) -> np.ndarray:
    lab = srgb_to_lab(np.clip(rgb, 0, 255).astype(np.float32) / 255)
    return lab_to_srgb(lab + np.array([d_l, d_a, d_b], np.float32)) * 255


def ok_jpeg92(s: Scene) -> np.ndarray:
    return jpeg(s.flat(), 92)


def ok_webp85(s: Scene) -> np.ndarray:
    return webp(s.flat(), 85)


def ok_lighter(s: Scene) -> np.ndarray:
    return jpeg(replace(s, rgb_HW3=shift_lab(s.rgb_HW3, 1.5, 0, 0)).flat(), 92)


def ok_resampled(s: Scene) -> np.ndarray:
    p = s.flat()
    big = cv2.resize(p, None, fx=1.3, fy=1.3, interpolation=cv2.INTER_CUBIC)
    return jpeg(cv2.resize(big, p.shape[1::-1], interpolation=cv2.INTER_AREA), 92)


def ok_noise(s: Scene) -> np.ndarray:
    return jpeg(replace(s, rgb_HW3=s.rgb_HW3 + s.rng.normal(0, 1.5, s.rgb_HW3.shape)).flat(), 92)


def ok_shift(s: Scene) -> np.ndarray:
    matrix = np.array([[1, 0, 0.35], [0, 1, 0.30]], np.float32)
    moved = cv2.warpAffine(s.flat(), matrix, s.alpha_HW.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return jpeg(moved, 92)


def ok_tint(s: Scene) -> np.ndarray:
    return jpeg(replace(s, rgb_HW3=shift_lab(s.rgb_HW3, 0, 0.9, 1.2)).flat(), 92)


BENIGN: dict[str, Callable[[Scene], np.ndarray]] = {
    "jpeg_92": ok_jpeg92,
    "webp_85": ok_webp85,
    "lighter_1.5": ok_lighter,
    "resampled": ok_resampled,
    "noise_1.5": ok_noise,
    "shift_0.35": ok_shift,
    "tint_1.5": ok_tint,
    "gradient_scene": ok_jpeg92,
}
"""The last one is judged as a backdrop on a gradient; the others as white packshots."""


# --- faults ----------------------------------------------------------------------------------------------------------------------------


def _blur(sigma: float) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        weight = np.maximum(cv2.GaussianBlur(s.alpha_HW, (0, 0), sigma), 1e-3)[..., None]
        soft = cv2.GaussianBlur(s.rgb_HW3 * s.alpha_HW[..., None], (0, 0), sigma) / weight
        return jpeg(replace(s, rgb_HW3=soft).flat(), 92)

    return make


def _hue(delta: float) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        angle = s.rng.uniform(0, 2 * np.pi)
        return jpeg(replace(s, rgb_HW3=shift_lab(s.rgb_HW3, 0, delta * np.cos(angle), delta * np.sin(angle))).flat(), 92)

    return make


def darker(s: Scene) -> np.ndarray:
    return jpeg(replace(s, rgb_HW3=shift_lab(s.rgb_HW3, -6, 0, 0)).flat(), 92)


def overexposed(s: Scene) -> np.ndarray:
    return jpeg(replace(s, rgb_HW3=s.rgb_HW3 * 1.2).flat(), 92)


def _background(level: int) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(replace(s, background_HW3=np.full_like(s.background_HW3, level)).flat(), 92)


def _halo(width_px: int, level: int) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        size = 2 * width_px + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        wide = cv2.dilate(s.alpha_HW, kernel)
        fringe = np.where(s.alpha_HW[..., None] > 0.02, s.rgb_HW3 * s.alpha_HW[..., None] + level * (1 - s.alpha_HW[..., None]), level)
        return jpeg(replace(s, rgb_HW3=fringe, alpha_HW=wide).flat(), 92)

    return make


def _noise(sigma: float) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(replace(s, rgb_HW3=s.rgb_HW3 + s.rng.normal(0, sigma, s.rgb_HW3.shape)).flat(), 92)


def _compressed(quality: int) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(jpeg(s.flat(), quality), 92)


def text_on_background(s: Scene) -> np.ndarray:
    p = s.flat()
    side = p.shape[0]
    cv2.putText(
        p,
        "SALE -20%",
        (int(0.03 * side), int(0.06 * side)),
        cv2.FONT_HERSHEY_SIMPLEX,
        side / 700,
        (60, 60, 60),
        max(1, side // 350),
        cv2.LINE_AA,
    )
    return jpeg(p, 92)


def second_object(s: Scene) -> np.ndarray:
    p = s.flat()
    side = p.shape[0]
    x0, y0, x1, y1 = s.box
    crop = p[y0:y1, x0:x1]
    alpha = s.alpha_HW[y0:y1, x0:x1]
    scale = 0.11 * side / max(crop.shape[:2])
    size = (max(4, int(crop.shape[1] * scale)), max(4, int(crop.shape[0] * scale)))
    small, a = cv2.resize(crop, size, interpolation=cv2.INTER_AREA), cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    corner = (slice(int(0.02 * side), int(0.02 * side) + size[1]), slice(int(0.02 * side), int(0.02 * side) + size[0]))
    p[corner] = to_bytes(p[corner] * (1 - a) + small * a)
    return jpeg(p, 92)


def _about_center(matrix: np.ndarray, s: Scene) -> np.ndarray:
    x0, y0, x1, y1 = s.box
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([matrix, center - matrix @ center]).astype(np.float32)


def _moved(s: Scene, matrix: np.ndarray) -> Scene:
    size = s.alpha_HW.shape[::-1]
    mode = cv2.INTER_AREA if abs(np.linalg.det(matrix[:, :2])) < 0.5 else cv2.INTER_CUBIC
    rgb = cv2.warpAffine(s.rgb_HW3.astype(np.float32), matrix, size, flags=mode, borderMode=cv2.BORDER_REPLICATE)
    alpha = np.clip(cv2.warpAffine(s.alpha_HW, matrix, size, flags=cv2.INTER_LINEAR), 0, 1)
    shadow = np.clip(cv2.warpAffine(s.shadow_HW, matrix, size, flags=cv2.INTER_LINEAR), 0, 1)
    return replace(s, rgb_HW3=rgb, alpha_HW=alpha, shadow_HW=shadow)


def squashed(s: Scene) -> np.ndarray:
    return jpeg(_moved(s, _about_center(np.diag([1.0, 0.96]), s)).flat(), 92)


def _warped(share: float) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        side = s.alpha_HW.shape[0]
        field = [cv2.GaussianBlur(s.rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), side * 0.06) for _ in range(2)]
        dx, dy = (share * side * f / (np.abs(f).max() + 1e-9) * 1.35 for f in field)
        y, x = np.mgrid[0:side, 0:side].astype(np.float32)
        maps = ((x + dx).astype(np.float32), (y + dy).astype(np.float32))
        rgb, alpha = (
            cv2.remap(v.astype(np.float32), *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for v in (s.rgb_HW3, s.alpha_HW)
        )
        return jpeg(replace(s, rgb_HW3=rgb, alpha_HW=np.clip(alpha, 0, 1)).flat(), 92)

    return make


def local_patch(s: Scene) -> np.ndarray:
    """A piece of the product mirrored and blurred, where there is detail."""
    p = s.flat()
    side = p.shape[0]
    size = int(0.16 * side)
    gray = cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = cv2.boxFilter(np.abs(gray - cv2.GaussianBlur(gray, (0, 0), 3)) * (s.alpha_HW > 0.98), -1, (size, size))
    covered = cv2.boxFilter((s.alpha_HW > 0.98).astype(np.float32), -1, (size, size))
    score = np.where(covered > 0.9, detail, 0) if (covered > 0.9).any() else np.where(covered > 0.6, detail, 0)
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    y0, x0 = max(0, y - size // 2), max(0, x - size // 2)
    patch = p[y0 : y0 + size, x0 : x0 + size]
    p[y0 : y0 + size, x0 : x0 + size] = cv2.GaussianBlur(patch[:, ::-1], (0, 0), 2.0)
    return jpeg(p, 92)


def collapse_noise(s: Scene) -> np.ndarray:
    return jpeg(to_bytes(s.rng.uniform(0, 255, s.rgb_HW3.shape)), 92)


def collapse_black(s: Scene) -> np.ndarray:
    return np.zeros_like(s.flat())


def collapse_flat(s: Scene) -> np.ndarray:
    return np.full_like(s.flat(), 128)


def no_shadow(s: Scene) -> np.ndarray:
    return jpeg(replace(s, shadow_HW=np.zeros_like(s.shadow_HW)).flat(), 92)


def too_small(s: Scene) -> np.ndarray:
    return jpeg(_moved(s, _about_center(np.diag([0.52, 0.52]), s)).flat(), 92)


def off_center(s: Scene) -> np.ndarray:
    side = s.alpha_HW.shape[0]
    return jpeg(_moved(s, np.array([[1, 0, 0.12 * side], [0, 1, 0]], np.float32)).flat(), 92)


def cropped(s: Scene) -> np.ndarray:
    """Eight hundredths of the product cut off by the frame."""
    side = s.alpha_HW.shape[0]
    x0, y0, x1, y1 = s.box
    wide, tall = x1 - x0, y1 - y0
    dx, dy = (side - x1 + 0.08 * wide, 0.0) if wide >= tall else (0.0, side - y1 + 0.08 * tall)
    return jpeg(_moved(s, np.array([[1, 0, dx], [0, 1, dy]], np.float32)).flat(), 92)


def _banded(levels: int) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        step = 256 / levels
        return jpeg(to_bytes(np.minimum(np.floor(s.flat() / step) * step + step / 2, 255)), 92)

    return make


def watermark(s: Scene) -> np.ndarray:
    """White text at 35 % over the product, turned to dark where the product is light."""
    p = s.flat().astype(np.float32)
    side = p.shape[0]
    text = np.zeros((side, side), np.uint8)
    x0, y0, x1, y1 = s.box
    y = (y0 + y1) // 2
    cv2.putText(text, "SAMPLE", (x0 + (x1 - x0) // 10, y), cv2.FONT_HERSHEY_SIMPLEX, (x1 - x0) / 150, 255, max(2, side // 140), cv2.LINE_AA)
    layer = text.astype(np.float32) / 255 * (s.alpha_HW > 0.5)
    light = float(np.median(cv2.cvtColor(s.flat(), cv2.COLOR_RGB2GRAY)[s.alpha_HW > 0.9])) > 150
    return jpeg(to_bytes(p * (1 - 0.35 * layer[..., None]) + (0 if light else 255) * 0.35 * layer[..., None]), 92)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault and the recipes it is judged as."""

    make: Callable[[Scene], np.ndarray]
    on: str = "white"


FAULTS: dict[str, Fault] = {
    "blur_1": Fault(make=_blur(1.0)),
    "blur_2": Fault(make=_blur(2.0)),
    "hue_3": Fault(make=_hue(3.0)),
    "hue_6": Fault(make=_hue(6.0)),
    "darker_6": Fault(make=darker),
    "overexposed_1.2": Fault(make=overexposed),
    "background_250": Fault(make=_background(250)),
    "background_244": Fault(make=_background(244)),
    "halo_white_2px": Fault(make=_halo(2, 255), on="gradient"),
    "halo_dark_3px": Fault(make=_halo(3, 20)),
    "halo_gray_2px": Fault(make=_halo(2, 150)),
    "noise_5": Fault(make=_noise(5)),
    "noise_10": Fault(make=_noise(10)),
    "jpeg_20": Fault(make=_compressed(20)),
    "jpeg_40": Fault(make=_compressed(40)),
    "text": Fault(make=text_on_background),
    "second_object": Fault(make=second_object),
    "squash_4pct": Fault(make=squashed),
    "warp_0.8pct": Fault(make=_warped(0.008)),
    "warp_0.2pct": Fault(make=_warped(0.002)),
    "local_patch": Fault(make=local_patch),
    "collapse_noise": Fault(make=collapse_noise),
    "collapse_black": Fault(make=collapse_black),
    "collapse_flat": Fault(make=collapse_flat),
    "no_shadow": Fault(make=no_shadow),
    "scale_45pct": Fault(make=too_small),
    "off_center_12pct": Fault(make=off_center),
    "cropped_8pct": Fault(make=cropped),
    "banding_16": Fault(make=_banded(16), on="gradient"),
    "banding_32": Fault(make=_banded(32), on="gradient"),
    "watermark_35pct": Fault(make=watermark),
}
"""The 31 faults, named as in the quality reference, 4.3."""
