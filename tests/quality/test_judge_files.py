"""Judging true composites and damaged ones from files, as someone outside would."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.corruptions import FAULTS, contact_shadow, jpeg, place_product
from catalog.errors import GateError
from catalog.recipe import read_recipe
from catalog.verdict import Verdict
from imaging import registration
from quality.judge_files import judge_picture
from tests.judged_pictures import sloped_scene, textured_bottle, white_scene

RECIPES = Path(__file__).parents[2] / "generation" / "recipes"


@pytest.fixture(scope="module")
def source():
    """The bottle as photographed: on a beige wall, JPEG 92; and its alpha."""
    scene = place_product(textured_bottle(), 800, fill=0.7, seed=0, background_HW3=np.full((800, 800, 3), (222, 205, 180), np.float32))
    return jpeg(scene.flat(), 92), np.rint(scene.alpha_HW * 255).astype(np.uint8)


def judge(picture, source, recipe="packshot_white", **known):
    return judge_picture(
        recipe=read_recipe(RECIPES / f"{recipe}.yaml"), source_HW3=source[0], render_HW3=picture, file_format="JPEG", **known
    )


@pytest.mark.parametrize(("name", "code"), [("cropped_8pct", "CROPPED"), ("squash_4pct", "SQUASHED"), ("watermark_35pct", "LOCAL_CHANGE")])
def test_a_fault_is_called_by_its_name_though_the_product_must_be_searched(name, code, source):
    judgment = judge(FAULTS[name].make(white_scene()), source, alpha_HW=source[1])
    assert code in [reason.code for reason in judgment.reasons], [reason.code for reason in judgment.reasons]


def test_the_expected_picture_lets_a_lost_shadow_be_seen(source):
    scene = white_scene()
    judgment = judge(FAULTS["no_shadow"].make(scene), source, expected_HW3=scene.flat(), alpha_HW=source[1])
    assert "SHADOW_MISSING" in [reason.code for reason in judgment.reasons]


def test_a_good_packshot_is_approved_from_nothing_but_its_source_photo(source):
    judgment = judge(jpeg(white_scene().flat(), 92), source)
    assert judgment.verdict == Verdict.APPROVED, judgment.reasons
    assert judgment.measurements["expected_known"] == 0.0


def test_an_alpha_of_the_frame_is_told_from_an_alpha_of_the_photo_of_the_same_size(source):
    """Photo, frame and alpha of 800 px: the alpha belongs to the picture whose edges it follows."""
    scene = place_product(textured_bottle(), 800, fill=0.86, seed=3)
    framed = np.rint(scene.alpha_HW * 255).astype(np.uint8)
    assert judge(jpeg(scene.flat(), 92), source, alpha_HW=framed).verdict == Verdict.APPROVED
    assert judge(jpeg(scene.flat(), 92), source, alpha_HW=source[1]).verdict == Verdict.APPROVED


def test_another_product_is_rejected(source):
    other = textured_bottle()
    other[..., :3] = cv2.GaussianBlur(other[::-1, :, :3], (0, 0), 9)
    scene = place_product(other, 560, fill=0.86, seed=3)
    assert judge(jpeg(scene.flat(), 92), source, alpha_HW=source[1]).verdict == Verdict.REJECTED


def test_what_cannot_be_found_is_not_measured_and_so_rejected(source):
    judgment = judge(np.full((560, 560, 3), 255, np.uint8), source, alpha_HW=source[1])
    assert judgment.verdict == Verdict.REJECTED
    assert any(reason.code.endswith("_not_measured") for reason in judgment.reasons)


def canvas(thread_px=7.0):
    """A cloth whose threads are as fine as pixels once it is small, RGBA (1000, 620, 4), with a label and eyelets to find it by."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:1000, 0:620].astype(np.float32)
    uneven = cv2.GaussianBlur(rng.normal(0, 1, x.shape).astype(np.float32), (0, 0), 2 * thread_px)
    phase = 2 * np.pi / thread_px
    threads = np.cos((x + 0.14 * y) * phase + 0.8 * uneven / uneven.std()) * np.cos((y - 0.14 * x) * phase)
    color = (140 + 30 * np.sin(x / 620 * np.pi) + 18 * threads)[..., None] * np.array([0.55, 0.68, 1.02], np.float32)
    cv2.rectangle(color, (120, 350), (500, 450), (225, 222, 214), -1)
    for row in range(520, 880, 60):
        for column in (180, 440):
            cv2.circle(color, (column, row), 11, (190, 190, 192), -1)
    mask = np.zeros(x.shape, np.uint8)
    cv2.ellipse(mask, (310, 500), (285, 470), 0, 0, 360, 255, -1)
    return np.dstack([np.clip(color, 0, 255).astype(np.uint8), cv2.GaussianBlur(mask, (0, 0), 0.8)])


def photographed(product):
    scene = place_product(product, 800, fill=0.7, seed=0, background_HW3=np.full((800, 800, 3), (222, 205, 180), np.float32))
    return jpeg(scene.flat(), 92), np.rint(scene.alpha_HW * 255).astype(np.uint8)


def test_threads_that_come_out_of_another_resampling_are_not_noise_and_noise_is():
    photo, alpha = photographed(canvas())
    scene = place_product(canvas(), 560, fill=0.86, seed=3)
    good, noisy = (judge(p, (photo, alpha), alpha_HW=alpha) for p in (jpeg(scene.flat(), 92), FAULTS["noise_5"].make(scene)))
    assert good.verdict == Verdict.APPROVED, good.reasons
    assert "NOISY" in [reason.code for reason in noisy.reasons]


def test_a_good_render_in_which_too_few_features_agree_is_for_a_person(source, monkeypatch):
    """As if the bottle had none: its silhouette still tells where to measure, and everything fits, but nobody knows whose bottle it is."""
    monkeypatch.setattr(registration, "MIN_INLIERS", 10_000)
    judgment = judge(jpeg(white_scene().flat(), 92), source, alpha_HW=source[1])
    assert "NOT_REGISTERED" in [reason.code for reason in judgment.reasons]
    assert judgment.verdict == Verdict.REVIEW, judgment.reasons


def test_a_scene_without_a_shadow_goes_to_a_person(source):
    scene = replace(sloped_scene(), shadow_HW=np.zeros((560, 560), np.float32))
    judgment = judge(jpeg(scene.flat(), 95), source, "staged_scene", alpha_HW=source[1])
    assert "FLOATING" in [reason.code for reason in judgment.reasons]
    grounded = replace(scene, shadow_HW=contact_shadow(scene.alpha_HW))
    assert "FLOATING" not in [
        reason.code for reason in judge(jpeg(grounded.flat(), 95), source, "staged_scene", alpha_HW=source[1]).reasons
    ]


def test_sizes_that_do_not_fit_are_an_error(source):
    picture = white_scene().flat()
    with pytest.raises(GateError, match="must be one size"):
        judge(picture, source, expected_HW3=np.zeros((500, 560, 3), np.uint8))
    with pytest.raises(GateError, match="it must fit the photo"):
        judge(picture, source, alpha_HW=np.zeros((100, 100), np.uint8))
    with pytest.raises(GateError, match="too small"):
        judge(picture[:20], source)
