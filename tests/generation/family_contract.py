"""What every family of base models must hold, as functions that a family's own test file calls with its tiny model.

Holds no model and no fixture. A family adds what is its own: equality with its stock pipeline, references, bucketed sizes.

Order of use in a test file: `base_model = read_base_model(write_tiny_...(folder))` once, `lora = train_tiny_lora(base_model, work_dir)` once, then
one test per function below. `StockDraw` is the family's own few lines around its stock pipeline.
"""

import hashlib
import json
import logging
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import ModelError
from generation.adapter import attach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.plates import DiffusionPlates
from tests import warm_start
from tests.training.tiny_look import TRIGGER, look_files
from training.lora import LoraSettings, train_lora
from training.training_set import build_training_set

STEPS, SEED = 3, 7
TINY_TRAINING = {"steps": 8, "rank": 2, "learning_rate": 1e-2, "batch_size": 2, "validate_every": 4, "checkpoint_every": 8}

StockDraw = Callable[[object, str, int, int, float], np.ndarray]
"""(stock pipeline, prompt, seed, steps, guidance) -> float32 (H, W, 3), 0..1: what its `__call__` draws from `Generator("cpu")` of the seed."""


def draw_ours(base_model, pipeline, *, prompt=TRIGGER, seed=SEED, steps=STEPS, guidance=1.0, size_px=None, known=None):
    """What our loop draws, with whatever adapter the pipeline wears: float32 (H, W, 3), 0..1. `size_px` is (width, height)."""
    import torch

    family = base_model.behavior
    width, height = size_px or (base_model.size_px, base_model.size_px)
    with torch.inference_mode():
        noise = noise_of_seeds([seed], family.latent_shape(pipeline, width, height), pipeline.device)
        told, unguided = (family.join([family.condition(pipeline, text)]) for text in (prompt, ""))
        more = {} if known is None else {"known": known}
        latents = denoise(family, pipeline, noise, told, unguided, Sampling(steps=steps, guidance=guidance), **more)
        picture = family.decode(pipeline, latents).float().clamp(-1, 1) / 2 + 0.5
    return picture[0].permute(1, 2, 0).cpu().numpy()


def train_tiny_lora(base_model, work_dir, **settings):
    """A LoRA of the drawn look, trained by the real trainer in a few steps: `TrainedLora`."""
    training_set = build_training_set(*look_files(8, size_px=base_model.size_px), TRIGGER, size_px=base_model.size_px)
    asked = LoraSettings(**{**TINY_TRAINING, "precision": "float32", **settings})
    return train_lora(asked, training_set, base_model, work_dir)


def assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    """train -> save -> load in a fresh process -> draw: other pictures than the base model's, and the same as in this process."""
    script = (
        "import sys, hashlib, numpy as np; from pathlib import Path; from generation.base_model import read_base_model; "
        "from generation.plates import DiffusionPlates; folder, lora, digest = sys.argv[1:4]; "
        f"plates = DiffusionPlates(read_base_model(Path(folder)), Path(lora), digest, steps={STEPS}); "
        f"print(hashlib.sha256(np.stack(plates.draw([{TRIGGER!r}], [{SEED}])).tobytes()).hexdigest())"
    )
    ran = warm_start.run("-c", script, str(base_model.folder), str(lora.path), lora.digest)
    assert ran.returncode == 0, ran.stderr
    plain, worn = (
        np.stack(DiffusionPlates(base_model, *which, steps=STEPS).draw([TRIGGER], [SEED]))
        for which in ((None, None), (lora.path, lora.digest))
    )
    assert plain.std() > 5, "the tiny model draws something, not a flat picture"
    assert np.abs(plain.astype(int) - worn).mean() > 1, "levels of 255 by which the LoRA changes a picture"
    assert ran.stdout.split()[-1] == hashlib.sha256(worn.tobytes()).hexdigest()


