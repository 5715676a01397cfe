"""A project's own packs: on their own, or a shipped one tightened; nothing that a channel refuses is taken because a file says so."""

import datetime
import json

import pytest
import yaml

from catalog.errors import SettingsError
from catalog.verdict import Verdict
from quality.channel_packs import read_channel_pack, rule_file_schema, rules_of_pack
from quality.judge_channel import judge_renditions
from quality.own_packs import PackBook
from quality.rendition_facts import CHANNEL_COLUMNS

TODAY = datetime.date(2026, 11, 21)
GOOGLE_CHANGES = datetime.date(2027, 1, 31)
GOOD = {"long_side_px": 2000.0, "height_per_width": 1.0, "file_format": "JPEG", "file_kb": 900.0, "icc_profile": "sRGB", "white_share_pct": 99.9,
        "border_min_rgb": 255.0, "fill_pct": 90.0, "border_touch_pct": 0.0, "extra_edge_permille": 0.0, "digital_source_type": "none"}  # fmt: skip


def a_rule(column="fill_pct", **bounds):
    return {
        "column": column,
        "code": "OURS",
        "reason": "It is {measured}, we ask {required}.",
        "source": "our handbook",
        "date": "2026-11-20",
        **bounds,
    }


@pytest.fixture
def book(tmp_path):
    """Write packs into a folder and open it."""

    def write(**packs):
        for name, content in packs.items():
            text = content if isinstance(content, str) else yaml.safe_dump({"channel": name, "version": 1, **content})
            (tmp_path / f"{name}.yaml").write_text(text)
        return PackBook(tmp_path)

    return write


def tightened(book, *rules, extends="amazon_main", **more):
    return book(ours={"extends": extends, "rules": list(rules), **more})


def verdicts(rules, **rows):
    return {name: judged.verdict for name, judged in judge_renditions({name: {**GOOD, **row} for name, row in rows.items()}, rules).items()}


def test_an_extended_pack_refuses_what_its_channel_refuses_and_what_the_brand_asks_besides(book):
    ours = tightened(book, a_rule(min=88), a_rule("min_side_px", min=1200, code="OUR_SIZE"))
    found = verdicts(
        ours.rules("ours", TODAY),
        good={"min_side_px": 1500.0}, too_small_for_us={"min_side_px": 1500.0, "fill_pct": 86.0}, too_small_for_amazon={"fill_pct": 80.0},
        gray={"min_side_px": 1500.0, "white_share_pct": 50.0}, tiny={"min_side_px": 900.0},
    )  # fmt: skip
    assert [name for name, verdict in found.items() if verdict != Verdict.REJECTED] == ["good"]
    assert verdicts(rules_of_pack("amazon_main", TODAY), it={"fill_pct": 86.0}) == {"it": Verdict.APPROVED}


def test_what_an_own_rule_leaves_out_is_the_channels(book):
    rules = tightened(book, a_rule("long_side_px", min=1000)).rules("ours", TODAY).rules
    (rule,) = [rule for rule in rules if rule.column == "long_side_px"]
    assert (rule.min, rule.max, rule.review_min, rule.code, rule.source) == (1000, 10000, 1600, "OURS", "our handbook")
    (rule,) = [rule for rule in tightened(book, a_rule("long_side_px", min=1800)).rules("ours", TODAY).rules if rule.code == "OURS"]
    assert (rule.min, rule.review_min) == (1800, None), "what must be needs no recommendation"


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(min=70),
        a_rule(min=90, severity="warning"),
        a_rule("long_side_px", min=1000, max=20000),
        a_rule("file_format", values=["JPEG", "WEBP"]),
        a_rule("extra_edge_permille", max=2),
        a_rule("fill_pct", min=90, when="text_known"),
    ],
    ids=lambda rule: rule["column"],
)
def test_a_rule_that_would_loosen_the_channels_is_refused_with_both_bounds(book, rule):
    with pytest.raises(SettingsError, match=r"ours.yaml, which extends amazon_main: the rule OURS on \w+ \(.*\) would loosen [A-Z_]+ \("):
        tightened(book, rule).pack("ours")


