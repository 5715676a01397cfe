"""The model that is asked where the classical cut-out is in doubt: the real class with random numbers, and what its verdict rests on."""

import json

import cv2
import numpy as np
import pytest

from catalog.errors import ModelError
from imaging.color import srgb_to_lab
from imaging.cutout import cut_out
from imaging.edge_map import find_edges
from imaging.neural_cutout import NEURAL_LIMITS, cut_out_with, edge_support, read_cutout_model
from tests.tiny_sam import write_tiny_sam


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny_sam(tmp_path_factory.mktemp("sam"))


def busy_photo() -> np.ndarray:
    """A red disk on clutter, which the classical way refuses."""
    noise = np.random.default_rng(5).integers(60, 200, (10, 10, 3), dtype=np.uint8)
    photo = cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC)
    cv2.circle(photo, (128, 128), 60, (190, 30, 30), -1, cv2.LINE_AA)
    return photo


def test_the_model_answers_the_same_twice_and_random_numbers_are_refused(weights):
    photo, model = busy_photo(), read_cutout_model(weights)
    doubtful = cut_out(photo)
    assert not doubtful.accepted
    first, second = (cut_out_with(model, photo, doubtful) for _ in range(2))
    np.testing.assert_array_equal(first.alpha_HW, second.alpha_HW)
    assert first.alpha_HW.shape == photo.shape[:2]
    assert first.measurements["neural"] == 1.0
    assert not first.accepted and "model_unsure" in first.reasons


def test_a_model_that_is_sure_of_nonsense_is_refused_by_the_photos_edges(tmp_path):
    photo = busy_photo()
    cut = cut_out_with(read_cutout_model(write_tiny_sam(tmp_path, sure=0.99)), photo, cut_out(photo))
    assert cut.measurements["predicted_iou"] > 0.95
    assert not cut.accepted and "model_unsure" not in cut.reasons
    assert cut.measurements["edge_support"] < 0.7 and "outline_off_edges" in cut.reasons


def test_an_outline_on_the_photos_edges_is_supported_and_one_beside_them_is_not():
    photo = busy_photo()
    lab = srgb_to_lab(photo)
    edges = find_edges(lab, np.ones(photo.shape[:2], np.float32), 0.25)
    disk = cv2.circle(np.zeros((256, 256), np.uint8), (128, 128), 60, 1, -1) > 0
    limit = next(limit.limit for limit in NEURAL_LIMITS if limit.measurement == "edge_support")
    assert edge_support(disk, edges, 0.25) > limit
    assert edge_support(cv2.dilate(disk.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0, edges, 0.25) < limit
    assert edge_support(np.roll(disk, 9, axis=1), edges, 0.25) < limit
    assert edge_support(np.zeros_like(disk), edges, 0.25) == 0


def test_other_weights_have_another_name(weights, tmp_path):
    assert read_cutout_model(weights).identity != read_cutout_model(write_tiny_sam(tmp_path, seed=4)).identity


def test_weights_that_may_not_be_used_are_refused_in_words(weights, tmp_path):
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        read_cutout_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((weights / "model.safetensors").read_bytes())
    known = json.loads((weights / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**known, "model_type": "birefnet"}))
    with pytest.raises(ModelError, match="of type 'birefnet'"):
        read_cutout_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**known, "auto_map": {"AutoModel": "birefnet.BiRefNet"}}))
    with pytest.raises(ModelError, match="asks for code of its own"):
        read_cutout_model(tmp_path)


def test_a_file_that_was_cut_short_is_told(weights, tmp_path):
    (tmp_path / "config.json").write_bytes((weights / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((weights / "model.safetensors").read_bytes()[:-100])
    photo = busy_photo()
    with pytest.raises(ModelError, match="cannot be loaded"):
        cut_out_with(read_cutout_model(tmp_path), photo, cut_out(photo))


@pytest.mark.parametrize(("config", "told"), [("{", "is no JSON"), ("[]", "holds a list"), ("{}", "of type None")])
def test_a_config_that_is_none_is_told(weights, tmp_path, config, told):
    (tmp_path / "model.safetensors").write_bytes((weights / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError, match=f"{told}.*Nothing was cut out"):
        read_cutout_model(tmp_path)


def test_weights_saved_at_half_precision_are_asked_at_full(weights, tmp_path):
    """transformers keeps the precision of the file, which no float32 photo fits: a crash outside of what is caught."""
    from transformers import SamModel

    SamModel.from_pretrained(weights).half().save_pretrained(tmp_path)
    photo = busy_photo()
    assert cut_out_with(read_cutout_model(tmp_path), photo, cut_out(photo)).measurements["neural"] == 1.0
