"""What a further photo shows is told by the end of its name; the main photo is the first one, whatever it is called."""

import pytest

from catalog.photo_roles import FurtherPhoto, photos_by_role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("TEE-1-inside.jpg", "inside"), ("a/tee_INNER.PNG", "inside"), ("tee-inside-back.jpg", "inside"), ("tee back-inside.jpg", "inside"),
        ("tee-back.jpg", "back"), ("tee_rear.webp", "back"), ("tee-mannequin.png", "mannequin"), ("tee-mannequin_mask.png", "mannequin"),
        ("tee-2.jpg", None), ("backpack.jpg", None), ("inside.jpg", None), ("tee-inside-2.jpg", None), ("feedback.jpg", None), ("tee-inside", "inside"),
    ],
)  # fmt: skip
def test_the_end_of_a_name_tells_what_a_further_photo_shows(name, role):
    assert photos_by_role(("main.jpg", name)) == ({role: 1} if role else {})


def test_the_main_photo_has_no_other_role_and_the_first_of_a_role_counts():
    assert photos_by_role(("tee-back.jpg", "tee-front.jpg", "a-inside.jpg", "b-inside.jpg", "c-back.jpg")) == {"inside": 2, "back": 4}


def test_what_enters_a_render_key_names_the_photo_its_cutout_and_a_refusal_and_nothing_that_is_not_there():
    assert FurtherPhoto(photo_digest="p").as_dict() == {"photo": "p"}
    assert FurtherPhoto(photo_digest="p", cutout_digest="c").as_dict() == {"photo": "p", "cutout": "c"}
    assert FurtherPhoto(photo_digest="p", refused=("blurred",)).as_dict() == {"photo": "p", "refused": ["blurred"]}
