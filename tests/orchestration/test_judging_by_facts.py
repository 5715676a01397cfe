"""`vitrine judge --facts`: a picture in a file judged by what was asked for, as a cell judges it."""

import json
from pathlib import Path

import pytest

PHOTO = Path(__file__).resolve().parents[2] / "demo" / "catalog" / "photos" / "DRK-001.jpg"
TOLD = {
    "recolor": (),
    "scale_card": ("--product", "width_cm=12", "--product", "height_cm=10", "--product", "depth_cm=9"),
    "ad_poster": ("--product", "title=Dune Mug", "--product", "price=28"),
}


def rendered(vitrine, folder, recipe, *more):
    code, out, err = vitrine("render", PHOTO, "--recipe", recipe, *TOLD[recipe], *more, "--json", "--out", folder / f"{recipe}.png")
    assert code == 0, err
    (folder / f"{recipe}.json").write_text(out.splitlines()[-1])
    return folder / f"{recipe}.png", folder / f"{recipe}.json"


def judged(vitrine, recipe, picture, *more):
    code, out, _ = vitrine("judge", "--recipe", recipe, "--source", PHOTO, "--render", picture, *more)
    answer = json.loads(out.splitlines()[-1])
    assert (answer["verdict"] == "approved") is (code == 0)
    return answer


@pytest.mark.parametrize("recipe", TOLD)
def test_a_good_picture_is_approved_by_what_was_asked_for_and_cannot_be_without(vitrine, tmp_path, recipe):
    picture, facts = rendered(vitrine, tmp_path, recipe)
    assert judged(vitrine, recipe, picture, "--facts", facts)["verdict"] == "approved"
    without = judged(vitrine, recipe, picture)
    assert without["verdict"] == "rejected" and any(reason["code"].endswith("not_measured") for reason in without["reasons"])


def test_a_colorway_is_held_to_the_color_that_its_facts_name(vitrine, tmp_path):
    picture, facts = rendered(vitrine, tmp_path, "recolor", "--set", "hex=#2c3c5e")
    told = json.loads(facts.read_text())
    told["resolved"]["target_hex"] = "#b3202a"
    facts.write_text(json.dumps(told))
    answer = judged(vitrine, "recolor", picture, "--facts", facts)
    assert answer["verdict"] == "rejected" and "TARGET_MISSED" in [reason["code"] for reason in answer["reasons"]]


def test_a_card_is_held_to_the_size_that_its_facts_name(vitrine, tmp_path):
    picture, facts = rendered(vitrine, tmp_path, "scale_card")
    told = json.loads(facts.read_text())
    told["size_cm"] = {**told["size_cm"], "height": 20.0}
    facts.write_text(json.dumps(told))
    assert judged(vitrine, "scale_card", picture, "--facts", facts)["verdict"] == "rejected"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"facts": 1, "resolved": {}, "size_cm": {}}'])
def test_what_is_no_answer_of_render_is_refused(vitrine, tmp_path, text):
    (tmp_path / "facts.json").write_text(text)
    code, _, err = vitrine("judge", "--recipe", "recolor", "--source", PHOTO, "--render", PHOTO, "--facts", tmp_path / "facts.json")
    assert code != 0 and "is not what `vitrine render --json` prints" in err
