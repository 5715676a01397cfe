"""Family "sd": models in the layout of Stable Diffusion 1.5, the embedded model among them; a UNet told by one CLIP text encoder.

Made for inpainting or not: a UNet of nine input channels that is not told what is known draws everything.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from catalog.errors import RenderError
from generation.family import Conditioning, Geometry, Pixels
from generation.inpainting import with_known_channels
from generation.memory_plan import MemoryPlan
from generation.model_folder import read_index

TRANSFORMER_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
"""Attention, projections and feed-forward layers of the transformer blocks in a UNet."""


class StableDiffusion:
    """SD 1.5's layout: discrete noise schedule, one text encoder, an autoencoder of 8 pixels per cell."""

    name = "sd"
    pipeline_classes: tuple[str, ...] = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline")
    left_out = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
    denoiser_part: Literal["unet", "transformer"] = "unet"
    objective: Literal["diffusion", "flow"] = "diffusion"
    target_presets: Mapping[str, tuple[str, ...]] = {
        "attention": TRANSFORMER_TARGETS[:4],
        "transformer": TRANSFORMER_TARGETS,
        "all": (*TRANSFORMER_TARGETS, "conv1", "conv2", "time_emb_proj"),
    }
    # The autoencoder, which is small, tells a UNet that reads masks what gray looks like, once per size.
    memory = MemoryPlan(condition=("text_encoder",), predict=("unet", "vae"))
    prompts_keep_their_length = False
    skips_blocks = False

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """See Family."""
        unet, vae = configs["unet"], configs["vae"]
        # AutoencoderTiny derives block_out_channels from its decoder, and complains when its configuration names both.
        blocks = vae["block_out_channels"] if "block_out_channels" in vae else vae["decoder_block_out_channels"]
        latent_scale = 2 ** (len(blocks) - 1)
        return Geometry(
            size_px=int(unet["sample_size"]) * latent_scale,
            latent_scale=latent_scale,
            latent_channels=int(vae["latent_channels"]),
            max_tokens=int(configs["tokenizer"]["model_max_length"]),
        )

    def load(self, folder: Path, dtype: Any) -> Any:
        """See Family."""
        import diffusers

        stock = getattr(diffusers, read_index(folder)["_class_name"])
        return stock.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, use_safetensors=True, safety_checker=None, requires_safety_checker=False
        )

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """See Family."""
        if references:
            raise RenderError(f"Family '{self.name}' draws from words alone, but {len(references)} pictures to go by were given.")
        from generation.base_model import quiet_libraries

        with quiet_libraries():  # who asks counts the tokens, and tells once of an end that is cut off
            embedding, _ = pipeline.encode_prompt(prompt, pipeline.text_encoder.device, 1, do_classifier_free_guidance=False)
        return {"prompt": embedding}

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """See Family."""
        return len(pipeline.tokenizer(prompt).input_ids)

    def join(self, conditionings: Sequence[Conditioning]) -> Conditioning:
        """See Family. Prompts are all padded to the same length already."""
        import torch

        return {name: torch.cat([one[name] for one in conditionings]) for name in conditionings[0]}

    def latent_shape(self, pipeline: Any, width_px: int, height_px: int) -> tuple[int, int, int]:
        """See Family."""
        scale = pipeline.vae_scale_factor
        return int(pipeline.vae.config.latent_channels), height_px // scale, width_px // scale

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """See Family."""
        vae = pipeline.vae
        encoded = vae.encode(pixels_BCHW.to(vae.device, vae.dtype))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return (latents * vae.config.scaling_factor).float()

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """See Family."""
        return pipeline.vae.decode((latents_BChw / pipeline.vae.config.scaling_factor).to(pipeline.vae.dtype)).sample

    def schedule(self, pipeline: Any, steps: int, latent_shape: tuple[int, int, int]) -> Any:
        """See Family."""
        pipeline.scheduler.set_timesteps(steps, device=pipeline.unet.device)
        if hasattr(pipeline.scheduler, "set_begin_index"):
            pipeline.scheduler.set_begin_index(0)
        return pipeline.scheduler.timesteps

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """See Family."""
        unet = pipeline.unet
        asked = with_known_channels(self, pipeline, latents_BChw.to(unet.dtype), conditioning)
        return unet(asked, timesteps_B, conditioning["prompt"], return_dict=False)[0].float()

    def can_guide(self, pipeline: Any) -> bool:
        """See Family."""
        return True

    def guide(self, conditional_BChw: Any, unconditional_BChw: Any, guidance: float) -> Any:
        """See Family."""
        return unconditional_BChw + guidance * (conditional_BChw - unconditional_BChw)

    def prepare_for_training(self, pipeline: Any, device: str) -> None:
        """Plain attention on a CPU: the backward pass of the fused one costs 31 ms against 26 per sample and step there.

        Measured on the embedded model in bfloat16. Running GroupNorm contiguous in a channels-last model, known to speed up full training,
        was measured too (25 to 28 ms) and is not worth its code.
        """
        from diffusers.models.attention_processor import AttnProcessor

        if device == "cpu":
            pipeline.unet.set_attn_processor(AttnProcessor())
