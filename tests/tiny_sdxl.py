"""Tiny models of family "sdxl" of the real classes, built in code in about a second; and SD 1.5's inpainting layout at the same size.

Four latents and eight pixels per cell as the real ones have, 64 px and random weights: they draw colored noise.
"""

from pathlib import Path

from tests.tiny_model import TINY_SIZE_PX, TINY_TOKENS, _tiny_tokenizer

TEXT = {
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "max_position_embeddings": TINY_TOKENS,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
UNET = {
    "sample_size": TINY_SIZE_PX // 8, "out_channels": 4, "block_out_channels": (16, 32), "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 2, "norm_num_groups": 8, "use_linear_projection": True,
}  # fmt: skip
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def write_tiny_sdxl(folder: Path, *, channels: int = 4, inpaint: bool = False, prediction: str = "epsilon", seed: int = 41, **vae) -> Path:
    """Write a tiny SDXL to `folder`: `channels` 9 for a UNet that reads masks, `inpaint` for the inpainting pipeline's folder.

    UNets of the same seed agree in everything but their first layer, as a base and the inpainting model made of it do in layout.
    """
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tokenizers = [_tiny_tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    words = len(tokenizers[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = CLIPTextModel(CLIPTextConfig(vocab_size=words, hidden_size=16, num_hidden_layers=2, **TEXT))
        second = CLIPTextModelWithProjection(
            CLIPTextConfig(vocab_size=words, hidden_size=24, num_hidden_layers=2, projection_dim=24, hidden_act="gelu", **TEXT)
        )
        autoencoder = _tiny_autoencoder(**vae)
        unet = UNet2DConditionModel(
            in_channels=4, cross_attention_dim=40, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8, transformer_layers_per_block=(1, 2), **UNET,
        )  # fmt: skip
        unet = unet if channels == 4 else _with_channels(unet, channels)
    pipeline = (StableDiffusionXLInpaintPipeline if inpaint else StableDiffusionXLPipeline)(
        vae=autoencoder, text_encoder=first, text_encoder_2=second, tokenizer=tokenizers[0], tokenizer_2=tokenizers[1], unet=unet,
        scheduler=EulerDiscreteScheduler(timestep_spacing="leading", prediction_type=prediction, **SCHEDULE), add_watermarker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def write_tiny_sd_inpaint(folder: Path, *, channels: int = 9, seed: int = 43) -> Path:
    """Write a tiny SD 1.5 inpainting model to `folder`; `channels` 4 for an ordinary UNet saved as one for inpainting."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = _tiny_tokenizer(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, **TEXT))
        autoencoder = _tiny_autoencoder()
        unet = UNet2DConditionModel(in_channels=channels, cross_attention_dim=16, **UNET)
    pipeline = StableDiffusionInpaintPipeline(
        vae=autoencoder, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=DDIMScheduler(clip_sample=False, **SCHEDULE),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _tiny_autoencoder(**settings):
    """SDXL's class of autoencoder, made to give mid-tones; its log-variance is so low that a sample is the mean but for rounding."""
    import torch
    from diffusers import AutoencoderKL

    settings = {"scaling_factor": 0.13025, "force_upcast": True, **settings}
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(8,) * 4,
        norm_num_groups=4, latent_channels=4, **settings,
    )  # fmt: skip
    with torch.no_grad():
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = -30
        picture = vae.decode(torch.randn(4, 4, 8, 8) / vae.config.scaling_factor).sample
        vae.decoder.conv_out.weight *= 0.45 / picture.std()
        vae.decoder.conv_out.bias.copy_(-picture.mean((0, 2, 3)) * 0.45 / picture.std())
    return vae


def _with_channels(unet, channels):
    """The same UNet with more input channels, whose weights are random as well."""
    import torch
    from diffusers import UNet2DConditionModel

    wider = UNet2DConditionModel.from_config({**unet.config, "in_channels": channels})
    weights = unet.state_dict()
    weights["conv_in.weight"] = torch.cat([weights["conv_in.weight"], wider.conv_in.weight.detach()[:, 4:]], dim=1)
    wider.load_state_dict(weights)
    return wider
