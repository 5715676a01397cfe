"""Golden pictures: for each rule of each channel's pack a picture on either side of its bound, measured as in production.

Shape, bytes, format and profile are those of real files; what a picture shows is measured on a drawn packshot of known placement.
"""

import datetime
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.corruptions import Scene, place_product
from catalog.verdict import Verdict
from imaging.encode import encode, srgb_profile
from imaging.measure_text import contrast_ratio, relative_luminance
from quality.channel_packs import ChannelRule, read_channel_pack, rules_of_pack, shipped_channel_packs
from quality.columns import COLUMNS
from quality.judge_channel import judge_file, judge_renditions, rendition_row
from quality.measurements import RenderEvidence, measure_render
from quality.rendition_facts import measure_rendition
from tests.judged_pictures import SIDE_PX, Known, evidence, textured_bottle

TODAY = datetime.date(2026, 11, 21)
REFUSED_TYPES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")
OTHER_FORMATS = ("AVIF", "WEBP", "GIF", "BMP", "TIFF", "PNG")


def sized(width: int, height: int, file_format: str = "PNG") -> bytes:
    """A gray file of a size; only its header is read."""
    buffer = io.BytesIO()
    Image.new("L", (width, height), 200).save(buffer, file_format)
    return buffer.getvalue()


def weighing(size_bytes: int) -> bytes:
    """A JPEG of so many bytes: what follows the end of a picture is part of its file."""
    return sized(64, 64, "JPEG").ljust(size_bytes, b"\0")