def assert_stock_draws_the_same_with_our_file(base_model, lora, stock_draw: StockDraw, *, guidance=1.0, atol=0.0):
    """The stock pipeline with its own `load_lora_weights` of our file draws what our loop draws with it; and not what the base model draws."""
    pipeline = load_pipeline(base_model)
    plain = stock_draw(pipeline, TRIGGER, SEED, STEPS, guidance)
    pipeline.load_lora_weights(lora.path)
    theirs = stock_draw(pipeline, TRIGGER, SEED, STEPS, guidance)
    assert np.abs(plain - theirs).max() > 1 / 255
    pipeline.unload_lora_weights()
    attach_lora(pipeline, lora.path, lora.digest)
    ours = draw_ours(base_model, pipeline, guidance=guidance)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


def assert_our_loop_is_the_stock_pipeline(base_model, stock_draw: StockDraw, *, guidance, atol=0.0):
    """Without a LoRA, for one picture."""
    pipeline = load_pipeline(base_model)
    theirs = stock_draw(pipeline, TRIGGER, SEED, STEPS, guidance)
    np.testing.assert_allclose(draw_ours(base_model, pipeline, guidance=guidance), theirs, rtol=0, atol=atol)


def assert_libraries_say_nothing_of_a_prompt_that_is_too_long(base_model, pipeline):
    """Ours is the one warning; diffusers added its own for each text encoder."""
    records, handler = [], logging.Handler()
    handler.emit = records.append
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        base_model.behavior.condition(pipeline, "a wall, " * 200)
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert [record.getMessage() for record in records] == []


def assert_nothing_reaches_the_network(base_model, lora, monkeypatch):
    """Reading, loading, attaching and drawing open no connection."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"network access: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    pipeline = load_pipeline(read_base_model(base_model.folder))
    attach_lora(pipeline, lora.path, lora.digest)
    draw_ours(base_model, pipeline)


def assert_the_digest_follows_what_is_loaded(base_model, copy_to):
    """Any configuration of a loaded part changes the digest; a card beside them does not."""
    folder = shutil.copytree(base_model.folder, copy_to)
    (folder / "README.md").write_text("a card")
    assert read_base_model(folder).digest == base_model.digest
    for path in sorted(folder.glob("*/*_config.json")) + sorted(folder.glob("*/config.json")):
        before = path.read_text()
        path.write_text(json.dumps({**json.loads(before), "note": "changed"}))
        assert read_base_model(folder).digest != base_model.digest, path
        path.write_text(before)
    assert read_base_model(folder).digest == base_model.digest


def assert_missing_parts_are_named(base_model, copy_to):
    """Each weights file that is missing is named before anything is loaded."""
    folder = shutil.copytree(base_model.folder, copy_to)
    weights = sorted(folder.glob("*/*.safetensors"))
    assert len(weights) >= 3, "a denoiser, an autoencoder and a text encoder"
    for path in weights:
        hidden = path.rename(path.with_suffix(".hidden"))
        with pytest.raises(ModelError, match=rf"lacks {path.parent.name}/{path.name}"):
            read_base_model(folder)
        hidden.rename(path)


def assert_a_foreign_lora_is_refused(base_model, foreign: Path):
    """A LoRA file of another family is refused in words, and the base model is left as it was."""
    pipeline = load_pipeline(base_model)
    clean = draw_ours(base_model, pipeline)
    with pytest.raises(ModelError, match=r"does not fit|matched no layer|another base model|expected are tensors"):
        attach_lora(pipeline, foreign, hashlib.sha256(foreign.read_bytes()).hexdigest())
    assert np.array_equal(draw_ours(base_model, pipeline), clean)


def write_foreign_lora(path: Path) -> Path:
    """A LoRA file of SD 1.5's layer names and shapes that fit no tiny model, for `assert_a_foreign_lora_is_refused`."""
    import torch
    from safetensors.torch import save_file

    layer = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    save_file({f"{layer}.lora_A.weight": torch.ones(2, 320), f"{layer}.lora_B.weight": torch.ones(320, 2)}, path)
    return path
