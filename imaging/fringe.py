"""Hair, fur and fringes of a product on a plain background: where they are, and what of each pixel is theirs.

A hard mask cannot hold them: a fringe is as much gap as thread. On plain ground the background's color is known in every gap, and the threads'
color is that of the pixels farthest from it; where the pixel lies between both is a first alpha, which closed-form matting settles where colors
differ from thread to thread. Leaves out glass, and hair on anything but plain ground.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.closed_form import closed_form_alpha
from imaging.color import FloatImage, lab_to_srgb, lengths
from imaging.color_spread import carry_color
from imaging.crops import Box, box_around
from imaging.linear_light import light_of_fine_levels, to_levels, to_light
from imaging.matte import light_share
from imaging.product_mask import ProductMask

Photo = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

ROOM_PX = 90.0
"""How much picture around the hard mask is looked at; all lengths in pixels of a 1024 px picture."""
CHROMA_WEIGHT = 0.4
"""JPEG halves the resolution of color; threads are as narrow as its pixels, so that their color runs into the gaps."""
SURE_BACKGROUND = (1.0, 1.2)
"""A pixel is background when it and its neighbors are nearer to it than 1 Delta E plus 1.2 of the border's own spread."""
THREAD_REACH_PX = (8.0, 24.0, 80.0)
"""How far the threads' color is carried."""
PURE_POWER = 2
"""Pixels count for the threads' color by the fourth power of their contrast: the purest decide."""
CORE_DEPTH_PX = 8.0
"""Farther from any gap than this, a pixel is surely product."""
GAP_ALPHA = 0.6
"""Alpha by color below which a pixel counts as a gap."""
TRUST = 2e-3
"""Trust in a first alpha that is off by one in standard deviation (closed_form.py), and ..."""
NOISE = 3.0
"""... what its color is off by anyway, of 255."""
MOST_TRUST = 2.0
DENSITY_PX = 33.0
FRINGE_DENSITY = 0.2
"""Outline pixels per pixel in a square of 33 px: a leg or a handle of 8 px has 0.06, two straps side by side 0.12, threads 0.25 and more."""
GROWN_PX = 20.0
SOLVED_PX = 45.0
"""Room around what is dense: threads are recognized by pixels within the first, and solved within the second, where single ones end; a hard mask
that held one of those would keep a shred of paper with it."""

UNMIXED_FROM = (0.15, 0.5)
"""Alpha below which a pixel's own color is mostly noise, and from which it is used alone."""


@dataclass(frozen=True, kw_only=True)
class Fringe:
    """Where a photo has threads, and the colors to solve them with; masks and maps show a box of the picture at working size."""

    box: Box
    shape: tuple[int, ...]
    """Height and width of the whole picture at working size."""
    zone: Mask
    """Where alpha is solved here, and not by the hard mask."""
    dense: Mask
    """The part of it that says whether these are threads."""
    unknown: Mask
    core: Mask
    background_HW3: FloatImage
    thread_HW3: FloatImage
    """sRGB 0..255 of the purest threads nearby."""
    spread_HW: FloatImage
    """How much threads differ from that, of 255, standard deviation."""


def find_fringe(small_HW3: Photo, lab_HW3: FloatImage, found: ProductMask, unit_px: float) -> Fringe:
    """Where the product's outline is made of threads; `zone` is empty when nowhere."""
    box = box_around(found.mask, ROOM_PX * unit_px)
    surface = found.model.surface(*lab_HW3.shape[:2])[box]
    off = lengths(cv2.multiply(cv2.subtract(lab_HW3[box], surface), (1.0, 0.5, 0.5, 0.0)))
    least, per_spread = SURE_BACKGROUND
    limit = least + per_spread * found.model.residual_p95
    smooth = cv2.GaussianBlur(off, (0, 0), 0.5)
    plain = np.asarray(cv2.dilate(smooth, np.ones((3, 3), np.uint8)) < limit, dtype=bool)
    color, background = small_HW3[box].astype(np.float32), np.asarray(lab_to_srgb(surface) * 255, np.float32)
    thread, spread, arrived = _thread_color(color, background, ~plain, unit_px)
    likely, _, _ = first_alpha(color.reshape(-1, 3), background.reshape(-1, 3), thread.reshape(-1, 3), spread.reshape(-1))
    solid = np.asarray((likely.reshape(off.shape) > GAP_ALPHA) & arrived & ~plain, dtype=bool)
    dense, zone = _threaded(solid, unit_px)
    core = np.asarray(_distance(solid) > max(2.0, CORE_DEPTH_PX * unit_px), dtype=bool)
    return Fringe(
        box=box,
        shape=found.mask.shape,
        zone=zone,
        dense=dense,
        unknown=zone & ~plain & ~core,
        core=core,
        background_HW3=background,
        thread_HW3=thread,
        spread_HW=spread,
    )


