"""Family "z-image": Z-Image and Z-Image-Turbo, scenes drawn from words, told by a Qwen3 encoder.

Goes by no pictures: its image-to-image, inpainting and ControlNet pipelines are not used here.

Three things its denoiser counts in its own way, hidden in here: prompts are a list of as many tensors as pictures, each of its own length (joined
they are one padded tensor and a mask); time runs from noise to picture, so what it says is turned around; and its guidance scale is counted from 0.
Shape legend: B batch, C latent channels, h and w latent cells, N tokens, D numbers per token.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from catalog.errors import RenderError
from generation.family import Conditioning, Geometry, Pixels
from generation.flow import scheduler_shift, set_flow_timesteps, shift_by_size
from generation.memory_plan import MemoryPlan
from generation.prompts import padded_prompts

MAX_TOKENS = 512
"""What the pipeline reads of a prompt; what is shorter is not padded for the denoiser."""
PROMPT_TOKENS = 32
"""The denoiser's `SEQ_MULTI_OF`."""
PATCH = 2
"""Latent cells per side of what is one token to the denoiser."""
ATTENTION = ("attention.to_q", "attention.to_k", "attention.to_v", "attention.to_out.0")
FEED_FORWARD = ("feed_forward.w1", "feed_forward.w2", "feed_forward.w3")


class ZImage:
    """Z-Image: one stream of picture and prompt tokens, an autoencoder of 8 pixels per cell.

    Turbo was distilled to draw in eight steps without guidance, but its folder does not say so: ask it for guidance 1.
    """

    name = "z-image"
    pipeline_classes: tuple[str, ...] = ("ZImagePipeline",)
    left_out: frozenset[str] = frozenset()
    denoiser_part: Literal["unet", "transformer"] = "transformer"
    objective: Literal["diffusion", "flow"] = "flow"
    target_presets: Mapping[str, tuple[str, ...]] = {"attention": ATTENTION, "all": ATTENTION + FEED_FORWARD}
    memory = MemoryPlan(condition=("text_encoder",), predict=("transformer",))
    prompts_keep_their_length = True
    skips_blocks = False

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """See Family."""
        vae = configs["vae"]
        return Geometry(
            size_px=int(vae["sample_size"]),
            latent_scale=2 ** (len(vae["block_out_channels"]) - 1),
            latent_channels=int(configs["transformer"]["in_channels"]),
            max_tokens=MAX_TOKENS,
        )

    def load(self, folder: Path, dtype: Any) -> Any:
        """See Family."""
        from diffusers import ZImagePipeline

        return ZImagePipeline.from_pretrained(str(folder), dtype=dtype, local_files_only=True, use_safetensors=True)

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """See Family."""
        if references:
            raise RenderError(f"Family '{self.name}' draws from words alone, but {len(references)} pictures to go by were given.")
        (embedding_ND,), _ = pipeline.encode_prompt(
            prompt, pipeline.text_encoder.device, do_classifier_free_guidance=False, max_sequence_length=MAX_TOKENS
        )
        return {"prompt": embedding_ND[None]}

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """See Family."""
        asked = [{"role": "user", "content": prompt}]
        framed = pipeline.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True, enable_thinking=True)
        return len(pipeline.tokenizer(framed).input_ids)

    def join(self, conditionings: Sequence[Conditioning]) -> Conditioning:
        """See Family."""
        return padded_prompts(conditionings)

    def batch_key(self, conditioning: Conditioning) -> Hashable:
        """See FlowFamily. Any two can share a batch; the denoiser pads a prompt to a multiple of so many tokens, and in a batch to the longest."""
        return -(-int(conditioning["prompt"].shape[1]) // PROMPT_TOKENS)

    def latent_shape(self, pipeline: Any, width_px: int, height_px: int) -> tuple[int, int, int]:
        """See Family."""
        token_px = pipeline.vae_scale_factor * PATCH
        return int(pipeline.transformer.config.in_channels), height_px // token_px * PATCH, width_px // token_px * PATCH

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """See Family."""
        vae = pipeline.vae
        latents = vae.encode(pixels_BCHW.to(vae.device, vae.dtype)).latent_dist.mode().float()
        return (latents - vae.config.shift_factor) * vae.config.scaling_factor

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """See Family."""
        vae = pipeline.vae
        return vae.decode((latents_BChw / vae.config.scaling_factor + vae.config.shift_factor).to(vae.dtype)).sample

    def schedule(self, pipeline: Any, steps: int, latent_shape: tuple[int, int, int]) -> Any:
        """See Family."""
        from diffusers.pipelines.z_image.pipeline_z_image import get_default_z_image_sigmas

        return set_flow_timesteps(pipeline, get_default_z_image_sigmas(steps), _mu(pipeline.scheduler, latent_shape))

    def shift(self, pipeline: Any, latent_shape: tuple[int, int, int]) -> float:
        """See FlowFamily. The same at all sizes where the folder's scheduler has a fixed shift, as Turbo's (3)."""
        return scheduler_shift(pipeline.scheduler, _mu(pipeline.scheduler, latent_shape))

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """See Family."""
        import torch

        transformer = pipeline.transformer
        prompts = list(conditioning["prompt"].to(transformer.dtype))
        if "prompt_mask" in conditioning:
            lengths = conditioning["prompt_mask"].sum(1).tolist()
            prompts = [prompt_ND[:length] for prompt_ND, length in zip(prompts, lengths, strict=True)]
        frames = list(latents_BChw.to(transformer.dtype)[:, :, None])
        towards_picture = transformer(frames, (1000 - timesteps_B) / 1000, prompts, return_dict=False)[0]
        return -torch.stack([one_C1hw[:, 0].float() for one_C1hw in towards_picture])

    def can_guide(self, pipeline: Any) -> bool:
        """See Family. True for Turbo too, whose folder is no different."""
        return True

    def guide(self, conditional_BChw: Any, unconditional_BChw: Any, guidance: float) -> Any:
        """See Family. The stock pipeline's scale is one less."""
        return conditional_BChw + (guidance - 1) * (conditional_BChw - unconditional_BChw)

    def prepare_for_training(self, pipeline: Any, device: str) -> None:
        """See Family. The fused attention of torch is the one to train with."""


def _mu(scheduler: Any, latent_shape: tuple[int, int, int]) -> float:
    return shift_by_size(scheduler, (latent_shape[1] // PATCH) * (latent_shape[2] // PATCH))
