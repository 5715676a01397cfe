"""Values given on the command line as KEY=VALUE, each read as what its field takes.

A text needs no quotes: shells take them away, and YAML would then read `#2c3c5e` as a comment and `off` as false. All else is YAML.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from catalog.errors import SettingsError

QUOTES = ("'", '"')
BRACKETS = ("[", "{")
NOTHING = ("null", "~")


def values_of(given: list[str], fields: Mapping[str, FieldInfo], option: str) -> dict[str, Any]:
    """Values by name, of `fields` as these take them; a name that is none of theirs is kept for whoever checks them. Raises SettingsError."""
    values = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise SettingsError(f"{option} {one!r} is not KEY=VALUE.")
        taken = _types(fields[name].annotation) if name in fields else {str}
        try:
            values[name] = _read(text, taken)
        except (yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"{option} {one!r}: {text!r} is not a YAML value, such as 80, 0.5, '#8a9a7b' or [1, 2].") from error
    return values


def _read(text: str, taken: set[Any]) -> Any:
    if str not in taken or text.startswith(QUOTES):
        return yaml.safe_load(text)
    if text.startswith(BRACKETS) and taken - {str, NoneType, bool, int, float}:  # not `{title} in blue` where only a text can be meant
        return _as_yaml(text)
    if text in NOTHING and NoneType in taken:
        return None
    if text in ("true", "false") and bool in taken:
        return text == "true"
    if taken & {int, float} and isinstance(number := _as_yaml(text), int | float) and not isinstance(number, bool):
        return number
    return text


def _as_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def _types(annotation: Any) -> set[Any]:
    """What a field takes, unions and literals taken apart."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {type(one) for one in inside}
    if origin is Annotated:
        return _types(inside[0])
    if origin in (Union, UnionType):
        return set().union(*(_types(one) for one in inside))
    return {origin or annotation}
