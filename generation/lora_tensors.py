"""LoRA files as tensors: read, checked before use, and compared with what a pipeline made of them. Attaches nothing (see adapter.py)."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.keys import digest_bytes
from catalog.sentences import clause
from generation.foreign_lora import in_diffusers_keys

TEXT_ENCODER_PREFIXES = ("lora_te", "text_encoder")
"""Beginnings of names of tensors for text encoders, in the key formats that diffusers reads."""


def read_lora(path: Path, expected_digest: str) -> dict[str, Any]:
    """All tensors of a LoRA file by name. Raises ModelError if it is missing, altered, no safetensors file, empty or not finite."""
    return _read(path, expected_digest)[0]


def read_foreign_lora(path: Path, expected_digest: str, family: str, unet_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """As `read_lora`, for a file in anybody's keys: in diffusers keys, with alpha worked in. `unet_config` is the base model's, if it has a UNet.

    Raises ModelError also for text-encoder parts, other kinds of adapters, and names that are not understood.
    """
    tensors, data = _read(path, expected_digest)
    refuse_text_encoders(tensors, path)
    (length,) = struct.unpack("<Q", data[:8])
    try:
        return in_diffusers_keys(tensors, family, unet_config, json.loads(data[8 : 8 + length]).get("__metadata__", {}))
    except ModelError as error:
        raise ModelError(f"The LoRA {path.name} cannot be used: {clause(error)}.") from error


def _read(path: Path, expected_digest: str) -> tuple[dict[str, Any], bytes]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"The LoRA {path} cannot be read: {error.strerror}. Train the category again or restore the file.") from error
    found = digest_bytes(data)
    if found != expected_digest:
        raise ModelError(
            f"The LoRA {path} has digest {found[:12]}, expected {expected_digest[:12]}: it was altered or mixed up. "
            "Restore it or train the category again."
        )
    try:
        tensors: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise ModelError(f"The LoRA {path} is not a safetensors file: {clause(error)}. Only safetensors are read.") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"The LoRA {path} holds NaN or infinite weights. Train the category again with a lower learning rate.")
    return tensors, data


def refuse_foreign_keys(tensors: Mapping[str, Any], path: Path, part: str) -> None:
    """Raise ModelError unless all tensors are the denoiser's in diffusers keys, as our trainer writes them."""
    foreign = [name for name in tensors if not name.startswith(f"{part}.")]
    if not tensors or foreign:
        raise ModelError(
            f"The LoRA {path} holds {foreign[:1] or 'no tensors'}; expected are tensors for the {part} in diffusers keys ('{part}.…')."
        )


def refuse_text_encoders(tensors: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError for tensors of text encoders: prompts are encoded once and kept, whatever LoRA is worn later."""
    found = [name for name in tensors if name.startswith(TEXT_ENCODER_PREFIXES)]
    if found or not tensors:
        raise ModelError(
            f"The LoRA {path} holds {found[:1] or 'no tensors'}; text encoders are never changed here. Use one for the denoiser alone."
        )


def refuse_unless_as_stored(tensors: Mapping[str, Any], attached: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless what was attached is, name for name and bit for bit, what the file holds."""
    import torch

    differing = {name for name in attached.keys() | tensors.keys() if name not in attached or name not in tensors}
    differing |= {
        name for name in attached.keys() & tensors.keys() if not torch.equal(attached[name].cpu(), tensors[name].to(attached[name].dtype))
    }
    if differing:
        raise ModelError(
            f"{len(differing)} tensors of the LoRA {path.name} (first: {min(differing)}) are not in the model as stored, of "
            f"{len(tensors)} in the file. It was made for another base model or is damaged: train the category again, or fetch the file again."
        )
