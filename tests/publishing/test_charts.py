"""Charts as XML: what is drawn stands where its number says, is told in words, and is told apart without color."""

import datetime as dt
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

import publishing
from publishing.chart_columns import Column, columns_over_time
from publishing.chart_frame import fitting, percent, round_ticks, share_ticks
from publishing.chart_rates import (
    BOTTOM,
    COLUMNS_BOTTOM,
    COLUMNS_TOP,
    LEFT,
    RIGHT,
    TOP,
    RatePoint,
    rates_over_time,
    small_rates,
    smoothed,
)
from publishing.chart_rows import (
    WIDTH,
    AmountRow,
    PointRow,
    ReasonBar,
    VerdictRow,
    amounts,
    reasons_ranked,
    shares_compared,
    stacked_verdicts,
)
from tests.publishing.test_page_colors import contrast, luminance

MONDAY = dt.date(2026, 11, 2)
EVIL = 'A <b> & "mug"'


def point(days, judged, approved, first_pass):
    return RatePoint(day=MONDAY + dt.timedelta(days=days), judged=judged, approved=approved, first_pass=first_pass)


def parsed(chart):
    """The chart as XML; what an SVG must have for those who cannot see it is checked on the way."""
    svg = ElementTree.fromstring(str(chart))
    ids = [one.get("id") for one in svg.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert svg.get("role") == "img"
    assert set(svg.get("aria-labelledby").split()) <= set(ids)
    assert svg.find("title").text
    assert svg.find("desc").text
    return svg


def of_class(svg, css, tag=None):
    return [one for one in svg.iter() if css in (one.get("class") or "").split() and tag in (None, one.tag)]


def words(svg):
    return [one.text for one in svg.iter("text")]


def numbers(text):
    return [tuple(float(number) for number in pair.split(",")) for pair in text.split()]


def test_lines_go_through_their_points():
    svg = parsed(rates_over_time("r", [point(0, 10, 8, 6), point(5, 20, 18, 17), point(10, 10, 10, 10)]))
    (approval,) = (numbers(one.get("points")) for one in of_class(svg, "line-a"))
    (first_pass,) = (numbers(one.get("points")) for one in of_class(svg, "line-b"))

    def height(share):  # the axis begins at 50 %: the lowest point is 60 %
        return pytest.approx(BOTTOM - (BOTTOM - TOP) * (share - 0.5) / 0.5, abs=0.06)

    middle = (LEFT + RIGHT) / 2
    assert [x for x, _ in approval] == [x for x, _ in first_pass] == [LEFT + 14, middle, RIGHT - 14]
    assert [y for _, y in approval] == [height(0.8), height(0.9), height(1.0)]
    assert [y for _, y in first_pass] == [height(0.6), height(0.85), height(1.0)]
    assert [one for one in words(svg) if one.endswith("%")][:6] == ["50 %", "60 %", "70 %", "80 %", "90 %", "100 %"]


def test_columns_under_the_lines_are_as_high_as_there_were_renders():
    svg = parsed(rates_over_time("r", [point(0, 50, 40, 40), point(1, 100, 90, 90)]))
    heights = [float(one.get("height")) for one in of_class(svg, "column")]
    assert heights == [(COLUMNS_BOTTOM - COLUMNS_TOP) / 2, COLUMNS_BOTTOM - COLUMNS_TOP]


def test_a_single_day_is_a_point_in_the_middle():
    svg = parsed(rates_over_time("r", [point(0, 224, 224, 200)]))
    assert of_class(svg, "line-a") == []
    (dot,) = of_class(svg, "dot-a")
    assert float(dot.get("cx")) == (LEFT + RIGHT) / 2
    assert "Nov 2, 2026" in words(svg)
    assert "NaN" not in str(ElementTree.tostring(svg))
    assert rates_over_time("r", []) == ""


def test_line_names_never_cover_one_another():
    svg = parsed(rates_over_time("r", [point(0, 10, 10, 10), point(1, 10, 10, 10)]))
    places = sorted(float(one.get("y")) for one in [*of_class(svg, "name-a"), *of_class(svg, "name-b")])
    assert all(below - above >= 15 for above, below in pairwise(places))


def test_many_days_are_drawn_as_the_mean_of_seven_weighed_by_renders():
    days = [point(n, 10, 5, 0) for n in range(20)]
    days[19] = point(19, 60, 60, 60)
    means = smoothed(days)
    assert means[18].approval == 0.5
    assert means[19].approval == pytest.approx(90 / 120)
    svg = parsed(rates_over_time("r", days))
    assert len(of_class(svg, "faint-a")) == 20
    assert len(of_class(svg, "dot-a")) == 1
    assert "20 days from Nov 2, 2026 to Nov 21, 2026." in svg.find("desc").text


def test_small_charts_share_one_scale():
    svg = parsed(
        small_rates("s", "By category", [("Mugs", [point(0, 10, 10, 9), point(7, 10, 9, 8)]), (EVIL, [point(7, 10, 5, 5)]), ("None", [])])
    )
    lines = of_class(svg, "line-a")
    assert len(lines) == 1  # one point makes no line
    assert EVIL in words(svg)
    dots = of_class(svg, "dot-a")
    assert float(dots[1].get("cy")) > float(dots[0].get("cy"))  # 50 % stands lower than 90 % in another chart
    assert "None" not in words(svg)


def test_parts_of_a_verdict_bar_are_their_shares():
    rows = [
        VerdictRow(title=EVIL, approved=6, review=3, rejected=1, first_pass_yield=0.5),
        VerdictRow(title="Nothing yet", approved=0, review=0, rejected=0, first_pass_yield=None),
    ]
    svg = parsed(stacked_verdicts("v", "Verdicts", rows))
    widths = [float(of_class(svg, f"verdict-{verdict}")[0].get("width")) for verdict in ("approved", "review", "rejected")]
    assert widths == [WIDTH * 0.6 - 1.5, WIDTH * 0.3 - 1.5, WIDTH * 0.1 - 1.5]
    lefts = [float(of_class(svg, f"verdict-{verdict}")[0].get("x")) for verdict in ("approved", "review", "rejected")]
    assert lefts == [0.0, WIDTH * 0.6, WIDTH * 0.9]
    (notch,) = of_class(svg, "notch")
    assert numbers(notch.get("points"))[0][0] == WIDTH / 2
    assert words(svg) == [EVIL, "60 % of 10", "Nothing yet", "nothing judged"]
    assert f"{EVIL}: 6 approved, 3 to review, 1 rejected, first-pass yield 50 %" in svg.find("desc").text


def test_verdicts_are_told_apart_by_pattern_not_by_color_alone():
    svg = parsed(stacked_verdicts("v", "Verdicts", [VerdictRow(title="x", approved=1, review=1, rejected=1, first_pass_yield=0.0)]))
    patterns = {one.get("id") for one in svg.iter("pattern")}
    fills = {of_class(svg, f"verdict-{verdict}")[0].get("fill") for verdict in ("approved", "review", "rejected")}
    assert fills == {None, "url(#v-review)", "url(#v-rejected)"}
    assert patterns == {"v-review", "v-rejected"}


def test_reasons_add_up_to_all_of_them():
    bars = [
        ReasonBar(message="First", count=3, share=0.75, of_mentions=0.6, cumulative=0.6),
        ReasonBar(message="Second", count=2, share=0.5, of_mentions=0.4, cumulative=1.0),
    ]
    svg = parsed(reasons_ranked("p", bars))
    assert [float(one.get("width")) for one in of_class(svg, "bar-c")] == [WIDTH * 0.6, WIDTH * 0.4]
    assert [float(one.get("width")) for one in of_class(svg, "so-far")] == [WIDTH * 0.6, WIDTH]
    assert words(svg) == ["First", "3 · 75 %", "Second", "2 · 50 %"]
    assert reasons_ranked("p", []) == ""


def test_the_dearest_is_as_wide_as_the_chart_and_the_unknown_has_no_bar():
    rows = [AmountRow(title="Lamps", amount=0.4, said="$0.40"), AmountRow(title="Mugs", amount=0.1, said="$0.10")]
    svg = parsed(amounts("c", "Cost", [*rows, AmountRow(title="Bags", amount=None, said="nothing approved")]))
    assert [float(one.get("width")) for one in of_class(svg, "bar-a")] == [WIDTH, WIDTH / 4]
    assert "nothing approved" in words(svg)


def test_versions_stand_at_their_shares():
    rows = [
        PointRow(title="Mugs 2", aside="of 9", approval=1.0, first_pass_yield=0.8),
        PointRow(title="Mugs 3", aside="of 9", approval=None, first_pass_yield=None),
    ]
    svg = parsed(shares_compared("l", "LoRAs", rows))
    (circle,) = of_class(svg, "dot-a")
    (diamond,) = of_class(svg, "dot-b")
    across = WIDTH - 16  # the axis goes from 70 % to 100 %
    assert float(circle.get("cx")) == WIDTH - 8
    assert numbers(diamond.get("points"))[0][0] == pytest.approx(8 + across / 3, abs=0.06)
    assert [one for one in words(svg) if one.endswith("0 %")] == ["70 %", "80 %", "90 %", "100 %"]


def test_weeks_are_columns_of_their_minutes():
    weeks = [
        Column(day=MONDAY, amount=10.0),
        Column(day=MONDAY + dt.timedelta(days=7), amount=None),
        Column(day=MONDAY + dt.timedelta(days=14), amount=40.0),
    ]
    svg = parsed(columns_over_time("w", "Minutes", weeks, "min"))
    low, high = (float(one.get("height")) for one in of_class(svg, "bar-a"))
    assert high == pytest.approx(4 * low, abs=0.2)
    assert {"Nov 2", "Nov 9", "Nov 16", "10", "40", "min"} <= set(words(svg))
    assert "week of Nov 9, 2026: –" in svg.find("desc").text


def test_axes_have_round_numbers_and_hold_what_they_show():
    assert round_ticks(83) == [0, 25, 50, 75, 100]
    assert round_ticks(0.9) == [0, 0.25, 0.5, 0.75, 1.0]
    assert round_ticks(0) == [0.0, 1.0]
    assert share_ticks([0.99]) == [0.8, 0.9, 1.0]
    assert share_ticks([0.93, 0.51]) == [0.4, 0.6, 0.8, 1.0]
    assert share_ticks([0.0]) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for lowest in range(101):
        ticks = share_ticks([lowest / 100])
        assert ticks[0] <= lowest / 100
        assert ticks[-1] == 1.0


def test_what_is_nearly_all_never_reads_all():
    assert [percent(value) for value in (None, 0.0, 0.0004, 0.5, 0.9991, 0.99999, 1.0)] == [
        "–",
        "0 %",
        "0.1 %",
        "50 %",
        "99.9 %",
        "99.9 %",
        "100 %",
    ]


def test_long_names_are_cut_and_say_so():
    assert fitting("short", 100) == "short"
    assert fitting("a name that is much too long for its place", 100).endswith("…")


STYLE = (Path(publishing.__file__).parent / "templates" / "charts.css").read_text()
TOKENS = (Path(publishing.__file__).parent / "templates" / "tokens.css").read_text()
LIGHT, DARK = (
    {**dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", half)), **dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", tokens))}
    for half, tokens in zip(STYLE.split("@media")[:2], TOKENS.split("prefers-color-scheme: dark")[:2], strict=True)
)
SEEN_BY = {
    "everyone": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green cones": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}
"""How colors look to people, in linear light: Machado, Oliveira and Fernandes 2009, severity 1."""


def seen(color, by):
    """A color as CIE Lab, seen through an eye."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    ]
    r, g, b = (min(1.0, max(0.0, sum(factor * value for factor, value in zip(row, linear, strict=True)))) for row in SEEN_BY[by])
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", SEEN_BY)
@pytest.mark.parametrize("pair", [("a", "b"), ("ok", "warn"), ("ok", "bad"), ("warn", "bad")], ids="-".join)
def test_colors_of_a_chart_differ_for_every_eye(scheme, eye, pair):
    one, other = (seen(scheme[f"chart-{name}"], eye) for name in pair)
    assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 >= 20


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("color", ["a", "b", "c", "ok", "bad"])
def test_marks_stand_out_from_the_card(scheme, color):
    assert contrast(scheme[f"chart-{color}"], scheme["card"]) >= 3.0


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("color", ["a", "b"])
def test_names_of_lines_can_be_read(scheme, color):
    assert contrast(scheme[f"chart-{color}"], scheme["card"]) >= 4.5
    assert luminance(scheme["card"]) != luminance(scheme[f"chart-{color}"])
