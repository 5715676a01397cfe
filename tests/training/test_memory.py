"""A training, its sample sheet and its measurements follow one another with one pipeline in memory: on a GPU a second one does not fit."""

import weakref

import numpy as np
import pytest
import torch

import training.champion
import training.lora
from generation import resident
from generation.base_model import load_pipeline, read_base_model
from generation.plates import DiffusionPlates
from tests.generation.tiny_families import MODELS
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files
from training.champion import held_out_losses
from training.entrants import LoraFile
from training.lora import LoraSettings, train_lora
from training.training_set import build_training_set

SETTINGS = LoraSettings(steps=2, rank=2, learning_rate=2e-2, batch_size=2, validate_every=2, checkpoint_every=2, precision="float32")


def test_no_pipeline_is_loaded_beside_another(tmp_path, monkeypatch):
    loaded, beside = [], []

    def load(base_model, *how, **named):
        beside.append(sum(denoiser() is not None for denoiser in loaded))
        pipeline = load_pipeline(base_model, *how, **named)
        loaded.append(weakref.ref(pipeline.unet))
        return pipeline

    for module in (training.lora, training.champion, resident):
        monkeypatch.setattr(module, "load_pipeline", load)
    base_model = read_base_model(write_tiny_base_model(tmp_path / "tiny"))
    looks = build_training_set(*look_files(8), TRIGGER, size_px=TINY_SIZE_PX)
    resident.release()  # of another test, perhaps of the same model
    DiffusionPlates(base_model, None, None, steps=2).draw([TRIGGER], [1])
    lora = train_lora(SETTINGS, looks, base_model, tmp_path / "work")
    held_out_losses(SETTINGS, looks, base_model, [LoraFile(path=lora.path, digest=lora.digest), None], tmp_path / "work")
    DiffusionPlates(base_model, lora.path, lora.digest, steps=2).draw([TRIGGER], [1])
    assert beside == [0] * 5, "pipelines in memory whenever one was loaded: for pictures, training, its sheet, measurement, pictures"


@pytest.mark.parametrize("family", ["sd-inpaint", "flux2-klein", "qwen-image-edit"])
def test_parts_that_only_encode_take_no_memory_while_steps_are_taken_and_losses_measured(family, tmp_path, monkeypatch):
    """FLUX.2 klein's text encoder is larger than its denoiser; what is kept on a GPU beside the steps is what the family's plan names for them."""
    base_model = read_base_model(MODELS[family](tmp_path / "tiny"))
    looks = build_training_set(*look_files(8, size_px=base_model.size_px), TRIGGER, size_px=base_model.size_px)
    held: list[set[str]] = []

    def seen(self, samples, loss=training.champion.Trainee.loss):
        parts = {name: part for name, part in self.pipeline.components.items() if isinstance(part, torch.nn.Module)}
        held.append({name for name, part in parts.items() if any(not tensor.is_meta for tensor in part.parameters())})
        return loss(self, samples)

    monkeypatch.setattr(training.champion.Trainee, "loss", seen)
    settings = SETTINGS.model_copy(update={"target_modules": "attention", "learning_rate": 1e-2})
    monkeypatch.setattr("training.training_run.MIN_IMPROVEMENT_SHARE", -1.0)
    lora = train_lora(settings, looks, base_model, tmp_path / "work")
    (losses,) = held_out_losses(settings, looks, base_model, [LoraFile(path=lora.path, digest=lora.digest)], tmp_path / "work")
    assert held and all(parts == set(base_model.behavior.memory.needed("predict")) for parts in held)
    assert np.isclose(losses.mean(), min(point.validation_loss for point in lora.curve), rtol=1e-5)
