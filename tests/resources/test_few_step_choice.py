"""A project's few-step adapter: one setting that brings its steps and sampler, enters keys, is verified, and whose license counts."""

import hashlib
from dataclasses import replace

import pytest
import yaml

from assets.render_keys import sampler, sampling_of
from assets.shard_drawing import plates_of
from catalog.errors import ModelError
from orchestration.checking_models import check_models
from resources.project import open_project
from tests.tiny_model import write_tiny_lora
from tests.tiny_project import write_project

TRAILING = {"class_name": "DDIMScheduler", "settings": {"timestep_spacing": "trailing"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose base model is registered as `tiny`, and an adapter of it as `swift`, under a license with conditions."""
    folder = write_project(tmp_path_factory.mktemp("few") / "project", skus=("MUG-1",), looks=False)
    path = folder / "adapters" / "swift.safetensors"
    path.parent.mkdir()
    write_tiny_lora(folder / "base-model", path, seed=5)
    models = yaml.safe_load((folder / "models.yaml").read_text())
    models["models"]["swift"] = {
        "title": "Three steps", "family": "sd", "folder": "adapters", "role": "adapter", "adapter_of": ["tiny"], "adapter_file": path.name,
        "license": {"name": "OpenRAIL++", "commercial_ok": "conditions", "reason": "Some uses are forbidden."},
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}, "steps": 3, "guidance": 1.0, "sampler": TRAILING,
    }  # fmt: skip
    (folder / "models.yaml").write_text(yaml.safe_dump(models))
    return folder


@pytest.fixture
def project(made):
    """Opens the project with these settings of the generation, and what else they or the adapter's entry say."""
    kept = {name: (made / name).read_text() for name in ("vitrine.yaml", "models.yaml")}

    def opened(generation, adapter=None, **settings):
        told = yaml.safe_load(kept["vitrine.yaml"]) | {"base_model": "tiny", "generation": generation, **settings}
        (made / "vitrine.yaml").write_text(yaml.safe_dump(told))
        models = yaml.safe_load(kept["models.yaml"])
        models["models"]["swift"] |= adapter or {}
        models["models"]["swift"] = {name: value for name, value in models["models"]["swift"].items() if value is not None}
        (made / "models.yaml").write_text(yaml.safe_dump(models))
        return open_project(made)

    yield opened
    for name, text in kept.items():
        (made / name).write_text(text)


def test_one_setting_brings_steps_guidance_and_sampler(project):
    with_it, without = project({"few_step": "swift"}), project({})
    assert (with_it.settings.generation.steps, with_it.settings.generation.guidance) == (3, 1.0)
    assert (without.settings.generation.steps, without.settings.generation.guidance) == (20, 3.0)
    assert project({"few_step": "swift", "steps": 5}).settings.generation.steps == 5


def drawn_recipe(opened):
    return next(recipe for recipe in opened.recipes if recipe.engine == "diffusion")


def test_renders_with_another_adapter_or_sampler_have_other_keys(project):
    keys = [
        sampler(opened := project(*told), drawn_recipe(opened))
        for told in [
            ({"steps": 3, "guidance": 1.0},),
            ({"few_step": "swift"},),
            ({"few_step": "swift"}, {"sampler": {**TRAILING, "settings": {}}}),
            ({"few_step": "swift"}, {"files": {"swift.safetensors": "1" * 64}}),
        ]
    ]
    assert all(one != other for index, one in enumerate(keys) for other in keys[:index])
    assert "few_step" not in keys[0], "who uses none makes nothing anew"


def test_how_a_denoiser_is_stored_is_in_the_key_and_where_it_lies_is_not(project):
    plain, staged, small = (
        sampler(opened := project({"device": "cuda", **told}), drawn_recipe(opened))
        for told in ({}, {"memory": "staged"}, {"weights": "float8"})
    )
    assert plain == staged and small == plain | {"weights": "float8"}


def test_plates_of_the_project_wear_it(project):
    opened = project({"few_step": "swift"})
    plates, how = plates_of(opened, None), sampling_of(opened, drawn_recipe(opened))
    assert plates.few_step is not None and plates.few_step.sampler == "DDIMScheduler" and (how.steps, how.guidance) == (3, 1.0)
    both = (plates, plates_of(project({"steps": 3, "guidance": 1.0}), None))
    worn, bare = (replace(one, steps=3, guidance=1.0).draw(["oak table"], [3])[0] for one in both)
    assert (worn != bare).any()


@pytest.mark.parametrize(
    ("generation", "adapter", "message"),
    [
        ({"few_step": "swift"}, {"files": {"swift.safetensors": "1" * 64}}, "is not what was pinned"),
        ({"few_step": "swift"}, {"files": {}}, "not pinned"),
        ({"few_step": "swift"}, {"adapter_of": ["embedded"]}, "made for embedded; `base_model` is tiny"),
        ({"few_step": "swift"}, {"sampler": None}, "no few-step adapter: its entry says no `sampler`"),
        ({"few_step": "tiny"}, None, "no few-step adapter"),
        ({"few_step": "nobody"}, None, "No model 'nobody' is registered"),
    ],
)
def test_an_adapter_that_cannot_be_worn_is_told_before_anything_is_drawn(project, generation, adapter, message):
    opened = project(generation, adapter)
    for use in (lambda: list(check_models(opened)), lambda: plates_of(opened, None)):
        with pytest.raises(ModelError, match=message):
            use()


def test_a_folder_as_base_model_is_not_taken_on_trust(project):
    with pytest.raises(ModelError, match="a folder, of which nobody knows what fits it"):
        plates_of(project({"few_step": "swift"}, base_model="./base-model"), None)


def test_its_license_counts_for_what_is_drawn_with_it(project):
    assert "swift is under OpenRAIL++" in project({"few_step": "swift"}).licenses.refusal(None)
    assert project({"few_step": "swift"}, accepted_licenses=["OpenRAIL++"]).licenses.refusal(None) == ""
    assert project({}).licenses.refusal(None) == ""
