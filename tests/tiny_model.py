"""A tiny base model of the real classes, built in code in about a second, for tests of everything that draws or trains.

Same architecture family as the shipped one (8 latents, AutoencoderTiny, CLIP text encoder, v-prediction), at 64 px and with random weights:
what it draws is colored noise, but it loads, conditions, trains and fails exactly like the real one.
"""

import json
import string
from pathlib import Path

TINY_SIZE_PX = 64
TINY_SEED = 20
TINY_TOKENS = 32


def write_tiny_base_model(folder: Path, *, seed: int = TINY_SEED) -> Path:
    """Write a tiny base model in stock diffusers layout to `folder` and return it; same seed, same bytes."""
    import torch
    from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = _tiny_tokenizer(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
                max_position_embeddings=TINY_TOKENS, bos_token_id=0, eos_token_id=1, pad_token_id=1, projection_dim=16,
            )
        )  # fmt: skip
        unet = UNet2DConditionModel(
            sample_size=TINY_SIZE_PX // 8, in_channels=8, out_channels=8, block_out_channels=(16, 32), layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16, attention_head_dim=2, norm_num_groups=8, use_linear_projection=True,
            resnet_time_scale_shift="scale_shift", addition_embed_type="text", addition_embed_type_num_heads=2,
        )  # fmt: skip
        vae = AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
            num_encoder_blocks=(0, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 0), latent_channels=8,
        )  # fmt: skip
        _spread_colors(vae)
    scheduler = DDIMScheduler(
        beta_start=1e-4, beta_end=0.02, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False,
        steps_offset=1, timestep_spacing="trailing",
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    _drop_derived_setting(folder / "vae/config.json")
    return folder


def _drop_derived_setting(config: Path) -> None:
    """Leave out what AutoencoderTiny derives itself and then complains about at every loading, as the shipped model does."""
    settings = json.loads(config.read_text())
    del settings["block_out_channels"]
    config.write_text(json.dumps(settings, indent=2))


def _spread_colors(vae) -> None:
    """Scale the decoder's last layer so that random latents give mid-tones with visible contrast instead of black."""
    import torch

    with torch.no_grad():
        last = vae.decoder.layers[-1]
        last.bias.zero_()
        picture_BCHW = (vae.decode(torch.randn(8, 8, 8, 8)).sample + 1) / 2
        spread_C = picture_BCHW.std((0, 2, 3))
        last.weight *= (0.22 / spread_C)[:, None, None, None]
        last.bias.copy_(0.5 - picture_BCHW.mean((0, 2, 3)) * 0.22 / spread_C)


def _tiny_tokenizer(folder: Path):
    """A CLIP tokenizer that spells: one token per letter, so that any test prompt has its own embedding."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = string.ascii_lowercase + string.digits + ",.-"
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    merges = ["l o", "lo o", "loo k</w>", "v i", "vi t", "w a", "wa l", "wal l</w>"]
    tokens += [merge.replace(" ", "") for merge in merges]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=TINY_TOKENS, pad_token="<|endoftext|>"
    )


def write_tiny_lora(base_model_folder: Path, path: Path, *, seed: int, strength: float = 0.3) -> Path:
    """Write a random rank-2 LoRA for a tiny base model to `path`, in diffusers keys; strong enough to change what is drawn."""
    import torch
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    unet = UNet2DConditionModel.from_pretrained(base_model_folder / "unet", use_safetensors=True)
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: tensor.shape for name, tensor in get_peft_model_state_dict(unet).items()}
    save_file({f"unet.{name}": torch.randn(shape, generator=generator) * strength for name, shape in shapes.items()}, path)
    return path
