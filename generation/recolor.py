"""Colorways: the product's main material in another color, on white; shading, highlights and every other material stay.

Changes the product, and says so in its facts. Materials and patterns are other recipes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from generation.offered import colorways, nth
from generation.packshot import white_ground
from imaging.color import FloatImage, delta_e2000, lab_to_srgb, srgb_to_lab
from imaging.composite import composite
from imaging.dominant_region import DominantRegion, find_dominant_region, nearby_mean
from imaging.placing import fit_centered, place

Uint8 = npt.NDArray[np.uint8]

MIN_REGION_SHARE = 0.30
"""A product whose largest material covers less is many-colored: there is no telling which color the colorway means."""
MAX_TARGET_DELTA_E = 3.0
"""CIEDE2000 between the recolored region's median color and the target that a colorway may miss; beyond, the name would be a lie."""
ROUNDS = 5
"""Corrections of the middle color; clipping at white and black moves it, three rounds settle, five are safe."""
TOP_LIGHTNESS = 98.0


class RecolorParams(RecipeParams):
    """As a packshot's: `fill_pct` and `shadow`. The target color comes from the brand kit's colorways, or from `hex` when it is set."""

    fill_pct: float = Field(default=86.0, ge=20, le=98)
    shadow: float = Field(default=0.5, ge=0, le=1)
    hex: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")


def compose_recolor(job: Job) -> Composed:
    """The product in `target_hex` on white.

    Raises RenderError if no material covers enough of the product, or the target cannot be reached with its shading.
    """
    resolved, foreground_HW3, alpha_HW = job.resolved, job.source.foreground_HW3, job.source.alpha_HW
    region = find_dominant_region(foreground_HW3, alpha_HW)
    if region.share < MIN_REGION_SHARE:
        raise RenderError(
            f"Recipe '{resolved['name']}' finds no main color to change: the largest material covers {region.share:.0%} of the product, "
            f"at least {MIN_REGION_SHARE:.0%} is needed. Photograph each colorway of this product, or leave it out of the recipe."
        )
    recolored, missed_by = recolor(foreground_HW3, region, resolved["target_hex"])
    if missed_by > MAX_TARGET_DELTA_E:
        raise RenderError(
            f"Recipe '{resolved['name']}' cannot reach {resolved['target_hex']}: the product's main color would end {missed_by:.1f} "
            f"Delta E 2000 away, at most {MAX_TARGET_DELTA_E} are allowed. Choose a less extreme colorway for this product."
        )
    placement = fit_centered(
        alpha_HW,
        frame_width_px=resolved["width_px"],
        frame_height_px=resolved["height_px"],
        fill_pct=resolved["params"]["fill_pct"],
    )
    rgb, alpha = place(recolored, alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=resolved["params"]["shadow"])
    facts = {
        "background": "white",
        "background_hex": "#ffffff",
        "shaded_pct": shaded_pct,
        "target_hex": resolved["target_hex"],
        "target_delta_e": round(missed_by, 3),
        "region_share": round(region.share, 4),
    }
    return composite(rgb, alpha, background), placement, facts


def recolor(foreground_HW3: Uint8, region: DominantRegion, target_hex: str) -> tuple[Uint8, float]:
    """The product with a region moved to a color, and how far its middle color ends from it (CIEDE2000).

    The median over the region is what hits the target, as a fabric's color is named by its middle tone; each pixel keeps its shading. The
    mean was rejected: highlights and deep folds pull it pale, and making up for them turned sage into mint.
    """
    lab = srgb_to_lab(foreground_HW3)
    goal = srgb_to_lab(np.array([[[int(target_hex[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    rows, columns = _window(region.mask)
    patch, mask = lab[rows, columns], region.mask[rows, columns]
    core = mask > 0.5
    aim = goal.copy()
    for _ in range(ROUNDS):
        moved = _move(patch, region, aim)
        rgb = lab_to_srgb(moved)
        reached = np.median(srgb_to_lab(rgb)[core], axis=0)
        aim = aim + (goal - reached)
        aim[0] = np.clip(aim[0], 2, 99)
    before = foreground_HW3[rows, columns].astype(np.float32)
    change = rgb * 255 - before
    # A border pixel holds two materials: it gets its share of the change that the material beside it sees.
    border = region.border[rows, columns]
    beside, _ = nearby_mean(change, (core & ~border).astype(np.float32))
    mixed = before + np.where(border[..., None], beside, change) * mask[..., None]
    result = foreground_HW3.copy()
    result[rows, columns] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    final = np.median(srgb_to_lab(result[rows, columns])[core], axis=0)
    return result, float(delta_e2000(final, goal))


def _move(lab: FloatImage, region: DominantRegion, aim: FloatImage) -> FloatImage:
    """Every pixel as if its material had another color under the same light.

    Light scales L + 16, a and b of a matt surface alike, so shading carries over as a ratio. A highlight adds the lamp's own color: it
    shows as chroma missing for its lightness (colored material) or as lightness far above the middle (gray), and stays that much paler.
    """
    middle_l, middle_a, middle_b = region.lab
    lightness = lab[..., 0]
    above = lightness - middle_l
    ratio = (aim[0] + 16) / (middle_l + 16)
    room = max(TOP_LIGHTNESS - float(aim[0]), 1.0)
    up = aim[0] + room * (1 - np.exp(-np.maximum(above, 0) * np.clip(ratio, 0.6, 1.2) / room))
    down = aim[0] + np.minimum(above, 0) * np.clip(ratio, 0.45, 1.6)
    new_l = np.clip(np.where(above > 0, up, down), 1.0, 100.0)
    shade_before = (lightness + 16) / (middle_l + 16)
    if region.colored:
        expected = np.hypot(middle_a, middle_b) * shade_before
        purity = np.clip(np.hypot(lab[..., 1], lab[..., 2]) / np.maximum(expected, 1.0), 0.0, 1.15)
        # What is lighter and paler than the material is lamp light on top of it: it keeps its own lightness.
        lamp = np.clip(above / 15, 0, 1) * np.clip(1 - purity / 0.8, 0, 1)
        new_l = new_l * (1 - lamp) + np.maximum(new_l, lightness) * lamp
    else:
        purity = 1 - 0.85 * np.clip((above - 12) / max(100 - middle_l - 12, 12), 0, 1)
    shade_after = (new_l + 16) / (aim[0] + 16)
    texture = 0.35
    new_a = aim[1] * shade_after * purity + texture * (lab[..., 1] - middle_a * shade_before * purity)
    new_b = aim[2] * shade_after * purity + texture * (lab[..., 2] - middle_b * shade_before * purity)
    return np.stack([new_l, new_a, new_b], axis=-1).astype(np.float32)


def _window(mask: FloatImage) -> tuple[slice, slice]:
    """The rows and columns that a mask touches; the rest of the photo need not be computed."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    target = params.pop("hex") or nth(tuple(colorway.hex for colorway in colorways(wish)), wish, "colorway")
    return {"target_hex": target.lower()}


def _variants(wish: Wish) -> int:
    return 1 if wish.recipe.params.get("hex") else min(wish.recipe.variants, len(colorways(wish)))


RECOLOR = Kind(
    params=RecolorParams,
    compose=compose_recolor,
    resolve=_resolve,
    variants=_variants,
    of_style=frozenset({"colorways"}),
    of_kit=frozenset({"colorways"}),
)
