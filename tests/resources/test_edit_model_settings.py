"""The settings as the edit model sees them: steps and guidance of its own, everything of the machine as for scenes."""

import pytest

from resources.settings import read_settings, with_edit_model

SCENES = "catalog: {kind: folder, path: catalog}\nbase_model: base-model\n"
HOW = "generation: {steps: 12, guidance: 2.0, guided_share: 0.5, step_cache: 0.1, batch_images: 3, threads: 2}\n"


@pytest.fixture
def told(tmp_path):
    def read(edit_model):
        (tmp_path / "vitrine.yaml").write_text(f"{SCENES}{HOW}{edit_model}")
        return read_settings(tmp_path)

    return read


def test_a_registered_model_is_drawn_as_it_is_made_for_and_on_the_same_machine(told):
    how = with_edit_model(told("edit_model: {name: flux2-klein-4b}\n"))
    assert (how.base_model, how.edit_model) == ("flux2-klein-4b", None)
    assert (how.generation.steps, how.generation.guidance) == (4, 1.0)
    assert (how.generation.guided_share, how.generation.step_cache) == (1.0, None), "tuned for another model"
    assert (how.generation.batch_images, how.generation.threads) == (3, 2)


def test_a_few_step_adapter_brings_its_steps(told):
    how = with_edit_model(told("edit_model: {name: qwen-image-edit-2511, few_step: qwen-image-edit-2511-lightning-4step}\n"))
    assert (how.generation.few_step, how.generation.steps, how.generation.guidance) == ("qwen-image-edit-2511-lightning-4step", 4, 1.0)


def test_what_is_said_of_it_goes_before_and_a_folder_nobody_registered_takes_the_scenes(told):
    assert with_edit_model(told("edit_model: {name: flux2-klein-4b, steps: 8}\n")).generation.steps == 8
    how = with_edit_model(told("edit_model: {name: ./editor, guidance: 1.5}\n"))
    assert (how.generation.steps, how.generation.guidance) == (12, 1.5)


def test_without_one_the_settings_are_the_same(told):
    settings = told("")
    assert with_edit_model(settings) is settings