def first_alpha(color_N3: Values, background_N3: Values, thread_N3: Values, spread_N: Values) -> tuple[Values, Values, Values]:
    """What color alone says of alpha, how much that is to be trusted, and how far it is off the line between both colors, of 255."""
    behind = _opponent(background_N3)
    direction, step = _opponent(thread_N3) - behind, _opponent(color_N3) - behind
    squared = np.maximum(np.square(direction).sum(axis=1), 1.0)
    alpha = np.clip((direction * step).sum(axis=1) / squared, 0, 1)
    off = lengths(step - alpha[:, None] * direction)
    variance = (NOISE**2 + np.square(alpha * spread_N)) / squared
    trust = np.minimum(TRUST / variance, MOST_TRUST)
    return np.asarray(alpha, np.float32), np.asarray(trust, np.float32), np.asarray(off, np.float32)


def fringe_alpha(photo_HW3: Photo, alpha_HW: npt.NDArray[np.uint8], fringe: Fringe) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The alpha of a photo of any size with its threads solved; and the mix of levels that it was told from, for `undecided_share`."""
    at = _at_size(fringe, photo_HW3)
    photo = photo_HW3[at]
    height, width = photo.shape[:2]
    maps = [
        cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR)
        for each in (fringe.background_HW3, fringe.thread_HW3, fringe.spread_HW)
    ]
    unknown, core, zone = (_resized(mask, width, height) for mask in (fringe.unknown, fringe.core, fringe.zone))
    flat = [each.reshape(-1, 3) if each.ndim == 3 else each.reshape(-1) for each in maps]
    likely, trust, _ = first_alpha(photo.reshape(-1, 3).astype(np.float32), *flat)
    first = np.where(unknown, likely.reshape(height, width), core.astype(np.float32))
    first = np.where(zone, first, alpha_HW[at].astype(np.float32) / 255).astype(np.float32)
    solved = closed_form_alpha(photo, first, unknown, trust.reshape(height, width))
    # Told in levels, where noise is even; what is kept is a share of light, as of every edge (matte.py).
    lit = solved.copy()
    lit[unknown] = light_share(solved[unknown], maps[0][unknown], maps[1][unknown])
    result, mixed = alpha_HW.copy(), alpha_HW.copy()
    result[at], mixed[at] = np.round(lit * 255).astype(np.uint8), np.round(solved * 255).astype(np.uint8)
    return result, mixed


def fringe_color(photo_HW3: Photo, foreground_HW3: Photo, alpha_HW: npt.NDArray[np.uint8], fringe: Fringe) -> Photo:
    """The foreground with the threads' own color, so that it and the background mixed by alpha give the photo again.

    Where a pixel shows little of a thread, and beyond, it is the color of the purest threads nearby.
    """
    at = _at_size(fringe, photo_HW3)
    alpha = alpha_HW[at].astype(np.float32)[..., None] / 255
    height, width = alpha.shape[:2]
    behind, thread = (
        cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR) for each in (fringe.background_HW3, fringe.thread_HW3)
    )
    wanted = _resized(fringe.zone & ~fringe.core, width, height) & (alpha[..., 0] < 1)
    low, high = UNMIXED_FROM
    photo, behind, thread = to_light(photo_HW3[at]), light_of_fine_levels(behind), light_of_fine_levels(thread)
    own = behind + (photo - behind) / np.maximum(alpha, low)
    share = np.clip((alpha - low) / (high - low), 0, 1)
    mixed = to_levels(np.asarray(thread + share * (own - thread), np.float32))
    result = foreground_HW3.copy()
    result[at] = np.where(
        wanted[..., None], mixed, np.where((alpha >= 1) & _resized(fringe.zone, width, height)[..., None], photo_HW3[at], result[at])
    )
    return result


def measure_fringe(small_HW3: Photo, hard: Mask, fringe: Fringe) -> dict[str, float]:
    """What tells whether threads explain the photo; `hard` is the product without them. All at working size, all finite."""
    local = hard[fringe.box]
    outline = local & (cv2.erode(local.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    told = {"fringe_share": float((outline & fringe.dense).sum() / max(1, int(outline.sum()))), "thread_doubt": 1.0, "off_threads": 1.0}
    at = fringe.unknown & fringe.dense
    if not at.any():
        return told
    behind, thread = fringe.background_HW3[at], fringe.thread_HW3[at]
    _, _, off = first_alpha(small_HW3[fringe.box][at].astype(np.float32), behind, thread, fringe.spread_HW[at])
    apart = np.maximum(lengths(_opponent(thread) - _opponent(behind)), 1.0)
    return {**told, "thread_doubt": float(np.median(fringe.spread_HW[at] / apart)), "off_threads": float(np.mean(off / apart))}


def undecided_share(alpha_HW: npt.NDArray[np.uint8], fringe: Fringe) -> float:
    """Share of a fringe's pixels that came out neither thread nor gap (0.2 < alpha < 0.8): much of it where colors overlap. 1 without a fringe."""
    height, width = fringe.shape
    small = alpha_HW if alpha_HW.shape == fringe.shape else cv2.resize(alpha_HW, (width, height), interpolation=cv2.INTER_AREA)
    solved = small[fringe.box][fringe.unknown & fringe.dense]
    return float(((solved > 51) & (solved < 204)).mean()) if len(solved) else 1.0


