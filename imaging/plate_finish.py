"""Make a small scene plate into a background of the final size: enlarged without steps, out of focus with distance, with a fine grain.

Leaves out the product and its shadows. Nothing is sharpened: a staged product stands in front of a lens set to it.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.surface_detail import add_surface_detail, read_surface

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]


def finish_plate(
    plate_HW3: Uint8, *, width_px: int, height_px: int, horizon_share: float, base_share: float, blur_pct: float, grain: float, seed: int
) -> FloatImage:
    """The plate at final size, sharpest where the product stands, blurred with distance from there; float32 sRGB 0..255.

    plate_HW3: uint8 sRGB, any size. horizon_share, base_share: where the surface begins and where the product stands, 0 top .. 1 bottom.
    blur_pct: sigma of the wall's blur in percent of the height. grain: standard deviation of the grain in levels of 255.
    seed: of the grain, so that the same render has the same grain.
    """
    large = enlarge(plate_HW3, width_px=width_px, height_px=height_px)
    roughness, drawn_out = read_surface(plate_HW3, horizon_share)
    detailed = add_surface_detail(large, horizon_share=horizon_share, roughness=roughness, drawn_out=drawn_out, seed=seed)
    focused = focus_by_distance(detailed, horizon_share=horizon_share, base_share=base_share, blur_px=blur_pct / 100 * height_px)
    return add_grain(focused, sigma=grain, seed=seed)


def enlarge(plate_HW3: Uint8, *, width_px: int, height_px: int) -> FloatImage:
    """The plate scaled to cover the frame (overhang cut off evenly), by steps of two with an edge-keeping pass between; float32 0..255.

    One big cubic step shows the cell grid of a 128 px plate; two-fold steps, each followed by a bilateral filter, keep table edges and
    pane borders firm and flatten the cells' residue.
    """
    height, width = plate_HW3.shape[:2]
    scale = max(width_px / width, height_px / height)
    image = plate_HW3.astype(np.float32)
    while scale > 2.0 and image.shape[0] < 512:
        image = cv2.bilateralFilter(_double(image), 5, 14.0, 2.0)
        scale /= 2
    height, width = image.shape[:2]
    scale = max(width_px / width, height_px / height)
    size = (max(width_px, round(width * scale)), max(height_px, round(height * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    left, top = (size[0] - width_px) // 2, (size[1] - height_px) // 2
    return np.asarray(np.clip(image[top : top + height_px, left : left + width_px], 0, 255), np.float32)


def _double(image: FloatImage) -> FloatImage:
    """Twice the size, cubic, without the overshoot that draws a bright line along a table's edge: kept between its neighbors' extremes."""
    size = (image.shape[1] * 2, image.shape[0] * 2)
    kernel = np.ones((3, 3), np.uint8)
    low = cv2.resize(cv2.erode(image, kernel), size, interpolation=cv2.INTER_NEAREST)
    high = cv2.resize(cv2.dilate(image, kernel), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), low, high), np.float32)


def focus_by_distance(image_HW3: FloatImage, *, horizon_share: float, base_share: float, blur_px: float) -> FloatImage:
    """Depth of field: full blur on the wall, none at the product's base, a little in front of it; float32, as given.

    On a level surface seen from above, distance grows with 1 / (row - horizon), and the circle of confusion with the difference of
    inverse distances, so blur is linear in the row between base and horizon. blur_px: sigma on the wall.
    """
    height = image_HW3.shape[0]
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height
    span = max(base_share - horizon_share, 0.05)
    amount = np.clip((base_share - rows) / span, 0, 1) + 0.5 * np.clip((rows - base_share) / span, 0, 1)
    levels = [image_HW3] + [_soft(image_HW3, blur_px * share) for share in (0.33, 0.66, 1.0)]
    position = amount * (len(levels) - 1)
    result = np.zeros_like(image_HW3)
    for index, level in enumerate(levels):
        weight = np.clip(1 - np.abs(position - index), 0, 1)
        used = np.flatnonzero(weight > 0)
        if used.size:
            result[used] += level[used] * weight[used, None, None]
    return result


def add_grain(image_HW3: FloatImage, *, sigma: float, seed: int) -> FloatImage:
    """The picture with a fine gray grain, a little stronger in the mid-tones as film has it; also hides 8-bit steps in gradients."""
    if sigma <= 0:
        return image_HW3
    height, width = image_HW3.shape[:2]
    noise = np.random.default_rng(seed).standard_normal((height, width), dtype=np.float32)
    noise = noise * 0.6 + cv2.GaussianBlur(noise, (0, 0), 1.0) * 1.4
    level = image_HW3.mean(axis=2) / 255
    return np.asarray(image_HW3 + (noise * sigma * (0.45 + 2.2 * level * (1 - level)))[..., None], np.float32)


def _soft(image: FloatImage, sigma: float) -> FloatImage:
    """Gaussian blur of any width at the cost of a small one: wide blurs are done on a smaller copy."""
    if sigma <= 0.3:
        return image
    step = max(1, int(sigma / 3))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
