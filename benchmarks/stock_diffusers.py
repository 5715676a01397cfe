"""The opponent of our drawing: what a good engineer writes in an afternoon with stock diffusers.

The pipeline is loaded once, jobs are sorted by category, a category's LoRA is loaded once, and every picture is one call with its own
generator; or, where it is asked for, a call draws several, each with its own generator, and the LoRA is fused. Nothing of Vitrine is used,
nothing is slowed down on purpose: bars are off, weights are safetensors, dtype and device are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.side_by_side import hush_libraries


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to draw: whose LoRA, which words, which seed, and the file it becomes."""

    category: str
    prompt: str
    seed: int
    file: str


def load_stock(folder: Path, device: str) -> Any:
    """The pipeline of a folder as its model_index.json names it: float32 on a CPU, bfloat16 on CUDA."""
    import torch
    from diffusers import DiffusionPipeline

    hush_libraries()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    # Asked for only where the layout has one: other pipelines refuse the argument's component.
    without_checker = {"safety_checker": None} if "safety_checker" in (folder / "model_index.json").read_text() else {}
    pipeline = DiffusionPipeline.from_pretrained(str(folder), dtype=dtype, local_files_only=True, use_safetensors=True, **without_checker)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def draw_stock(
    pipeline: Any,
    jobs: Sequence[Job],
    loras: Mapping[str, Path],
    out: Path,
    *,
    steps: int,
    guidance: float,
    size_px: int,
    batch: int = 1,
    fuse: bool = False,
) -> list[npt.NDArray[np.uint8]]:
    """Draw jobs, sorted by category, into PNG files under `out`; returns the pixels, each uint8 (size_px, size_px, 3).

    `batch` pictures of a category are one call; `fuse` adds the LoRA into the weights while its category is drawn.
    """
    import torch

    pictures = []
    for category in dict.fromkeys(job.category for job in jobs):
        mine = [job for job in jobs if job.category == category]
        pipeline.load_lora_weights(str(loras[category]))
        if fuse:
            pipeline.fuse_lora()
        for some in (mine[start : start + batch] for start in range(0, len(mine), batch)):
            drawn = pipeline(
                [job.prompt for job in some],
                num_inference_steps=steps,
                guidance_scale=guidance,
                height=size_px,
                width=size_px,
                generator=[torch.Generator("cpu").manual_seed(job.seed) for job in some],
            ).images
            for job, picture in zip(some, drawn, strict=True):
                picture.save(out / job.file)
                pictures.append(np.asarray(picture))
        if fuse:
            pipeline.unfuse_lora()
        pipeline.unload_lora_weights()
    return pictures
