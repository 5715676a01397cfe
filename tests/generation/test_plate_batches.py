"""Batches of plates: one size whatever is asked for, halved when memory does not suffice, and plates that are no pictures tried again."""

import datetime as dt
import hashlib
import json
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from catalog.errors import ModelError
from generation import batch_sizes
from generation.adapter import Adapter
from generation.base_model import load_pipeline, read_base_model
from generation.kept_tensors import KeptTensors
from generation.plate_faults import MAX_RETRIES, fault_of, retry_seed
from generation.plate_requests import PlateRequest
from generation.plates import BATCH_IMAGES, DiffusionPlates
from generation.resident import KEPT
from generation.worn_lora import LoraBeside, worn_by
from tests.tiny_model import write_tiny_base_model, write_tiny_lora

PROMPTS = [f"wall {letter}" for letter in "abcdefg"]
SEEDS = range(70, 77)


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    path = write_tiny_lora(base_model.folder, tmp_path_factory.mktemp("lora") / "one.safetensors", seed=1)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def _nothing_remembered():
    batch_sizes._FITTING.clear()


def plates_of(base_model, lora=(None, None), **given):
    plates = DiffusionPlates(base_model, *lora, **{"steps": 3, "guidance": 2.0, "batch_images": 4, **given})
    plates.load()
    return plates


@contextmanager
def denoiser(change):
    """Inside, the denoiser's answer is `change(rows asked for, its answer)`."""

    def hook(_module, given, out):
        return (change(given, out[0]),)

    with KEPT[0].pipeline.unet.register_forward_hook(hook):
        yield


def test_a_plate_has_the_same_bytes_wherever_and_with_whomever_it_is_drawn(base_model, lora):
    plates = plates_of(base_model, lora)
    together = plates.draw(PROMPTS, SEEDS)
    backwards = plates.draw(PROMPTS[::-1], SEEDS[::-1])[::-1]
    for n, (prompt, seed) in enumerate(zip(PROMPTS, SEEDS, strict=True)):
        alone = plates.draw([prompt], [seed])[0]
        assert np.array_equal(together[n], alone) and np.array_equal(backwards[n], alone)


def test_every_batch_has_the_same_size_and_says_who_was_in_it(base_model):
    sizes = []
    plates = plates_of(base_model, guidance=1.0)
    with denoiser(lambda given, out: sizes.append(len(given[0])) or out):
        drawn = plates.draw_plates(PROMPTS, SEEDS)
    assert set(sizes) == {4} and len(sizes) == 3 * 2, "seven plates are two batches, the last one filled up"
    assert [plate.batch["index"] for plate in drawn] == [0, 1, 2, 3, 0, 1, 2]
    last = drawn[-1].batch
    assert [[last["prompts"][prompt], seed] for prompt, seed in last["places"]] == [
        ["wall e", 74],
        ["wall f", 75],
        ["wall g", 76],
        ["wall e", 74],
    ]


def test_a_lora_in_the_weights_draws_what_the_stock_pipeline_draws_with_it(base_model, lora):
    ours = plates_of(base_model, lora).draw(PROMPTS, SEEDS)
    stock = load_pipeline(base_model)
    stock.load_lora_weights(str(lora[0].parent), weight_name=lora[0].name)
    for picture, prompt, seed in zip(ours, PROMPTS, SEEDS, strict=True):
        generator = torch.Generator("cpu").manual_seed(seed)
        theirs = stock(prompt, num_inference_steps=3, guidance_scale=2.0, generator=generator, output_type="np").images[0]
        assert np.abs(picture.astype(int) - np.round(theirs * 255).astype(int)).max() <= 1


