"""Encodings on disk: one per picture and prompt, whole or computed again, shared by processes, and bounded."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from generation.base_model import load_pipeline, read_base_model, torch_threads
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files, mask_file
from training.encoding_cache import EncodingCache
from training.latents import encode_training_set
from training.training_set import build_training_set


class Counting:
    """Something to compute, and how often it was."""

    def __init__(self, value=1.0):
        self.value, self.calls = float(value), 0

    def __call__(self):
        self.calls += 1
        return {"latents": torch.full((1000,), self.value)}


def test_a_key_is_computed_once(tmp_path):
    compute, cache = Counting(), EncodingCache(tmp_path)
    first, again = cache.tensors("a", compute), EncodingCache(tmp_path).tensors("a", compute)
    assert compute.calls == 1 and torch.equal(first["latents"], again["latents"])


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda data: b"", lambda data: data[:40]])
def test_a_damaged_file_is_computed_again_and_mended(tmp_path, damage):
    cache = EncodingCache(tmp_path)
    cache.tensors("a", Counting())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    compute = Counting()
    assert float(cache.tensors("a", compute)["latents"][0]) == 1 and compute.calls == 1
    cache.tensors("a", compute)
    assert compute.calls == 1


def test_the_least_recently_used_go_first(tmp_path):
    cache = EncodingCache(tmp_path, max_bytes=3 * 4200)
    for age, key in enumerate("dcba"):
        cache.tensors(key, Counting())
        os.utime(tmp_path / f"{key}.encoding", (age, age))
    cache.tensors("d", Counting())  # the oldest, but used again
    cache.trim()
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["a", "b", "d"]


def test_what_a_killed_process_left_half_written_goes_after_an_hour(tmp_path):
    old, new = (tmp_path / f"a.encoding.{name}.partial" for name in ("1-x", "2-y"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    EncodingCache(tmp_path).trim()
    assert not old.exists() and new.exists()


def test_many_at_once_read_only_whole_files(tmp_path):
    def use(number):
        cache = EncodingCache(tmp_path)
        got = [float(cache.tensors(key, Counting(ord(key)))["latents"].mean()) for key in "abc" * 5]
        cache.trim()
        return got == [float(ord(key)) for key in "abc" * 5]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(16)))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


def test_one_more_look_picture_encodes_one_picture(base_model, tmp_path):
    pipeline, cache = load_pipeline(base_model), EncodingCache(tmp_path)

    def encode(count, **options):
        made = encode_training_set(
            pipeline, build_training_set(*look_files(count), TRIGGER, size_px=TINY_SIZE_PX, **options), base_model, cache
        )
        return made, {path.name for path in tmp_path.iterdir()}

    _, files = encode(8)
    assert len(files) == 2 + 6 * 2 + 2 + 2, "two held out, six with mirrored copies; two captions, the trigger, and no words"
    _, more = encode(9)
    assert files < more and len(more - files) <= 2 + 2, "the new picture, its mirrored copy, and those of one that is not held out any more"
    again, same = encode(8, masks={"03.mask.png": mask_file(64, 64, (0, 0, 24, 64))})
    assert same == more, "a mask changes no encoding"
    alone = encode_training_set(pipeline, build_training_set(*look_files(8), TRIGGER, size_px=TINY_SIZE_PX), base_model)
    for kept, computed in zip(again.train + again.held_out, alone.train + alone.held_out, strict=True):
        assert torch.equal(kept.latents_Chw, computed.latents_Chw)


def test_an_encoding_of_other_threads_is_another_encoding(base_model, tmp_path):
    pipeline, cache, looks = (
        load_pipeline(base_model),
        EncodingCache(tmp_path),
        build_training_set(*look_files(8), TRIGGER, size_px=TINY_SIZE_PX),
    )
    kept = []
    for threads in (1, 2, 1):
        with torch_threads(threads):
            encode_training_set(pipeline, looks, base_model, cache)
        kept.append(len(list(tmp_path.iterdir())))
    assert kept[1] == 2 * kept[0] == kept[2], "sums, and so the LoRA's bytes, may depend on the threads"


def test_a_mask_weighs_latent_cells_by_how_much_of_them_is_white(base_model):
    pictures, captions = look_files(8)
    masks = {f"{number:02d}.mask.png": mask_file(64, 64, (0, 0, 20, 64)) for number in range(8)}
    data = build_training_set(pictures, captions, TRIGGER, size_px=TINY_SIZE_PX, masks=masks)
    encoded = encode_training_set(load_pipeline(base_model), data, base_model, mask_floor=0.2)
    for row in encoded.held_out[0].weight_hw:
        assert row.tolist() == pytest.approx([0.2, 0.2, 0.2 + 0.8 * 0.5, 1, 1, 1, 1, 1])
