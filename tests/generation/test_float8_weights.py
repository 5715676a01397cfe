"""Denoisers stored in float8: smaller, nearly the same pictures, and LoRAs that are as exact as ever beside them, in every family."""

import hashlib

import numpy as np
import pytest
import torch

from catalog.errors import ModelError
from generation import resident
from generation.adapter import denoiser_of
from generation.base_model import load_pipeline
from generation.circumstances import differing
from generation.execution import Execution
from generation.float8_weights import is_stored_in_float8, store_in_float8
from generation.plates import DiffusionPlates
from generation.worn_lora import LoraBeside
from tests.generation.family_contract import draw_ours
from tests.generation.tiny_families import FAMILIES

MEAN_LEVELS = 6
"""By which float8 may move a tiny model's picture; measured are 0.3 to 2.7."""


def plates(base_model, lora=None, digest=None, **how):
    return DiffusionPlates(base_model, lora, digest, steps=2, batch_images=1, execution=Execution(**how))


def bytes_of_denoiser(pipeline):
    return sum(weight.nbytes for name, weight in denoiser_of(pipeline)[1].named_parameters() if "lora" not in name)


def write_lora(base_model, path, strength):
    """A random LoRA of a family's attention: (file, digest)."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    part, denoiser = denoiser_of(load_pipeline(base_model))
    denoiser.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v", "to_qkv_mlp_proj"]))
    generator = torch.Generator().manual_seed(1)
    tensors = {name: torch.randn(one.shape, generator=generator) * strength for name, one in get_peft_model_state_dict(denoiser).items()}
    save_file({f"{part}.{name}": tensor for name, tensor in tensors.items()}, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_smaller_denoiser_draws_nearly_the_same_and_wears_exact_loras(name, models, tmp_path):
    base_model = models(name)
    look = write_lora(base_model, tmp_path / "look.safetensors", 0.6)
    loaded = [np.stack(plates(base_model, *which).draw(["oak"], [1])) for which in ((None, None), look)]
    full = bytes_of_denoiser(resident.KEPT[0].pipeline)
    small = [np.stack(plates(base_model, *which, weights="float8").draw(["oak"], [1])) for which in ((None, None), look, (None, None))]
    kept = resident.KEPT[0]
    assert bytes_of_denoiser(kept.pipeline) < 0.9 * full and isinstance(kept.lora, LoraBeside)
    assert np.array_equal(small[0], small[2]), "taken off bit for bit"
    for exact, rounded in zip(loaded, small[:2], strict=True):
        assert 0 < np.abs(exact.astype(int) - rounded).mean() < MEAN_LEVELS
    assert np.abs(small[0].astype(int) - small[1]).mean() > 1, "the look is at work"


@pytest.mark.parametrize("name", FAMILIES)
def test_it_computes_in_bfloat16_as_on_a_gpu(name, models):
    base_model = models(name)
    pipeline = base_model.behavior.load(base_model.folder, torch.bfloat16)
    pipeline.set_progress_bar_config(disable=True)
    loaded = draw_ours(base_model, pipeline)
    store_in_float8(denoiser_of(pipeline)[1])
    assert denoiser_of(pipeline)[1].dtype == torch.bfloat16
    assert 0 < np.abs(loaded - draw_ours(base_model, pipeline)).mean() < MEAN_LEVELS / 255


def test_a_faint_look_is_not_rounded_away(models, tmp_path):
    """Beside the weights; added into weights of four significant bits it would be lost."""
    base_model = models("sd")
    look = write_lora(base_model, tmp_path / "faint.safetensors", 0.02)
    plates(base_model, *look, weights="float8").load()
    pipeline = resident.KEPT[0].pipeline
    worn = {name: one for name, one in pipeline.unet.named_parameters() if "lora" in name}
    assert worn and all(one.dtype == torch.float32 for one in worn.values())
    with_look = draw_ours(base_model, pipeline)
    resident.KEPT[0].lora.wear(())
    assert np.abs(draw_ours(base_model, pipeline) - with_look).max() > 0


def test_parts_in_turn_stay_in_float8(models):
    drawn = [plates(models("sd"), weights="float8", memory=memory).draw(["oak"], [1]) for memory in ("resident", "staged")]
    assert is_stored_in_float8(resident.KEPT[0].pipeline.unet)
    assert np.array_equal(*drawn)


def test_it_is_recorded_and_keys_know_it(models):
    (plate,) = plates(models("sd"), weights="float8").draw_plates(["oak"], [1])
    (other,) = plates(models("sd")).draw_plates(["oak"], [1])
    assert differing(plate.circumstances, other.circumstances) == ["storage of the weights: float8 then, None now"]
    assert Execution(weights="float8").in_keys and not Execution(memory="staged").in_keys


def test_what_diffusers_cannot_cast_is_refused(models):
    with pytest.raises(ModelError, match=r"`weights: float8` does not work with Linear"):
        store_in_float8(torch.nn.Linear(2, 2))
    pipeline = load_pipeline(models("sd"))
    pipeline.unet._skip_layerwise_casting_patterns = ["."]
    with pytest.raises(ModelError, match=r"casts no layer of UNet2DConditionModel"):
        store_in_float8(pipeline.unet)
