"""One self-contained HTML page that tells photographers what the photo rules in force ask, with an example of right and wrong each.

What it says is guidelines.py, what it shows imaging/photo_examples.py. Loads nothing from elsewhere; for screen, dark mode and paper.
"""

import base64
import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from imaging.photo_examples import example_pair, subject_of
from imaging.storage_format import thumbnail
from quality.guidelines import GROUPS, Guideline, guidelines, in_short
from quality.screening_rules import ScreeningRules

SHOWN_PX = 440
"""Long side of the pictures in the page; with about forty of them it stays below 1 MB."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A guideline with its two pictures as `data:` addresses, None for a rule about what no picture shows."""

    rule: Guideline
    good: str | None
    bad: str | None


def guidelines_page(rules: ScreeningRules, photo_HW3: npt.NDArray[np.uint8] | None, *, brand: str = "", day: dt.date | None = None) -> str:
    """The page as HTML.

    photo_HW3: a good photo of the catalog, uint8 sRGB, from which the examples are made; None gives a page without pictures.
    brand: whose guidelines they are, for the title. day: printed as the day of these rules.
    """
    subject = None if photo_HW3 is None else subject_of(photo_HW3)
    shown = []
    for rule in guidelines(rules):
        pair = None if subject is None else example_pair(rule.code, subject)
        good, bad = (None, None) if pair is None else (_address(picture) for picture in pair)
        shown.append(Shown(rule=rule, good=good, bad=bad))
    return _environment().get_template("guidelines.html.j2").render(
        brand=brand,
        day=day,
        hero=None if subject is None else _address(subject.photo_HW3),
        short=in_short(rules),
        groups=[(group, [one for one in shown if one.rule.group == group]) for group in GROUPS],
        rules=shown,
        refused=sum(one.rule.action == "refuse" for one in shown),
    )  # fmt: skip


def _address(picture: npt.NDArray[np.uint8]) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(thumbnail(picture, SHOWN_PX)).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
