"""One self-contained page with the evidence of a calibration: per rule its curve, where labels measure, what old and new bounds do, and the diff.

Loads nothing from elsewhere; every chart has its numbers in a table beside it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from quality.calibration import SideCalibration
from quality.calibration_charts import histogram, roc_chart, table_points
from quality.columns import COLUMNS
from quality.intervals import Estimate


def calibration_page(facts: Mapping[str, Any]) -> str:
    """The page. `facts`: brand, on (date), wish, counts (decisions by what they say), recipes, warnings, diff."""
    return _environment().get_template("calibration.html.j2").render(**facts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, limits=_limits, number=_number)
    environment.globals.update(roc=_roc, histogram=_histogram, points=_points, columns=COLUMNS)
    return environment


def _roc(side: SideCalibration, column: str) -> Markup:
    return Markup(roc_chart(side, column))  # numbers, and a column's name, which is a key of COLUMNS


def _histogram(side: SideCalibration, column: str) -> Markup:
    return Markup(histogram(side, column, COLUMNS[column].unit))


def _points(side: SideCalibration) -> list[tuple[float, float, float]]:
    assert side.scores is not None
    return table_points(side.scores, side.side)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _limits(rate: Estimate) -> str:
    return f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
