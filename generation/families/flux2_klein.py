"""Family "flux2-klein": FLUX.2 klein, Base (guided, for training) and distilled (four steps, without guidance), told by a Qwen3 encoder.

Draws from words alone or after pictures to go by, each picture of a batch after its own: the stock pipeline gives all pictures of a batch
the same ones, without a word. Its inpainting and key-value-cached pipelines are not used here.

Latents are what the denoiser is trained on: 2 x 2 autoencoder cells as channels, scaled by the autoencoder's batch statistics.
Shape legend: B batch, C latent channels, h and w latent cells, H and W pixels, N tokens.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from catalog.errors import RenderError
from catalog.sentences import clause
from generation.family import Conditioning, Geometry, Pixels
from generation.flow import scheduler_shift, set_flow_timesteps
from generation.memory_plan import MemoryPlan
from generation.references import check_count, check_same_references, named_references, reference_sizes, references_of

MAX_TOKENS = 512
"""What the pipeline reads of a prompt; shorter ones are padded to it, and the padding is part of what the denoiser was trained to see."""
PATCH = 2
"""Cells of the autoencoder per side of a latent cell."""
SHIFT_STEPS = 50
"""The shift depends on the number of steps too; 50 is the pipeline's default and what Base is drawn with."""
DOUBLE_BLOCKS = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
SINGLE_BLOCKS = ("to_qkv_mlp_proj", "to_out")
"""Attention of the two kinds of blocks. A double block's `to_out` is a list of layers, so only single blocks have a layer of that name: the
model itself says how many those are (20 in klein 4B)."""
FEED_FORWARD = ("ff.linear_in", "ff.linear_out", "ff_context.linear_in", "ff_context.linear_out")


