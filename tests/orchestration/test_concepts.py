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
        (("--recipe", "packshot_white", "--set", "width_px=9"), "width_px: must be at least 64"),
        (("--recipe", "packshot_white", "--index", 1), "makes one. Nothing was made."),
        (("--recipe", "recolor", "--set", "hex='#334455'", "--index", 3), "makes one. Nothing was made."),
    ],
)
def test_concepts_and_variants_that_there_are_not_are_an_error_and_nothing_is_written(vitrine, photo, tmp_path, asked, why):
    code, _, err = vitrine("render", photo, *asked, "--out", tmp_path / "made" / "mug.png")
    assert code == 2 and why in err
    assert not (tmp_path / "made").exists()