OUT_OF_MEMORY = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
    ),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "python": MemoryError(),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_running_out_of_memory_halves_the_batch_goes_on_and_remembers(base_model, error, tmp_path):
    file, asked = tmp_path / "state" / "sizes.json", []

    def narrow(given, out):
        asked.append(len(given[0]))
        if len(given[0]) > 2:
            raise error
        return out

    plates = plates_of(base_model, guidance=1.0, batch_images=8, sizes_file=file)
    with denoiser(narrow):
        drawn = plates.draw_plates(PROMPTS, SEEDS)
        assert asked == [8, 4] + [2] * 3 * 4 and [plate.batch["images"] for plate in drawn] == [2] * 7
        assert [one["images"] for one in json.loads(file.read_text()).values()] == [2]
        for forget in (lambda: None, batch_sizes._FITTING.clear):
            forget()  # the second time as another process finds it
            asked.clear()
            plates.draw(PROMPTS[:2], SEEDS[:2])
            assert asked == [2, 2, 2], "a batch that is known not to fit was tried again"
    other = plates_of(base_model, guidance=1.0, batch_images=4, sizes_file=file)
    assert other.batch_size.images == 4, "another wanted size is tried as it is wanted"


def test_running_out_of_memory_while_a_lora_is_put_on_halves_the_batch_and_goes_on(base_model, lora, monkeypatch):
    plates = plates_of(base_model, lora, guidance=1.0)
    wear, asked = KEPT[0].lora.wear, []

    def too_narrow_at_first(adapters):
        asked.append(plates.batch_size.images)
        if len(asked) == 1:
            raise OUT_OF_MEMORY["cuda"]
        wear(adapters)

    monkeypatch.setattr(KEPT[0].lora, "wear", too_narrow_at_first)
    assert [plate.batch["images"] for plate in plates.draw_plates(PROMPTS[:2], SEEDS[:2])] == [2, 2]
    assert asked == [4, 2]


def test_a_smaller_size_is_believed_for_some_days_and_only_on_the_machine_it_was_found_on(base_model, tmp_path, monkeypatch):
    file, found_on = tmp_path / "sizes.json", batch_sizes._today()
    plates = DiffusionPlates(base_model, None, None, batch_images=8, sizes_file=file)
    assert plates.batch_size.halve("out of memory") == 4

    def images(days=0, where=None, fresh=True):
        """As this process, or another one, finds it later or elsewhere."""
        with monkeypatch.context() as patch:
            patch.setattr(batch_sizes, "_today", lambda: found_on + dt.timedelta(days))
            if where is not None:
                patch.setattr(batch_sizes, "_where", lambda _: where)
            if fresh:
                batch_sizes._FITTING.clear()
            return plates.batch_size.images

    last_day = batch_sizes.BELIEVED_DAYS - 1
    for fresh in (True, False):
        assert [images(days, fresh=fresh) for days in (0, last_day, last_day + 1, -1)] == [4, 4, 8, 8]
        assert [images(where="torch 99, a GPU with twice the memory", fresh=fresh), images(fresh=fresh)] == [8, 4]
    monkeypatch.setattr(batch_sizes, "_today", lambda: found_on + dt.timedelta(last_day + 1))
    assert plates.batch_size.halve("still out of memory") == 4, "tried again, and found again"
    monkeypatch.setattr(batch_sizes, "_today", lambda: found_on + dt.timedelta(2 * last_day))
    assert plates.batch_size.images == 4


def test_what_another_size_or_more_pictures_to_go_by_take_is_found_out_apart(base_model):
    plates = DiffusionPlates(base_model, None, None, batch_images=8)
    wide = PlateRequest(prompt="", seed=0, width_px=128, height_px=64)
    assert plates.batch_size_for(wide).halve("out of memory") == 4
    assert (plates.batch_size_for(wide).images, plates.batch_size.images) == (4, 8)


def test_a_picture_that_does_not_fit_alone_is_told_and_other_errors_are_no_lack_of_memory(base_model):
    def never(error):
        def fail(given, out):
            raise error

        return fail

    plates = plates_of(base_model)
    with denoiser(never(OUT_OF_MEMORY["cuda"])), pytest.raises(ModelError, match="One picture of 64 x 64 px alone does not fit"):
        plates.draw(PROMPTS, SEEDS)
    with denoiser(never(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))), pytest.raises(RuntimeError, match="mat1"):
        plates.draw(PROMPTS, SEEDS)


def test_a_damaged_note_of_sizes_is_found_out_anew(base_model, tmp_path):
    for text in ("{", "[]", '{"x": "y"}', '{"x": 2}', '{"x": {"images": 2, "on": "soon", "where": ""}}'):
        (tmp_path / "sizes.json").write_text(text)
        assert plates_of(base_model, batch_images=None, sizes_file=tmp_path / "sizes.json").batch_size.images == BATCH_IMAGES["cpu"]


