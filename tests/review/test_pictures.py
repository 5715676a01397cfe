"""Where a render differs from its photo: nothing on a faithful one, the very patch on an altered one."""

import cv2
import numpy as np
import pytest

from assets.cutouts import read_cutout
from catalog.errors import StoreError
from catalog.placement import Placement
from imaging.placing import place
from imaging.storage_format import decode_rgb
from resources.project import open_project
from review.pictures import ReviewPictures, difference_png, difference_strength
from review.queue import Filter, look_up


@pytest.fixture
def project(folder):
    return open_project(folder)


@pytest.fixture
def item(project):
    return look_up(project).items[0]


def test_a_faithful_render_has_no_difference_and_a_patch_is_found_where_it_is(project, item):
    pixels = decode_rgb(project.store.get(item.made["render_digest"]))
    rgb, alpha = place(*read_cutout(project, item.made["cutout_digest"]), Placement(**item.made["placement"]))
    assert difference_strength(pixels, rgb, alpha).max() == 0
    pixels = pixels.copy()
    pixels[250:270, 200:220] = (20, 220, 20)
    found = difference_strength(pixels, rgb, alpha) > 0.5
    assert found[250:270, 200:220].all() and found.sum() == 400


def test_of_a_recolored_product_only_lightness_is_compared():
    gray, alpha = np.full((8, 8, 3), 128, np.uint8), np.full((8, 8), 255, np.uint8)
    greenish, dark = gray.copy(), np.full((8, 8, 3), 60, np.uint8)
    greenish[:] = (104, 136, 104)
    assert difference_strength(greenish, gray, alpha).min() > 0
    assert difference_strength(greenish, gray, alpha, lightness_only=True).max() == 0
    assert difference_strength(dark, gray, alpha, lightness_only=True).min() == 1


def test_the_map_is_transparent_where_nothing_differs(project, item):
    heat = cv2.imdecode(np.frombuffer(difference_png(project, item), np.uint8), cv2.IMREAD_UNCHANGED)
    assert heat.shape == (item.made["placement"]["frame_height_px"], item.made["placement"]["frame_width_px"], 4)
    assert heat[..., 3].max() == 0


def test_tiles_are_made_once(project, item, monkeypatch):
    pictures = ReviewPictures(project.settings.path(project.settings.state))
    first = pictures.tile(project, item)
    monkeypatch.setattr("review.pictures._render", lambda *_: pytest.fail("made a second time"))
    assert pictures.tile(project, item) == first


def test_a_photo_that_is_gone_is_said(project, item):
    pictures = ReviewPictures(project.settings.path(project.settings.state))
    for path in project.settings.path(project.settings.state).rglob(item.photo_digest):
        path.unlink()
    with pytest.raises(StoreError, match="missing"):
        pictures.photo(project, item)
    pictures.close()


def test_a_filter_counts_what_each_choice_would_show(project):
    found = look_up(project)
    counts = found.counts(Filter())
    assert counts["reason"] == {"FLOATING": 3} and counts["state"] == {"all": 3, "open": 3}
    assert found.shown(Filter(recipe="backdrop")) == [] and found.counts(Filter(recipe="backdrop"))["recipe"] == {"packshot_white": 3}
