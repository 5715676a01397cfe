"""Shipped rule packs, and a brand's own bounds over them."""

from typing import get_args

import pytest
import yaml

from catalog.brand_kit import BrandKit
from catalog.errors import SettingsError
from catalog.recipe import parse_model
from generation.recipe_book import read_recipe_book
from quality.columns import COLUMNS
from quality.rules import CONDITIONS, CONDITIONS_IN_WORDS, RULE_FOLDER, Rule, RulePack, When, read_pack, read_rules, shipped_packs


def brand(rules):
    return BrandKit.model_validate(
        {
            "brand": "north", "palette": ["#aabbcc"], "recipes": ["packshot_white"], "rules": rules,
            "categories": {"mugs": {"trigger": "mug look", "scenes": ["a wall"], "backdrops": ["#ffffff"]}},
        }
    )  # fmt: skip


def rule(**changes):
    data = {
        "column": "ssim", "min": 0.8, "code": "CHANGED", "reason": "Similarity {measured}, {required} is needed.",
        "source": "a test", "date": "2026-11-21",
    }  # fmt: skip
    return data | changes


@pytest.mark.parametrize("name", ["packshot_white", "backdrop", "staged_scene", "recolor"])
def test_every_recipe_of_the_first_catalog_has_rules(name):
    rules = read_rules(name)
    assert len(rules.rules) >= 15
    assert {r.column for r in rules.rules} <= set(COLUMNS)
    assert len({r.code for r in rules.rules}) == len(rules.rules), "a code names one rule"


def test_every_rule_says_where_it_comes_from_and_fills_in_its_numbers():
    for name in shipped_packs():
        for r in read_rules(name).rules:
            sentence = r.reason.format(measured="MEASURED", required="REQUIRED")
            assert "MEASURED" in sentence and "REQUIRED" in sentence, r.reason


def test_a_recipe_of_a_known_kind_without_a_pack_takes_the_pack_of_its_kind():
    assert read_rules("packshot_gray_cards", kind="packshot").rules == read_rules("packshot_white").rules


def test_a_recipe_says_which_rules_judge_it_and_a_name_that_no_rules_have_is_refused():
    assert read_rules("packshot_gray_cards", kind="backdrop", gate="packshot_white").rules == read_rules("packshot_white").rules
    with pytest.raises(SettingsError, match=r"Recipe 'packshot_white' says `gate: packshot_grey`.*There are: .*packshot_white"):
        read_rules("packshot_white", kind="packshot", gate="packshot_grey")


def test_every_shipped_recipe_names_its_rules_and_they_are_of_its_kind():
    for recipe in read_recipe_book().values():
        assert recipe.gate and read_pack(recipe.name, gate=recipe.gate).kind == recipe.kind


def test_a_recipe_nobody_has_rules_for_is_refused():
    with pytest.raises(SettingsError, match=r"no rules for recipe 'poster'.*packshot_white"):
        read_rules("poster", kind="postcard")


def test_a_brand_bound_replaces_the_default_and_changes_the_digest():
    default, own = read_rules("packshot_white"), read_rules("packshot_white", brand({"packshot_white": {"margin_min_pct": {"min": 8}}}))
    changed = next(r for r in own.rules if r.column == "margin_min_pct")
    assert changed.min == 8 and changed.severity == "critical"
    assert own.overridden == ("margin_min_pct",)
    assert own.digest != default.digest
    assert [r.column for r in own.rules] == [r.column for r in default.rules]


def test_a_brand_bound_on_a_free_column_becomes_a_rule():
    own = read_rules("packshot_white", brand({"packshot_white": {"flat_blocks_pct": {"max": 50, "severity": "warning"}}}))
    added = next(r for r in own.rules if r.column == "flat_blocks_pct")
    assert (added.max, added.severity, added.code) == (50, "warning", "FLAT_BLOCKS_PCT")


def test_a_brand_that_names_an_unknown_column_learns_the_right_name():
    with pytest.raises(SettingsError, match=r"unknown column margin_pct.*did you mean margin_min_pct") as caught:
        read_rules("packshot_white", brand({"packshot_white": {"margin_pct": {"min": 4}}}))
    assert "white_share_pct" in str(caught.value)


def test_a_brand_that_asks_for_the_impossible_is_refused():
    with pytest.raises(SettingsError, match="must rise"):
        read_rules("packshot_white", brand({"packshot_white": {"fill_pct": {"min": 99}}}))


def test_the_digest_ignores_where_a_bound_comes_from_but_not_the_bound():
    pack = yaml.safe_load((RULE_FOLDER / "packshot_white.yaml").read_text())
    first = Rule.model_validate(pack["rules"][0])
    assert read_rules("packshot_white").digest == read_rules("packshot_white").digest
    assert first.model_copy(update={"source": "elsewhere"}) != first


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"column": "sim"}, "Did you mean ssim"),
        ({"min": None}, "give `min`, `max` or both"),
        ({"review_min": 0.5}, "must rise"),
        ({"severity": "warning", "review_min": 0.9}, "is a warning already"),
        ({"reason": "Similarity {value} is too low."}, "may use"),
        ({"column": "file_format"}, "holds words"),
        ({"treshold": 3}, "unknown name"),
    ],
)
def test_a_wrong_rule_is_refused_with_a_hint(changes, words):
    pack = {"recipe": "x", "kind": "x", "version": 1, "title": "x", "background": "white", "rules": [rule(**changes)]}
    with pytest.raises(SettingsError, match=words):
        parse_model(RulePack, pack, "pack.yaml")


def test_two_rules_on_one_column_are_refused():
    pack = {"recipe": "x", "kind": "x", "version": 1, "title": "x", "background": "white", "rules": [rule(), rule(code="OTHER")]}
    with pytest.raises(SettingsError, match="two rules on one column: ssim"):
        parse_model(RulePack, pack, "pack.yaml")


def test_every_condition_is_told_in_words_and_every_other_one_than_always_looks_at_a_column():
    conditions = set(get_args(When))
    assert set(CONDITIONS_IN_WORDS) == conditions == set(CONDITIONS) | {"always"}
    assert all(words for when, words in CONDITIONS_IN_WORDS.items() if when != "always")
