"""Memory plans: with parts that come to the device in turn, every family draws the bits that it draws with all of them there, in less memory.

No second device is needed to tell: what is away is put out of reach, so that a call whose plan forgets a part fails.
"""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from pydantic import ValidationError

import training.lora
from generation import resident
from generation.base_model import load_pipeline
from generation.execution import Execution
from generation.inpainting import Inpainting, encode_known
from generation.memory_plan import PartsInTurn, bytes_of, is_staged
from generation.plates import DiffusionPlates
from generation.references import edit_family
from resources.settings import GenerationSettings
from tests.generation.tiny_families import MODELS
from tests.tiny_model import TINY_SIZE_PX, write_tiny_lora
from tests.training.tiny_look import TRIGGER, look_files
from training.lora import LoraSettings, train_lora
from training.training_set import build_training_set

PROMPTS, SEEDS = ["oak", "a wall"], [3, 4]
PRODUCT_HW3 = np.full((64, 64, 3), (200, 40, 30), np.uint8)


class OutOfReach(PartsInTurn):
    """Parts that are away hold nothing, so that nothing can be computed with them; keeps which came, and the most bytes there at once."""

    def __init__(self, pipeline, plan, device):
        super().__init__(pipeline, plan, device)
        self.came, self.peak_bytes = [], 0
        self._bare = {part for call in ("condition", "encode", "predict", "decode") for part in plan.needed(call)}
        self._kept = {name: [(tensor, tensor.data) for tensor in self._tensors(name)] for name in self._bare}
        for name in self._bare:
            self._empty(name)

    def _tensors(self, name):
        module = getattr(self._pipeline, name)
        return [*module.parameters(), *module.buffers()]

    def _empty(self, name):
        for tensor in self._tensors(name):
            tensor.data = tensor.data.new_empty(0)

    def _bring(self, name):
        for tensor, on_host in self._kept[name]:
            tensor.data = on_host
        super()._bring(name)
        self.came.append(name)
        here = sum(tensor.nbytes for part in self.on_device for tensor in self._tensors(part))
        self.peak_bytes = max(self.peak_bytes, here)

    def _take_away(self, name):
        super()._take_away(name)
        self._empty(name)


@contextmanager
def staged(monkeypatch, base_model):
    """A pipeline whose parts come in turn and are else out of reach."""
    with monkeypatch.context() as patched:
        patched.setattr(resident, "PartsInTurn", OutOfReach)
        yield resident.resident(base_model, "cpu", 1, Execution(memory="staged"))
    resident.release()


def plates(base_model, lora=None, digest=None, memory=None, **how):
    return DiffusionPlates(base_model, lora, digest, steps=2, guidance=2.0, batch_images=2, execution=Execution(memory=memory), **how)


@pytest.mark.parametrize("name", MODELS)
def test_parts_in_turn_draw_the_same_bits_in_less_memory(name, models, monkeypatch):
    base_model = models(name)
    everything_there = plates(base_model).draw(PROMPTS, SEEDS)
    assert resident.KEPT[0].parts is None
    # The fingerprint of a LoRA in the weights reads them on the host, where a test that hides them has none.
    monkeypatch.setattr(resident, "worn_by", lambda pipeline, **_: _Bare())
    with staged(monkeypatch, base_model) as kept:
        in_turn = plates(base_model, memory="staged").draw(PROMPTS, SEEDS)
        assert [kept] == resident.KEPT, "drawn with the pipeline whose parts were out of reach"
        came, peak_bytes, left = list(kept.parts.came), kept.parts.peak_bytes, kept.parts.on_device
        for prompt in (*PROMPTS, ""):
            kept.condition(prompt)
        again = kept.parts.came[len(came) :]
    assert np.array_equal(np.stack(everything_there), np.stack(in_turn)) and np.stack(in_turn).std() > 5
    assert not left, "all leave when a batch is drawn"
    told_by = set(base_model.behavior.memory.condition)
    assert all(came.count(name) == 1 for name in told_by), "all prompts of a batch are read while the text encoder is there once"
    assert not again, "prompts that were read need no text encoder"
    assert peak_bytes < bytes_of(load_pipeline(base_model))


class _Bare:
    """Wears nothing."""

    def wear(self, adapters):
        assert not adapters


