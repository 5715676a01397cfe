"""The opponent of our trainer: the logic of diffusers' own LoRA script (examples/text_to_image/train_text_to_image_lora.py), made lean.

Every step encodes its pictures and its captions under no_grad, as the script does, then noise, timesteps, prediction, mean squared error,
gradients of the adapter alone, clipping, AdamW. In its favor: pictures lie decoded in memory, there is no tracker, no bar and no wrapper around
the loop, and the learning rate is set as ours. Nothing of Vitrine is used. Supports diffusion models with one or two CLIP text encoders.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stock_diffusers import load_stock


@dataclass(frozen=True, kw_only=True)
class StockTask:
    """What is trained: pictures uint8 (H, W, 3) with their captions, the adapter, and the rate of every step.

    A share `empty_share` of samples is trained with no words, `trigger_share` with the trigger alone, the others with their own caption.
    """

    folder: Path
    pictures: Sequence[np.ndarray]
    captions: Sequence[str]
    trigger: str
    empty_share: float
    trigger_share: float
    targets: Sequence[str]
    rank: int
    batch_size: int
    betas: tuple[float, float]
    rate_of_step: Callable[[int], float]
    steps: int
    precision: str
    device: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class StockStep:
    """A step that was taken: its loss, and the clocks when it ended."""

    loss: float
    cpu_s: float
    wall_s: float


def train_stock(task: StockTask, lora_at: dict[int, Path]) -> Iterator[StockStep]:
    """Train step by step; after the steps named in `lora_at` the LoRA is saved there, outside of the clocks of its step."""
    import torch
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(task.seed)
    pipeline = load_stock(task.folder, task.device)
    unet, half = pipeline.unet, task.precision == "bfloat16"
    for part in (unet, pipeline.vae, *_encoders(pipeline)):
        part.requires_grad_(False)
        part.to(dtype=torch.bfloat16 if half else torch.float32)
    unet.add_adapter(LoraConfig(r=task.rank, lora_alpha=task.rank, init_lora_weights="gaussian", target_modules=list(task.targets)))
    if half:
        cast_training_params(unet, dtype=torch.float32)
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1.0, betas=task.betas, weight_decay=0.0)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, task.rate_of_step)
    chosen = _samples(task)
    unet.train()
    for step in range(1, task.steps + 1):
        loss = _loss(pipeline, task, next(chosen))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        value = loss.detach().item()
        yield StockStep(loss=value, cpu_s=time.process_time(), wall_s=time.perf_counter())
        if step in lora_at:
            weights = {name: tensor.float() for name, tensor in get_peft_model_state_dict(unet).items()}
            pipeline.save_lora_weights(
                str(lora_at[step].parent), unet_lora_layers=weights, weight_name=lora_at[step].name, safe_serialization=True
            )


def _samples(task: StockTask) -> Iterator[tuple[Any, list[str]]]:
    """Batches of shuffled rounds: pixels float32 (B, 3, H, W) in -1..1, and their captions."""
    import torch

    while True:
        order = torch.randperm(len(task.pictures)).tolist()
        for start in range(0, len(order) - task.batch_size + 1, task.batch_size):
            rows = order[start : start + task.batch_size]
            pixels = torch.stack([torch.from_numpy(task.pictures[row].copy()).permute(2, 0, 1) for row in rows]).float() / 127.5 - 1
            yield pixels, [_caption(task, row, float(draw)) for row, draw in zip(rows, torch.rand(len(rows)), strict=True)]


def _caption(task: StockTask, row: int, draw: float) -> str:
    if draw < task.empty_share:
        return ""
    return task.trigger if draw < task.empty_share + task.trigger_share else task.captions[row]


def _loss(pipeline: Any, task: StockTask, sample: tuple[Any, list[str]]) -> Any:
    """One step's loss, from pixels and words on."""
    import torch
    from torch.nn.functional import mse_loss

    pixels, words = sample
    scheduler, dtype = _noise_schedule(pipeline), pipeline.vae.dtype
    with torch.autocast(task.device, torch.bfloat16, enabled=task.precision == "bfloat16"):
        with torch.no_grad():
            encoded = pipeline.vae.encode(pixels.to(task.device, dtype))
            latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.sample()
            latents = latents * pipeline.vae.config.scaling_factor
            told = _read(pipeline, words, task)
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (len(latents),), device=latents.device)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        wanted = scheduler.get_velocity(latents, noise, timesteps) if scheduler.config.prediction_type == "v_prediction" else noise
        predicted = pipeline.unet(noisy, timesteps, **told, return_dict=False)[0]
        return mse_loss(predicted.float(), wanted.float(), reduction="mean")


def _read(pipeline: Any, words: list[str], task: StockTask) -> dict[str, Any]:
    """What the UNet is told: embeddings of the captions, and for SDXL the pooled ones with the sizes."""
    import torch

    states = []
    for tokenizer, encoder in zip(_tokenizers(pipeline), _encoders(pipeline), strict=True):
        ids = tokenizer(words, max_length=tokenizer.model_max_length, padding="max_length", truncation=True, return_tensors="pt").input_ids
        states.append(encoder(ids.to(task.device), output_hidden_states=True))
    if len(states) == 1:
        return {"encoder_hidden_states": states[0][0]}
    side = task.pictures[0].shape[0]
    sizes = torch.tensor([[side, side, 0, 0, side, side]] * len(words), device=task.device)
    return {
        "encoder_hidden_states": torch.cat([state.hidden_states[-2] for state in states], dim=-1),
        "added_cond_kwargs": {"text_embeds": states[-1][0], "time_ids": sizes},
    }


def _noise_schedule(pipeline: Any) -> Any:
    """The schedule that noise is added by; sampling schedulers such as Euler count differently, so the script takes DDPM's."""
    from diffusers import DDIMScheduler, DDPMScheduler

    if not isinstance(pipeline.scheduler, DDIMScheduler | DDPMScheduler):
        pipeline.scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    return pipeline.scheduler


def _encoders(pipeline: Any) -> list[Any]:
    return [encoder for encoder in (pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)) if encoder is not None]


def _tokenizers(pipeline: Any) -> list[Any]:
    return [tokenizer for tokenizer in (pipeline.tokenizer, getattr(pipeline, "tokenizer_2", None)) if tokenizer is not None]
