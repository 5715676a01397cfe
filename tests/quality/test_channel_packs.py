"""Channel packs: what their files may say, the days their rules hold, their schema, and the table of them in the documentation."""

import datetime
import json
import re
from pathlib import Path

import pytest
import yaml

from catalog.errors import SettingsError
from catalog.recipe import parse_model
from quality.channel_packs import (
    PACK_FOLDER,
    ChannelPack,
    in_force,
    read_channel_pack,
    rule_file_schema,
    rules_of_pack,
    shipped_channel_packs,
)
from quality.rules import RULE_FOLDER

REPOSITORY = Path(__file__).parents[2]
TODAY = datetime.date(2026, 11, 21)
GOOGLE_CHANGES = datetime.date(2027, 1, 31)
DAY = datetime.timedelta(days=1)


def pack(*rules):
    first = {
        "column": "min_side_px", "min": 100, "code": "TOO_SMALL", "reason": "It has {measured}, {required} is needed.",
        "source": "a test", "date": "2026-11-21",
    }  # fmt: skip
    data = {"channel": "shop", "version": 1, "title": "A shop", "background": "any", "rules": [first | rule for rule in rules]}
    return parse_model(ChannelPack, data, "a test")


def test_every_channel_that_was_promised_has_a_pack():
    assert set(shipped_channel_packs()) == {
        "amazon_main", "amazon_secondary", "ebay", "etsy", "google_merchant", "meta_ads", "shopify", "tiktok_ads", "walmart", "zalando",
    }  # fmt: skip


@pytest.mark.parametrize("name", shipped_channel_packs())
def test_every_rule_names_its_source_and_fills_in_its_numbers(name):
    pack = read_channel_pack(name)
    assert pack.channel == name
    for rule in pack.rules:
        sentence = rule.reason.format(measured="MEASURED", required="REQUIRED")
        assert "MEASURED" in sentence and "REQUIRED" in sentence
        assert len(rule.source) > 10 and rule.date <= TODAY
        assert rule.url or rule.source.startswith("own"), f"{rule.code} does not say where its source can be read"


def test_google_asks_for_500_pixels_from_the_31st_of_january_2027_on():
    def shortest(on):
        (rule,) = [rule for rule in rules_of_pack("google_merchant", on).rules if rule.column == "min_side_px"]
        return rule.min

    assert shortest(TODAY) == shortest(GOOGLE_CHANGES - DAY) == 100
    assert shortest(GOOGLE_CHANGES) == shortest(GOOGLE_CHANGES + 365 * DAY) == 500


def test_a_pack_is_another_one_from_the_day_a_rule_changes_and_the_same_between():
    digests = [rules_of_pack("google_merchant", on).digest for on in (TODAY, GOOGLE_CHANGES - DAY, GOOGLE_CHANGES, GOOGLE_CHANGES + DAY)]
    assert digests[0] == digests[1] != digests[2] == digests[3]


def test_two_rules_on_one_column_may_not_hold_on_one_day():
    pack({"until": "2027-01-30"}, {"from": "2027-01-31", "min": 500})
    with pytest.raises(SettingsError, match="two rules on 'min_side_px' hold on the same day"):
        pack({"until": "2027-01-31"}, {"from": "2027-01-31", "min": 500})
    with pytest.raises(SettingsError, match="two rules on 'min_side_px' hold on the same day"):
        pack({}, {"from": "2027-01-31", "min": 500})


def test_a_rule_that_ends_before_it_begins_is_refused():
    with pytest.raises(SettingsError, match=r"would end \(2026-01-01\) before it begins"):
        pack({"from": "2027-01-01", "until": "2026-01-01"})


def test_where_a_rule_comes_from_changes_no_verdict_and_no_key():
    def digest_of(**more):
        return in_force(pack({**more}), TODAY).digest

    assert digest_of() == digest_of(url="https://shop.example/pictures") == digest_of(source="another page", date="2026-01-01")
    assert digest_of() != digest_of(min=101)
    with pytest.raises(SettingsError, match="url"):
        pack({"url": "see their site"})


def test_one_code_names_one_thing():
    with pytest.raises(SettingsError, match="code TOO_SMALL names two rules"):
        pack({}, {"column": "width_px"})


def test_an_unknown_column_is_refused_and_the_nearest_named():
    with pytest.raises(SettingsError, match="Did you mean long_side_px"):
        pack({"column": "long_side"})


def test_an_unknown_pack_is_refused_and_the_others_named():
    with pytest.raises(SettingsError, match=r"no channel pack 'amazn'.*amazon_main"):
        rules_of_pack("amazn", TODAY)


@pytest.mark.parametrize(("kind", "folder"), [("recipe", RULE_FOLDER), ("channel", PACK_FOLDER)])
def test_the_schema_in_the_documentation_is_that_of_the_rule_files_and_names_every_key_they_use(kind, folder):
    schema = rule_file_schema(kind)
    written = json.loads((REPOSITORY / "docs" / "schema" / f"{kind}-rules.json").read_text())
    assert written == schema, f"write it anew: vitrine rules schema {kind} > docs/schema/{kind}-rules.json"
    (rule,) = [definition for definition in schema["$defs"].values() if "column" in definition["properties"]]
    for path in folder.glob("*.yaml"):
        data = yaml.safe_load(path.read_text())
        assert set(data) <= set(schema["properties"])
        for one in data["rules"]:
            assert set(one) <= set(rule["properties"]) and set(rule["required"]) <= set(one)
            assert one["column"] in rule["properties"]["column"]["enum"]


def test_the_table_in_the_documentation_is_that_of_the_packs():
    page = (REPOSITORY / "docs" / "how-to" / "channels.md").read_text()
    for name in shipped_channel_packs():
        pack = read_channel_pack(name)
        (section,) = re.findall(rf"### `{name}`: {re.escape(pack.title)}\n(.*?)(?=\n###? |\Z)", page, re.DOTALL)
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        assert lines == [_line(rule) for rule in pack.rules], f"the table of {name} is not that of {name}.yaml"
        for words in pack.not_judged:
            assert f"* {words}\n" in section + "\n"


WORN_BY = {"text_known": ", with text", "story_text_known": ", stories with text"}


def _line(rule):
    held = {(False, False): "always", (True, False): f"from {rule.starts}", (False, True): f"until {rule.until}"}
    when = held[rule.starts is not None, rule.until is not None] + WORN_BY.get(rule.when, "")
    recommended = rule.review_required if rule.review_min is not None or rule.review_max is not None else ""
    refuses = "refuses" if rule.severity == "critical" else "tells"
    source = f"[{rule.source}]({rule.url})" if rule.url else rule.source
    return f"| `{rule.column}` | {rule.required} | {recommended} | {refuses} | {rule.code} | {when} | {source} ({rule.date}) |"
