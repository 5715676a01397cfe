"""Base models of true sizes with random weights, and random LoRAs for them: speed does not depend on the values of weights.

Built from true_sizes.yaml with the real classes of diffusers and transformers, written in their folder layout, so that both sides of a benchmark
load them as they load any model. What they draw is colored noise.
"""

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TRUE_SIZES = Path(__file__).with_name("true_sizes.yaml")
TOKENS = 77
VOCABULARY = 49408
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
"""The layers that the stock script for SDXL trains."""
LORA_SPREAD = 0.01
"""Standard deviation of a random LoRA's weights: small beside the model's own."""


def write_random_model(folder: Path, size: str, *, device: str = "cpu", seed: int = 0) -> Path:
    """Write a model of one of true_sizes.yaml's sizes to `folder`, in bfloat16 if `device` is CUDA, else in float32."""
    import diffusers
    import torch
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    told = read_sizes(size)
    scheduler = dict(told["scheduler"])
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        unet = diffusers.UNet2DConditionModel(**told["unet"])
        vae = diffusers.AutoencoderKL(**told["vae"])
        encoders = {"text_encoder": CLIPTextModel(_text(told["text_encoder"]))}
        if "text_encoder_2" in told:
            encoders["text_encoder_2"] = CLIPTextModelWithProjection(_text(told["text_encoder_2"]))
    tokenizers = {name.replace("text_encoder", "tokenizer"): letters_tokenizer(folder / "words") for name in encoders}
    pipeline = getattr(diffusers, told["pipeline"])(
        unet=unet, vae=vae, scheduler=getattr(diffusers, scheduler.pop("class"))(**scheduler), **encoders, **tokenizers
    )
    if device != "cpu":
        pipeline.to(torch.bfloat16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def write_random_lora(model: Path, path: Path, *, rank: int, seed: int = 1) -> Path:
    """Write a LoRA of the attention layers of a model's UNet to `path`, in diffusers' keys."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    generator, tensors = torch.Generator().manual_seed(seed), {}
    for part in sorted((model / "unet").glob("*.safetensors")):
        with safe_open(part, "pt") as weights:
            for key in sorted(weights.keys()):
                layer = key.removesuffix(".weight")
                if key == layer or not layer.endswith(TARGETS):
                    continue
                outputs, inputs = weights.get_slice(key).get_shape()
                tensors[f"unet.{layer}.lora_A.weight"] = LORA_SPREAD * torch.randn(rank, inputs, generator=generator)
                tensors[f"unet.{layer}.lora_B.weight"] = LORA_SPREAD * torch.randn(outputs, rank, generator=generator)
    assert tensors, f"no attention layer under {model}"
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def denoiser_flops(unet: Mapping[str, Any], cells: int, tokens: int = TOKENS) -> float:
    """Floating-point operations of a UNet's answer to one sample of `cells` x `cells` latent cells, counted by torch on tensors without memory."""
    import diffusers
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad():
        model = diffusers.UNet2DConditionModel.from_config(dict(unet))
        told: dict[str, Any] = {}
        if unet.get("addition_embed_type") == "text_time":
            pooled = unet["projection_class_embeddings_input_dim"] - 6 * unet["addition_time_embed_dim"]
            told = {"added_cond_kwargs": {"text_embeds": torch.empty(1, pooled), "time_ids": torch.empty(1, 6)}}
        latents, words = torch.empty(1, unet["in_channels"], cells, cells), torch.empty(1, tokens, unet["cross_attention_dim"])
        with FlopCounterMode(display=False) as counter:
            model(latents, torch.empty(1), words, **told)
    return float(counter.get_total_flops())


def read_sizes(size: str) -> dict[str, Any]:
    import yaml

    told: dict[str, Any] = yaml.safe_load(TRUE_SIZES.read_text(encoding="utf-8"))[size]
    return told


def letters_tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer that spells, one token per letter, padding to 77 as the real one does: no vocabulary is shipped."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = string.ascii_lowercase + string.digits + ",.-"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=TOKENS, pad_token="<|endoftext|>"
    )


def _text(told: dict[str, Any]) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=VOCABULARY, max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=1, pad_token_id=1, **told
    )  # fmt: skip
