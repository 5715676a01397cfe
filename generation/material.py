"""Materials: the product's main material or a part in another one (wood, metal, leather, fabric, ceramic), in true scale, its form and light kept."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from catalog.keys import digest
from catalog.placement import Placement
from catalog.product import SLUG
from catalog.recently_used import RecentlyUsed
from generation.covering import Covered, covered_with_part, picture_of, refuse_uncounted, resolve_size, rgb_of_hex
from generation.enlarging import ADDED_UPSCALE_MAX
from generation.kind import Composed, Job, Kind, Source, Wish
from generation.part import PartParams, resolve_part
from generation.plate_requests import PlateRequest
from generation.refining import RefineParams, is_refined, refine_request, refined, resolve_refining
from imaging.color import srgb_to_lab
from imaging.composite import composite
from imaging.drawn_materials import COLORS, LOOKS, drawn_material
from imaging.light import read_product_side
from imaging.placing import place
from imaging.relight import relit
from imaging.shading import light_on, to_levels, to_linear
from imaging.tiles import MAX_ENLARGED, MIN_REPEAT_PX, Tile, lay, seam_of

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

RELIEF_OF_PHOTO = 6.0
"""Relief, in tile pixels, of a texture file from its darkest to its lightest: dark is taken for deep."""


KEPT_BYTES = 256 * 2**20
"""Composed pictures that are kept until they are drawn over: 25 of 1,200 px, more than batches and what waits for them hold."""

SURFACES: Mapping[str, str] = {
    "wood": "solid wood with natural grain, satin finish",
    "metal": "brushed metal with soft studio reflections",
    "leather": "full grain leather with fine pores",
    "fabric": "woven fabric with visible threads",
    "ceramic": "glazed ceramic with a soft gloss",
}
"""How each look is told to an edit model."""


CoveredPicture = tuple[Uint8, Placement, dict[str, Any], FloatImage]
DRAWN_ON: RecentlyUsed[CoveredPicture] = RecentlyUsed(KEPT_BYTES, lambda made: made[0].nbytes + made[3].nbytes)
"""Composed pictures whose parts a model draws over, by cut-out, resolved recipe and seed."""


class MaterialParams(PartParams, RefineParams):
    """The material, and how it lies on the product."""

    material: str | None = Field(
        default=None,
        pattern=SLUG,
        description="One of the brand kit's materials or a shipped one (wood, metal, leather, fabric, ceramic) by name; left out, the brand kit's one "
        "after another, or the shipped ones if it has none.",
    )
    color: str | None = Field(
        default=None, pattern=r"^#[0-9a-fA-F]{6}$", description="Color of a shipped material; refused with one of the brand kit."
    )
    scale: float = Field(default=1.0, ge=0.2, le=5, description="Size of the grain, 1 true.")
    angle_deg: float = Field(default=0, ge=-180, le=180, description="How far the grain is turned.")
    details: Literal["keep", "cover"] = Field(default="cover", description="Whether specks and stitches stay or are covered.")
    roundness: float = Field(default=0.7, ge=0, le=1, description="How far the form is followed, 0 flat .. 1 as a tube.")
    folds: float = Field(default=0.3, ge=0, le=1, description="How far folds move the grain.")


def compose_material(job: Job) -> Composed:
    """The product in the material on white. Raises RenderError for a part that cannot be told, or a texture file that cannot be laid."""
    if job.plate_HW3 is None:
        picture, placement, facts, _ = covered_with_part(job, lambda part: _covered(job, part))
        return picture, placement, facts
    picture, placement, facts, part_HW = _to_draw_on(job)
    return refined(picture, job.plate_HW3, part_HW), placement, {**facts, "refined": True, "prompt": job.resolved["prompt"]}


def _plate(resolved: dict[str, Any], seed: int, source: Source) -> PlateRequest:
    job = Job(resolved=resolved, seed=seed, source=source())
    picture, placement, _, part_HW = _to_draw_on(job)
    rgb, alpha = place(job.source.foreground_HW3, job.source.alpha_HW, placement)
    return refine_request(resolved, seed, picture, part_HW, composite(rgb, alpha, np.full_like(rgb, 255)))


def _to_draw_on(job: Job) -> CoveredPicture:
    """The composed picture that a model draws on, composed once: it is asked for four times and more, to size batches, to see what fits together,
    to draw, and to lay what was drawn over it. Read-only."""
    key = (job.source.digest, digest(job.resolved), str(job.seed))

    def composed() -> CoveredPicture:
        made = covered_with_part(job, lambda part: _covered(job, part))
        made[0].setflags(write=False)
        made[3].setflags(write=False)
        return made

    return DRAWN_ON.get(key, composed)


def _prompt(wish: Wish, look: str) -> str:
    return (
        f"Catalog photograph of exactly this product ({wish.product.title}) on a white background, its material {SURFACES[look]}: the same shape, "
        "seams, edges, size and light as in the picture, a sharp and realistic surface, nothing added, no text."
    )


def _covered(job: Job, part: Covered) -> tuple[Uint8, dict[str, Any]]:
    tile, asked = _tile(job), job.resolved["material"]
    shown_px = tile.width_cm * part.px_per_cm
    if shown_px > MAX_ENLARGED * tile.linear_HW3.shape[1]:
        raise RenderError(
            f"Recipe '{job.name}': material '{asked['name']}' has {tile.linear_HW3.shape[1]} px for {shown_px:.0f} px of the picture; it may be "
            f"enlarged {MAX_ENLARGED:g} times at most. Lower `scale` to {_floored(job.params['scale'] * MAX_ENLARGED * tile.linear_HW3.shape[1] / shown_px):g}, "
            f"or the picture's size{'' if 'file' not in asked else ', or give a larger file'}."
        )
    if shown_px < MIN_REPEAT_PX:
        raise RenderError(
            f"Recipe '{job.name}': one repeat of {tile.width_cm:g} cm is {shown_px:.1f} px of this picture, {MIN_REPEAT_PX:.0f} px at least can "
            "be shown. Raise `scale`, or correct the product's size."
        )
    look = LOOKS[asked["look"]]
    laid, slopes = lay(tile, part.surface, px_per_cm=part.px_per_cm, angle_deg=job.params["angle_deg"])
    light = light_on(part.lightness_HW, part.mask_HW, texture=look.texture)
    side = read_product_side(job.source.foreground_HW3, job.source.alpha_HW)
    px_size = tile.linear_HW3.shape[1] / shown_px
    pixels = to_levels(relit(laid, slopes, part.surface, light, look, side=side, px_size=px_size))
    return pixels, {"material": asked["name"], "look": asked["look"], "material_width_cm": tile.width_cm}


def _floored(scale: float) -> float:
    return math.floor(scale * 100) / 100


def _tile(job: Job) -> Tile:
    asked, scale = job.resolved["material"], job.params["scale"]
    if "file" not in asked:
        drawn = drawn_material(asked["name"], rgb_of_hex(asked["color"]))
        return Tile(linear_HW3=drawn.linear_HW3, width_cm=drawn.width_cm * scale, relief_HW=drawn.relief_HW)
    picture = picture_of(job, asked["file"], f"material '{asked['name']}'")
    if (seam := seam_of(picture)) > 1:
        raise RenderError(
            f"Recipe '{job.name}': the edges of material '{asked['name']}' do not meet: the step across them is {seam:.1f} times what would go "
            "unseen. Give a texture that repeats ('seamless', 'tileable')."
        )
    relief = srgb_to_lab(picture)[..., 0] * np.float32(RELIEF_OF_PHOTO / 100)
    return Tile(linear_HW3=to_linear(picture), width_cm=asked["width_cm"] * scale, relief_HW=relief)


def _offered(wish: Wish) -> tuple[str, ...]:
    return tuple(material.name for material in wish.brand_kit.materials) or tuple(LOOKS)


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    named, color = params.pop("material"), params.pop("color")
    offered = _offered(wish)
    if named is None:
        if wish.index >= len(offered):
            raise RenderError(
                f"Recipe '{wish.recipe.name}' wants material number {wish.index + 1}, but there are {len(offered)}: {', '.join(offered)}. Add one "
                "to `materials` of the brand kit, or lower `variants` of the recipe."
            )
        named = offered[wish.index]
    of_kit = {material.name: material for material in wish.brand_kit.materials}
    if named in of_kit:
        own = of_kit[named]
        refuse_uncounted(wish, {"color": color}, MaterialParams, f"material '{named}'")
        found = {"name": named, "look": own.look, "file": own.file.sha256, "width_cm": own.repeat_cm}
    elif named in LOOKS:
        found = {"name": named, "look": named, "color": (color or COLORS[named]).lower()}
    else:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' asks for material '{named}'. The brand kit has: {', '.join(of_kit) or 'none'}; shipped are: "
            f"{', '.join(LOOKS)}. Add it to `materials` of the brand kit with its `file`, `repeat_cm` and `look`."
        )
    refining = resolve_refining(params, _prompt(wish, found["look"]))
    return {"material": found} | refining | resolve_size(wish) | resolve_part(wish, params)


def _variants(wish: Wish) -> int:
    return 1 if wish.recipe.params.get("material") else min(wish.recipe.variants, len(_offered(wish)))


MATERIAL = Kind(
    params=MaterialParams,
    compose=compose_material,
    resolve=_resolve,
    added_later=ADDED_UPSCALE_MAX,
    variants=_variants,
    changes_product=True,
    plate=_plate,
    edits=True,
    drawn_if=is_refined,
    of_style=frozenset(),
    of_kit=frozenset({"materials", "part_masks"}),
)
