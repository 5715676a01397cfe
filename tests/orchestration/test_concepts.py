"""`vitrine render --concepts N`: N ideas and a sheet of them, or a reason why not."""

import json

import cv2
import pytest

from tests.tiny_project import draw_mug, write_photo


@pytest.fixture
def photo(tmp_path):
    write_photo(tmp_path / "mug.jpg", draw_mug((190, 60, 50)))
    return tmp_path / "mug.jpg"


def test_concepts_are_written_beside_a_sheet_of_them(vitrine, photo, tmp_path):
    out = tmp_path / "made" / "mug.png"
    code, said, err = vitrine("render", photo, "--recipe", "ad_poster", "--concepts", 3, "--product", "price=14", "--out", out, "--json")
    assert code == 0, err
    answer = json.loads(said)
    assert sorted(path.name for path in out.parent.iterdir()) == ["mug-1.png", "mug-2.png", "mug-3.png", "mug-sheet.png"]
    assert len({concept["facts"]["layout"] for concept in answer["concepts"]}) == 3
    assert cv2.imread(str(out.parent / "mug-2.png")).shape == (1350, 1080, 3)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--recipe", "backdrop", "--concepts", 4), "'backdrop' makes the same idea each time"),
        (("--recipe", "ad_poster", "--concepts", 9), "has 8 that differ"),
        (("--recipe", "ad_poster", "--concepts", 2, "--index", 1), "give one of the two"),
        (("--recipe", "ad_poster", "--set", "layouts=[nope]"), "1 wrong entry"),
        (("--recipe", "ad_poster", "--concepts", 2, "--set", "layouts=[classic, classic, band]"), "layouts: names classic twice"),
        (("--recipe", "ad_poster", "--set", "formats=[1080x1080, 1080x1080]"), "formats: names 1080x1080 twice"),
        (("--recipe", "ad_poster", "--set", "width_px=800"), "so a size of its own does not count"),
        (("--recipe", "packshot_white", "--set", "width_px=9"), "width_px: must be at least 64"),
        (("--recipe", "packshot_white", "--index", 1), "makes one. Nothing was made."),
        (("--recipe", "recolor", "--set", "hex='#334455'", "--index", 3), "makes one. Nothing was made."),
    ],
)
def test_concepts_and_variants_that_there_are_not_are_an_error_and_nothing_is_written(vitrine, photo, tmp_path, asked, why):
    code, _, err = vitrine("render", photo, *asked, "--out", tmp_path / "made" / "mug.png")
    assert code == 2 and why in err
    assert not (tmp_path / "made").exists()


def test_concepts_do_not_replace_the_photo_they_are_made_of(vitrine, tmp_path):
    write_photo(tmp_path / "mug-1.jpg", draw_mug((190, 60, 50)))
    before = (tmp_path / "mug-1.jpg").read_bytes()
    code, _, err = vitrine("render", tmp_path / "mug-1.jpg", "--recipe", "ad_poster", "--concepts", 2, "--out", tmp_path / "mug.jpg")
    assert code == 2 and "mug-1.jpg is the photo itself" in err
    assert (tmp_path / "mug-1.jpg").read_bytes() == before and not (tmp_path / "mug-2.jpg").exists()


def test_an_idea_that_does_not_suit_is_told_and_the_one_that_is_chosen_can_be_made_again(vitrine, photo, tmp_path):
    long = "title=Handmade speckled stoneware breakfast mug with walnut lid, 350 ml, dishwasher safe"
    asked = ("render", photo, "--recipe", "ad_poster", "--set", "layouts=[classic,band]", "--set", "headline='{title}'", "--product", long)
    code, said, err = vitrine(*asked, "--concepts", 2, "--out", tmp_path / "mug.png", "--json")
    assert code == 0, err
    answer = json.loads(said)
    assert [one["facts"]["layout"] for one in answer["concepts"]] == ["band"]
    assert [one["number"] for one in answer["refused"]] == [1] and "does not fit" in answer["refused"][0]["why"]
    code, _, err = vitrine(*asked, "--index", 1, "--out", tmp_path / "again.png")
    assert code == 0 and (tmp_path / "again.png").read_bytes() == (tmp_path / "mug-2.png").read_bytes(), err
