"""How products are worn or held: classes of garments and accessories, the words by which a catalog tells them, and what a prompt says of each.

Draws nothing. What nobody wears or holds has no class; what is not shown on synthetic people has a reason.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from catalog.errors import RenderError
from catalog.product import Product

GarmentClass = Literal[
    "top", "dress", "skirt", "trousers", "outerwear", "shoes", "bag", "backpack", "hat", "eyewear", "jewelry", "watch", "scarf", "belt", "handheld"
]  # fmt: skip
View = Literal["front", "three_quarter", "side", "back", "detail"]


@dataclass(frozen=True, kw_only=True)
class Worn:
    """What a prompt says of a class: what it is called, how it is worn, what of the person is in the picture by view, and with what else."""

    noun: str
    how: str
    frame: str
    detail: str
    beside: str = "plain, unobtrusive clothes"


WORN: dict[GarmentClass, Worn] = {
    "top": Worn(noun="top", how="wearing", frame="from the head to the hips", detail="collar, shoulder and sleeve", beside="plain dark trousers"),
    "dress": Worn(noun="dress", how="wearing", frame="from head to feet", detail="neckline and waist", beside="plain low shoes"),
    "skirt": Worn(noun="skirt", how="wearing", frame="from the waist to the feet", detail="waistband and fabric", beside="a plain white top"),
    "trousers": Worn(noun="trousers", how="wearing", frame="from the waist to the feet", detail="waistband and pockets", beside="a plain white top"),
    "outerwear": Worn(noun="jacket or coat", how="wearing", frame="from the head to the knees", detail="collar and closure", beside="plain dark clothes"),
    "shoes": Worn(noun="pair of shoes", how="wearing", frame="from the knees down", detail="one shoe", beside="plain trousers that leave the shoes free"),
    "bag": Worn(noun="bag", how="carrying, by its handle or strap,", frame="from the head to the knees", detail="hand and bag"),
    "backpack": Worn(noun="backpack", how="wearing, on both shoulders and turned so that it is seen,", frame="from the head to the hips", detail="the backpack's front"),
    "hat": Worn(noun="hat", how="wearing", frame="of head and shoulders", detail="the hat"),
    "eyewear": Worn(noun="pair of glasses", how="wearing", frame="of head and shoulders", detail="eyes and frame"),
    "jewelry": Worn(noun="piece of jewelry", how="wearing", frame="of head and shoulders", detail="the piece on the skin", beside="a plain dark top"),
    "watch": Worn(noun="watch", how="wearing, on the wrist,", frame="from the head to the hips, the forearm in front", detail="wrist and watch"),
    "scarf": Worn(noun="scarf", how="wearing, around the neck,", frame="of head and shoulders", detail="knot and fabric", beside="a plain dark coat"),
    "belt": Worn(noun="belt", how="wearing", frame="from the chest to the knees", detail="the buckle", beside="plain trousers and a tucked-in top"),
    "handheld": Worn(noun="product", how="holding, in one hand and at its real size,", frame="from the head to the hips", detail="hand and product"),
}  # fmt: skip
"""By class. Lengths of frames follow how shops show each: a dress from head to feet, eyewear close."""

WORDS: dict[GarmentClass, str] = {
    "top": "top|tops|t-?shirt|t-?shirts|tee|tees|shirt|shirts|polo|polos|blouse|blouses|hoodie|hoodies|sweater|sweaters|sweatshirt|sweatshirts"
    "|longsleeve|pullover|pullovers|jumper|jumpers|cardigan|cardigans|knitwear|vest|vests",
    "dress": "dress|dresses|gown|gowns|jumpsuit|jumpsuits",
    "skirt": "skirt|skirts",
    "trousers": "trousers|pants|jeans|chinos|leggings|shorts",
    "outerwear": "jacket|jackets|coat|coats|parka|parkas|blazer|blazers|anorak|outerwear",
    "shoes": "shoe|shoes|sneaker|sneakers|boot|boots|sandal|sandals|plimsoll|plimsolls|loafer|loafers|footwear",
    "backpack": "backpack|backpacks|rucksack|rucksacks",
    "bag": "bag|bags|tote|totes|handbag|handbags|purse|purses|clutch|satchel",
    "hat": "hat|hats|cap|caps|beanie|beanies|beret|berets",
    "eyewear": "glasses|sunglasses|eyewear|spectacles",
    "jewelry": "jewelry|jewellery|necklace|necklaces|earring|earrings|bracelet|bracelets|pendant|pendants",
    "watch": "watch|watches|wristwatch",
    "scarf": "scarf|scarves|shawl|shawls",
    "belt": "belt|belts",
    "handheld": "mug|mugs|cup|cups|bottle|bottles|book|books|phone|phones|camera|cameras|notebook|notebooks",
}  # fmt: skip
"""Whole words of a category's or product's name that tell its class; the first class that is told counts."""

NOT_SHOWN = {
    "child": r"kid|kids|child|children|children's|baby|babies|toddler|toddlers|boys|girls|infant|infants|junior",
    "undressed": r"lingerie|underwear|bra|bras|briefs|panties|bikini|bikinis|swimwear|swimsuit|swimsuits|boxers",
}  # fmt: skip
"""What is never shown on a synthetic person: what children wear, and what leaves a person undressed."""


def garment_of(product: Product, given: dict[str, GarmentClass], recipe: str, *, shown_on_people: bool = True) -> GarmentClass:
    """The class of a product: the one given for its category, else the one that its category's or its own name tells.

    Raises RenderError for what no class is told of, and for what is not shown on synthetic people.
    """
    for why, words in NOT_SHOWN.items() if shown_on_people else ():
        if found := _first(words, f"{product.category} {product.title}"):
            told = "no synthetic children are drawn" if why == "child" else "no synthetic person is drawn in what leaves a person undressed"
            raise RenderError(
                f"Recipe '{recipe}' does not show product {product.sku} ('{found}') on a synthetic person: {told}. Photograph it, or show it without a person."
            )
    if product.category in given:
        return given[product.category]
    for text in (product.category, product.title):
        for name, words in WORDS.items():
            if _first(words, text):
                return name
    raise RenderError(
        f"Recipe '{recipe}' does not know how a person wears or holds product {product.sku} of category '{product.category}' "
        f"('{product.title}'). Say it in the recipe's `garments`, such as {{{product.category}: handheld}}; there are {', '.join(get_args(GarmentClass))}."
    )


def _first(words: str, text: str) -> str:
    found = re.search(rf"(?<![^\W_])(?:{words})(?![^\W_])", text.lower())
    return found.group() if found else ""
