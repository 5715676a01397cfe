"""Family "qwen-image-edit": Qwen-Image-Edit and Edit Plus (2509, 2511), instructions carried out on pictures, told by Qwen2.5-VL.

Each picture of a batch is drawn after its own references, where the stock pipelines refuse batches or share one. Without references it draws
from words alone, which is how a look is trained; its inpainting pipeline is not used here.

Latents are the autoencoder's, normalized by its means and spreads; the denoiser packs 2 x 2 of them into a token.
Shape legend: B batch, C latent channels, h and w latent cells, N tokens, D numbers per token.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from catalog.errors import RenderError
from generation.families.qwen_reading import framed, load_processor, read_prompt
from generation.family import Conditioning, Geometry, Pixels
from generation.flow import scheduler_shift, set_flow_timesteps, shift_by_size
from generation.memory_plan import MemoryPlan
from generation.prompts import padded_prompts
from generation.references import check_count, check_same_references, named_references, reference_sizes, references_of

DEFAULT_SIZE_PX = 1024
"""The pipelines' default. This autoencoder's configuration names no size; a folder made for another one says `sample_size` there."""
EDIT_AREA_PX = 1024 * 1024
"""To what the first Edit brings its reference, for the text encoder and for the denoiser; Plus has an area for each."""
PATCH = 2
"""Latent cells per side of what is one token to the denoiser."""
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
FEED_FORWARD = ("img_mlp.net.0.proj", "img_mlp.net.2", "txt_mlp.net.0.proj", "txt_mlp.net.2")


class QwenImageEdit:
    """Qwen-Image-Edit: two streams, pictures and words, guided with the length of each token's prediction kept."""

    name = "qwen-image-edit"
    pipeline_classes: tuple[str, ...] = ("QwenImageEditPlusPipeline", "QwenImageEditPipeline")
    left_out: frozenset[str] = frozenset()
    denoiser_part: Literal["unet", "transformer"] = "transformer"
    objective: Literal["diffusion", "flow"] = "flow"
    target_presets: Mapping[str, tuple[str, ...]] = {"attention": ATTENTION, "all": ATTENTION + FEED_FORWARD}
    memory = MemoryPlan(condition=("text_encoder",), predict=("transformer",), prompts_repeat=False)
    prompts_keep_their_length = True
    skips_blocks = True

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """See Family."""
        vae = configs["vae"]
        return Geometry(
            size_px=int(vae.get("sample_size", DEFAULT_SIZE_PX)),
            latent_scale=2 ** len(vae["temperal_downsample"]),
            latent_channels=int(vae["z_dim"]),
            max_tokens=int(configs["tokenizer"]["model_max_length"]),
        )

    def load(self, folder: Path, dtype: Any) -> Any:
        """See Family. Whether Plus or the first Edit, says the folder."""
        import diffusers

        from generation.model_folder import read_index

        stock = getattr(diffusers, str(read_index(folder)["_class_name"]))
        return stock.from_pretrained(
            str(folder), processor=load_processor(folder), dtype=dtype, local_files_only=True, use_safetensors=True
        )

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """See Family."""
        return self.read(pipeline, prompt, references) | named_references([self.encode_reference(pipeline, one) for one in references])

    def read(self, pipeline: Any, prompt: str, references: Sequence[Pixels]) -> Conditioning:
        """See EditFamily. The text encoder sees the references too, so that nothing of it can be kept across products."""
        check_count(references)
        if len(references) > 1 and not _is_plus(pipeline):
            raise RenderError(
                f"This model goes by one picture, but {len(references)} were given. Give one, or choose a folder of Edit Plus."
            )
        return {"prompt": read_prompt(pipeline, prompt, [_as_read(pipeline, Image.fromarray(one)) for one in references])}

    def encode_reference(self, pipeline: Any, picture: Pixels) -> Any:
        """See EditFamily."""
        return self.encode(pipeline, _as_seen(pipeline, Image.fromarray(picture)))

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """See Family. Without references, whose tokens come on top."""
        return len(pipeline.tokenizer(framed(pipeline, prompt, 0)).input_ids)

    def join(self, conditionings: Sequence[Conditioning]) -> Conditioning:
        """See Family."""
        import torch

        check_same_references(conditionings)
        references = [named_references(references_of(one)) for one in conditionings]
        return padded_prompts(conditionings) | {name: torch.cat([one[name] for one in references]) for name in references[0]}

    def batch_key(self, conditioning: Conditioning) -> Hashable:
        """See FlowFamily. Prompts of different lengths are padded to one, with a mask: no other pictures, but other bytes."""
        return reference_sizes(conditioning), int(conditioning["prompt"].shape[1])

    def latent_shape(self, pipeline: Any, width_px: int, height_px: int) -> tuple[int, int, int]:
        """See Family."""
        token_px = pipeline.vae_scale_factor * PATCH
        return int(pipeline.latent_channels), height_px // token_px * PATCH, width_px // token_px * PATCH

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """See Family. The autoencoder's is made for films: a picture is a film of one frame."""
        mean_1C11, spread_1C11 = _statistics(pipeline.vae)
        film = pixels_BCHW.to(pipeline.vae.device, pipeline.vae.dtype)[:, :, None]
        return (pipeline.vae.encode(film).latent_dist.mode()[:, :, 0].float() - mean_1C11) / spread_1C11

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """See Family."""
        mean_1C11, spread_1C11 = _statistics(pipeline.vae)
        # Divided by the reciprocal, as the stock pipelines do it: the same bits.
        cells_BChw = latents_BChw / (1 / spread_1C11) + mean_1C11
        return pipeline.vae.decode(cells_BChw.to(pipeline.vae.dtype)[:, :, None]).sample[:, :, 0]

    def schedule(self, pipeline: Any, steps: int, latent_shape: tuple[int, int, int]) -> Any:
        """See Family."""
        import numpy as np

        return set_flow_timesteps(pipeline, np.linspace(1.0, 1 / steps, steps).tolist(), _mu(pipeline.scheduler, latent_shape))

    def shift(self, pipeline: Any, latent_shape: tuple[int, int, int]) -> float:
        """See FlowFamily. Drawing also stretches its steps so that the last one ends at the scheduler's `shift_terminal`; that is not in it."""
        return scheduler_shift(pipeline.scheduler, _mu(pipeline.scheduler, latent_shape))

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """See Family. References follow the picture's own tokens, each a frame of its own, as the stock pipeline has them."""
        import torch

        transformer, references = pipeline.transformer, references_of(conditioning)
        height, width = latents_BChw.shape[-2:]
        tokens_BND = torch.cat([packed(latents_BChw), *(packed(one).to(latents_BChw.dtype) for one in references)], dim=1)
        grids = [(1, int(one.shape[-2]) // PATCH, int(one.shape[-1]) // PATCH) for one in (latents_BChw, *references)]
        predicted_BND = transformer(
            hidden_states=tokens_BND.to(transformer.dtype),
            timestep=timesteps_B / 1000,
            encoder_hidden_states=conditioning["prompt"].to(transformer.dtype),
            encoder_hidden_states_mask=conditioning.get("prompt_mask"),
            img_shapes=[grids] * len(latents_BChw),
            return_dict=False,
        )[0]
        own_BND = predicted_BND[:, : (height // PATCH) * (width // PATCH)].float()
        return unpacked(own_BND, height, width)

    def can_guide(self, pipeline: Any) -> bool:
        """See Family. Few-step adapters were distilled to do without, which the folder cannot know."""
        return True

    def guide(self, conditional_BChw: Any, unconditional_BChw: Any, guidance: float) -> Any:
        """See Family. Each token's prediction keeps the length it had without guidance, as the stock pipelines have it."""
        conditional, unconditional = packed(conditional_BChw), packed(unconditional_BChw)
        guided = unconditional + guidance * (conditional - unconditional)
        rescaled = guided * (conditional.norm(dim=-1, keepdim=True) / guided.norm(dim=-1, keepdim=True))
        return unpacked(rescaled, *conditional_BChw.shape[-2:])

    def prepare_for_training(self, pipeline: Any, device: str) -> None:
        """See Family. The fused attention of torch is the one to train with."""


def packed(latents_BChw: Any) -> Any:
    """Tokens (B, N, 4 C), each 2 x 2 cells, row by row."""
    size, channels, height, width = latents_BChw.shape
    cells = latents_BChw.reshape(size, channels, height // PATCH, PATCH, width // PATCH, PATCH).permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(size, (height // PATCH) * (width // PATCH), channels * PATCH * PATCH)


def unpacked(tokens_BND: Any, height: int, width: int) -> Any:
    """Latents (B, C, h, w) of tokens as `packed` gives them; height and width in latent cells."""
    size, _, depth = tokens_BND.shape
    cells = tokens_BND.reshape(size, height // PATCH, width // PATCH, depth // PATCH**2, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(size, depth // PATCH**2, height, width)


def _is_plus(pipeline: Any) -> bool:
    return type(pipeline).__name__ == "QwenImageEditPlusPipeline"


def _as_read(pipeline: Any, picture: Any) -> Any:
    """A reference (PIL) as the text encoder reads it (PIL), in the stock pipelines' size."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as first
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    ratio = picture.width / picture.height
    if _is_plus(pipeline):
        width, height = plus.calculate_dimensions(plus.CONDITION_IMAGE_SIZE, ratio)
    else:
        width, height, _ = first.calculate_dimensions(EDIT_AREA_PX, ratio)
    return pipeline.image_processor.resize(picture, height, width)


def _as_seen(pipeline: Any, picture: Any) -> Any:
    """A reference (PIL) as the autoencoder encodes it (1, 3, H, W), in the stock pipelines' size; the first Edit's is what the text encoder reads."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    if not _is_plus(pipeline):
        picture = _as_read(pipeline, picture)
        return pipeline.image_processor.preprocess(picture, picture.height, picture.width)
    width, height = plus.calculate_dimensions(plus.VAE_IMAGE_SIZE, picture.width / picture.height)
    return pipeline.image_processor.preprocess(picture, height, width)


def _statistics(vae: Any) -> tuple[Any, Any]:
    """Mean and spread (1, C, 1, 1) of the latents' channels, float32, from the configuration."""
    import torch

    mean, spread = (torch.tensor(vae.config[name], device=vae.device).view(1, -1, 1, 1) for name in ("latents_mean", "latents_std"))
    return mean, spread


def _mu(scheduler: Any, latent_shape: tuple[int, int, int]) -> float:
    return shift_by_size(scheduler, (latent_shape[1] // PATCH) * (latent_shape[2] // PATCH))
