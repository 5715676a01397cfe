"""Hollow garments: the mannequin taken out of a garment's picture, its openings filled from its own cloth, on white.

The garment's pixels stay as photographed; its inside, which no photo shows, is drawn. Finding and filling are imaging's (mannequin.py, hollow.py).
"""

from typing import Any

from pydantic import Field

from catalog.errors import RenderError
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from generation.packshot import white_ground
from generation.worn_products import GarmentClass, garment_of
from imaging.composite import composite
from imaging.hollow import hollow
from imaging.mannequin import find_mannequin
from imaging.placing import fit_centered, place

OPENINGS: dict[GarmentClass, str] = {"top": "neck", "dress": "neck", "outerwear": "neck", "skirt": "waist", "trousers": "waist"}
"""Classes that a mannequin wears, and which opening is at their top."""
MAX_INSIDE = 0.2
"""Share of a hollow garment that may be drawn: beyond, the picture would show more of what nobody photographed than an opening."""


class GhostMannequinParams(RecipeParams):
    """How the garment stands on white, and what is a garment."""

    fill_pct: float = Field(default=86.0, ge=20, le=98, description="Longer side of the product's box in percent of the frame.")
    shadow: float = Field(default=0.0, ge=0, le=1, description="Strength of the contact shadow, 0 none.")
    garments: dict[str, GarmentClass] = Field(default={}, description="Class of a category's products where names do not tell it.")


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    garment = garment_of(wish.product, params.pop("garments"), wish.recipe.name, shown_on_people=False)
    if garment not in OPENINGS:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' takes a mannequin out of garments ({', '.join(OPENINGS)}); product {wish.product.sku} of category "
            f"'{wish.product.category}' is of class {garment}. Leave it out of the recipe, or correct its class in the recipe's `garments`."
        )
    return {"garment": garment, "opening": OPENINGS[garment]}


def compose_ghost_mannequin(job: Job) -> Composed:
    """The garment alone, hollow, on white. Raises RenderError where no mannequin is told from it, or one stands before it."""
    resolved, source, (width, height) = job.resolved, job.source, job.size_px
    found = find_mannequin(source.foreground_HW3, source.alpha_HW)
    if found.refusal:
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: {found.refusal}. Photograph it on a mannequin of another color with its arms at its sides, "
            "or use the packshot."
        )
    made = hollow(source.foreground_HW3, source.alpha_HW, found, waist=resolved["opening"] == "waist")
    if not (made.alpha_HW >= 128).any():
        raise RenderError(f"Recipe '{job.name}' makes no hollow garment: all of the product has the mannequin's color. Use the packshot.")
    if not made.neck_width_px:
        raise RenderError(f"Recipe '{job.name}' makes no hollow garment: no opening is found at the garment's top. Use the packshot.")
    inside = float(made.inside_HW.sum() / (made.alpha_HW >= 128).sum())
    if inside > MAX_INSIDE:
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: {inside:.0%} of it would be its inside, which nobody photographed; {MAX_INSIDE:.0%} is "
            "allowed. Use the packshot."
        )
    placement = fit_centered(made.alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=job.params["fill_pct"])
    rgb, alpha = place(made.rgb_HW3, made.alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    facts = {
        "background": "white",
        "background_hex": "#ffffff",
        "shaded_pct": shaded_pct,
        "garment": resolved["garment"],
        "limbs_removed": len(found.limbs),
        "mannequin_lab": [round(value, 1) for value in found.lab],
        "inside_pct": round(inside * 100, 2),
    }
    return composite(rgb, alpha, background), placement, facts


def _one(wish: Wish) -> int:
    return 1


GHOST_MANNEQUIN = Kind(
    params=GhostMannequinParams,
    compose=compose_ghost_mannequin,
    resolve=_resolve,
    variants=_one,
    changes_product=True,
    for_some=True,
    of_style=frozenset(),
    of_kit=frozenset(),
)
