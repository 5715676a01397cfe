"""Base models: a folder in stock diffusers layout, read and digested without torch, loaded as a stock pipeline.

Draws nothing itself (see plates.py) and reaches no network: a base model is always a local folder, and only safetensors are read.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from catalog.errors import ModelError
from catalog.keys import digest

COMPONENTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
"""Sub-folders that a base model of family "sd" consists of; they and model_index.json are what its digest covers."""

REQUIRED_FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)
PICKLED_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
"""Weight formats that can run code when loaded; never read, and named in the error so that nobody wonders."""

PIPELINE_CLASS = "StableDiffusionPipeline"


@dataclass(frozen=True, kw_only=True)
class BaseModel:
    """A base model on disk: where it is, which bytes it consists of, and the size it draws at.

    `digest` changes with any byte that loading reads, and with no other file of the folder (a README, a sample sheet).
    `size_px` is the side of the square pictures it was trained on; `latent_scale` the pixels per latent cell; `max_tokens` what its text
    encoder reads of a prompt.
    """

    folder: Path
    digest: str
    family: Literal["sd"]
    size_px: int
    latent_scale: int
    latent_channels: int
    max_tokens: int


def read_base_model(folder: Path) -> BaseModel:
    """The base model in a folder, checked for completeness and digested; no weights are loaded.

    Raises ModelError naming the first missing or unsuitable file and what to do about it.
    """
    if not folder.is_dir():
        raise ModelError(
            f"There is no base model at {folder}. Point `base_model` in the settings at a folder in diffusers layout (model_index.json, "
            f"{', '.join(COMPONENTS)}); the demo's own is demo/base-model."
        )
    for name in REQUIRED_FILES:
        if not (folder / name).is_file():
            raise ModelError(f"The base model at {folder} lacks {name}. {_advice(folder, name)}")
    index = _read_json(folder / "model_index.json")
    if index.get("_class_name") != PIPELINE_CLASS:
        raise ModelError(
            f"The base model at {folder} is a {index.get('_class_name')}; supported is {PIPELINE_CLASS}. Choose a model of that family."
        )
    unet, vae = _read_json(folder / "unet/config.json"), _read_json(folder / "vae/config.json")
    tokenizer = _read_json(folder / "tokenizer/tokenizer_config.json")
    try:
        # AutoencoderTiny derives block_out_channels from its decoder, and complains when its configuration names both.
        blocks = vae["block_out_channels"] if "block_out_channels" in vae else vae["decoder_block_out_channels"]
        latent_scale = 2 ** (len(blocks) - 1)
        return BaseModel(
            folder=folder,
            digest=_digest_of_files(folder),
            family="sd",
            size_px=int(unet["sample_size"]) * latent_scale,
            latent_scale=latent_scale,
            latent_channels=int(unet["in_channels"]),
            max_tokens=int(tokenizer["model_max_length"]),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The configuration of the base model at {folder} lacks {error}; needed are sample_size and in_channels (unet), "
            "block_out_channels (vae) and model_max_length (tokenizer). Save it again with `save_pretrained` of diffusers."
        ) from error


def load_pipeline(base_model: BaseModel, threads: int = 1, device: str = "cpu") -> Any:
    """The base model as a stock StableDiffusionPipeline, float32 on a CPU and bfloat16 on CUDA, without progress bars or safety checker.

    Reads local safetensors only; `threads` are used while loading. The digest is not checked here. Raises ModelError if the device is
    missing or the files do not fit.
    """
    import torch
    from diffusers import StableDiffusionPipeline

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(
            f"The settings ask for device '{device}', but torch sees no CUDA device here. Set `device: cpu` or fix the driver."
        )
    with torch_threads(threads), quiet_libraries():
        try:
            pipeline = StableDiffusionPipeline.from_pretrained(
                str(base_model.folder),
                dtype=torch.float32 if device == "cpu" else torch.bfloat16,
                local_files_only=True,
                use_safetensors=True,
                safety_checker=None,
                requires_safety_checker=False,
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"The base model at {base_model.folder} does not load: {error}. Restore its files or train it again."
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(False)
        part.eval()
    return pipeline.to(device)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run a block with this many torch threads and restore the number afterwards; sums, and so pixels, may depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Run a block without the loading bars and class hints of diffusers and transformers; errors still come through."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()


def _advice(folder: Path, name: str) -> str:
    pickled = [path.name for path in (folder / name).parent.glob("*") if path.suffix in PICKLED_SUFFIXES]
    if pickled and name.endswith(".safetensors"):
        return f"{pickled[0]} beside it is not read, because loading it can run code: save the model again with `safe_serialization=True`."
    return "Copy the folder again in full, or train it with demo/make."


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not readable JSON: {error}. Copy the base model again.") from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{path} holds {type(loaded).__name__}, but a mapping was expected. Copy the base model again.")
    return loaded


def _digest_of_files(folder: Path) -> str:
    files = [folder / "model_index.json"]
    # A hidden file (.DS_Store as soon as somebody opens the folder on a Mac) is none that loading reads.
    files += [path for part in COMPONENTS for path in (folder / part).rglob("*") if path.is_file() and not path.name.startswith(".")]
    return digest(sorted([path.relative_to(folder).as_posix(), _digest_of_file(path)] for path in files))


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