def test_a_dated_rule_is_tightened_on_its_days_and_the_channels_holds_on_the_others(book):
    ours = tightened(book, a_rule("min_side_px", min=800, **{"from": "2027-01-10", "until": "2027-03-31"}), extends="google_merchant")

    def asked(*day):
        return [(rule.min, rule.code) for rule in ours.rules("ours", datetime.date(*day)).rules if rule.column == "min_side_px"]

    assert asked(2027, 1, 9) == [(100, "TOO_SMALL")]
    assert asked(2027, 1, 10) == asked(2027, 1, 30) == asked(2027, 1, 31) == asked(2027, 3, 31) == [(800, "OURS")]
    assert asked(2027, 4, 1) == [(500, "TOO_SMALL")]


def test_a_rule_that_loosens_only_what_is_to_come_is_refused_too(book):
    with pytest.raises(SettingsError, match=r"at least 300 px, critical. would loosen TOO_SMALL .at least 500 px"):
        tightened(book, a_rule("min_side_px", min=300), extends="google_merchant").pack("ours")


def test_title_background_and_what_is_not_judged_are_the_extended_packs(book):
    ours = tightened(book, a_rule(min=88), not_judged=["our logo"]).pack("ours")
    amazon = read_channel_pack("amazon_main")
    assert (ours.background, ours.not_judged) == ("white", (*amazon.not_judged, "our logo"))
    assert ours.title.startswith(amazon.title)
    with pytest.raises(SettingsError, match="would loosen amazon_main, which asks for white"):
        tightened(book, a_rule(min=88), background="any").pack("ours")


def test_a_pack_of_its_own_needs_title_and_background(book):
    own = {"title": "Our shop", "background": "any", "rules": [a_rule("width_px", min=900)]}
    packs = book(shop=own)
    assert packs.names[-1] == "shop" and [rule.column for rule in packs.rules("shop", TODAY).rules] == ["width_px"]
    for name in ("title", "background"):
        with pytest.raises(SettingsError, match=f"a pack needs {name}, unless it extends"):
            book(shop={key: value for key, value in own.items() if key != name}).pack("shop")


def test_a_shipped_pack_cannot_be_replaced(book):
    with pytest.raises(SettingsError, match=r"etsy.yaml: Vitrine ships a pack 'etsy', which a project cannot replace.*extends: etsy"):
        book(etsy={"title": "Etsy", "background": "any", "rules": [a_rule("width_px", min=1)]}).pack("amazon_main")


def test_a_file_says_what_is_wrong_with_it(book, tmp_path):
    wrong = {
        "channel: other": ({"channel": "other", "extends": "etsy", "rules": [a_rule(min=1)]}, "call it other.yaml"),
        "unknown base": (
            {"extends": "amazn", "rules": [a_rule(min=1)]},
            "it extends 'amazn', which does not ship. It may extend amazon_main",
        ),
        "unknown column": ({"extends": "etsy", "rules": [a_rule("long_side", min=1)]}, "Did you mean long_side_px"),
        "unknown key": ({"extends": "etsy", "rule": []}, "rule"),
        "no rules": ({"extends": "etsy", "rules": []}, "rules"),
        "no YAML": ("rules: [", "ours.yaml"),
    }
    for what, (content, words) in wrong.items():
        with pytest.raises(SettingsError) as told:
            book(ours=content).pack("ours")
        assert words in str(told.value), what
    with pytest.raises(SettingsError, match=r"The folder of channel packs .* does not exist"):
        PackBook(tmp_path / "no-such-folder").pack("ours")


def test_a_pack_none_of_whose_rules_holds_yet_takes_everything(book):
    own = {"title": "Our shop", "background": "any", "rules": [a_rule("width_px", min=900, **{"from": "2030-01-01"})]}
    assert verdicts(book(shop=own).rules("shop", TODAY), it={}) == {"it": Verdict.APPROVED}


def test_the_schema_for_editors_knows_packs_that_extend(book):
    schema = rule_file_schema("channel")
    assert "extends" in schema["properties"] and set(schema["required"]) == {"channel", "version", "rules"}
    assert set(json.loads(json.dumps(schema))["$defs"]["ChannelRule"]["properties"]["column"]["enum"]) == set(CHANNEL_COLUMNS)
