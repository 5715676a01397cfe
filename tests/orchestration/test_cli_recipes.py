"""`vitrine recipes`: what it lists, what it tells of one, and the schema it prints."""

import json

import pytest


@pytest.fixture
def vitrine(vitrine, tmp_path, monkeypatch):
    """The command, outside of any project."""
    monkeypatch.chdir(tmp_path)
    return vitrine


def test_recipes_are_listed_with_what_they_do_to_the_product(vitrine):
    code, out, _ = vitrine("recipes", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and rows["recolor"]["changes_product"] and not rows["enhance"]["changes_product"]
    assert rows["staged_scene"]["engine"] == "diffusion" and {row["from"] for row in rows.values()} == {"shipped"}


def test_a_recipe_is_shown_with_every_parameter_its_range_and_its_meaning(vitrine):
    code, out, _ = vitrine("recipes", "show", "packshot_white")
    assert code == 0
    assert "fill_pct = 88; 20 to 98\n    Longer side of the product's box in percent of the frame." in out.replace("88.0", "88")


def test_an_unknown_recipe_is_told_with_those_there_are(vitrine):
    code, _, err = vitrine("recipes", "show", "packshot")
    assert code == 2 and "There is no recipe 'packshot'" in err and "packshot_white" in err


def test_the_schema_is_printed_as_json(vitrine):
    code, out, _ = vitrine("recipes", "schema")
    assert code == 0 and json.loads(out)["discriminator"]["propertyName"] == "kind"