@pytest.mark.parametrize("name", ["sd", "sd-inpaint", "sdxl", "flux2-klein", "z-image", "qwen-image-edit"])
def test_parts_in_turn_encode_what_is_known_and_what_is_gone_by(name, models, monkeypatch):
    base_model = models(name)
    family, size_px = base_model.behavior, base_model.size_px
    pipeline = resident.resident(base_model, "cpu", 1).pipeline
    for area in ("VAE_IMAGE_SIZE", "CONDITION_IMAGE_SIZE"):  # a megapixel through the encoder takes seconds
        monkeypatch.setattr(pipeline_qwenimage_edit_plus, area, 64 * 64)
    asked = Inpainting(picture_HW3=np.resize(PRODUCT_HW3, (size_px, size_px, 3)), drawn_HW=np.zeros((size_px, size_px), np.bool_))
    expected = encode_known(family, pipeline, asked).latents_BChw
    references = [PRODUCT_HW3] if edit_family(family) else []
    with torch.inference_mode():
        told = family.condition(pipeline, "oak", references)
    monkeypatch.setattr(resident, "worn_by", lambda pipeline, **_: _Bare())
    with staged(monkeypatch, base_model) as kept, torch.inference_mode():
        known = kept.known(asked).latents_BChw
        assert kept.parts.came == ["vae"] and not kept.parts.on_device
        with kept.staying():
            told_in_turn = kept.condition("oak", references)
            kept.condition("another", references)
        assert sorted(kept.parts.came) == sorted(["vae", *family.memory.condition, *["vae"] * bool(references)]), (
            "each once for a row of calls"
        )
    assert torch.equal(expected, known)
    assert told.keys() == told_in_turn.keys() and all(torch.equal(told[key], told_in_turn[key]) for key in told)


def test_looks_are_exchanged_while_the_denoiser_is_on_the_host(models, tmp_path):
    """Bit-equal with and without, and back: the copy on the device is thrown away after each batch, so nothing may be added into it."""
    base_model = models("sd")
    looks = [write_tiny_lora(base_model.folder, tmp_path / f"{seed}.safetensors", seed=seed) for seed in (1, 2)]
    for memory in ("resident", "staged"):
        drawn = [
            np.stack(plates(base_model, *look, memory=memory).draw(PROMPTS, SEEDS))
            for look in ((None, None), *(_named(path) for path in looks), (None, None))
        ]
        assert np.array_equal(drawn[0], drawn[3]) and not np.array_equal(drawn[1], drawn[2]) and not np.array_equal(drawn[0], drawn[1])
        if memory == "resident":
            expected = drawn
    assert np.array_equal(np.stack(expected), np.stack(drawn))


def _named(path):
    import hashlib

    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_project_whose_device_is_the_host_has_no_parts_in_turn():
    assert GenerationSettings(device="cuda", memory="staged").execution == Execution(memory="staged")
    with pytest.raises(ValidationError, match="frees the memory of a GPU"):
        GenerationSettings(memory="staged")


def test_parts_leave_when_a_call_fails(models):
    base_model = models("sd")
    pipeline = load_pipeline(base_model, on_host=True)
    parts = PartsInTurn(pipeline, base_model.behavior.memory, "cpu")
    before = pipeline.vae.state_dict(keep_vars=True)
    where = {name: tensor.data_ptr() for name, tensor in before.items()}
    with pytest.raises(MemoryError), parts.during("decode"):
        assert parts.on_device == {"vae"}
        assert all(tensor.data_ptr() != where[name] for name, tensor in before.items()), "a copy is at work"
        raise MemoryError
    assert not parts.on_device
    assert {name: tensor.data_ptr() for name, tensor in before.items()} == where


def test_a_call_within_another_leaves_what_the_outer_one_needs(models):
    parts = PartsInTurn(load_pipeline(models("sd")), models("sd").behavior.memory, "cpu")
    with parts.during("predict"):
        with parts.during("encode"):
            pass
        assert parts.on_device == {"unet", "vae"}
    assert not parts.on_device


@pytest.mark.parametrize(("free_share", "in_turn"), [(1.5, False), (1.3, True)])
def test_parts_stay_where_they_fit_with_room_for_pictures(free_share, in_turn, models, monkeypatch):
    pipeline = load_pipeline(models("sd"))
    free = int(free_share * bytes_of(pipeline))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10 * free))
    assert is_staged(None, pipeline, "cuda") is in_turn
    assert is_staged("staged", pipeline, "cuda") and not is_staged("resident", pipeline, "cuda")
    assert not is_staged(None, pipeline, "cpu")


def test_weights_are_full_precision_on_cuda_where_that_is_asked_for(models, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = [load_pipeline(models("sd"), 1, "cuda", float32=full, on_host=True).unet.dtype for full in (False, True)]
    assert found == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize(("precision", "full"), [("float32", True), ("bfloat16", False)])
def test_a_training_in_full_precision_loads_it(precision, full, models, tmp_path, monkeypatch):
    asked = []

    class Loaded(Exception):
        pass

    def load(*how, **named):
        asked.append(named)
        raise Loaded

    monkeypatch.setattr(training.lora, "load_pipeline", load)
    looks = build_training_set(*look_files(8), TRIGGER, size_px=TINY_SIZE_PX)
    with pytest.raises(Loaded):
        train_lora(LoraSettings(precision=precision, steps=2), looks, models("sd"), tmp_path)
    assert asked == [{"float32": full}]
