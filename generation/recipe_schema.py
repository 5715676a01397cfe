"""What recipe files may say, for people and for editors: every parameter of every kind with its range and meaning, and the JSON Schema of a file."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, create_model

from catalog.product import SLUG
from catalog.recipe import Recipe
from generation.kind import RecipeParams
from generation.kinds import KINDS, engines_of

PLAIN = {"boolean": "true or false", "null": "nothing"}

PATTERNS = {r"^#[0-9a-fA-F]{6}$": "a color such as '#8a9a7b'", SLUG: "a name in lower case letters, digits, - and _"}
"""What texts of a pattern are, in words."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a kind: what it may be, in words, its default, and what it means."""

    name: str
    allowed: str
    default: Any
    meaning: str


def recipe_file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a recipe file: one of the kinds, told by `kind`, so that an editor completes the parameters of that kind."""
    union: Any = reduce(or_, [_file_of(name) for name in sorted(KINDS)])
    schema = TypeAdapter(Annotated[union, Field(discriminator="kind")]).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A recipe of Vitrine", **schema}


def _file_of(kind: str) -> type[Recipe]:
    """The model of a recipe file of one kind."""
    params = KINDS[kind].params
    whose: Any = (Literal[kind], Field(description="The code that makes the picture; says which parameters there are."))
    engine: Any = (Literal[engines_of(kind)], Field(description="How pictures of this kind are made."))
    inner: Any = (params, Field(default_factory=params, description="Parameters of the kind; what is left out has its default."))
    return create_model(
        f"{kind.title().replace('_', '')}Recipe",
        __base__=Recipe,
        __doc__=f"A recipe of kind `{kind}`.",
        kind=whose,
        engine=engine,
        params=inner,
    )


def parameters(params: type[RecipeParams]) -> list[Parameter]:
    """The parameters of a kind, in the order of its code."""
    schema = params.model_json_schema()
    shown = []
    for name, entry in schema.get("properties", {}).items():
        shown.append(Parameter(name=name, allowed=_allowed(entry), default=entry.get("default"), meaning=entry.get("description", "")))
    return shown


def _allowed(told: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "anyOf" in told:
        return " or ".join(_allowed(one) for one in told["anyOf"])
    if "enum" in told or "const" in told:
        return ", ".join(map(str, told.get("enum", [told.get("const")])))
    if told["type"] in PLAIN:
        return PLAIN[told["type"]]
    return {"array": _list, "object": _mapping, "string": _text}.get(told["type"], _range)(told)


def _list(told: dict[str, Any]) -> str:
    inside = told["prefixItems"][0] if "prefixItems" in told else told["items"]
    many = f"{told['maxItems']} times " if "maxItems" in told else "one or more of " if told.get("minItems") else "any of "
    return f"a list: {many}{_allowed(inside)}"


def _mapping(told: dict[str, Any]) -> str:
    names = _allowed(told["propertyNames"]) if "propertyNames" in told else "a name"
    return f"a mapping: {names}; each {_allowed(told['additionalProperties'])}"


def _text(told: dict[str, Any]) -> str:
    longest = f" of at most {told['maxLength']} characters" if "maxLength" in told else ""
    return PATTERNS.get(told.get("pattern", ""), f"text{longest}")


def _range(told: dict[str, Any]) -> str:
    low, high = told.get("minimum", told.get("exclusiveMinimum")), told.get("maximum", told.get("exclusiveMaximum"))
    whole = ", whole" if told["type"] == "integer" else ""
    above, below = "above " if "exclusiveMinimum" in told else "", "below " if "exclusiveMaximum" in told else ""
    if low is not None and high is not None:
        return f"{above}{low:g} to {below}{high:g}{whole}"
    if low is not None or high is not None:
        return f"{above or 'from '}{low:g}{whole}" if low is not None else f"{below or 'up to '}{high:g}{whole}"
    return f"a {'whole ' if whole else ''}number"
