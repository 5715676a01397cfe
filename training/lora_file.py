"""LoRA files: safetensors in diffusers keys, written so that the same weights and facts always give the same bytes."""

import json
import struct
from collections.abc import Mapping
from typing import Any

HEADER_ALIGNMENT = 8
"""Tensor data starts at a multiple of 8 bytes, as the format asks; the header is padded with spaces."""


def lora_bytes(weights: Mapping[str, Any], facts: Mapping[str, str]) -> bytes:
    """A safetensors file of `weights` with `facts` as its metadata.

    The safetensors library writes metadata in an order that differs from call to call, so the header is written anew with sorted names.
    Format: 8 bytes little-endian header length, JSON header, data (https://github.com/huggingface/safetensors#format).
    """
    from safetensors.torch import save

    plain: bytes = save(dict(weights))
    (length,) = struct.unpack("<Q", plain[:8])
    header = {"__metadata__": dict(sorted(facts.items())), **json.loads(plain[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + plain[8 + length :]