def with_profile(profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG", icc_profile=profile)
    return buffer.getvalue()


def saying(source_type: str) -> bytes:
    """A JPEG whose XMP names a DigitalSourceType, or says nothing."""
    xmp = None if source_type == "none" else f"<x>http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}</x>".encode()
    return encode(np.full((64, 64, 3), 200, np.uint8), "jpeg", xmp=xmp)


def shown(picture_HW3: np.ndarray, scene: Scene) -> dict:
    """The row of a channel that would receive a packshot as it is."""
    return rendition_row(measure_render(evidence(picture_HW3, scene, Known(expected=False))), encode(picture_HW3, "png"))


@cache
def packshot(fill: float = 0.88) -> Scene:
    return place_product(textured_bottle(), SIDE_PX, fill=fill, seed=3)


def graying(share: float) -> dict:
    """A packshot with a share of its frame a little gray, away from product and border."""
    picture = packshot().flat().copy()
    rows = round(SIDE_PX * SIDE_PX * share / 60)
    picture[20 : 20 + rows, 20:80] = 250
    return shown(picture, packshot())


def framed(level: float) -> dict:
    picture = packshot().flat().copy()
    ring = np.ones(picture.shape[:2], bool)
    ring[8:-8, 8:-8] = False
    picture[ring] = int(level)
    return shown(picture, packshot())


def filling(fill_pct: float) -> dict:
    return shown(packshot(fill_pct / 100).flat(), packshot(fill_pct / 100))


def written_beside(text: str) -> dict:
    picture = packshot().flat().copy()
    cv2.putText(picture, text, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (30, 30, 30), 2)
    return shown(picture, packshot())


def poster(picture_HW3: np.ndarray | None = None, **box: float | str) -> dict:
    """The row of a channel that would receive a story of 270 x 480 px with a line of text in a box, beside a product at its foot."""
    picture = np.full((480, 270, 3), 250, np.uint8) if picture_HW3 is None else picture_HW3
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[300:400, 60:210] = 255
    text = {"left": 0.1, "top": 0.3, "width": 0.6, "height": 0.05, "color": "#000000"} | box
    known = RenderEvidence(
        pixels_HW3=picture, product_rgb_HW3=picture, product_alpha_HW=alpha, facts={"background": "scene", "texts": [text]}
    )
    return rendition_row(measure_render(known), encode(picture, "png"))


def text_in(gray: int) -> dict:
    """A poster whose text is black, and gray behind it."""
    return poster(np.full((480, 270, 3), gray, np.uint8))


def contrasting(ratio: float) -> dict:
    """Black text on the darkest gray that it stands out from by so much."""
    gray = next(v for v in range(256) if contrast_ratio(relative_luminance(np.array([v] * 3, np.uint8)), np.float32(0)) >= ratio)
    return text_in(gray)


TINY = 1e-6
"""Binary fractions of a bound lie a hair on one side of it."""

SHAPES = {
    "text_contrast": contrasting,
    "text_height_pct": lambda v: poster(height=(v + TINY) / 100 * 270 / 480),
    "text_on_product_pct": lambda v: poster(top=(300 - 100 + v) / 480, height=100 / 480, left=60 / 270, width=150 / 270),
    "text_margin_pct": lambda v: poster(left=(v + TINY) / 100),
    "text_top_pct": lambda v: poster(top=(v + TINY) / 100),
    "text_bottom_pct": lambda v: poster(top=0.95 - (v + TINY) / 100),
    "text_right_pct": lambda v: poster(left=0.4 - (v + TINY) / 100),
    "min_side_px": lambda v: sized(int(v), int(v) + 9),
    "long_side_px": lambda v: sized(int(v), max(1, int(v) // 4)),
    "width_px": lambda v: sized(int(v), 64),
    "height_px": lambda v: sized(64, int(v)),
}
SHOWN = {
    "white_share_pct": (lambda: graying(0.004), lambda: graying(0.03)),
    "border_touch_pct": (lambda: filling(97), lambda: filling(103)),
    "extra_edge_permille": (lambda: written_beside(""), lambda: written_beside("SALE")),
}


def either_side(rule: ChannelRule) -> Iterator[tuple[str, object, object]]:
    """What bound it is, a picture within it and one just outside; as files, or as rows where the picture was measured."""
    low, high = rule.min, rule.max
    if rule.values is not None:
        yield from _of_values(rule)
    elif rule.column in SHOWN:
        yield "bound", *(make() for make in SHOWN[rule.column])
    elif rule.column == "border_min_rgb":
        yield "min", framed(low), framed(low - 1)
    elif rule.column == "fill_pct":
        if low is not None:
            yield "min", filling(low + 1), filling(low - 1)
        if high is not None:
            yield "max", filling(high - 1), filling(high + 1)
    elif rule.column == "height_per_width":
        yield "min", sized(1000, math.ceil(1000 * low)), sized(1000, math.ceil(1000 * low) - 1)
        yield "max", sized(1000, math.floor(1000 * high)), sized(1000, math.floor(1000 * high) + 1)
    elif rule.column == "megapixels":
        side = round(math.sqrt(high * 1e6))
        yield "max", sized(side, side), sized(side, side + 1)
    elif rule.column == "file_kb":
        yield "max", weighing(int(high * 1024)), weighing(int(high * 1024) + 1)
    else:
        make = SHAPES[rule.column]
        if low is not None:
            yield "min", make(low), make(low - 1)
        if high is not None:
            yield "max", make(high), make(high + 1)


def _of_values(rule: ChannelRule) -> Iterator[tuple[str, object, object]]:
    if rule.column == "file_format":
        other = next(name for name in OTHER_FORMATS if name not in rule.values)
        for name in rule.values:
            yield name, sized(64, 64, name), sized(64, 64, other)
    elif rule.column == "icc_profile":
        yield "profile", with_profile(srgb_profile()), with_profile(None)
    else:
        assert rule.column == "digital_source_type"
        others = [name for name in (*REFUSED_TYPES, "compositeSynthetic") if name not in rule.values]
        for number, good in enumerate(rule.values):
            yield good, saying(good), saying(others[number % len(others)])


@dataclass(frozen=True)
class Golden:
    """A rule of a pack, and its number there."""

    pack: str
    number: int

    @property
    def rule(self) -> ChannelRule:
        return read_channel_pack(self.pack).rules[self.number]

    @property
    def day(self) -> datetime.date:
        return self.rule.starts or TODAY


ALL = [Golden(name, number) for name in shipped_channel_packs() for number in range(len(read_channel_pack(name).rules))]


@cache
def judged(pack: str, day: datetime.date) -> dict:
    """Judgments of all golden pictures of a pack's rules on a day, in one suite."""
    rows = {}
    for golden in ALL:
        if golden.pack != pack or golden.day != day:
            continue
        for bound, good, bad in either_side(golden.rule):
            for side, picture in (("within", good), ("outside", bad)):
                rows[f"{golden.number} {bound} {side}"] = measure_rendition(picture) if isinstance(picture, bytes) else picture
        recommended = golden.rule.review_min
        if recommended is not None:
            for side, value in (("at", recommended), ("below", recommended - 1)):
                shape = SHAPES[golden.rule.column](value)
                rows[f"{golden.number} recommended {side}"] = measure_rendition(shape) if isinstance(shape, bytes) else shape
    return judge_renditions(rows, rules_of_pack(pack, day))


def severities(judgment, code: str) -> list[str]:
    return [reason.severity for reason in judgment.reasons if reason.code == code]


@pytest.mark.parametrize("golden", ALL, ids=lambda g: f"{g.pack}-{g.rule.code}-{g.day}")
def test_the_picture_within_passes_the_rule_and_the_one_outside_is_refused_by_it(golden):
    rule, seen = golden.rule, 0
    for name, judgment in judged(golden.pack, golden.day).items():
        number, _, side = name.split()
        if int(number) != golden.number:
            continue
        seen += 1
        held = judgment.measurements[rule.column]
        found = severities(judgment, rule.code)
        assert held is not None, f"{rule.column} was not measured on {name}"
        if side == "within":
            assert rule.severity not in found, f"{name}: {held} is refused, {rule.required} is allowed"
        elif side == "outside":
            assert found == [rule.severity], f"{name}: {held} passes, {rule.required} is allowed"
        else:
            assert found == ([] if side == "at" else ["warning"]), f"{name}: {held}, recommended is {rule.review_required}"
    assert seen >= 2


GOOD_PX = {"zalando": (1801, 2600), "walmart": (2200, 2200), "tiktok_ads": (1080, 1920)}


def good_picture(pack: str) -> bytes:
    width, height = GOOD_PX.get(pack, (2048, 2048))
    picture = place_product(textured_bottle(), 1000, fill=0.86, seed=3).flat()
    side = min(width, height)
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    top, left = (height - side) // 2, (width - side) // 2
    padded = cv2.copyMakeBorder(picture, top, height - side - top, left, width - side - left, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return encode(padded, "jpeg", quality=92)


@pytest.mark.parametrize("pack", shipped_channel_packs())
def test_a_good_packshot_is_taken_by_every_channel_as_a_whole_and_judged_from_its_file_alone(pack):
    judgment = judge_file(good_picture(pack), rules_of_pack(pack, TODAY))
    assert judgment.verdict == Verdict.APPROVED, judgment.reasons


def test_a_file_with_lettering_is_refused_for_amazons_main_image_and_taken_for_the_others():
    picture = place_product(textured_bottle(), 1600, fill=0.9, seed=3).flat().copy()
    cv2.putText(picture, "SALE", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 4.0, (30, 30, 30), 8)
    data = encode(picture, "jpeg", quality=92)
    main, further = (judge_file(data, rules_of_pack(name, TODAY)) for name in ("amazon_main", "amazon_secondary"))
    assert main.verdict == Verdict.REJECTED and severities(main, "EXTRA_CONTENT") == ["critical"]
    assert further.verdict == Verdict.APPROVED


def test_the_file_is_what_counts_where_it_differs_from_the_render_it_was_made_of():
    columns = dict.fromkeys(COLUMNS) | {"min_side_px": 2400.0, "file_format": "PNG"}
    row = rendition_row(columns, sized(300, 300, "GIF"))
    assert (row["min_side_px"], row["file_format"]) == (300, "GIF")


def test_an_animated_file_is_a_format_of_its_own():
    buffer = io.BytesIO()
    frames = [Image.new("L", (64, 64), shade) for shade in (0, 90)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert measure_rendition(buffer.getvalue())["file_format"] == "animated GIF"
