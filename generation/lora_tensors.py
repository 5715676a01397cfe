"""LoRA files as tensors: read, checked before use, and compared with what a pipeline made of them. Attaches nothing (see adapter.py)."""

import json
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.keys import digest_bytes
from catalog.sentences import clause
from generation.lora_strength import with_told_strength

TEXT_ENCODER_PREFIXES = ("lora_te", "text_encoder")
"""Beginnings of names of tensors for text encoders, in the key formats that diffusers reads."""


def read_lora(path: Path, expected_digest: str) -> dict[str, Any]:
    """All tensors of a LoRA file by name. Raises ModelError if it is missing, altered, no safetensors file, empty or not finite."""
    return _read(path, expected_digest)[0]


def read_foreign_lora(path: Path, expected_digest: str) -> dict[str, Any]:
    """As `read_lora`, with an alpha worked in that the file tells in its metadata alone, which tensors do not pass on to a loader."""
    tensors, data = _read(path, expected_digest)
    (length,) = struct.unpack("<Q", data[:8])
    return with_told_strength(tensors, json.loads(data[8 : 8 + length]).get("__metadata__", {}))


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
            f"{len(tensors)} in the file. It was trained on another base model or is damaged: train the category again."
        )


def refuse_unless_all_attached(tensors: Mapping[str, Any], attached: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless each tensor of a file in anybody's keys (kohya's, say) was attached, and nothing else.

    Loaders rename layers, so contents are compared; `alpha` entries are numbers that became part of the layers' scaling.
    """
    dtype = next(iter(attached.values())).dtype if attached else None
    wanted = Counter(_content(tensor, dtype) for name, tensor in tensors.items() if not name.endswith("alpha"))
    missing = wanted - Counter(_content(tensor, dtype) for tensor in attached.values())
    if missing or wanted.total() != len(attached):
        raise ModelError(
            f"{missing.total()} of {wanted.total()} tensors of the LoRA {path.name} did not come into the model, which has {len(attached)} of "
            "it: it is made for another base model, or in a form that diffusers does not read. Use one that is made for this base model."
        )


def _content(tensor: Any, dtype: Any) -> str:
    import torch

    plain = tensor.detach().cpu().to(dtype).contiguous().flatten()
    return digest_bytes(plain.view(torch.uint8).numpy().tobytes())
