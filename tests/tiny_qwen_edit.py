"""A tiny Qwen-Image-Edit of the real classes, Plus (Edit-2511) or the first one, built in code in about two seconds.

It reads references through its vision encoder, trains and fails like the real one. Random weights at 64 px: what it draws is colored noise.
"""

import json
from pathlib import Path

from tests.tiny_contrast import blocky_pictures, sharpen_attention, spread_colors
from tests.tiny_qwen import tiny_qwen_tokenizer

TINY_QWEN_PX = 64
HIDDEN = 16


def write_tiny_qwen_edit(folder: Path, *, seed: int = 20, plus: bool = True) -> Path:
    """Write a tiny Qwen-Image-Edit in stock diffusers layout to `folder` and return it; same seed, same bytes."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, QwenImageEditPipeline, QwenImageEditPlusPipeline, QwenImageTransformer2DModel

    tokenizer = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = _text_encoder(tokenizer)
        transformer = QwenImageTransformer2DModel(
            in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=HIDDEN,
            axes_dims_rope=(4, 6, 6), zero_cond_t=plus,
        ).eval()  # fmt: skip
        vae = _autoencoder()
        sharpen_attention(transformer)
    scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
    )
    made = QwenImageEditPlusPipeline if plus else QwenImageEditPipeline
    made(scheduler, vae, text_encoder, tokenizer, None, transformer).save_pretrained(folder, safe_serialization=True)
    _write_processor(folder)
    _say_the_size(folder / "vae/config.json")
    return folder


def _text_encoder(tokenizer):
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    text = {
        "vocab_size": len(tokenizer), "hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 1,
        "num_key_value_heads": 1, "max_position_embeddings": 2048, "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
    }  # fmt: skip
    vision = {
        "depth": 1, "hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN, "num_heads": 2, "out_hidden_size": HIDDEN, "fullatt_block_indexes": [0],
    }  # fmt: skip
    marks = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in [("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"), ("vision_end", "vision_end")]
    }
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **marks)).eval()


def _write_processor(folder: Path) -> None:
    """As a real folder has it. The class itself needs torchvision for videos, so it is named and not made."""
    from transformers import Qwen2VLImageProcessorPil

    Qwen2VLImageProcessorPil().save_pretrained(folder / "processor")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"processor": ["transformers", "Qwen2VLProcessor"]}, indent=2))


def _autoencoder():
    """Latents of about unit spread once they are normalized, by means and spreads that differ, and colors that differ."""
    import torch
    from diffusers import AutoencoderKLQwenImage

    shape = {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 1, 2, 2], "num_res_blocks": 1}
    vae = AutoencoderKLQwenImage(**shape, latents_mean=[0.3, -0.2, 0.1, 0.0], latents_std=[1.5, 0.8, 1.0, 1.2]).eval()
    mean, spread = (torch.tensor(vae.config[name]).view(1, 4, 1, 1, 1) for name in ("latents_mean", "latents_std"))
    with torch.no_grad():
        latents = vae.encode(blocky_pictures()[:, :, None]).latent_dist.mode()
        gain = 1 / latents.std()
        for parameter in vae.quant_conv.parameters():
            parameter.mul_(gain)
        cells = torch.randn(8, 4, 1, 8, 8) * spread + mean
        spread_colors(vae.decoder.conv_out, lambda noise: vae.decode(noise).sample, cells)
    return vae


def _say_the_size(config: Path) -> None:
    """This autoencoder's configuration names no size; a folder that is made for another than 1024 px says so here."""
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"sample_size": TINY_QWEN_PX}, indent=2))
