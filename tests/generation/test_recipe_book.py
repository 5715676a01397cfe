"""Recipes: what ships is complete, a brand's own folder adds to it, and every wrong entry says what would be right."""

import re
from pathlib import Path

import pytest
import yaml

from catalog.errors import SettingsError
from generation.kinds import as_drawn
from generation.recipe_book import read_recipe_book

OWN = """
name: {name}
kind: {kind}
title: Own
engine: studio
digital_source_type: compositeSynthetic
params: {params}
"""


def write(folder, file="own.yaml", name="own", kind="packshot", params="{}"):
    (folder / file).write_text(OWN.format(name=name, kind=kind, params=params))


PAGES = Path(__file__).parents[2] / "docs" / "recipes" / "README.md"


def test_every_shipped_recipe_has_its_row_in_the_documentation():
    rows = [line.split("|")[1].strip() for line in PAGES.read_text().splitlines() if line.startswith("|")]
    assert {
        name for name in read_recipe_book() if not any(f"`{name}`" in row or f"[{name}]" in row or name in row.split() for row in rows)
    } == set()


def test_scenes_and_people_are_drawn_by_a_model_and_what_changes_the_product_says_so():
    book = read_recipe_book()
    assert {name for name, recipe in book.items() if recipe.engine == "diffusion"} == {"staged_scene", "on_model"}
    assert {name for name, recipe in book.items() if recipe.changes_product} >= {"recolor", "on_model", "material", "pattern"}


def test_a_brand_adds_and_replaces_recipes(tmp_path):
    write(tmp_path, name="marketplace_small")
    write(tmp_path, file="shot.yaml", name="packshot_white", params="{fill_pct: 92}")
    book = read_recipe_book(tmp_path)
    assert "marketplace_small" in book and book["packshot_white"].params == {"fill_pct": 92}
    assert "backdrop" in book


def test_a_misspelt_parameter_is_named_with_the_ones_that_exist(tmp_path):
    write(tmp_path, params="{fill_pcnt: 90}")
    with pytest.raises(SettingsError, match=r"fill_pcnt[\s\S]*fill_pct, shadow"):
        read_recipe_book(tmp_path)


def test_a_parameter_out_of_range_is_refused(tmp_path):
    write(tmp_path, params="{fill_pct: 120}")
    with pytest.raises(SettingsError, match=r"fill_pct[\s\S]*98"):
        read_recipe_book(tmp_path)


def test_an_unknown_kind_says_which_kinds_exist(tmp_path):
    write(tmp_path, kind="packshott")
    with pytest.raises(SettingsError, match=r"packshott[^.]*does not exist\. Kinds: .*backdrop, .*packshot, .*recolor, .*staged_scene"):
        read_recipe_book(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path):
    write(tmp_path, file="a.yaml")
    write(tmp_path, file="b.yaml")
    with pytest.raises(SettingsError, match="already defined"):
        read_recipe_book(tmp_path)


def test_a_missing_folder_is_an_error_not_an_empty_book(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        read_recipe_book(tmp_path / "recipes")


def test_a_recipe_in_a_file_that_would_not_be_read_is_no_secret(tmp_path):
    """`own.yml` was passed over without a word, and its recipe did not exist."""
    write(tmp_path, file="own.yml")
    with pytest.raises(SettingsError, match=r"own\.yml: recipes are files that end in \.yaml"):
        read_recipe_book(tmp_path)


DRAWN = {"engine": "diffusion", "digital_source_type": "compositeWithTrainedAlgorithmicMedia"}
UNTRUE = [
    ("packshot", {"engine": "diffusion"}, "`engine: studio`, not diffusion"),
    ("staged_scene", {"digital_source_type": "compositeWithTrainedAlgorithmicMedia"}, "`engine: diffusion`, not studio"),
    ("recolor", {}, "`changes_product: true`"),
    ("backdrop", {"changes_product": True}, "`changes_product: false`"),
    ("staged_scene", DRAWN | {"params": {"composition": "pair"}}, "with these params shows products other than photographed"),
    ("staged_scene", DRAWN | {"changes_product": True}, "`changes_product: false`"),
    ("material", {"changes_product": True, "digital_source_type": "digitalCapture"}, "no plain photographs"),
    ("on_model", {"engine": "diffusion", "changes_product": True, "digital_source_type": "digitalCapture"}, "hides"),
    ("ad_poster", {"digital_source_type": "digitalCapture"}, "what no camera saw"),
    ("scale_card", {"digital_source_type": "digitalCapture"}, "what no camera saw"),
]


def test_a_pair_says_that_it_shows_a_product_other_than_photographed(tmp_path):
    """A recipe of pairs that said so was refused, and galleries called a recolored product a photograph."""
    entries = {"name": "own", "kind": "staged_scene", "title": "Own", "changes_product": True, "params": {"composition": "pair"}} | DRAWN
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(entries))
    pair = read_recipe_book(tmp_path)["own"]
    assert pair.changes_product
    alone = pair.with_params({"composition": "left"})
    assert not as_drawn(alone).changes_product and as_drawn(as_drawn(alone).with_params({"composition": "pair"})).changes_product


@pytest.mark.parametrize(("kind", "says", "words"), UNTRUE, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_recipe_says_of_itself_and_is_not_so_is_refused(tmp_path, kind, says, words):
    """A recipe of one's own that left out `changes_product` published colorways without their label; a wrong engine ended in an assertion."""
    entries = {"name": "own", "kind": kind, "title": "Own", "engine": "studio", "digital_source_type": "compositeSynthetic"} | says
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(SettingsError, match=re.escape(words)) as refused:
        read_recipe_book(tmp_path)
    assert "own.yaml" in str(refused.value) and "Nothing was changed." in str(refused.value)
