"""The words by which a catalog tells how a product is worn or held, that it is no garment but named after one, and what is not shown on people.

Whole words of titles and of categories' names, in English; what children wear and what leaves people undressed in a few further languages.
"""

import re
import unicodedata
from typing import Literal, get_args

GarmentClass = Literal[
    "top", "dress", "skirt", "trousers", "outerwear", "shoes", "bag", "backpack", "hat", "eyewear", "jewelry", "bracelet", "ring", "watch", "scarf",
    "belt", "handheld",
]  # fmt: skip

WORDS: dict[GarmentClass, str] = {
    "top": "tops?|t-?shirts?|tees?|shirts?|polos?|blouses?|hoodies?|sweaters?|sweatshirts?|longsleeves?|pullovers?|jumpers?|cardigans?|knitwear|vests?",
    "dress": "dress|dresses|gowns?|jumpsuits?",
    "skirt": "skirts?",
    "trousers": "trousers|pants|jeans|chinos|leggings|shorts",
    "outerwear": "jackets?|coats?|parkas?|blazers?|anoraks?|outerwear",
    "shoes": "shoes?|sneakers?|boots?|sandals?|plimsolls?|loafers?|footwear",
    "bag": "bags?|totes?|handbags?|purses?|clutch|clutches|satchels?",
    "backpack": "backpacks?|rucksacks?",
    "hat": "hats?|caps?|beanies?|berets?",
    "eyewear": "glasses|sunglasses|eyewear|spectacles",
    "jewelry": "jewelry|jewellery|necklaces?|earrings?|pendants?",
    "bracelet": "bracelets?|bangles?",
    "ring": "rings?",
    "watch": "watch|watches|wristwatch|wristwatches",
    "scarf": "scarf|scarves|shawls?",
    "belt": "belts?",
    "handheld": "mugs?|cups?|bottles?|books?|phones?|cameras?|notebooks?",
}
"""Words that tell a class. The last of a phrase counts: a shirt dress is a dress, a dress shirt is a shirt."""

AFTER_ANY = (
    "racks?|holders?|hangers?|hooks?|lamps?|sanders?|cabinets?|shelf|shelves|polish|cleaners?|organi[sz]ers?|storage|winders?|chargers?|tripods?|openers?"
    "|coolers?|warmers?|coasters?|insoles?|mounts?|binders?|grinders?|scrapers?|jacks?|fabric|dryers?|stretchers?|keepers?|dispensers?|wallpapers?"
)
"""Goods that a garment's word only says what they are for, wherever they stand behind it in its phrase."""
RIGHT_AFTER = (
    "stands?|saucers?|cases?|box|boxes|trees?|lights?|straps?|bands?|laces?|sleeves?|covers?|tags?|charms?|buckles?|brush|brushes|horns?|sprays?|care|kits?|rugs?|mats?"
    "|lens|lenses|ends?|clips?|pegs?|bars?|benches|bench|forms?|patterns?|protectors?|lids?|screws?|press|presses|trays?|drawers?|chests?|stickers?"
)
"""The same right behind it; elsewhere they tell a print, a cut or a cloth (`Mug Christmas tree`, `Tee long sleeve`)."""
PHRASES = (
    r"(?:table|counter|desk|work|bench|cook|stove|mountain)[ -]tops?|(?:wine|drinking|beer|water|cocktail|champagne|martini|whisky|whiskey|shot|juice"
    r"|magnifying|hour)[ -]glasses|(?:key|napkin|curtain|shower|piston|teething|o)[ -]rings?|(?:bottle|hub|lens|gas|fuel|end|ice|night)[ -]caps?"
    r"|(?:bean|tea|sleeping|punching|trash|garbage|bin)[ -]bags?|(?:conveyor|drive|v|seat|safety|timing|tool)[ -]belts?|suction[ -]cups?"
    r"|(?:powder|base|under|clear)[ -]coats?|(?:bed|valance)[ -]skirts?|(?:jewelry|jewellery|hat|shoe)[ -]display"
)
"""Words that tell a class anywhere but here."""

