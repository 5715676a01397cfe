"""What is wrong with an entry of a settings file, in words of people who write YAML; what the checking library calls it is not said."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Context = Mapping[str, Any]

WORDS: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "string_type": lambda _: "must be text; put it in quotes where it looks like something else",
    "date_type": lambda _: "must be a day, such as 2026-11-21",
    "date_parsing": lambda _: "must be a day, such as 2026-11-21",
    "date_from_datetime_parsing": lambda _: "must be a day, such as 2026-11-21",
    "date_from_datetime_inexact": lambda _: "must be a day without a time, such as 2026-11-21",
    "datetime_type": lambda _: "must be a day and a time, such as 2026-11-21T08:00:00Z",
    "datetime_parsing": lambda _: "must be a day and a time, such as 2026-11-21T08:00:00Z",
    "datetime_from_date_parsing": lambda _: "must be a day and a time, such as 2026-11-21T08:00:00Z",
    "path_type": lambda _: "must be the name of a file or folder",
    "tuple_type": lambda _: "must be a list, such as [a, b]",
    "list_type": lambda _: "must be a list, such as [a, b]",
    "set_type": lambda _: "must be a list, such as [a, b]",
    "frozen_set_type": lambda _: "must be a list, such as [a, b]",
    "dict_type": lambda _: "must be entries of the form `name: value`",
    "model_type": lambda _: "must be entries of the form `name: value`",
    "model_attributes_type": lambda _: "must be entries of the form `name: value`",
    "dataclass_type": lambda _: "must be entries of the form `name: value`",
    "none_required": lambda _: "must be left empty",
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "multiple_of": lambda context: f"must be a multiple of {context['multiple_of']}",
    "string_too_short": lambda context: f"must have at least {_counted(context['min_length'], 'character')}",
    "string_too_long": lambda context: f"must have at most {_counted(context['max_length'], 'character')}",
    "too_short": lambda context: f"must have at least {_entries(context['min_length'])}, and has {context['actual_length']}",
    "too_long": lambda context: f"must have at most {_entries(context['max_length'])}",
    "string_pattern_mismatch": lambda context: (
        f"must look otherwise: {_PATTERNS.get(context['pattern'], 'allowed is ' + context['pattern'])}"
    ),
    "union_tag_invalid": lambda context: f"{context['discriminator']} must be one of {context['expected_tags']}",
    "union_tag_not_found": lambda context: f"{context['discriminator']} is missing: it says which kind is meant",
}
"""By the library's name of an error, what an entry must be."""

_PATTERNS: Mapping[str, str] = {
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "small letters, digits, - and _, beginning with a letter or digit, 63 characters at most",
    r"^[A-Z][A-Z0-9_]*$": "capitals, digits and _, beginning with a letter, such as TOO_SMALL",
    r"^#[0-9a-f]{6}$": "a color as # and six digits, such as '#c4704c', in quotes",
    r"^#[0-9a-fA-F]{6}$": "a color as # and six digits, such as '#c4704c', in quotes",
    r"^[A-Z]{3}$": "three capitals, such as USD",
}
"""What some forms mean, so that nobody reads a pattern for them."""

LIBRARY_NAMES = (
    "function-",
    "constrained-",
    "lax-or-strict",
    "nullable",
    "tagged-union",
    "literal[",
    "list[",
    "tuple[",
    "dict[",
    "is-instance",
)
BASIC_KINDS = frozenset({"str", "int", "float", "bool", "none"})


def wrong_in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with one entry, as `ValidationError.errors()` tells it; sentences of our own checks stay as they are."""
    known = WORDS.get(error["type"])
    if known is not None:
        return known(error.get("ctx") or {})
    message = str(error["msg"])
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    for theirs in ("Input should be ", "Value should be ", "Input should "):
        if message.startswith(theirs):
            return f"must be {message.removeprefix(theirs)}"
    return message


def any_of(wrong: Sequence[str]) -> str:
    """What an entry that may be of several kinds must be: "must be true or false, or 'conditions'"."""
    different = list(dict.fromkeys(wrong))
    if len(different) == 1 or not all(one.startswith("must be ") for one in different):
        return "; or ".join(different)
    return ", or ".join([different[0], *(one.removeprefix("must be ") for one in different[1:])])


def place_of(error: Mapping[str, Any]) -> str:
    """Where in the file the entry is: `rules.0.min`; kinds among which the library tried to choose are no part of it."""
    parts = [part for part in error["loc"] if isinstance(part, int) or not (part in BASIC_KINDS or part.startswith(LIBRARY_NAMES))]
    return ".".join(str(part) for part in parts) or "(top)"


def _entries(count: int) -> str:
    return f"{count} entr{'y' if count == 1 else 'ies'}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
