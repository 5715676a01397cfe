"""What a model's folder may not hold, and that a digest is remembered only of a file that stayed as it was."""

import json
import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model_entry import License, ModelEntry
from generation import file_digests
from generation.file_digests import digest_of_file, forget, keep_digests_in
from generation.model_folder import digest_of_folder
from generation.model_parts import read_files
from generation.model_safety import code_in, cut_short, pickles_in

WEIGHTS = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}


@pytest.fixture
def folder(tmp_path):
    """A folder in diffusers layout with one part."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]})
    )
    (tmp_path / "unet" / "config.json").write_text("{}")
    header = json.dumps(WEIGHTS).encode()
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    return tmp_path


def test_a_folder_of_configurations_and_safetensors_is_safe(folder):
    assert (code_in(folder), cut_short(folder), pickles_in(folder)) == ("", "", [])


@pytest.mark.parametrize("name", ["pipeline.py", "unet/modeling_mine.py", "unet/kernel.so"])
def test_code_in_a_folder_is_refused_by_its_name(folder, name):
    (folder / name).write_text("print('run me')")
    assert code_in(folder).startswith(name)


def test_code_is_known_by_its_name_in_any_case_and_a_swollen_configuration_is_not_passed_over(folder):
    config = folder / "unet" / "config.json"
    text = config.read_text()
    config.write_text(text.rstrip()[:-1] + ', "auto_map": {"x": "y"}' + " " * 1_000_001 + "}")
    assert "unet/config.json has 1,0" in code_in(folder)
    config.write_text(text)
    (folder / "unet" / "evil.PY").write_text("")
    assert "unet/evil.PY is code" in code_in(folder)
    (folder / "unet" / "evil.PY").unlink()
    assert code_in(folder) == ""


def test_the_hub_librarys_own_hidden_files_are_none_of_the_models(folder):
    (folder / ".cache").mkdir()
    (folder / ".cache" / "notes.py").write_text("")
    assert code_in(folder) == ""


VISIBLE, HIDDEN = ("config.json", "more.json", "unet"), (".DS_Store", ".ipynb_checkpoints", ".git")


@settings(max_examples=40, deadline=None)
@given(path=st.lists(st.sampled_from(VISIBLE + HIDDEN), min_size=1, max_size=3))
def test_what_verifying_looks_at_is_what_the_digest_holds(tmp_path_factory, path):
    """An editor's or a notebook's hidden folder, at any depth, is for neither; any other file is for both."""
    folder = tmp_path_factory.mktemp("model")
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet").mkdir()
    (folder / "unet" / "weights.safetensors").write_bytes(b"w")
    before = digest_of_folder(folder, ["unet"])
    added = folder.joinpath("unet", "in", *path)
    added.parent.mkdir(parents=True)
    added.write_text("{}")
    entry = ModelEntry(title="M", family="unsupported", folder=".", license=License(name="MIT", commercial_ok=True))
    read = read_files(entry, folder)
    assert (added in read.values()) == (not set(HIDDEN) & set(path))
    assert (digest_of_folder(folder, ["unet"]) == before) == (added not in read.values())
    pinned = entry.model_copy(update={"files": {name: digest_of_file(file) for name, file in read.items()}})
    assert pinned.digest() == digest_of_folder(folder, ["unet"])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("unet/config.json", {"auto_map": {"AutoModel": "mine.Model"}}),
        ("unet/config.json", {"trust_remote_code": True}),
        ("model_index.json", {"_class_name": ["my_pipeline", "MyPipeline"]}),
        ("model_index.json", {"_class_name": "StableDiffusionPipeline", "unet": ["my_unet", "MyUNet"]}),
    ],
)
def test_a_configuration_that_asks_for_code_of_its_own_is_refused(folder, file, content):
    (folder / file).write_text(json.dumps(content))
    assert code_in(folder).startswith(file)


def test_the_checker_that_stable_diffusion_brings_is_no_code_of_its_own(folder):
    index = {
        "_class_name": "StableDiffusionPipeline",
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "vae": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    assert code_in(folder) == ""


def test_weights_that_end_too_early_or_too_late_are_noticed_without_reading_them(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1:,} bytes, its header says {len(whole):,}" in cut_short(folder)
    weights.write_bytes(whole + b"x")
    assert "diffusion_pytorch_model.safetensors" in cut_short(folder)
    weights.write_bytes(b"<html>not found</html>")
    assert "no readable header" in cut_short(folder)
    weights.write_bytes(b"")
    assert "no readable header" in cut_short(folder)


def test_pickled_weights_are_named(folder):
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")
    assert pickles_in(folder) == ["unet/diffusion_pytorch_model.bin"]


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that is large enough to be remembered, and old enough."""
    monkeypatch.setattr(file_digests, "_known", {})
    monkeypatch.setattr(file_digests, "_kept_in", [])
    path = tmp_path / "weights.safetensors"
    path.write_bytes(bytes(file_digests.REMEMBERED_FROM_BYTES))
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def read_counted(monkeypatch):
    reads = []
    real = file_digests.hashlib.file_digest
    monkeypatch.setattr(file_digests.hashlib, "file_digest", lambda *args: reads.append(1) or real(*args))
    return reads


def test_a_large_file_is_read_once_while_it_stays_as_it_was(large, monkeypatch):
    reads = read_counted(monkeypatch)
    first = digest_of_file(large)
    assert digest_of_file(large) == first and len(reads) == 1
    large.write_bytes(bytes(file_digests.REMEMBERED_FROM_BYTES - 1) + b"x")
    assert digest_of_file(large) != first and len(reads) == 2


def test_a_file_that_was_written_into_is_read_again_even_if_its_time_was_set_back(large):
    first, status = digest_of_file(large), large.stat()
    with large.open("r+b") as stream:
        stream.write(b"x")
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert large.stat().st_mtime_ns == status.st_mtime_ns and digest_of_file(large) != first


def test_another_process_takes_up_what_was_kept(large, tmp_path, monkeypatch):
    keep_digests_in(tmp_path / "state" / "digests.json")
    first = digest_of_file(large)
    monkeypatch.setattr(file_digests, "_known", {})
    monkeypatch.setattr(file_digests, "_kept_in", [])
    keep_digests_in(tmp_path / "state" / "digests.json")
    reads = read_counted(monkeypatch)
    assert digest_of_file(large) == first and reads == []
    forget(tmp_path)
    assert digest_of_file(large) == first and len(reads) == 1


def test_a_file_that_was_just_written_and_one_that_is_small_are_read_each_time(large, tmp_path, monkeypatch):
    """A second writing within the clock's tick would not be seen."""
    reads = read_counted(monkeypatch)
    os.utime(large)
    small = tmp_path / "small"
    small.write_bytes(b"x")
    os.utime(small, (1, 1))
    for path in (large, large, small, small):
        digest_of_file(path)
    assert len(reads) == 4


def test_a_damaged_file_of_digests_costs_one_reading_and_nothing_else(large, tmp_path):
    kept = tmp_path / "digests.json"
    kept.write_text("{half")
    keep_digests_in(kept)
    first = digest_of_file(large)
    assert json.loads(kept.read_text())[str(large)][-1] == first
