"""What a LoRA file says of itself: the keys that user interfaces read, for each family, and a hash that finds a damaged file."""

import json

import pytest
import torch
from safetensors import safe_open

from catalog.errors import ModelError
from training.lora_file import CONTENT_HASH, lora_bytes, read_lora_bytes
from training.lora_metadata import BaseOrigin, LoraFacts, exported_metadata, lora_metadata

FACTS = LoraFacts(
    family="sd", latent_channels=4, trigger="walls of clay", size_px=512, rank=8, alpha=8.0, targets=("to_q", "to_k"),
    prompts=("walls of clay, oak table", "walls of clay, oak table, box on the left"), best_step=180, steps=240, batch_size=4,
    learning_rate=6e-3, seed=3, precision="bfloat16", training_digest="a" * 64, data_digest="b" * 64, base_digest="c" * 64,
    prediction_type="v_prediction", caption_dropout=0.25, settings={"steps": 240, "ema_decay": None}, versions={"torch": "2"},
)  # fmt: skip


def changed(**values):
    from dataclasses import replace

    return lora_metadata(replace(FACTS, **values))


def test_the_model_spec_says_what_the_file_is_and_how_to_use_it():
    told = lora_metadata(FACTS)
    expected = {
        "sai_model_spec": "1.0.1", "architecture": "stable-diffusion-v1/lora", "implementation": "diffusers", "resolution": "512x512",
        "trigger_phrase": "walls of clay", "prediction_type": "v", "usage_hint": "Begin the prompt with: walls of clay",
    }  # fmt: skip
    assert {name: told[f"modelspec.{name}"] for name in expected} == expected
    assert "walls of clay" in told["modelspec.title"] and "2 pictures" in told["modelspec.description"]


def test_what_is_not_known_is_left_out_rather_than_empty():
    told = lora_metadata(FACTS)
    assert "modelspec.author" not in told and "modelspec.license" not in told and "modelspec.date" not in told
    assert all(told.values())
    assert changed(author="Shop", license="CC-BY-4.0").items() >= {"modelspec.author": "Shop", "modelspec.license": "CC-BY-4.0"}.items()
    assert "modelspec.prediction_type" not in changed(family="z-image", prediction_type="")


@pytest.mark.parametrize(("setting", "named"), [("adamw", "AdamW"), ("adamw8bit", "AdamW8bit"), ("prodigy", "Prodigy")])
def test_the_optimizer_is_the_one_it_was_trained_with(setting, named):
    assert changed(settings={"optimizer": setting})["ss_optimizer"].rsplit(".", 1)[-1] == named


@pytest.mark.parametrize(
    ("family", "channels", "architecture", "base"),
    [
        ("sd", 4, "stable-diffusion-v1", "sd_v1"),
        ("sd", 8, "vitrine-embedded", "vitrine_embedded"),
        ("sdxl", 4, "stable-diffusion-xl-v1-base", "sdxl_base_v1-0"),
        ("flux2-klein", 32, "Flux.2-klein-4b", "flux2_klein_4b"),
        ("z-image", 16, "Z-Image", "z_image"),
        ("qwen-image-edit", 16, "Qwen-Image-Edit", "qwen_image"),
        ("a-new-one", 16, "a-new-one", "a_new_one"),
    ],
)
def test_each_family_is_called_what_other_programs_call_it(family, channels, architecture, base):
    told = changed(family=family, latent_channels=channels)
    assert (told["modelspec.architecture"], told["ss_base_model_version"]) == (f"{architecture}/lora", base)


def test_a_registered_name_goes_before_the_familys():
    told = changed(family="flux2-klein", latent_channels=32, base=BaseOrigin(name="ours", architecture="Flux.2-klein-9b"))
    assert told["modelspec.architecture"] == "Flux.2-klein-9b/lora" and told["ss_network_module"] == "networks.lora_flux_2"
    assert "ss_base_model_version" not in told and told["ss_v2"] == "False"
    second = changed(base=BaseOrigin(name="sd-2", architecture="stable-diffusion-v2-768-v", base_version="sd_v2"))
    assert (second["modelspec.architecture"], second["ss_v2"]) == ("stable-diffusion-v2-768-v/lora", "True")


def test_user_interfaces_find_rank_rate_steps_and_tags():
    told = lora_metadata(FACTS)
    assert (told["ss_network_dim"], told["ss_network_alpha"], told["ss_network_module"]) == ("8", "8.0", "networks.lora")
    assert (told["ss_steps"], told["ss_max_train_steps"], told["ss_seed"], told["ss_learning_rate"]) == ("180", "240", "3", "0.006")
    assert (told["ss_num_train_images"], told["ss_mixed_precision"], told["ss_sd_model_hash"]) == ("2", "bf16", "c" * 8)
    assert told["ss_caption_dropout_rate"] == "0.25" and json.loads(told["vitrine.settings"]) == {"steps": 240, "ema_decay": None}
    assert json.loads(told["ss_tag_frequency"]) == {"walls-of-clay": {"oak table": 2, "walls of clay": 2, "box on the left": 1}}
    assert json.loads(told["ss_dataset_dirs"]) == {"walls-of-clay": {"n_repeats": 1, "img_count": 2}}


def test_digests_of_data_base_and_license_are_in_it():
    told = changed(base=BaseOrigin(name="sdxl-base", license_digest="d" * 64, license="Apache-2.0"))
    assert told["ss_sd_model_name"] == "sdxl-base" and "on base model sdxl-base" in told["modelspec.description"]
    assert [told[f"vitrine.{name}"] for name in ("training", "training_set", "base_model", "base_license_sha256", "base_license")] == [
        "a" * 64, "b" * 64, "c" * 64, "d" * 64, "Apache-2.0",
    ]  # fmt: skip


def test_an_export_names_the_code_its_keys_are_of_and_the_file_it_was_made_of():
    told = exported_metadata(changed(family="sdxl"), "sdxl", 4, "kohya", "e" * 64)
    assert told["modelspec.implementation"] == "https://github.com/Stability-AI/generative-models"
    assert (told["vitrine.exported_from"], told["vitrine.key_format"]) == ("e" * 64, "kohya")


def test_the_hash_is_of_all_bytes_after_the_header_and_finds_a_damaged_file(tmp_path):
    import hashlib

    tensors = {"unet.a.lora_A.weight": torch.arange(4.0), "unet.a.lora_B.weight": torch.ones(2)}
    data = lora_bytes(tensors, lora_metadata(FACTS))
    assert data == lora_bytes(tensors, lora_metadata(FACTS))
    (tmp_path / "a.safetensors").write_bytes(data)
    with safe_open(tmp_path / "a.safetensors", "pt") as stream:
        told = stream.metadata()[CONTENT_HASH]
    length = int.from_bytes(data[:8], "little")
    assert told == f"0x{hashlib.sha256(data[8 + length :]).hexdigest()}"
    assert read_lora_bytes(data, "a file")[1][CONTENT_HASH] == told
    with pytest.raises(ModelError, match=r"a file says that its tensors have sha256 .* damaged or was altered"):
        read_lora_bytes(data[:-1] + bytes([data[-1] ^ 1]), "a file")


def test_what_is_no_safetensors_file_is_refused():
    with pytest.raises(ModelError, match=r"is not a safetensors file.*can run code"):
        read_lora_bytes(b"PK\x03\x04 a pickle", "a file")
