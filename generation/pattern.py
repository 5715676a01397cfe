"""Patterns: the product with a pattern printed on its main material or a part, following form and folds, in true scale."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from catalog.product import SLUG
from generation.covering import Covered, compose_covered, picture_of, refuse_uncounted, resolve_size, rgb_of_hex
from generation.enlarging import ADDED_UPSCALE_MAX
from generation.kind import Composed, Job, Kind, Wish
from generation.part import PartParams, resolve_part
from imaging.drawn_patterns import DRAWN, drawn_pattern
from imaging.measure_repeat import strongest_wave
from imaging.shading import light_on, to_levels, to_linear
from imaging.tiles import MAX_ENLARGED, MIN_REPEAT_PX, Tile, lay, mirrored, seam_of

Uint8 = npt.NDArray[np.uint8]

DRAWN_REPEAT_CM = 4.0
"""Repeat of a shipped pattern when none is asked for."""


class PatternParams(PartParams):
    """The pattern, and how it lies on the product."""

    pattern: str | None = Field(
        default=None,
        pattern=SLUG,
        description="One of the brand kit's patterns or a shipped one (stripes, checks, dots, herringbone) by name; left out, the brand kit's one after "
        "another, or the shipped ones if it has none.",
    )
    repeat_cm: float | None = Field(default=None, gt=0.05, le=500, description="Width of one repeat; left out, the brand kit's, or 4.")
    angle_deg: float = Field(default=0, ge=-180, le=180, description="How far the pattern is turned.")
    ground: str = Field(
        default="#f2ede1", pattern=r"^#[0-9a-fA-F]{6}$", description="Ground of a shipped pattern; refused with one of the brand kit."
    )
    figure: str = Field(
        default="#27405f", pattern=r"^#[0-9a-fA-F]{6}$", description="Figures of a shipped pattern; refused with one of the brand kit."
    )
    details: Literal["keep", "cover"] = Field(default="keep", description="Whether specks and stitches stay or are covered.")
    roundness: float = Field(default=0.6, ge=0, le=1, description="How far the form is followed, 0 flat .. 1 as a tube.")
    folds: float = Field(default=0.7, ge=0, le=1, description="How far folds move the pattern.")
    seam: Literal["refuse", "mirror"] = Field(default="refuse", description="What is done with a tile whose edges do not meet.")


def compose_pattern(job: Job) -> Composed:
    """The product with the pattern on white. Raises RenderError for a part that cannot be told, a tile with a seam, a repeat too fine or coarse."""
    return compose_covered(job, lambda part: _printed(job, part))


def _printed(job: Job, part: Covered) -> tuple[Uint8, dict[str, Any]]:
    tile, told = _tile(job)
    repeat_px = tile.width_cm * part.px_per_cm
    if not MIN_REPEAT_PX <= repeat_px <= part.box_px:
        raise RenderError(
            f"Recipe '{job.name}': one repeat of {tile.width_cm:g} cm is {repeat_px:.0f} px of this picture; {MIN_REPEAT_PX:.0f} px to the part's own "
            f"{part.box_px} px can be shown. Choose another `repeat_cm` or a larger picture, or correct the product's size."
        )
    if repeat_px > MAX_ENLARGED * tile.linear_HW3.shape[1]:
        raise RenderError(
            f"Recipe '{job.name}': the pattern has {tile.linear_HW3.shape[1]} px for {repeat_px:.0f} px of the picture; it may be enlarged "
            f"{MAX_ENLARGED:g} times at most. Give a larger file."
        )
    laid, _ = lay(tile, part.surface, px_per_cm=part.px_per_cm, angle_deg=job.params["angle_deg"])
    light = light_on(part.lightness_HW, part.mask_HW, texture=1.0)
    pixels = to_levels(laid * light.falling[..., None] + light.gloss[..., None])
    wave = strongest_wave(tile.linear_HW3)
    facts = {"repeat_cm": tile.width_cm, "waves_per_repeat": round(wave, 4), **told}
    return pixels, facts


def _tile(job: Job) -> tuple[Tile, dict[str, Any]]:
    """The pattern's tile and facts of it. Raises RenderError for a file whose edges do not meet, unless it may be mirrored."""
    asked = job.resolved["pattern"]
    if "file" not in asked:
        picture = drawn_pattern(asked["name"], rgb_of_hex(job.params["ground"]), rgb_of_hex(job.params["figure"]))
        return Tile(linear_HW3=to_linear(picture), width_cm=asked["repeat_cm"]), {"pattern": asked["name"], "pattern_mirrored": False}
    picture = picture_of(job, asked["file"], f"pattern '{asked['name']}'")
    width_cm, seam = asked["repeat_cm"], seam_of(picture)
    if seam > 1 and job.params["seam"] == "refuse":
        raise RenderError(
            f"Recipe '{job.name}': the edges of pattern '{asked['name']}' do not meet: the step across them is {seam:.1f} times what would go "
            "unseen. Give one whole repeat, cut to the pixel, or set `seam: mirror` to lay it mirrored at every other place."
        )
    if seam > 1:
        picture, width_cm = mirrored(picture), 2 * width_cm
    return Tile(linear_HW3=to_linear(picture), width_cm=width_cm), {"pattern": asked["name"], "pattern_mirrored": seam > 1}


def _offered(wish: Wish) -> tuple[str, ...]:
    return tuple(pattern.name for pattern in wish.brand_kit.patterns) or tuple(DRAWN)


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    named, repeat = params.pop("pattern"), params.pop("repeat_cm")
    offered = _offered(wish)
    if named is None:
        if wish.index >= len(offered):
            raise RenderError(
                f"Recipe '{wish.recipe.name}' wants pattern number {wish.index + 1}, but there are {len(offered)}: {', '.join(offered)}. Add one to "
                "`patterns` of the brand kit, or lower `variants` of the recipe."
            )
        named = offered[wish.index]
    of_kit = {pattern.name: pattern for pattern in wish.brand_kit.patterns}
    if named in of_kit:
        found = {"name": named, "file": of_kit[named].file.sha256, "repeat_cm": repeat or of_kit[named].repeat_cm}
        refuse_uncounted(wish, {name: params.pop(name) for name in ("ground", "figure")}, PatternParams, f"pattern '{named}'")
    elif named in DRAWN:
        found = {"name": named, "repeat_cm": repeat or DRAWN_REPEAT_CM}
    else:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' asks for pattern '{named}'. The brand kit has: {', '.join(of_kit) or 'none'}; shipped are: "
            f"{', '.join(DRAWN)}. Add it to `patterns` of the brand kit with its `file` and `repeat_cm`."
        )
    return {"pattern": found} | resolve_size(wish) | resolve_part(wish, params)


def _variants(wish: Wish) -> int:
    return 1 if wish.recipe.params.get("pattern") else min(wish.recipe.variants, len(_offered(wish)))


PATTERN = Kind(
    params=PatternParams,
    compose=compose_pattern,
    resolve=_resolve,
    added_later=ADDED_UPSCALE_MAX,
    variants=_variants,
    changes_product=True,
    of_style=frozenset(),
    of_kit=frozenset({"patterns", "part_masks"}),
)
