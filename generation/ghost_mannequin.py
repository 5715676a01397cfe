"""Hollow garments: the mannequin taken out of a garment's picture, its openings filled, on white.

The garment's pixels stay as photographed. What shows of its inside comes from a photo of it where the catalog has one that fits, and is drawn from
its own cloth elsewhere; the facts tell which. Finding and filling are imaging's (mannequin.py, hollow.py, inside_photo.py).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from catalog.photo_roles import PhotoRole
from generation.enlarging import refuse_enlarging
from generation.kind import Composed, Job, Kind, RecipeParams, Wish
from generation.packshot import UPSCALE_MAX, white_ground
from generation.worn_products import garment_of
from generation.worn_words import GarmentClass
from imaging.composite import composite
from imaging.hollow import Hollow, hollow
from imaging.mannequin import find_mannequin
from imaging.placing import fit_centered, place

OPENINGS: dict[GarmentClass, str] = {"top": "neck", "dress": "neck", "outerwear": "neck", "skirt": "waist", "trousers": "waist"}
"""Classes that a mannequin wears, and which opening is at their top."""
USED: frozenset[PhotoRole] = frozenset({"inside", "mannequin"})
"""Photos beside the main one that it looks at: the inside of the garment's back, and a mask of the mannequin."""
MAX_INSIDE = 0.2
"""Share of a hollow garment that may be drawn: beyond, the picture would show more of what nobody photographed than an opening."""

MASK_SHARE = (0.005, 0.7)
"""What a mask may take of a product: a neck and two hands at least, a torso, arms and legs at most."""
Uint8 = npt.NDArray[np.uint8]


class GhostMannequinParams(RecipeParams):
    """How the garment stands on white, and what is a garment."""

    fill_pct: float = Field(default=86.0, ge=20, le=98, description="Longer side of the product's box in percent of the frame.")
    shadow: float = Field(default=0.0, ge=0, le=1, description="Strength of the contact shadow, 0 none.")
    upscale_max: float = Field(
        default=UPSCALE_MAX, ge=0.1, le=10, description="How many times a photo may be enlarged; a smaller one is refused."
    )
    garments: dict[str, GarmentClass] = Field(default={}, description="Class of a category's products where names do not tell it.")


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    garment = garment_of(wish.product, params.pop("garments"), wish.recipe.name, shown_on_people=False)
    if garment not in OPENINGS:
        raise RenderError(
            f"Recipe '{wish.recipe.name}' takes a mannequin out of garments ({', '.join(OPENINGS)}); product {wish.product.sku} of category "
            f"'{wish.product.category}' is of class {garment}. Leave it out of the recipe, or correct its class in the recipe's `garments`."
        )
    taken: dict[str, Any] = {role: wish.further[role].as_dict() for role in sorted(USED) if role in wish.further}
    return {"garment": garment, "opening": OPENINGS[garment], **taken}


def compose_ghost_mannequin(job: Job) -> Composed:
    """The garment alone, hollow, on white. Raises RenderError where no mannequin is told from it, or one stands before it."""
    resolved, source, (width, height) = job.resolved, job.source, job.size_px
    found = find_mannequin(source.foreground_HW3, source.alpha_HW, _given_mask(job))
    if found.refusal:
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: {found.refusal}. Photograph it on a mannequin of another color with its arms at its sides, "
            "give a mask of the mannequin, or use the packshot."
        )
    inside_photo, why = _inside_photo(job)
    made = hollow(source.foreground_HW3, source.alpha_HW, found, waist=resolved["opening"] == "waist", inside_photo=inside_photo)
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
    refuse_enlarging(placement, recipe=job.name, upscale_max=job.params["upscale_max"])
    rgb, alpha = place(made.rgb_HW3, made.alpha_HW, placement)
    background, shaded_pct = white_ground(alpha, strength=job.params["shadow"])
    facts = {
        "background": "white",
        "background_hex": "#ffffff",
        "shaded_pct": shaded_pct,
        "enlarged": round(placement.scale, 3),
        "garment": resolved["garment"],
        "limbs_removed": len(found.limbs),
        "mannequin_lab": [round(value, 1) for value in found.lab],
        "mannequin_from": "mask" if "mannequin" in resolved else "color",
        "inside_pct": round(inside * 100, 2),
        **_told_of_inside(made, why),
    }
    return composite(rgb, alpha, background), placement, facts


def _given_mask(job: Job) -> npt.NDArray[np.bool_] | None:
    """The mask of the mannequin that lies beside the photo; None where there is none. Raises RenderError for one that cannot be used."""
    given = job.resolved.get("mannequin")
    if given is None:
        return None
    if given.get("refused"):
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: the mask of its mannequin cannot be used ({', '.join(given['refused'])}). Draw it white on "
            "black, or take it out of the product's photos: the mannequin is then found by its color."
        )
    mask = job.source.further_photo(given["photo"]).mean(axis=2) >= 128
    if mask.shape != job.source.alpha_HW.shape:
        sizes = [f"{width} x {height} px" for height, width in (mask.shape, job.source.alpha_HW.shape)]
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: the mask of its mannequin has {sizes[0]}, its photo {sizes[1]}. Draw it over the photo."
        )
    share = float((mask & (job.source.alpha_HW >= 128)).sum() / (job.source.alpha_HW >= 128).sum())
    if not MASK_SHARE[0] <= share <= MASK_SHARE[1]:
        raise RenderError(
            f"Recipe '{job.name}' makes no hollow garment: the mask takes {share:.1%} of the product for its mannequin; "
            f"{MASK_SHARE[0]:.1%} to {MASK_SHARE[1]:.0%} can be. Draw it white where the mannequin is, and nowhere else."
        )
    return np.asarray(mask)


def _inside_photo(job: Job) -> tuple[tuple[Uint8, Uint8] | None, str]:
    """Colors and alpha of the cut-out inside photo, or why there is none to use."""
    given = job.resolved.get("inside")
    if given is None:
        return None, "the catalog has no inside photo"
    if given.get("refused"):
        return None, f"its inside photo was refused: {', '.join(given['refused'])}"
    return job.source.further_cutout(given["cutout"]), ""


def _told_of_inside(made: Hollow, why: str) -> dict[str, Any]:
    """Where the inside in the opening at the top comes from, and if it is drawn, why."""
    back = made.inside_back
    if back is None or back.refusal:
        return {"inside_from": "drawn", "inside_why": why if back is None else f"its inside photo does not fit: {back.refusal}"}
    return {"inside_from": "photo", "inside_relit": back.same_cloth, "inside_gain": [round(value, 3) for value in back.gain]}


def _one(wish: Wish) -> int:
    return 1


GHOST_MANNEQUIN = Kind(
    params=GhostMannequinParams,
    compose=compose_ghost_mannequin,
    resolve=_resolve,
    variants=_one,
    changes_product=True,
    for_some=True,
    photos=USED,
    of_style=frozenset(),
    of_kit=frozenset(),
)
