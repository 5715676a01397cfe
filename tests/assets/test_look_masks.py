"""Masks beside look pictures: no pictures themselves, and a changed one makes its picture a new one to learn."""

import numpy as np
import pytest

from assets.training_set import look_digest, look_parts, look_pictures, read_training_set
from catalog.look_files import is_mask, mask_of
from resources.project import open_project
from tests.tiny_project import write_photo, write_project
from tests.training.tiny_look import mask_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("masks") / "project", skus=("MUG-1",))


def test_a_mask_is_found_by_its_pictures_name_whatever_the_endings():
    names = ["01.jpg", "01.MASK.png", "02.mask.png", "my.look.png"]
    assert [is_mask(name) for name in names] == [False, True, True, False]
    assert mask_of("01.jpg", names) == "01.MASK.png" and mask_of("02.webp", names) == "02.mask.png"
    assert mask_of("my.look.png", names) is None


def test_a_mask_is_learned_by_and_changes_one_picture(folder):
    project, mask = open_project(folder), folder / "catalog" / "looks" / "mugs" / "03.mask.png"
    before, parts = look_digest(project, "mugs"), look_parts(project, "mugs")
    assert not any(picture.mask_HW is not None for picture in read_training_set(project, "mugs").train)
    mask.write_bytes(mask_file(96, 96, (30, 30, 60, 60)))
    assert len(look_pictures(project, "mugs")) == 10
    data = read_training_set(project, "mugs")
    assert {picture.name for picture in (*data.train, *data.held_out) if picture.mask_HW is not None} == {"03.jpg"}
    assert look_digest(project, "mugs") != before
    assert len(set(look_parts(project, "mugs")) - set(parts)) == 1 and len(look_parts(project, "mugs")) == 10
    mask.unlink()
    assert look_digest(project, "mugs") == before and look_parts(project, "mugs") == parts


def test_the_settings_say_whether_pictures_keep_their_aspect(folder):
    (folder / "vitrine.yaml").write_text((folder / "vitrine.yaml").read_text().replace("training: {", "training: {aspects: buckets, "))
    write_photo(folder / "catalog" / "looks" / "mugs" / "wide.jpg", np.random.default_rng(1).integers(0, 255, (100, 180, 3), np.uint8))
    data = read_training_set(open_project(folder), "mugs")
    (wide, *_) = [picture for picture in (*data.train, *data.held_out) if picture.name == "wide.jpg"]
    assert wide.pixels_HW3.shape == (48, 80, 3)
