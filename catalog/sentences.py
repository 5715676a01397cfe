"""One message within another: whoever composes knows not whether the inner one ends with a full stop, or runs over several lines."""


def clause(told: object, at_most: int | None = None) -> str:
    """What an error or another message says, to stand within a sentence: on one line, without a full stop at its end, cut after `at_most` characters.

    f"It does not load: {clause(error)}. Copy it again." An error without words is told by its name.
    """
    words = " ".join(str(told).split())[:at_most].rstrip(" .:;,")
    return words or (type(told).__name__ if isinstance(told, BaseException) else "")


def sentence(told: object) -> str:
    """The same to stand alone: its first letter a capital, one full stop at its end; '' stays ''."""
    words = clause(told)
    return f"{words[0].upper()}{words[1:]}{'' if words[-1] in '!?' else '.'}" if words else ""
