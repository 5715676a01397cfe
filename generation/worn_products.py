"""How products are worn or held: classes of garments and accessories, which one a product is of, and what a prompt says of each.

Draws nothing. The words that tell a class are worn_words.py.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from catalog.errors import RenderError
from catalog.product import Product
from generation.worn_words import GarmentClass, class_of, classes_of, not_shown

View = Literal["front", "three_quarter", "side", "back", "detail"]


@dataclass(frozen=True, kw_only=True)
class Worn:
    """What a prompt says of a class: what it is called, how it is worn, what of the person is shown (`frame`, behind "shows the person"), and beside what."""

    noun: str
    how: str
    frame: str
    detail: str
    beside: str = "plain, unobtrusive clothes"


WRIST = "from the chin to the waist, one hand raised so that its wrist is in the middle"
HAND = "from the chin to the waist, one hand raised so that its back is in the middle"
WORN: dict[GarmentClass, Worn] = {
    "top": Worn(noun="top", how="wearing", frame="from the head to the hips", detail="collar, shoulder and sleeve", beside="plain dark trousers"),
    "dress": Worn(noun="dress", how="wearing", frame="from head to feet", detail="neckline and waist", beside="plain low shoes"),
    "skirt": Worn(noun="skirt", how="wearing", frame="from the waist to the feet", detail="waistband and fabric", beside="a plain white top"),
    "trousers": Worn(noun="trousers", how="wearing", frame="from the waist to the feet", detail="waistband and pockets", beside="a plain white top"),
    "outerwear": Worn(noun="jacket or coat", how="wearing", frame="from the head to the knees", detail="collar and closure", beside="plain dark clothes"),
    "shoes": Worn(noun="pair of shoes", how="wearing", frame="from the knees down", detail="one shoe", beside="plain trousers that leave the shoes free"),
    "bag": Worn(noun="bag", how="carrying, by its handle or strap,", frame="from the head to the knees", detail="hand and bag"),
    "backpack": Worn(noun="backpack", how="wearing, on both shoulders and turned so that it is seen,", frame="from the head to the hips", detail="the backpack's front"),
    "hat": Worn(noun="hat", how="wearing", frame="from the shoulders up", detail="the hat"),
    "eyewear": Worn(noun="pair of glasses", how="wearing", frame="from the shoulders up", detail="eyes and frame"),
    "jewelry": Worn(noun="piece of jewelry", how="wearing", frame="from the chest up", detail="the piece on the skin", beside="a plain dark top"),
    "bracelet": Worn(noun="bracelet", how="wearing, on the wrist,", frame=WRIST, detail="wrist and bracelet", beside="plain sleeves pushed back"),
    "ring": Worn(noun="ring", how="wearing, on a finger,", frame=HAND, detail="the finger with the ring"),
    "watch": Worn(noun="watch", how="wearing, on the wrist,", frame=WRIST, detail="wrist and watch", beside="plain sleeves pushed back"),
    "scarf": Worn(noun="scarf", how="wearing, around the neck,", frame="from the shoulders up", detail="knot and fabric", beside="a plain dark coat"),
    "belt": Worn(noun="belt", how="wearing", frame="from the chest to the knees", detail="the buckle", beside="plain trousers and a tucked-in top"),
    "handheld": Worn(noun="product", how="holding, in one hand and at its real size,", frame="from the head to the hips", detail="hand and product"),
}  # fmt: skip
"""By class. Lengths of frames follow how shops show each: a dress from head to feet, eyewear close."""

NARROWER: dict[GarmentClass, tuple[GarmentClass, ...]] = {"jewelry": ("bracelet", "ring", "watch"), "bag": ("backpack",)}
"""What a title may tell more exactly than its category: a bracelet among jewelry is shown on the wrist, a backpack among bags on the shoulders."""


def garment_of(product: Product, given: dict[str, GarmentClass], recipe: str, *, shown_on_people: bool = True) -> GarmentClass:
    """The class of a product: the one given for its category, else the only one that its category's name tells, else its title's.

    Raises RenderError for what no class is told of, for goods that are named after a garment, and for what is not shown on synthetic people.
    """
    if shown_on_people:
        _refuse_not_shown(product, recipe)
    (told, goods), (named, goods_of_category) = class_of(product.title), classes_of(product.category)
    of_category = given.get(product.category) or (next(iter(named)) if len(named) == 1 else None)
    if (goods := goods or goods_of_category) and product.category not in given:
        raise RenderError(
            f"Recipe '{recipe}' takes product {product.sku} ('{product.title}') for goods that nobody wears, for its title or category says '{goods}'. If somebody wears or "
            f"holds what is of category '{product.category}', say how in the recipe's `garments`, such as {{{product.category}: handheld}}; there are "
            f"{', '.join(get_args(GarmentClass))}."
        )
    if of_category is not None:
        return told if told is not None and told in NARROWER.get(of_category, ()) else of_category
    if told is not None:
        return told
    raise RenderError(
        f"Recipe '{recipe}' does not know how a person wears or holds product {product.sku} of category '{product.category}' "
        f"('{product.title}'). Say it in the recipe's `garments`, such as {{{product.category}: handheld}}; there are {', '.join(get_args(GarmentClass))}."
    )


def _refuse_not_shown(product: Product, recipe: str) -> None:
    for text in (product.category, product.title):
        why, found = not_shown(text)
        if why:
            told = "no synthetic children are drawn" if why == "child" else "no synthetic person is drawn in what leaves a person undressed"
            raise RenderError(
                f"Recipe '{recipe}' does not show product {product.sku} ('{found}') on a synthetic person: {told}. Photograph it, or show it without a person."
            )
