"""A panel of the report's numbers: a chart, a sentence that says what it shows, and the same as a table. What panels there are is report_numbers.py."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

MAX_LISTED: Final = 600
"""Rows of a table altogether; `summary.json` has everything."""
RATE_KEYS: Final = (("a circle", "Approval rate"), ("b diamond", "First-pass yield"))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart with its words; `keys` names the parts of the chart for its legend, `rows` are text, first column a heading."""

    name: str
    title: str
    said: str
    chart: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[tuple[str, str], ...] = ()
    note: str = ""
    wide: bool = False
