"""LoRA files: safetensors in diffusers keys, written so that the same weights and facts always give the same bytes.

What the facts are is in lora_metadata.py; other programs' keys are in lora_export.py.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause

HEADER_ALIGNMENT = 8
"""Tensor data starts at a multiple of 8 bytes, as the format asks; the header is padded with spaces."""
MAX_HEADER_BYTES = 100_000_000
"""What the safetensors library itself accepts (its MAX_HEADER_SIZE)."""
CONTENT_HASH = "modelspec.hash_sha256"
"""Written with the file: sha256 of all bytes after the header, with `0x` before it (SAI ModelSpec 1.0.1)."""


def lora_bytes(weights: Mapping[str, Any], facts: Mapping[str, str]) -> bytes:
    """A safetensors file of `weights` with `facts` and the hash of its tensors as its metadata.

    The safetensors library writes metadata in an order that differs from call to call, so the header is written anew with sorted names.
    Format: 8 bytes little-endian header length, JSON header, data (https://github.com/huggingface/safetensors#format).
    """
    from safetensors.torch import save

    plain: bytes = save(dict(weights))
    (length,) = struct.unpack("<Q", plain[:8])
    content = plain[8 + length :]
    told = {**facts, CONTENT_HASH: f"0x{hashlib.sha256(content).hexdigest()}"}
    header = {"__metadata__": dict(sorted(told.items())), **json.loads(plain[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + content


def read_lora_bytes(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of a LoRA file; `name` is what an error calls it.

    Raises ModelError for what is no safetensors file, holds no tensors, or has other tensors than its own hash says.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise ModelError(
            f"{name} is not a safetensors file: {clause(error)}. Only safetensors are read, because other formats can run code."
        ) from error
    if not tensors:
        raise ModelError(f"{name} holds no tensors, so it is no LoRA. Choose another file.")
    (length,) = struct.unpack("<Q", data[:8])
    facts: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    told, found = facts.get(CONTENT_HASH), f"0x{hashlib.sha256(data[8 + length :]).hexdigest()}"
    if told is not None and told.lower() != found:
        raise ModelError(
            f"{name} says that its tensors have sha256 {told[:14]}…, they have {found[:14]}…: it is damaged or was altered. Fetch it again."
        )
    return tensors, facts
