"""Who is drawn: synthetic adults described by age band, skin tone, hair and body shape, taken in turn so that everybody has their share.

Nobody here exists, and nobody is drawn after a real person. The words are those by which people describe themselves; docs/recipes/on_model.md.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from generation.kind import RecipeParams

Presentation = Literal["woman", "man", "person"]
AgeBand = Literal["twenties", "thirties", "forties", "fifties", "sixties", "seventies"]
SkinTone = Literal["very_light", "light", "light_medium", "medium", "deep_medium", "deep", "very_deep"]
Hair = Literal["short_straight", "short_coily", "shaved", "shoulder_wavy", "long_straight", "long_curly", "braids", "head_scarf"]
Body = Literal["slim", "average", "athletic", "broad", "curvy", "plus_size"]

IN_WORDS: Mapping[str, str] = {
    "very_light": "very light skin", "light": "light skin", "light_medium": "light to medium skin", "medium": "medium brown skin",
    "deep_medium": "medium to deep brown skin", "deep": "deep brown skin", "very_deep": "very deep brown skin",
    "short_straight": "short straight hair", "short_coily": "short coily hair", "shaved": "a shaved head", "shoulder_wavy": "shoulder-length wavy hair",
    "long_straight": "long straight hair", "long_curly": "long curly hair", "braids": "braided hair", "head_scarf": "a plain head scarf",
    "slim": "a slim build", "average": "an average build", "athletic": "an athletic build", "broad": "a broad build", "curvy": "a curvy build",
    "plus_size": "a plus-size build",
}  # fmt: skip

Name = TypeVar("Name", bound=str)


def weighed(weights: dict[Name, int]) -> dict[Name, int]:
    """The weights, if something comes of them. Raises ValueError otherwise."""
    if not any(weights.values()):
        raise ValueError("weights are whole numbers from 0 to 20, and one at least is above 0")
    return weights


Weights = Annotated[dict[Name, Annotated[int, Field(ge=0, le=20)]], AfterValidator(weighed)]
"""How often each name is chosen relative to the others."""

HOW_OFTEN = "each with how often it is chosen relative to the others, 0 for never"


class PeopleParams(RecipeParams):
    """Who is drawn, and how often relative to one another: whole weights, 0 for never; a single name is everybody.

    Skin tones go from very light to very deep in seven steps, after the ten of the Monk Skin Tone scale. Adults alone.
    """

    presentation: Weights[Presentation] = Field(
        default={"woman": 3, "man": 3, "person": 1}, description=f"Whom the prompt names, {HOW_OFTEN}."
    )
    age: Weights[AgeBand] = Field(
        default={"twenties": 1, "thirties": 1, "forties": 1, "fifties": 1, "sixties": 1, "seventies": 1},
        description=f"Age bands, {HOW_OFTEN}.",
    )
    skin_tone: Weights[SkinTone] = Field(
        default={"very_light": 1, "light": 1, "light_medium": 1, "medium": 1, "deep_medium": 1, "deep": 1, "very_deep": 1},
        description=f"Skin tones, {HOW_OFTEN}.",
    )
    hair: Weights[Hair] = Field(
        default={
            "short_straight": 1, "short_coily": 1, "shaved": 1, "shoulder_wavy": 1, "long_straight": 1, "long_curly": 1, "braids": 1,
            "head_scarf": 1,
        },
        description=f"Hair, {HOW_OFTEN}.",
    )  # fmt: skip
    body: Weights[Body] = Field(
        default={"slim": 1, "average": 1, "athletic": 1, "broad": 1, "curvy": 1, "plus_size": 1},
        description=f"Body shapes, {HOW_OFTEN}.",
    )


def in_turn(weights: Mapping[Name, int], number: int) -> Name:
    """The name whose turn it is: in every cycle each comes as often as it weighs, spread as evenly as can be (smooth weighted round robin)."""
    shared = math.gcd(*weights.values())
    whole = {name: weight // shared for name, weight in weights.items() if weight}
    cycle = sum(whole.values())
    owed = dict.fromkeys(whole, 0)
    for _ in range(number % cycle + 1):
        owed = {name: owed[name] + weight for name, weight in whole.items()}
        chosen = max(owed, key=lambda name: owed[name])
        owed[chosen] -= cycle
    return chosen


def person_for(people: Mapping[str, Mapping[str, int]], sku: str, number: int) -> dict[str, str]:
    """The `number`-th person for a product: each quality is taken in turn, from a place in its cycle that follows from the SKU.

    So the people of one product differ as far as they can, and over a catalog everybody has the share that the weights give. The same SKU and
    number give the same person anywhere.
    """
    return {quality: in_turn(weights, _place(sku, quality) + number) for quality, weights in people.items()}


def described(person: Mapping[str, str]) -> str:
    """A person in words for a prompt: "a woman in her forties with deep brown skin, braided hair and a broad build"."""
    whose = {"woman": "her", "man": "his", "person": "their"}[person["presentation"]]
    kind = "adult person" if person["presentation"] == "person" else person["presentation"]
    article = "an" if kind.startswith("a") else "a"
    skin, hair, body = (IN_WORDS[person[quality]] for quality in ("skin_tone", "hair", "body"))
    return f"{article} {kind} in {whose} {person['age']} with {skin}, {hair} and {body}"


def qualities(params: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The weights of a person's qualities among a recipe's parameters."""
    return {name: params[name] for name in PeopleParams.model_fields}


def _place(sku: str, quality: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{quality}\0{sku}".encode()).digest()[:4], "big")
