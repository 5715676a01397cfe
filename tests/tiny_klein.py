"""A tiny FLUX.2 klein of the real classes, built in code in about a second: loads, reads references, trains and fails like the real one.

Random weights at 64 px: what it draws is colored noise. Its text encoder has the 27 layers that the pipeline reads from.
"""

from pathlib import Path

from tests.tiny_contrast import blocky_pictures, sharpen_attention, spread_colors
from tests.tiny_qwen import tiny_qwen_tokenizer

TINY_KLEIN_PX = 64
HIDDEN = 8


def write_tiny_klein(folder: Path, *, seed: int = 20, is_distilled: bool = False) -> Path:
    """Write a tiny FLUX.2 klein in stock diffusers layout to `folder` and return it; same seed, same bytes."""
    import torch
    from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(tokenizer), hidden_size=HIDDEN, intermediate_size=2 * HIDDEN, num_hidden_layers=27, num_attention_heads=1,
                num_key_value_heads=1, head_dim=HIDDEN, max_position_embeddings=1024,
            )
        )  # fmt: skip
        transformer = Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=3 * HIDDEN,
            timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        )  # fmt: skip
        vae = AutoencoderKLFlux2(
            block_out_channels=(4, 4, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=2, sample_size=TINY_KLEIN_PX,
        )  # fmt: skip
        _settle(vae.eval())
        sharpen_attention(transformer)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    pipeline = Flux2KleinPipeline(scheduler, vae, text_encoder.eval(), tokenizer, transformer.eval(), is_distilled=is_distilled)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _settle(vae):
    """Statistics of its latents as after training, so that a mistake in using them shows, and colors that differ."""
    import torch
    from diffusers import Flux2KleinPipeline

    with torch.no_grad():
        latents = Flux2KleinPipeline._patchify_latents(vae.encode(blocky_pictures()).latent_dist.mode())
        vae.bn.running_mean.copy_(latents.mean((0, 2, 3)))
        vae.bn.running_var.copy_(latents.var((0, 2, 3)))
        cells = torch.randn(8, 4, 8, 8) * latents.std() + latents.mean()
        spread_colors(vae.decoder.conv_out, lambda noise: vae.decode(noise).sample, cells)
