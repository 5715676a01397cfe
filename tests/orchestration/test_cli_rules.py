"""`vitrine rules` and `vitrine judge --pack`: what they print, and what they refuse in words."""

import json

import numpy as np
import pytest
import yaml

from imaging.encode import encode
from tests.tiny_project import write_project


@pytest.fixture
def vitrine(vitrine, tmp_path, monkeypatch):
    """The command, outside of any project."""
    monkeypatch.chdir(tmp_path)
    return vitrine


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(np.full((600, 600, 3), 255, np.uint8), "jpeg"))
    return path


def test_options_that_a_pack_knows_nothing_of_are_refused_instead_of_ignored(vitrine, picture):
    for option in ("--expected", "--alpha", "--brand"):
        code, out, err = vitrine("judge", "--pack", "ebay", "--render", picture, option, picture)
        assert (code, out) == (2, "") and option in err
    code, out, err = vitrine("judge", "--recipe", "packshot_white", "--source", picture, "--render", picture, "--on", "2027-01-31")
    assert (code, out) == (2, "") and "--on" in err


def test_rules_of_recipes_have_no_days(vitrine):
    assert vitrine("rules", "show", "google_merchant", "--on", "2027-01-31")[0] == 0
    code, _, err = vitrine("rules", "show", "packshot_white", "--on", "2027-01-31")
    assert code == 2 and "hold every day" in err


def test_in_a_project_rules_are_shown_with_the_brands_own_bounds(vitrine, tmp_path, monkeypatch):
    folder = write_project(tmp_path / "shop", looks=False, base_model=tmp_path)
    kit = yaml.safe_load((folder / "brand.yaml").read_text())
    kit.setdefault("rules", {}).setdefault("packshot_white", {})["fill_pct"] = {"min": 81, "review_min": 83.5}
    (folder / "brand.yaml").write_text(yaml.safe_dump(kit))
    assert "fill_pct: 81 to" not in vitrine("rules", "show", "packshot_white")[1]
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    shown = vitrine("rules", "show", "packshot_white")[1]
    assert "fill_pct: 81 to" in shown and "(without a look 83.5 to" in shown


def test_what_is_no_picture_is_refused_in_the_same_words_each_time(vitrine, tmp_path):
    text = tmp_path / "picture.jpg"
    text.write_text("brand: acme\n")
    answers = [json.loads(vitrine("judge", "--pack", "ebay", "--render", text)[1]) for _ in range(2)]
    assert answers[0] == answers[1] and "0x" not in answers[0]["reasons"][0]["message"]
    assert answers[0]["verdict"] == "rejected"


def test_the_columns_are_printed_as_the_page_of_the_documentation(vitrine):
    code, out, _ = vitrine("rules", "columns")
    assert code == 0 and out.startswith("# Measurements\n") and "| `halo_delta_e` |" in out and out.endswith("|\n")


def test_the_suite_is_printed_for_people_and_for_great_expectations(vitrine):
    code, out, _ = vitrine("rules", "suite", "packshot_white", "--json")
    suite = json.loads(out)
    assert code == 0 and suite["name"].startswith("any-brand.packshot_white.") and suite["meta"]["recipe"] == "packshot_white"
    code, out, _ = vitrine("rules", "suite", "--pack", "google_merchant", "--on", "2027-01-31")
    assert code == 0 and '"min_value": 500.0' in out and "(TOO_SMALL)" in out


def test_a_suite_of_nothing_or_of_two_things_is_refused(vitrine):
    for wrong in (
        (),
        ("packshot_white", "--pack", "etsy"),
        ("packshot_white", "--on", "2027-01-31"),
        ("packshot_wite",),
        ("--pack", "etsi"),
    ):
        code, out, err = vitrine("rules", "suite", *wrong)
        assert (code, out) == (2, "") and err.startswith("vitrine: ")


def test_a_pack_tells_whether_it_takes_a_picture_and_what_it_recommends(vitrine, picture):
    code, out, _ = vitrine("judge", "--pack", "ebay", "--render", picture)
    told = json.loads(out)
    assert (code, told["verdict"], told["taken"]) == (0, "review", True)
    (words,) = told["recommendations"]
    assert "warns below 1000" in words
    code, out, _ = vitrine("judge", "--pack", "meta_ads", "--render", picture)
    assert (code, json.loads(out)["taken"], json.loads(out)["recommendations"]) == (0, True, [])
    code, out, _ = vitrine("judge", "--pack", "walmart", "--render", picture)
    assert (code, json.loads(out)["taken"]) == (1, False)
