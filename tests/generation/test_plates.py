"""Plates on a tiny base model of the real classes: determinism, LoRA exchange, and every way a LoRA can fail to be at work."""

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from catalog.errors import ModelError, RenderError
from generation.base_model import read_base_model
from generation.plates import DiffusionPlates
from generation.resident import KEPT
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model, write_tiny_lora

PROMPTS = ["vitrine wall look", "oak table, navy wall"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def base_model(folder):
    return read_base_model(folder)


@pytest.fixture(scope="module")
def loras(folder, tmp_path_factory):
    """Two LoRA files and their digests."""
    out = tmp_path_factory.mktemp("loras")
    paths = [write_tiny_lora(folder, out / f"{seed}.safetensors", seed=seed) for seed in (1, 2)]
    return [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]


@pytest.fixture(autouse=True)
def _fresh_process_state():
    KEPT.clear()


def draw(base_model, lora=(None, None), prompts=PROMPTS, seeds=(7, 8)):
    return np.stack(DiffusionPlates(base_model, *lora, steps=3, guidance=2.0).draw(prompts, seeds))


def test_a_batch_gives_one_picture_per_prompt_at_the_native_size(base_model):
    plates = draw(base_model)
    assert plates.shape == (2, TINY_SIZE_PX, TINY_SIZE_PX, 3) and plates.dtype == np.uint8
    assert plates.std() > 10, "the tiny model draws colored noise, not a flat picture"


def test_the_same_inputs_give_the_same_bytes_in_a_fresh_process(folder, base_model, loras):
    here = draw(base_model, loras[0])
    script = (
        "import sys, hashlib, numpy as np; from pathlib import Path; from generation.base_model import read_base_model; "
        "from generation.plates import DiffusionPlates; folder, lora, digest = sys.argv[1:4]; "
        "plates = DiffusionPlates(read_base_model(Path(folder)), Path(lora), digest, steps=3, guidance=2.0); "
        f"print(hashlib.sha256(np.stack(plates.draw({PROMPTS!r}, (7, 8))).tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", script, str(folder), str(loras[0][0]), loras[0][1]]
    there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert there.stdout.split()[-1] == hashlib.sha256(here.tobytes()).hexdigest()


def test_a_picture_depends_on_its_own_seed_and_prompt_alone(base_model):
    both = draw(base_model)
    swapped = draw(base_model, prompts=PROMPTS[::-1], seeds=(8, 7))
    other = draw(base_model, seeds=(7, 9))
    assert np.array_equal(both, swapped[::-1])
    assert np.array_equal(both[0], other[0]) and not np.array_equal(both[1], other[1])


def test_exchanging_loras_is_bit_exact_with_a_fresh_load(base_model, loras):
    fresh = []
    for lora in [(None, None), *loras]:
        KEPT.clear()
        fresh.append(draw(base_model, lora))
    assert not np.array_equal(fresh[0], fresh[1]) and not np.array_equal(fresh[1], fresh[2])
    KEPT.clear()
    for index in (1, 2, 0, 2, 1, 0):
        assert np.array_equal(draw(base_model, [(None, None), *loras][index]), fresh[index])


def test_an_altered_lora_is_refused_before_anything_is_drawn(base_model, loras, tmp_path):
    path, digest = tmp_path / "altered.safetensors", loras[0][1]
    data = bytearray(loras[0][0].read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="altered or mixed up"):
        draw(base_model, (path, digest))


def test_a_lora_of_another_architecture_is_refused_and_leaves_the_base_model_clean(base_model, loras, tmp_path):
    clean = draw(base_model)
    tensors = {name.replace("mid_block", "no_such_block"): tensor for name, tensor in load_file(loras[0][0]).items()}
    path = tmp_path / "foreign.safetensors"
    save_file(tensors, path)
    with pytest.raises(ModelError, match="another base model"):
        draw(base_model, (path, hashlib.sha256(path.read_bytes()).hexdigest()))
    assert np.array_equal(draw(base_model), clean)


def test_a_lora_with_nan_weights_is_refused(base_model, loras, tmp_path):
    tensors = load_file(loras[0][0])
    next(iter(tensors.values()))[0] = float("nan")
    path = tmp_path / "nan.safetensors"
    save_file(tensors, path)
    with pytest.raises(ModelError, match="NaN"):
        draw(base_model, (path, hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.mark.parametrize("tamper", ["taken_out", "nudged", "beside"])
def test_a_lora_that_is_not_wholly_in_the_weights_stops_the_next_batch(base_model, loras, tamper):
    import torch

    draw(base_model, loras[0])
    (kept,) = KEPT
    if tamper == "taken_out":
        worn = vars(kept.lora).copy()
        kept.lora._take_out()
        vars(kept.lora).update(worn)
    elif tamper == "nudged":
        with torch.no_grad():
            kept.pipeline.unet.mid_block.resnets[0].conv1.bias[0] += 1e-6
    else:
        kept.pipeline.load_lora_weights(load_file(loras[1][0]), adapter_name="other")
    with pytest.raises(ModelError, match="Nothing was drawn"):
        draw(base_model, loras[0])


def test_a_plate_that_is_not_finite_is_an_error_not_a_picture(base_model):
    draw(base_model)
    unet = KEPT[0].pipeline.unet
    with unet.register_forward_hook(lambda module, given, out: (out[0] * float("inf"),)), pytest.raises(RenderError, match="not finite"):
        draw(base_model)


def test_drawing_opens_no_network_connection(base_model, loras, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"network access: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    draw(base_model, loras[0])


def test_a_prompt_longer_than_the_model_reads_is_reported_once(base_model, caplog):
    long_prompt = "x y z " * 30
    for _ in range(2):
        draw(base_model, prompts=[long_prompt, long_prompt])
    assert len([record for record in caplog.records if "ignores the end" in record.message]) == 1


def test_the_digest_covers_what_loading_reads_and_nothing_else(tmp_path):
    folder = write_tiny_base_model(tmp_path / "tiny")
    before = read_base_model(folder)
    (folder / "README.md").write_text("a card")
    (folder / "unet/.DS_Store").write_bytes(b"where a window stood")
    assert read_base_model(folder).digest == before.digest
    config = json.loads((folder / "scheduler/scheduler_config.json").read_text())
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps({**config, "beta_end": 0.012}))
    assert read_base_model(folder).digest != before.digest
    with pytest.raises(ModelError, match="changed since it was read"):
        draw(before)


def test_a_missing_or_pickled_weight_file_is_named(tmp_path):
    folder = write_tiny_base_model(tmp_path / "tiny")
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"lacks unet/diffusion_pytorch_model.safetensors.*\.bin beside it is not read"):
        read_base_model(folder)
    with pytest.raises(ModelError, match="no base model at"):
        read_base_model(tmp_path / "nowhere")


def test_a_truncated_weight_file_is_a_model_error(tmp_path):
    folder = write_tiny_base_model(tmp_path / "tiny")
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:10_000])
    with pytest.raises(ModelError, match="does not load"):
        draw(read_base_model(folder))
