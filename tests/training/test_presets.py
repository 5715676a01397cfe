"""What a training comes to where `training:` says nothing: by the base model's entry, its family, and at last the trainer's defaults."""

import json
from pathlib import Path
from typing import get_args

import pytest

from assets.training_set import lora_settings, training_preset
from catalog.errors import SettingsError
from catalog.keys import digest
from catalog.model_entry import FamilyName
from catalog.training_preset import TrainingPreset
from generation.families import family_named
from generation.model_registry import read_registry
from resources.project import open_project
from tests.made_up_work import Shop
from tests.tiny_model import write_tiny_base_model
from training.presets import FAMILY_PRESETS, preset_of
from training.settings import LoraSettings

ROOT = Path(__file__).parents[2]
TABLE_COLUMNS = {"steps", "batch_size", "learning_rate", "rank", "target_modules", "validate_every", "checkpoint_every"}


def rewritten(project, **settings):
    """The project with other settings, and nothing said under `training:`, read anew."""
    text = project.settings.project_dir / "vitrine.yaml"
    text.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in {"brand_kit": "brand.yaml", **settings}.items()))
    return open_project(text.parent)


@pytest.fixture
def project(tmp_path):
    """A project on a registered model of family sd that has no `training:` of its own."""
    return Shop(tmp_path / "shop").open()


def test_the_demo_trains_with_the_trainers_own_defaults():
    demo = open_project(ROOT / "demo")
    assert demo.registered_base_model is None, "the demo names a folder: its model is known by its bytes"
    assert lora_settings(demo) == LoraSettings()
    assert training_preset(demo).source == "entry embedded"


def test_the_settings_that_name_the_demos_trainings_are_what_they_were():
    """Another value trains every LoRA of every project with the embedded model anew: raise TRAINER_VERSION instead, if that is meant."""
    assert digest(LoraSettings().model_dump(mode="json")) == "ddd61f16011d7081d3ee6fd1b9f081ce3d9c7385b44cd44ecf05ac8e315583ee"


def test_a_model_of_the_same_layout_is_not_taken_for_the_embedded_one(project, tmp_path):
    chosen = lora_settings(rewritten(project, base_model="made-up"))
    assert (chosen.learning_rate, chosen.rank, chosen.steps, chosen.ema_decay) == (1e-4, 16, 1200, 0.99)
    nobodys = rewritten(project, base_model=str(write_tiny_base_model(tmp_path / "nobodys")))
    assert lora_settings(nobodys) == chosen and training_preset(nobodys).source == "family sd"


def test_the_model_that_looks_are_trained_on_is_what_counts(project):
    """SDXL inpainting draws, SDXL base learns."""
    drawn_with_another = rewritten(project, base_model="sdxl-inpaint")
    assert lora_settings(drawn_with_another).learning_rate == 1e-4 and training_preset(drawn_with_another).source == "family sdxl"


def test_an_entry_goes_before_its_family_and_the_project_before_both(project):
    own = {"models": {"sdxl-base": {"training": {"rank": 64, "min_snr_gamma": None, "steps": 2000}}}}
    (project.settings.project_dir / "models.yaml").write_text(json.dumps(own))
    chosen = lora_settings(rewritten(project, base_model="sdxl-base", training={"steps": 30}))
    assert (chosen.steps, chosen.rank, chosen.min_snr_gamma, chosen.learning_rate) == (30, 64, None, 1e-4)


def test_a_project_can_switch_off_what_the_family_switches_on(project):
    chosen = lora_settings(rewritten(project, base_model="sdxl-base", training={"min_snr_gamma": None, "gradient_checkpointing": False}))
    assert (chosen.min_snr_gamma, chosen.gradient_checkpointing) == (None, False)


@pytest.mark.parametrize("setting", [{"rank": 0}, {"learning_rate": 2.0}, {"lerning_rate": 1e-4}, {"threads": 2}])
def test_an_entry_with_an_impossible_setting_is_refused_by_its_file(project, setting):
    """`threads` is a matter of the machine, not of the model."""
    (project.settings.project_dir / "models.yaml").write_text(json.dumps({"models": {"sdxl-base": {"training": setting}}}))
    with pytest.raises(SettingsError, match=rf"models\.sdxl-base.*\n.*training.{next(iter(setting))}"):
        read_registry(project.settings.project_dir)


@pytest.mark.parametrize("model", ["sdxl-lightning-8step", "sdxl-inpaint"])
def test_an_entry_that_nothing_is_trained_on_has_no_preset(project, model):
    (project.settings.project_dir / "models.yaml").write_text(json.dumps({"models": {model: {"training": {"rank": 4}}}}))
    with pytest.raises(SettingsError, match="`training` belongs to a model that LoRAs are trained on"):
        read_registry(project.settings.project_dir)


@pytest.mark.parametrize("name", [name for name in get_args(FamilyName) if name != "unsupported"])
def test_every_family_has_a_preset_that_its_trainer_takes(name):
    chosen, family = preset_of(name).settings({}), family_named(name)
    assert chosen.target_modules in family.target_presets
    assert chosen.min_snr_gamma is None or family.objective == "diffusion"
    assert chosen.steps % chosen.validate_every == 0, "the last validation is that of the last step"


def test_a_preset_may_say_what_the_trainer_knows_and_means_the_same_by_it():
    trainer = LoraSettings.model_json_schema()["properties"]
    for name, told in TrainingPreset.model_json_schema()["properties"].items():
        ways = [way for way in told["anyOf"] if way != {"type": "null"}]
        alone = {word: value for word, value in trainer[name].items() if word not in ("default", "title")}
        known = trainer[name].get("anyOf", [alone])
        assert ways == [way for way in known if way != {"type": "null"}], name


def test_the_documented_table_is_the_presets():
    doc = (ROOT / "docs/how-to/training.md").read_text()
    embedded = read_registry().models["embedded"].entry
    rows = [row_of("`embedded`", preset_of(embedded.family, "embedded", embedded.training).settings({}))]
    rows += [row_of(f"family `{name}`", preset_of(name).settings({})) for name in FAMILY_PRESETS]
    header = "| base model | steps | batch | rate | rank | layers | beside that |\n|---|---|---|---|---|---|---|\n"
    assert header + "\n".join(rows) + "\n\n" in doc, "write it anew:\n" + "\n".join(rows)


def row_of(name, chosen):
    told = chosen.model_dump(mode="json", exclude_defaults=True, exclude=TABLE_COLUMNS)
    beside = ", ".join(f"`{setting}: {json.dumps(value)}`" for setting, value in told.items()) or "-"
    return f"| {name} | {chosen.steps:,} | {chosen.batch_size} | {chosen.learning_rate:g} | {chosen.rank} | `{chosen.target_modules}` | {beside} |"
