"""A training that dies again and again ends with the same file, with everything switched on that keeps something from step to step.

Files torn by a kill are test_lora.py's; here the process's memory is lost.
"""

from itertools import count

import pytest
import torch
from safetensors.torch import load_file

from catalog import preemption
from generation.base_model import read_base_model
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files, mask_file, resized
from training.checkpoint import load_newest_checkpoint
from training.lora import LoraSettings, train_lora
from training.trainee import Trainee
from training.training_set import build_training_set

SETTINGS = LoraSettings(
    steps=6, rank=2, learning_rate=2e-2, batch_size=3, validate_every=2, checkpoint_every=2, precision="float32",
    ema_decay=0.8, accumulation=2, gradient_checkpointing=True, min_snr_gamma=5.0, timestep_density="logit-normal",
    aspects="buckets", mask_floor=0.1,
)  # fmt: skip

PARTS = 2
"""Batches of one validation: the two held-out pictures are of two shapes."""


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def training_set():
    pictures, captions = look_files(8)
    pictures = [(name, resized(data, 112, 70) if index % 2 else data) for index, (name, data) in enumerate(pictures)]
    masks = {"03.mask.png": mask_file(112, 70, (40, 20, 112, 70)), "04.mask.png": mask_file(64, 64, (0, 0, 20, 64))}
    return build_training_set(pictures, captions, TRIGGER, size_px=TINY_SIZE_PX, aspects="buckets", masks=masks)


@pytest.fixture(scope="module")
def undisturbed(base_model, training_set, tmp_path_factory):
    return train_lora(SETTINGS, training_set, base_model, tmp_path_factory.mktemp("undisturbed"))


def test_a_training_that_dies_after_every_step_ends_with_the_same_file(undisturbed, base_model, training_set, tmp_path):
    def die(progress, at):
        if progress.step == at:
            raise KeyboardInterrupt

    for at in (1, 2, 3, 4, 5):
        with pytest.raises(KeyboardInterrupt):
            train_lora(SETTINGS, training_set, base_model, tmp_path, lambda progress, at=at: die(progress, at))
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path)
    assert lora.digest == undisturbed.digest and lora.curve == undisturbed.curve and lora.card == undisturbed.card


@pytest.mark.parametrize("validation", [2, 3])
def test_a_training_preempted_within_a_validation_keeps_its_step_and_ends_with_the_same_file(
    validation, base_model, training_set, tmp_path, monkeypatch
):
    settings = SETTINGS.model_copy(update={"checkpoint_every": 5})  # so that steps 2 and 4 are kept by nothing else
    whole = train_lora(settings, training_set, base_model, tmp_path / "whole")
    measure, measured, taken = Trainee.loss, count(1), []

    def notice_comes(trainee, samples):
        if not torch.is_grad_enabled() and next(measured) == PARTS * (validation - 1) + 1:
            monkeypatch.setattr(preemption._Notice, "asked_at", 0.0)
        taken.append(torch.is_grad_enabled())
        return measure(trainee, samples)

    monkeypatch.setattr(Trainee, "loss", notice_comes)
    with pytest.raises(preemption.Preempted, match=f"after step {2 * (validation - 1)} of 6"):
        train_lora(settings, training_set, base_model, tmp_path / "stopped")
    assert taken.count(False) == PARTS * (validation - 1) + 1, "the validation went on"
    monkeypatch.setattr(preemption._Notice, "asked_at", None)
    taken.clear()
    lora = train_lora(settings, training_set, base_model, tmp_path / "stopped")
    assert taken[:PARTS] == [False] * PARTS, "the validation that was stopped is not made first"
    assert lora.digest == whole.digest and lora.curve == whole.curve and lora.card == whole.card


def test_the_file_holds_the_average_and_not_the_last_weights(undisturbed):
    state = load_newest_checkpoint(undisturbed.path.parent, undisturbed.training_digest)
    assert state is not None and undisturbed.best_step == SETTINGS.steps
    written = load_file(undisturbed.path)
    average, start = state.tensors["average"], 0
    for name in sorted(written):
        end = start + written[name].numel()
        assert torch.equal(written[name].reshape(-1), average[start:end]), name
        assert not torch.equal(written[name], state.tensors[f"adapter/{name}"]), name
        start = end
