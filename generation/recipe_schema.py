"""What recipe files may say, for people and for editors: every parameter of every kind with its range and meaning, and the JSON Schema of a file."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, create_model

from catalog.recipe import Recipe
from generation.kind import RecipeParams
from generation.kinds import KINDS


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
    inner: Any = (params, Field(default_factory=params, description="Parameters of the kind; what is left out has its default."))
    return create_model(
        f"{kind.title().replace('_', '')}Recipe", __base__=Recipe, __doc__=f"A recipe of kind `{kind}`.", kind=whose, params=inner
    )


def parameters(params: type[RecipeParams]) -> list[Parameter]:
    """The parameters of a kind, in the order of its code."""
    schema = params.model_json_schema()
    shown = []
    for name, entry in schema.get("properties", {}).items():
        told = entry | _resolved(entry, schema.get("$defs", {}))
        shown.append(Parameter(name=name, allowed=_allowed(told), default=told.get("default"), meaning=told.get("description", "")))
    return shown


def _resolved(told: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = told.get("$ref", "").rpartition("/")[2]
    return {key: value for key, value in definitions.get(reference, {}).items() if key not in told}


def _allowed(told: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "anyOf" in told:
        return " or ".join(_allowed(one) for one in told["anyOf"])
    if "enum" in told:
        return ", ".join(map(str, told["enum"]))
    if "const" in told:
        return str(told["const"])
    low, high = told.get("minimum", told.get("exclusiveMinimum")), told.get("maximum", told.get("exclusiveMaximum"))
    kind = {"boolean": "true or false", "null": "nothing", "string": "text", "array": "a list", "object": "a mapping"}.get(
        told.get("type", ""), told.get("type", "")
    )
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None or high is not None:
        return f"from {low:g}" if low is not None else f"up to {high:g}"
    return f"{kind} like {told['pattern']}" if "pattern" in told else kind
