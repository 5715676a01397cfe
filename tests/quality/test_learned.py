"""Learned measures through tiny weights of the real classes; and honest about weights that are not there."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from catalog.brand_kit import BrandKit
from catalog.errors import ModelError
from catalog.verdict import Verdict
from imaging.color import srgb_to_lab
from quality.columns import LEARNED_COLUMNS, MEASUREMENT_VERSION, measurement_version
from quality.gate import judge_table
from quality.learned import measure_learned, read_weights
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules, shipped_packs
from tests.judged_pictures import Known, evidence, sloped_scene, white_scene
from tests.tiny_weights import write_tiny_clip, write_tiny_dino


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("weights")
    return {"clip": write_tiny_clip(place / "clip"), "dino": write_tiny_dino(place / "dino")}


@pytest.fixture(scope="module")
def weights(folders):
    return read_weights(**folders)


def measured(weights, picture=None, caption="oak table, cream wall"):
    scene = sloped_scene()
    known = evidence(scene.flat(), scene)
    return measure_learned(
        weights, render_HW3=scene.flat() if picture is None else picture, product_rgb_HW3=known.product_rgb_HW3,
        product_alpha_HW=known.product_alpha_HW, caption=caption,
    )  # fmt: skip


def asking_for(column, bound=0.5):
    style = {"trigger": "mug look", "scenes": ["a wall"], "backdrops": ["#ffffff"]}
    return BrandKit.model_validate(
        {"brand": "north", "palette": ["#aabbcc"], "recipes": ["packshot_white"], "categories": {"mugs": style},
         "rules": {"packshot_white": {column: {"min": bound}}}}
    )  # fmt: skip


def test_a_product_as_photographed_is_like_itself_and_another_one_is_less_so(weights):
    same = measured(weights)
    assert same["clip_product_similarity"] == pytest.approx(1, abs=1e-3) and same["dino_product_similarity"] == pytest.approx(1, abs=1e-3)
    scene = sloped_scene()
    other = measured(weights, np.ascontiguousarray(255 - scene.flat()[::-1]))
    assert other["clip_product_similarity"] < 0.997 and other["dino_product_similarity"] < 0.997, "even of random numbers"


def test_surroundings_say_nothing_of_the_product(weights):
    scene = sloped_scene()
    blue = replace(scene, background_HW3=np.full_like(scene.background_HW3, 40)).flat()
    assert measured(weights, blue)["dino_product_similarity"] == pytest.approx(1, abs=2e-3)
    assert np.abs(srgb_to_lab(blue) - srgb_to_lab(scene.flat())).max() > 20


def test_a_caption_and_a_picture_give_one_number_every_time(weights):
    first, second = measured(weights), measured(weights)
    assert first == second and -1 <= first["clip_caption_similarity"] <= 1
    assert measured(weights, caption="a blue sofa by the sea")["clip_caption_similarity"] != first["clip_caption_similarity"]
    assert measured(weights, caption=None).get("clip_caption_similarity") is None
    long = measured(weights, caption="oak table " * 200)
    assert long["clip_caption_similarity"] is not None, "a caption longer than the model reads is cut"


def test_the_table_names_the_weights_or_says_that_nothing_was_evaluated(weights, folders):
    assert measured(None) == {"learned_weights": "not_evaluated"}
    assert measured(weights)["learned_weights"].split()[0].startswith("clip:")
    dino_only = read_weights(dino=folders["dino"])
    row = measured(dino_only)
    assert row["learned_weights"].startswith("clip:not_evaluated dino:") and "clip_product_similarity" not in row
    scene = white_scene()
    full = measure_render(evidence(scene.flat(), scene))
    assert full["learned_weights"] == "not_evaluated" and all(full[column] is None for column in LEARNED_COLUMNS)


@pytest.mark.parametrize("column", LEARNED_COLUMNS)
def test_a_rule_on_what_was_not_evaluated_is_not_met_and_says_what_to_install(column):
    scene = white_scene()
    row = {"render_id": "a", **measure_render(evidence(scene.flat(), scene))}
    (judgment,) = judge_table(pd.DataFrame([row]), read_rules("packshot_white", asking_for(column)))
    (reason,) = judgment.reasons
    assert judgment.verdict == Verdict.REJECTED
    assert (
        "was not evaluated: no weights installed" in reason.message
        and f"`learned: {{{LEARNED_COLUMNS[column]}: FOLDER}}`" in reason.message
    )
    assert "remove the rule" in reason.message


def test_a_rule_on_what_was_evaluated_is_judged_by_its_bound(weights):
    scene = white_scene()
    seen = replace(evidence(scene.flat(), scene, Known()), weights=weights)
    assert isinstance(seen, RenderEvidence)
    table = pd.DataFrame([{"render_id": "a", **measure_render(seen)}])
    verdicts = [
        judge_table(table, read_rules("packshot_white", asking_for("dino_product_similarity", bound)))[0].verdict for bound in (0.9, 1.5)
    ]
    assert verdicts == [Verdict.APPROVED, Verdict.REJECTED]


def test_no_shipped_rule_asks_for_weights():
    assert not [r for name in shipped_packs() for r in read_rules(name).rules if r.column in LEARNED_COLUMNS]


def test_other_weights_make_other_measurements_and_none_leaves_the_version_as_it_was(weights, folders, tmp_path):
    other = read_weights(clip=write_tiny_clip(tmp_path / "clip", seed=9), dino=folders["dino"])
    assert other.digest != weights.digest and read_weights(**folders).digest == weights.digest
    assert measurement_version() == MEASUREMENT_VERSION and read_weights() is None
    rules = read_rules("packshot_white")
    versions = {rules.measurement_version, *(replace(rules, measured_with=some.digest).measurement_version for some in (weights, other))}
    assert len(versions) == 3 and replace(rules, measured_with=other.digest).digest == rules.digest
    assert measured(other)["clip_caption_similarity"] != measured(weights)["clip_caption_similarity"]


@pytest.mark.parametrize(("change", "said"), [
    (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), r"lack model\.safetensors"),
    (lambda folder: (folder / "config.json").write_text(json.dumps({"model_type": "vit"})), r"type 'vit', not 'dinov2'"),
])  # fmt: skip
def test_weights_that_are_incomplete_or_of_another_model_are_refused(tmp_path, change, said):
    folder = write_tiny_dino(tmp_path / "dino")
    change(folder)
    with pytest.raises(ModelError, match=said):
        read_weights(dino=folder)


def test_a_damaged_file_of_weights_is_told_with_its_folder(tmp_path):
    folder = write_tiny_dino(tmp_path / "dino")
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"dino weights at .* do not load"):
        measured(read_weights(dino=folder))


def test_without_weights_no_model_library_is_loaded():
    code = (
        "import sys, numpy as np; from quality.measurements import RenderEvidence, measure_render\n"
        "measure_render(RenderEvidence(pixels_HW3=np.full((64, 64, 3), 200, np.uint8)))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'a model library was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
