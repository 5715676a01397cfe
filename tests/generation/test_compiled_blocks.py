"""Compiled blocks: compiled once per shape, not again for another look, refused where that cannot be.

When something is compiled is dynamo's to say, so that all but one test leave out the C++ compiler behind it.
"""

import gc
import shutil
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from catalog.errors import ModelError
from generation import compiled_blocks, resident
from generation.circumstances import differing
from generation.compiled_blocks import check_compile
from generation.execution import Execution
from generation.plates import DiffusionPlates
from generation.worn_lora import LoraInWeights, worn_by
from resources.settings import GenerationSettings
from tests.generation.test_float8_weights import write_lora
from tests.tiny_z_image import write_tiny_z_image

COMPILED = ["sd", "sdxl", "flux2-klein"]


@pytest.fixture(autouse=True)
def _nothing_compiled():
    resident.release()
    torch.compiler.reset()
    yield
    resident.release()


@pytest.fixture
def traced(monkeypatch):
    """Blocks are traced as they are for compiling, and run as they are."""
    monkeypatch.setattr(compiled_blocks, "BACKEND", "eager")


def plates(base_model, lora=None, digest=None, images=1, **how):
    return DiffusionPlates(base_model, lora, digest, steps=2, guidance=2.0, batch_images=images, execution=Execution(**how))


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.parametrize("name", COMPILED)
def test_another_look_compiles_nothing_again(name, models, traced, tmp_path):
    base_model = models(name)
    looks = [write_lora(base_model, tmp_path / f"{strength}.safetensors", strength) for strength in (0.6, 0.4)]
    worn = [(None, None), *looks, (None, None)]
    expected = [np.stack(plates(base_model, *which).draw(["oak"], [1])) for which in worn]
    drawn = [np.stack(plates(base_model, compile=True).draw(["oak"], [1]))]
    compiled = graphs()
    assert compiled > 0
    with torch.compiler.set_stance("fail_on_recompile"):
        drawn += [np.stack(plates(base_model, *which, compile=True).draw(["oak"], [1])) for which in worn[1:]]
    assert graphs() == compiled
    assert np.array_equal(np.stack(expected), np.stack(drawn)) and not np.array_equal(drawn[1], drawn[2])


def test_looks_are_in_the_weights_of_a_compiled_denoiser_in_any_precision(models):
    base_model = models("sd")
    pipeline = base_model.behavior.load(base_model.folder, torch.bfloat16)
    assert isinstance(worn_by(pipeline, compiled=True), LoraInWeights) and not isinstance(worn_by(pipeline), LoraInWeights)


def test_each_shape_is_compiled_for_itself(models, traced):
    """Else the third would be drawn with kernels that exist because of the second, and its last bits would depend on it."""
    found = []
    for images in (1, 2, 3):
        before = graphs()
        plates(models("sd"), images=images, compile=True).draw(["oak"], [1])
        found.append(graphs() - before)
    assert found[0] > 0 and found == [found[0]] * 3


def test_what_was_compiled_goes_with_its_model(models, traced):
    plates(models("sd"), compile=True).draw(["oak"], [1])
    with pytest.raises(ModelError, match="exclude one another"):
        plates(models("sd"), compile=True, weights="float8").load()
    assert not resident.KEPT, "what is refused is not kept, and nothing else is"
    plates(models("sd"), compile=True).draw(["oak"], [1])
    gone = weakref.ref(resident.KEPT[0].pipeline.unet)
    plates(models("sd")).load()
    gc.collect()
    assert gone() is None and not resident.KEPT[0].execution.compile


@pytest.mark.parametrize(
    ("name", "how", "why"),
    [
        ("z-image", {}, r"every length of a prompt is one for family 'z-image'"),
        ("qwen-image-edit", {}, r"every length of a prompt is one for family 'qwen-image-edit'"),
        ("sd", {"weights": "float8"}, r"exclude one another"),
        ("sd", {"memory": "staged"}, r"read there, for seconds"),
    ],
)
def test_what_cannot_be_compiled_is_refused_in_words(name, how, why, models):
    base_model = replace(models("sd"), family=name)
    with pytest.raises(ModelError, match=why):
        check_compile(base_model, Execution(compile=True, **how), staged="memory" in how)


def test_a_check_of_the_project_says_so_before_anything_is_drawn(tmp_path, models):
    from orchestration.checking_models import _compiling

    settings = SimpleNamespace(generation=GenerationSettings(compile=True))
    _compiling(SimpleNamespace(settings=settings, base_model_dir=models("sd").folder))
    with pytest.raises(ModelError, match="every length of a prompt"):
        _compiling(SimpleNamespace(settings=settings, base_model_dir=write_tiny_z_image(tmp_path / "z")))


def test_a_machine_without_a_compiler_is_told_to_install_one(models, monkeypatch):
    from torch._inductor import cpp_builder, exc

    def missing():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", missing)
    with pytest.raises(ModelError, match=r"Install g\+\+"):
        plates(models("sd"), compile=True).load()


def test_it_is_recorded_and_keys_know_it(models, traced):
    (plate,) = plates(models("sd"), compile=True).draw_plates(["oak"], [1])
    (other,) = plates(models("sd")).draw_plates(["oak"], [1])
    assert differing(plate.circumstances, other.circumstances) == ["compiled blocks: True then, None now"]
    assert Execution(compile=True).in_keys == {"compile": True} and not Execution().in_keys


def test_settings_that_exclude_one_another_are_refused():
    assert GenerationSettings(compile=True).execution == Execution(compile=True)
    for other, told in (
        ({"weights": "float8"}, "leave out `compile` or `weights`"),
        ({"memory": "staged", "device": "cuda"}, "stay on the GPU"),
    ):
        with pytest.raises(ValidationError, match=told):
            GenerationSettings(compile=True, **other)


@pytest.mark.slow  # a C++ compiler runs for half a minute
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++ here to compile with")
def test_compiled_pictures_differ_by_a_level_at_most(models, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    loaded, compiled = (np.stack(plates(models("sd"), compile=how).draw(["oak"], [1])).astype(int) for how in (False, True))
    assert np.abs(loaded - compiled).max() <= 1
    assert list(tmp_path.rglob("*.so")), "compiled by C++, not only traced"
