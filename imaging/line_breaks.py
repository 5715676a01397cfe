"""Break text into lines: where a line may end in a script, and which breaks leave lines of like length. Measures and draws nothing; see lettering.py."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH KATAKANA")
"""Scripts written without spaces: a line may end after any of their signs, but for what follows."""
NOT_FIRST = frozenset("、。，．・：；！？）］｝〕〉》」』】〗’”ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ…‥％")
"""Signs that begin no line in Chinese and Japanese: closing brackets, stops, small kana (JIS X 4051, the common part)."""
NOT_LAST = frozenset("（［｛〔〈《「『【〖‘“￥＄")
"""Opening brackets end none."""
INSIDE_WORDS = re.compile(r"(?<=\w\w)([\u00ad\u2010-])(?=\w\w)")
"""A hyphen between two letters or more, written or soft (U+00AD): where a word that is too long may be parted."""
EVEN = 1.002
"""Lines within this of the narrowest that is possible count as equally narrow, when the most even breaks are looked for."""

Widths = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """What lines are made of: text, what parts it from the next piece on its line, and what is added where a line ends after it."""

    text: str
    gap: str = ""
    end: str = ""


def pieces_of(text: str, *, inside_words: bool) -> list[Piece]:
    """The pieces of a text whose white space is single spaces. inside_words: whether words may be parted at their hyphens, too."""
    found: list[Piece] = []
    for word in text.split(" "):
        for part in word.split("\u200b"):  # a zero-width space is a place to break at
            found += _parted(part) if inside_words else _signs(part.replace("\u00ad", ""))
        if found:
            found[-1] = Piece(found[-1].text, " ", found[-1].end)
    return found


def joined(pieces: Sequence[Piece]) -> str:
    """The pieces on one line."""
    return ("".join(piece.text + piece.gap for piece in pieces[:-1]) + pieces[-1].text + pieces[-1].end) if pieces else ""


def balanced(pieces: Sequence[Piece], count: int, starts: Widths, ends: Widths) -> tuple[str, ...]:
    """The pieces on `count` lines, the widest as narrow as can be, and of such breaks those with the most even lines: no single word is left over
    where another break is as narrow.

    starts: where each piece starts on one endless line, (n,); ends: where a line ends that ends with it, (n,), hyphen included.
    """
    total = len(pieces)
    if count == 1:
        return (joined(pieces),)
    width = ends[None, :] - starts[:, None]
    width[np.tril_indices(total, -1)] = math.inf  # a line does not end before it starts
    narrowest = _cheapest(width, count, np.maximum)[0]
    uneven = np.where(width <= narrowest * EVEN, np.square(narrowest - width), math.inf)
    firsts = _cheapest(uneven, count, np.add)[1]
    return tuple(joined(pieces[first:after]) for first, after in zip(firsts, [*firsts[1:], total], strict=True))


def _cheapest(cost: Widths, count: int, both: np.ufunc) -> tuple[float, list[int]]:
    """The least cost of `count` lines over all pieces, and the first piece of each. cost[i, j]: of a line from piece i to piece j."""
    total = len(cost)
    best, chosen = cost[0].copy(), []
    for _ in range(count - 1):
        options = np.full((total, total), math.inf)  # of a last line that starts at i, up to piece j
        options[1:] = both(best[:-1, None], cost[1:])
        chosen.append(options.argmin(axis=0))
        best = options.min(axis=0)
    firsts, last = [], total - 1
    for before in reversed(chosen):
        firsts.append(int(before[last]))
        last = firsts[-1] - 1
    return float(best[-1]), [0, *reversed(firsts)]


def _parted(word: str) -> list[Piece]:
    """A word's pieces, also parted at its hyphens."""
    found, parts = [], INSIDE_WORDS.split(word)
    for part, hyphen in zip(parts[::2], [*parts[1::2], ""], strict=True):
        signs = _signs(part.replace("\u00ad", "") + hyphen.replace("\u00ad", ""))
        if hyphen == "\u00ad" and signs:
            signs[-1] = Piece(signs[-1].text, "", "-")
        found += signs
    return found


def _signs(word: str) -> list[Piece]:
    """A word as one piece, or as many where its script is written without spaces."""
    found: list[str] = []
    free = False
    for sign in word:
        unspaced = unicodedata.name(sign, "").startswith(UNSPACED) or sign in NOT_FIRST or sign in NOT_LAST
        if found and (not (free or unspaced) or sign in NOT_FIRST or found[-1][-1] in NOT_LAST or unicodedata.combining(sign)):
            found[-1] += sign
        else:
            found.append(sign)
        free = unspaced and sign not in NOT_LAST
    return [Piece(run) for run in found]