def hollow_share(alpha_HW: npt.NDArray[np.uint8], before_HW: npt.NDArray[np.uint8]) -> float:
    """Share of the product without solved threads that is see-through now and closed in: the gaps of a fringe lead outside, a pale print does not."""
    clear, product = alpha_HW < 128, before_HW > 127
    count, labels = cv2.connectedComponents(clear.astype(np.uint8))
    leads_outside = np.zeros(count, dtype=bool)
    leads_outside[labels[~product]] = True
    return float((clear & product & ~leads_outside[labels]).sum() / max(1, int(product.sum())))


def _thread_color(color: FloatImage, background: FloatImage, seen: Mask, unit_px: float) -> tuple[FloatImage, FloatImage, Mask]:
    """The color of the purest pixels nearby, how much they differ, and where any is near."""
    contrast = np.square(_opponent(color.reshape(-1, 3)) - _opponent(background.reshape(-1, 3))).sum(axis=1).reshape(seen.shape)
    weight = (contrast / max(1.0, float(contrast.max()))) ** PURE_POWER * seen
    energy = np.square(_opponent(color.reshape(-1, 3))).sum(axis=1).reshape(seen.shape)
    reaches = tuple(reach * unit_px for reach in THREAD_REACH_PX)
    colors, arrived = carry_color(cv2.merge([color * weight[..., None], weight]), seen, reaches)
    energies, _ = carry_color(cv2.merge([energy * weight, weight]), seen, reaches)
    thread = np.asarray(colors[..., :3] / np.maximum(colors[..., 3:], 1e-9), np.float32)
    own = np.square(_opponent(thread.reshape(-1, 3))).sum(axis=1).reshape(seen.shape)
    spread = np.sqrt(np.maximum(energies[..., 0] / np.maximum(energies[..., 1], 1e-9) - own, 0))
    return thread, spread.astype(np.float32), arrived


def _threaded(solid: Mask, unit_px: float) -> tuple[Mask, Mask]:
    """Where outlines run so close together that they are threads, with little and with much room around."""
    outline = (solid & (cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)).astype(np.float32)
    size = 2 * round(DENSITY_PX * unit_px / 2) + 1
    dense = cv2.blur(outline, (size, size)) > FRINGE_DENSITY
    grown = []
    for room_px in (GROWN_PX, SOLVED_PX):
        reach = 2 * round(room_px * unit_px) + 1
        grown.append(np.asarray(cv2.dilate(dense.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0, dtype=bool))
    return grown[0], grown[1]


def _opponent(color_N3: Values) -> Values:
    """Luma and two weighted color differences of sRGB 0..255."""
    luma = np.array([0.299, 0.587, 0.114])
    matrix = np.stack([luma, 0.713 * CHROMA_WEIGHT * ([1, 0, 0] - luma), 0.564 * CHROMA_WEIGHT * ([0, 0, 1] - luma)])
    return np.asarray(color_N3 @ matrix.T.astype(np.float32), dtype=np.float32)


def _distance(mask: Mask) -> FloatImage:
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), dtype=np.float32)


def _at_size(fringe: Fringe, photo_HW3: Photo) -> Box:
    """The fringe's box in a photo of any size."""
    scales = (side / small for side, small in zip(photo_HW3.shape[:2], fringe.shape, strict=True))
    down, across = (slice(round(side.start * scale), round(side.stop * scale)) for side, scale in zip(fringe.box, scales, strict=True))
    return down, across


def _resized(mask: Mask, width_px: int, height_px: int) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_NEAREST) > 0)
