"""Family "sdxl": models in the layout of Stable Diffusion XL, made for inpainting or not; a UNet told by two CLIP text encoders.

The refiner, which has one text encoder and an aesthetic score, is not read. No invisible watermark is drawn into pictures.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.errors import RenderError
from generation.families.stable_diffusion import StableDiffusion
from generation.family import Conditioning, Geometry, Pixels
from generation.inpainting import with_known_channels
from generation.memory_plan import MemoryPlan
from generation.model_folder import read_index


class StableDiffusionXL(StableDiffusion):
    """SDXL's layout: a UNet as in SD 1.5, told also a pooled embedding and its picture's size."""

    name = "sdxl"
    pipeline_classes: tuple[str, ...] = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline")
    left_out = frozenset({"feature_extractor", "image_encoder"})
    memory = MemoryPlan(condition=("text_encoder", "text_encoder_2"), predict=("unet", "vae"))

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """See Family."""
        for part in ("text_encoder", "text_encoder_2", "tokenizer_2"):
            configs[part]  # a KeyError says which of the two text encoders is missing
        return super().geometry(folder, configs)

    def load(self, folder: Path, dtype: Any) -> Any:
        """See Family."""
        import diffusers

        stock = getattr(diffusers, read_index(folder)["_class_name"])
        return stock.from_pretrained(str(folder), dtype=dtype, local_files_only=True, use_safetensors=True, add_watermarker=False)

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """See Family. The empty prompt is zeros where the model says that it was trained so."""
        if references:
            raise RenderError(f"Family '{self.name}' draws from words alone, but {len(references)} pictures to go by were given.")
        from generation.base_model import quiet_libraries

        with quiet_libraries():  # who asks counts the tokens, and tells once of an end that is cut off
            embedding, _, pooled, _ = pipeline.encode_prompt(prompt, device=pipeline.text_encoder.device, do_classifier_free_guidance=False)
        if not prompt and pipeline.config.force_zeros_for_empty_prompt:
            embedding, pooled = embedding.new_zeros(embedding.shape), pooled.new_zeros(pooled.shape)
        return {"prompt": embedding, "pooled": pooled}

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """See Family."""
        return max(len(tokenizer(prompt).input_ids) for tokenizer in (pipeline.tokenizer, pipeline.tokenizer_2))

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """See Family.

        Always in float32 where the autoencoder asks for it (`force_upcast`), as SDXL's does: a picture is encoded once and its latents stand in
        every variant. On a copy, so that a decoder at work in another thread is left alone.
        """
        import torch

        vae = pipeline.vae
        if vae.config.force_upcast and vae.dtype != torch.float32:
            vae = copy.deepcopy(vae).float()
        encoded = vae.encode(pixels_BCHW.to(vae.device, vae.dtype))
        latents = (encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()).float()
        mean, std = _statistics(vae, latents)
        return (latents - mean) * vae.config.scaling_factor / std if std is not None else latents * vae.config.scaling_factor

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """See Family.

        In the pipeline's own type, as stock: SDXL's autoencoder overflows in float16 (its activations pass 65,504), which is never loaded
        here, while bfloat16 has float32's range. Its eight bits round what is drawn; known pixels are put back from the original anyway, and
        decoding in float32 would be most of an 8-step drawing's time (10.5 TFLOP against 54 of the UNet in bfloat16).
        """
        vae = pipeline.vae
        mean, std = _statistics(vae, latents_BChw)
        scaled = latents_BChw / vae.config.scaling_factor if std is None else latents_BChw * std / vae.config.scaling_factor + mean
        return vae.decode(scaled.to(vae.dtype), return_dict=False)[0]

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """See Family. The model is told the size of these latents' pictures as both original and target, uncropped, so that buckets work."""
        import torch

        unet, scale = pipeline.unet, pipeline.vae_scale_factor
        size, _, height, width = latents_BChw.shape
        times = torch.tensor([height * scale, width * scale, 0, 0, height * scale, width * scale], device=latents_BChw.device)
        more = {"text_embeds": conditioning["pooled"], "time_ids": times.float().expand(size, -1)}
        asked = with_known_channels(self, pipeline, latents_BChw.to(unet.dtype), conditioning)
        return unet(asked, timesteps_B, conditioning["prompt"], added_cond_kwargs=more, return_dict=False)[0].float()


def _statistics(vae: Any, latents_BChw: Any) -> tuple[Any, Any]:
    """Mean and standard deviation (1, C, 1, 1) that some autoencoders of this layout normalize latents by; None for SDXL's own."""
    import torch

    mean, std = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is None or std is None:
        return None, None
    return tuple(torch.tensor(values).view(1, -1, 1, 1).to(latents_BChw) for values in (mean, std))
