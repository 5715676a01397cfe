"""A tiny Z-Image of the real classes, built in code in about a second: loads, reads prompts of any length, trains and fails like the real one.

Random weights at 64 px: what it draws is colored noise.
"""

from pathlib import Path

from tests.tiny_contrast import blocky_pictures, sharpen_attention, spread_colors
from tests.tiny_qwen import tiny_qwen_tokenizer

TINY_Z_IMAGE_PX = 64
HIDDEN = 16


def write_tiny_z_image(folder: Path, *, seed: int = 20, **scheduling) -> Path:
    """Write a tiny Z-Image in stock diffusers layout to `folder` and return it; same seed, same bytes. `scheduling` is the scheduler's."""
    import torch
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = tiny_qwen_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = Qwen3Model(
            Qwen3Config(
                vocab_size=len(tokenizer), hidden_size=HIDDEN, intermediate_size=2 * HIDDEN, num_hidden_layers=2, num_attention_heads=1,
                num_key_value_heads=1, head_dim=HIDDEN, max_position_embeddings=1024,
            )
        )  # fmt: skip
        transformer = ZImageTransformer2DModel(
            in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=HIDDEN, axes_dims=[4, 6, 6],
            axes_lens=[640, 32, 32],
        )  # fmt: skip
        # Zeros when fresh; trained ones are not, and pad every prompt and picture to whole blocks of 32 tokens.
        torch.nn.init.normal_(transformer.cap_pad_token)
        torch.nn.init.normal_(transformer.x_pad_token)
        vae = AutoencoderKL(
            block_out_channels=(4, 4, 8, 8), down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
            layers_per_block=1, latent_channels=4, norm_num_groups=2, sample_size=TINY_Z_IMAGE_PX, scaling_factor=0.3611, shift_factor=0.1159,
            use_quant_conv=False, use_post_quant_conv=False,
        ).eval()  # fmt: skip
        _settle(vae)
        sharpen_attention(transformer)
    scheduler = FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | scheduling))
    pipeline = ZImagePipeline(scheduler, vae, text_encoder.eval(), tokenizer, transformer.eval())
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _settle(vae):
    """Latents of about unit spread once they are scaled, as a trained one has, and colors that differ."""
    import torch

    with torch.no_grad():
        gain = 1 / (vae.config.scaling_factor * vae.encode(blocky_pictures()).latent_dist.mode().std())
        vae.encoder.conv_out.weight[: vae.config.latent_channels] *= gain
        vae.encoder.conv_out.bias[: vae.config.latent_channels] = vae.config.shift_factor
        cells = torch.randn(8, 4, 8, 8) / vae.config.scaling_factor + vae.config.shift_factor
        spread_colors(vae.decoder.conv_out, lambda noise: vae.decode(noise).sample, cells)