def failing_at(prompt, times, value):
    """A denoiser that answers with one value for a prompt's rows in the first `times` batches, of three steps each, that it is in."""
    (embedding,), steps = KEPT[0].condition(prompt)["prompt"], []

    def fail(given, out):
        rows = (given[2] == embedding).flatten(1).all(1)
        if rows.any():
            steps.append(rows)
        return torch.where(rows[:, None, None, None], torch.full_like(out, value), out) if len(steps) <= 3 * times else out

    return fail


def test_a_plate_that_is_no_picture_is_drawn_with_its_next_seed_and_the_others_stay(base_model):
    plates = plates_of(base_model, guidance=1.0)
    undisturbed = plates.draw(PROMPTS, SEEDS)
    with denoiser(failing_at("wall c", 1, float("nan"))):
        drawn = plates.draw_plates(PROMPTS, SEEDS)
    again = drawn[2]
    assert again.seed == retry_seed(72, 1) != 72 and again.pixels_HW3 is not None
    assert again.tries == ({"seed": 72, "why": "not finite (NaN or infinity)"},)
    assert np.array_equal(again.pixels_HW3, plates.draw(["wall c"], [retry_seed(72, 1)])[0])
    for n in (0, 1, 3, 4, 5, 6):
        assert np.array_equal(drawn[n].pixels_HW3, undisturbed[n]) and drawn[n].tries == ()


def test_a_plate_that_no_seed_draws_is_reported_and_the_others_are_drawn(base_model):
    plates = plates_of(base_model, guidance=1.0)
    with denoiser(failing_at("wall c", 99, float("nan"))):
        drawn = plates.draw_plates(PROMPTS, SEEDS)
    assert [plate.pixels_HW3 is None for plate in drawn] == [n == 2 for n in range(7)]
    assert [tried["seed"] for tried in drawn[2].tries] == [retry_seed(72, attempt) for attempt in range(MAX_RETRIES + 1)]
    assert "no picture with any of 3 seeds" in drawn[2].why and "'wall c'" in drawn[2].why


def test_one_color_is_no_picture_and_a_wall_in_soft_light_is_one():
    black, wall = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 240, np.uint8)
    assert "one color" in fault_of(black, finite=True)
    assert "one color" in fault_of(wall + np.random.default_rng(0).integers(0, 2, wall.shape, np.uint8), finite=True), "noise of a level"
    wall[:] = np.linspace(232, 248, 64)[:, None, None]
    assert fault_of(wall, finite=True) == ""
    assert "finite" in fault_of(wall, finite=False)


def test_two_weights_that_changed_places_are_noticed(base_model, lora):
    plates = plates_of(base_model, lora)
    weight = KEPT[0].pipeline.unet.conv_in.weight
    with torch.no_grad():
        weight.copy_(weight.flip(0))
    with pytest.raises(ModelError, match="this batch would have had another look"):
        plates.draw(PROMPTS[:1], SEEDS[:1])
    KEPT.clear()


def test_prompts_stay_in_memory_up_to_a_bound_the_longest_unasked_going_first(base_model, monkeypatch):
    plates_of(base_model)
    kept = KEPT[0]
    each = kept.condition("a")["prompt"].nbytes
    monkeypatch.setattr(kept, "prompts", KeptTensors(max_bytes=2 * each))
    for prompt in ("a", "b", "a", "c"):
        kept.condition(prompt)
    assert kept.prompts.names == ["a", "c"] and kept.prompts.bytes == 2 * each and kept.prompts.computed == 3


def test_in_bfloat16_the_lora_stays_beside_the_weights_and_is_proved_there(base_model, lora):
    pipeline = load_pipeline(base_model).to(torch.bfloat16)
    worn = worn_by(pipeline)
    look = [Adapter(path=lora[0], digest=lora[1])]
    worn.wear(look)
    weights = [module for module in pipeline.unet.modules() if isinstance(module, BaseTunerLayer)]
    assert isinstance(worn, LoraBeside) and weights
    pipeline.unet.disable_adapters()
    with pytest.raises(ModelError, match="Nothing was drawn"):
        worn.wear(look)
