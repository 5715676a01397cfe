"""Base models: a folder in stock diffusers layout, read and digested without torch, loaded as a stock pipeline of its family.

Draws nothing itself (see plates.py) and reaches no network: a base model is always a local folder, and only safetensors are read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause
from generation.families import FAMILIES, family_named, family_of_pipeline
from generation.family import Family
from generation.model_folder import check_parts, digest_of_folder, parts_of, read_configs, read_index


@dataclass(frozen=True, kw_only=True)
class BaseModel:
    """A base model on disk: where it is, which bytes it consists of, and the size it draws at.

    `digest` changes with any byte that loading reads, and with no other file of the folder (a README, a sample sheet).
    `size_px` is the side of the square pictures it was trained on; `latent_scale` the pixels per latent cell; `max_tokens` what its text
    encoder reads of a prompt.
    """

    folder: Path
    digest: str
    family: str
    size_px: int
    latent_scale: int
    latent_channels: int
    max_tokens: int

    @property
    def behavior(self) -> Family:
        """What models of this family can do."""
        return family_named(self.family)


def read_base_model(folder: Path) -> BaseModel:
    """The base model in a folder, checked for completeness and digested; no weights are loaded.

    Raises ModelError naming the first missing or unsuitable file and what to do about it.
    """
    index = read_index(folder)
    class_name = str(index.get("_class_name"))
    family = family_of_pipeline(class_name)
    if family is None:
        known = sorted(name for one in FAMILIES.values() for name in one.pipeline_classes)
        raise ModelError(f"The base model at {folder} is a {class_name}; supported are {', '.join(known)}. Choose a model of these.")
    parts = parts_of(index, family.left_out)
    check_parts(folder, parts)
    try:
        sizes = family.geometry(folder, read_configs(folder, parts))
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The configuration of the base model at {folder} lacks {error}, which its family '{family.name}' needs to know its sizes. "
            "Save it again with `save_pretrained` of diffusers."
        ) from error
    return BaseModel(
        folder=folder,
        digest=digest_of_folder(folder, parts),
        family=family.name,
        size_px=sizes.size_px,
        latent_scale=sizes.latent_scale,
        latent_channels=sizes.latent_channels,
        max_tokens=sizes.max_tokens,
    )


def load_pipeline(base_model: BaseModel, threads: int = 1, device: str = "cpu", *, float32: bool = False, on_host: bool = False) -> Any:
    """The base model as the stock pipeline of its family, float32 on a CPU and bfloat16 on CUDA, without progress bars.

    Reads local safetensors only; `threads` are used while loading. `float32` loads full precision on CUDA, too. `on_host` leaves the parts on the
    host, in the type they are to have on the device. The digest is not checked here. Raises ModelError if the device is missing or the files do
    not fit.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(
            f"The settings ask for device '{device}', but torch sees no CUDA device here. Set `device: cpu` or fix the driver."
        )
    with torch_threads(threads), quiet_libraries():
        try:
            pipeline = base_model.behavior.load(base_model.folder, torch.float32 if float32 or device == "cpu" else torch.bfloat16)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"The base model at {base_model.folder} does not load: {clause(error)}. Restore its files or train it again."
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False)
            part.eval()
    return pipeline if on_host else pipeline.to(device)


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