class Flux2Klein:
    """FLUX.2 klein: a flow transformer of double and single blocks; a LoRA trained on Base fits the distilled model, layer by layer."""

    name = "flux2-klein"
    pipeline_classes: tuple[str, ...] = ("Flux2KleinPipeline",)
    left_out: frozenset[str] = frozenset()
    denoiser_part: Literal["unet", "transformer"] = "transformer"
    objective: Literal["diffusion", "flow"] = "flow"
    target_presets: Mapping[str, tuple[str, ...]] = {
        "attention": DOUBLE_BLOCKS + SINGLE_BLOCKS,
        "single": SINGLE_BLOCKS,
        "all": DOUBLE_BLOCKS + SINGLE_BLOCKS + FEED_FORWARD,
    }
    memory = MemoryPlan(condition=("text_encoder",), predict=("transformer",))
    prompts_keep_their_length = False
    skips_blocks = False

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """See Family."""
        vae = configs["vae"]
        return Geometry(
            size_px=int(vae["sample_size"]),
            latent_scale=2 ** (len(vae["block_out_channels"]) - 1) * PATCH,
            latent_channels=int(configs["transformer"]["in_channels"]),
            max_tokens=MAX_TOKENS,
        )

    def load(self, folder: Path, dtype: Any) -> Any:
        """See Family."""
        from diffusers import Flux2KleinPipeline

        return Flux2KleinPipeline.from_pretrained(str(folder), dtype=dtype, local_files_only=True, use_safetensors=True)

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """See Family."""
        return self.read(pipeline, prompt, references) | named_references([self.encode_reference(pipeline, one) for one in references])

    def read(self, pipeline: Any, prompt: str, references: Sequence[Pixels]) -> Conditioning:
        """See EditFamily. Its text encoder sees no pictures."""
        check_count(references)
        embedding, _ = pipeline.encode_prompt(prompt, pipeline.text_encoder.device, 1, max_sequence_length=MAX_TOKENS)
        return {"prompt": embedding}

    def encode_reference(self, pipeline: Any, picture: Pixels) -> Any:
        """See EditFamily. Above one megapixel it is scaled down, and cropped to whole latent cells."""
        return self.encode(pipeline, self._prepared(pipeline, Image.fromarray(picture)))

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """See Family."""
        asked = [{"role": "user", "content": prompt}]
        framed = pipeline.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        return len(pipeline.tokenizer(framed).input_ids)

    def join(self, conditionings: Sequence[Conditioning]) -> Conditioning:
        """See Family. Prompts are all padded to the same length already."""
        import torch

        check_same_references(conditionings)
        return {name: torch.cat([one[name] for one in conditionings]) for name in conditionings[0]}

    def batch_key(self, conditioning: Conditioning) -> Hashable:
        """See FlowFamily."""
        return reference_sizes(conditioning)

    def latent_shape(self, pipeline: Any, width_px: int, height_px: int) -> tuple[int, int, int]:
        """See Family."""
        scale = pipeline.vae_scale_factor * PATCH
        return int(pipeline.transformer.config.in_channels), height_px // scale, width_px // scale

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """See Family."""
        mean_1C11, spread_1C11 = _statistics(pipeline.vae)
        cells_BChw = pipeline.vae.encode(pixels_BCHW.to(pipeline.vae.device, pipeline.vae.dtype)).latent_dist.mode()
        return (pipeline._patchify_latents(cells_BChw).float() - mean_1C11) / spread_1C11

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """See Family."""
        mean_1C11, spread_1C11 = _statistics(pipeline.vae)
        cells_BChw = pipeline._unpatchify_latents(latents_BChw * spread_1C11 + mean_1C11)
        return pipeline.vae.decode(cells_BChw.to(pipeline.vae.dtype)).sample

    def schedule(self, pipeline: Any, steps: int, latent_shape: tuple[int, int, int]) -> Any:
        """See Family."""
        import numpy as np

        return set_flow_timesteps(pipeline, np.linspace(1.0, 1 / steps, steps).tolist(), _mu(latent_shape, steps))

    def shift(self, pipeline: Any, latent_shape: tuple[int, int, int]) -> float:
        """See FlowFamily."""
        return scheduler_shift(pipeline.scheduler, _mu(latent_shape, SHIFT_STEPS))

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """See Family. References follow the picture's own tokens, each at a time coordinate of its own, as the stock pipeline has them."""
        import torch

        transformer = pipeline.transformer
        size, channels, height, width = latents_BChw.shape
        tokens_BNC = pipeline._pack_latents(latents_BChw)
        places_BN4 = pipeline._prepare_latent_ids(latents_BChw)
        references = references_of(conditioning)
        if references:
            tokens_BNC = torch.cat([tokens_BNC, *(pipeline._pack_latents(one).to(tokens_BNC.dtype) for one in references)], dim=1)
            theirs_1N4 = pipeline._prepare_image_ids([one[:1] for one in references])
            places_BN4 = torch.cat([places_BN4, theirs_1N4.expand(size, -1, -1)], dim=1)
        prompt_BND = conditioning["prompt"].to(transformer.dtype)
        predicted_BNC = transformer(
            hidden_states=tokens_BNC.to(transformer.dtype),
            timestep=timesteps_B / 1000,
            guidance=None,
            encoder_hidden_states=prompt_BND,
            txt_ids=pipeline._prepare_text_ids(prompt_BND).to(latents_BChw.device),
            img_ids=places_BN4.to(latents_BChw.device),
            return_dict=False,
        )[0]
        own_BNC = predicted_BNC[:, : height * width].float()
        return own_BNC.transpose(1, 2).reshape(size, channels, height, width)

    def can_guide(self, pipeline: Any) -> bool:
        """See Family."""
        return not pipeline.config.is_distilled

    def guide(self, conditional_BChw: Any, unconditional_BChw: Any, guidance: float) -> Any:
        """See Family."""
        return unconditional_BChw + guidance * (conditional_BChw - unconditional_BChw)

    def prepare_for_training(self, pipeline: Any, device: str) -> None:
        """See Family. The fused attention of torch is the one to train with."""

    def _prepared(self, pipeline: Any, picture: Any) -> Any:
        """A picture to go by as pixels (1, 3, H, W) in -1..1, in the size that the stock pipeline brings it to."""
        processor, cell_px = pipeline.image_processor, pipeline.vae_scale_factor * PATCH
        try:
            processor.check_image_input(picture)
        except ValueError as error:
            raise RenderError(f"Family '{self.name}' cannot go by this picture: {clause(error)}. Give another one.") from error
        picture = processor._resize_if_exceeds_area(picture)
        width, height = (side // cell_px * cell_px for side in picture.size)
        return processor.preprocess(picture, height=height, width=width, resize_mode="crop")


def _mu(latent_shape: tuple[int, int, int], steps: int) -> float:
    from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

    return float(compute_empirical_mu(latent_shape[1] * latent_shape[2], steps))


def _statistics(vae: Any) -> tuple[Any, Any]:
    """Mean and spread (1, C, 1, 1) of the latents' channels, float32, as the autoencoder's batch norm learned them."""
    import torch

    spread_C = torch.sqrt(vae.bn.running_var.float() + vae.config.batch_norm_eps)
    return vae.bn.running_mean.float().view(1, -1, 1, 1), spread_C.view(1, -1, 1, 1)