LANGUAGES_CHILD = (
    r"kinder\w*|m(?:ä|ae)dchen\w*|jungen?|jungs|s(?:ä|ae)ugling\w*|enfants?|filles?|fillettes?|gar(?:ç|c)ons?|b(?:é|e)b(?:é|e)s?|niñ[oa]s?|infantil(?:es)?"
    r"|bambin[oaie]|neonat[oaie]|meisjes?|jongens?|peuters?"
)
LANGUAGES_UNDRESSED = (
    r"\w*unterw(?:ä|ae)sche|unterhosen?|bade(?:anzug|anzüge|hosen?|mode)|dessous|maillots? de bain|bañador(?:es)?|costum[ei] da bagno"
)
UP_TO_17 = r"(?<![\d.,])(?:1[0-7]|\d)"
NO_AGE = r"(?![ -](?:of )?(?:warranty|guarantee|diary|diaries|planner|journal|calendar|anniversary|battery|service))"
AGES = (
    rf"{UP_TO_17}(?: ?[-–/] ?\d{{1,2}})?[ -]?(?:y|yr|yrs|year|years|yo|y/o|jahre|ans|años|anni|jaar){NO_AGE}"
    rf"|{UP_TO_17}(?: ?[-–/] ?\d{{1,2}})?[ -]?(?:mo|mos|mth|mths|month|months|monate|mois|meses|mesi){NO_AGE}"
    rf"|{UP_TO_17} ?[-–/] ?\d{{1,2}} ?m|[2-5]t|age[sd]?:? {UP_TO_17}"
)
"""Ages and sizes by age: `8 years`, `6-8 Y`, `3-6 M`, `4T`, `ages 3+`; no guarantee for five years."""
NOT_SHOWN = {
    "child": r"kids?|child|children|childrens|baby|babies|babygrows?|toddlers?|boys?|girls?|infants?|newborns?|juniors?|youths?|teens?|teenagers?|teenage|preteens?"
    r"|tweens?|schoolboys?|schoolgirls?|schoolwear|school uniforms?|sleepsuits?|pramsuits?|" + LANGUAGES_CHILD + "|" + AGES,
    "undressed": r"lingerie|underwear|undergarments?|underpants|undies|bras?|bralettes?|bustiers?|corsets?|briefs?|panties|panty|pantyhose|knickers|shapewear"
    r"|thongs?(?! sandals?)|g-strings?|jockstraps?|negligees?|négligées?|nighties|babydolls?|garters?|bikinis?|tankinis?|swim\w*|trunks|boxers?|boxer shorts?"
    r"|boxer briefs?|bathing (?:suits?|costumes?)|boardshorts?|board shorts?|" + LANGUAGES_UNDRESSED,
}  # fmt: skip
"""What is never shown on a synthetic person: what children wear, and what leaves a person undressed. `Girl's` and `girls'` are `girl` and `girls`."""
MEANT_OTHERWISE = (
    r"baby[ -](?:blue|pink|yellow|green|lilac|lavender|mint|purple|alpaca|cashmere|camel|merino|lambswool|corduroy|cord)"
    r"|kid[ -](?:leather|suede|mohair)|swim(?:ming)?[ -](?:bags?|goggles|towels?)"
)
"""Colors, wools, leathers and bags in whose names those words are no children and no swimwear."""


def not_shown(text: str) -> tuple[str, str]:
    """Why something of these words is shown on no synthetic person (`child`, `undressed`), and the word that told; two empty texts where it may be."""
    said = _whole(MEANT_OTHERWISE).sub(" ", _plain(text))
    for why, words in NOT_SHOWN.items():
        if found := _whole(words).search(said):
            return why, found.group()
    return "", ""


def classes_of(category: str) -> tuple[frozenset[GarmentClass], str]:
    """All classes whose words stand in a category's name, or none and the word by which it is one of goods: `coat-racks`."""
    said = _plain(category)
    _, goods = _last(said)
    return frozenset(name for name, words in WORDS.items() if not goods and _whole(words).search(said)), goods


def class_of(text: str) -> tuple[GarmentClass | None, str]:
    """The class that a title tells, or else the words by which it is goods named after a garment; neither where it tells nothing.

    Behind `with`, `for`, `in`, `by` and `from` stands what it has, not what it is. Of phrases parted by commas, dashes or `of`, the first that tells
    counts (`Acme: linen shirt, boxed`), in it the last word (`shirt dress`).
    """
    is_of = re.split(r"\s(?:with|without|for|in|by|from|featuring)\s", _plain(text), maxsplit=1)[0]
    for phrase in re.split(r"[,;:(|]|\s[-–—]\s|\sof\s", is_of):
        found, goods = _last(phrase)
        if found or goods:
            return found, goods
    return None, ""


def _last(phrase: str) -> tuple[GarmentClass | None, str]:
    """The class of a phrase's last word that tells one, and where goods stand behind it or it is part of their name, those instead."""
    told = [(match.end(), len(match.group()), name) for name in get_args(GarmentClass) for match in _whole(WORDS[name]).finditer(phrase)]
    end, _, name = max(told, default=(0, 0, None))
    if (named := list(_whole(PHRASES).finditer(phrase))) and named[-1].end() >= end:
        return None, named[-1].group()
    rest = phrase[end:]
    behind = re.match(rf"(?:['’]?s?[ -])({RIGHT_AFTER})(?![^\W_])", rest) if name else None
    goods = behind or _whole(f"({AFTER_ANY})").search(rest)
    return (None, goods.group(1)) if goods else (name, "")


def _whole(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])")


def _plain(text: str) -> str:
    """Small letters, composed ones, straight apostrophes, single spaces, `_` as a space."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("_", " ").split())
