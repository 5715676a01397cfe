"""The page of a calibration: whole in itself, readable by eye and by ear, in light and in dark."""

import datetime as dt
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from quality.calibration import Wish, calibrate_rule
from quality.calibration_charts import BINS, HALF_PX, histogram, roc_chart, table_points
from quality.calibration_page import calibration_page
from tests.publishing.test_page_colors import contrast
from tests.quality.test_calibration import EDGE, HALO, labels


@pytest.fixture(scope="module")
def halo():
    """The halo rule with mixed labels, for which a band is proposed."""
    rng = np.random.default_rng(6)
    return calibrate_rule(HALO, labels(rng.normal(11, 1.2, 150), rng.normal(14, 1.2, 150)), Wish(max_missed=0.02))


def page_of(*rules, diff="", brand="Tiny <Shop>", warnings=()):
    recipe = SimpleNamespace(recipe="packshot_white", rules=rules, of_population=False, population=None)
    facts = {"brand": brand, "on": dt.date(2026, 11, 21), "wish": Wish(), "counts": {"good": 150, "bad": 150}, "recipes": [recipe]}
    return calibration_page({**facts, "warnings": warnings, "diff": diff})


def test_every_chart_says_what_it_shows_and_has_its_numbers_in_a_table(halo):
    page = page_of(halo)
    charts = re.findall(r'<svg role="img" aria-label="([^"]+)"', page)
    assert len(charts) == 2 and "area" in charts[1] and "150 good ones above" in charts[0]
    regions = re.findall(r'aria-label="((?:What the bounds|ROC curve)[^"]+)"><table>', page)
    assert regions == ["What the bounds of halo_delta_e do", "ROC curve of halo_delta_e in numbers"]
    side = halo.sides[0]
    assert f"{side.proposed:.4g}" in page and f"{100 * side.held_out.missed:.1f} %" in page
    assert "lower bound" in page


def test_it_loads_nothing_and_escapes_what_people_wrote(halo):
    page = page_of(halo, diff="+    # <script>alert(1)</script>\n", warnings=("looser than <b>",))
    assert "<script>" not in page and "&lt;script&gt;" in page and "Tiny &lt;Shop&gt;" in page and "<b>" not in page
    assert not re.search(r"(?:src|href)=", page) and "url(" not in page


def test_charts_are_drawings_that_every_browser_reads(halo):
    for drawing in (histogram(halo.sides[0], "halo_delta_e", "Delta E 76"), roc_chart(halo.sides[0], "halo_delta_e")):
        assert ElementTree.fromstring(drawing).tag == "svg"


def test_bars_are_as_high_as_there_are_labels(halo):
    drawing = ElementTree.fromstring(histogram(halo.sides[0], "halo_delta_e", "Delta E 76"))
    heights = {kind: [float(bar.get("height")) for bar in drawing if bar.get("class") == kind] for kind in ("good", "bad")}
    most = max(int(text.text) for text in drawing if text.tag == "text" and text.text.isdigit() and text.get("text-anchor") == "end")
    for bars in heights.values():
        assert sum(bars) * most / HALF_PX == pytest.approx(150, abs=0.1 * BINS)


def test_the_table_of_a_curve_agrees_with_counting(halo):
    scores = halo.sides[0].scores
    for value, alarms, missed in table_points(scores, "max"):
        assert alarms == pytest.approx(np.mean(scores.good > value)) and missed == pytest.approx(np.mean(scores.bad <= value))


def test_a_lower_bound_is_drawn_in_measured_values():
    found = calibrate_rule(EDGE, labels(np.linspace(0.7, 1.2, 60), np.linspace(0.3, 0.68, 40)), Wish())
    side = next(side for side in found.sides if side.side == "min")
    drawing = histogram(side, "edge_gain", "1")
    assert "now 0.83" in drawing and f"proposed {side.proposed:.4g}" in drawing
    assert all(0.25 < value < 1.25 for value, _, _ in table_points(side.scores, "min"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_can_be_read(halo, scheme):
    parts = page_of(halo).split("prefers-color-scheme: dark")
    colors = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})\b", parts[scheme == "dark"]))
    full = {name: "#" + "".join(c * 2 for c in value[1:]) if len(value) == 4 else value for name, value in colors.items()}
    for ink in ("ink", "soft", "good", "bad"):  # the diff's lines are text, too
        assert contrast(full[ink], full["card"]) >= 4.5 and contrast(full[ink], full["paper"]) >= 4.5, ink
    assert contrast(full["new"], full["card"]) >= 3.0
