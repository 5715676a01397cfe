"""The header of a safetensors file: names, shapes and places of its tensors, told without reading any of them.

Layout: eight bytes of length (little endian), that much JSON, then the tensors; https://github.com/huggingface/safetensors#format.
"""

import json
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 100_000_000
"""Longest header that the safetensors library reads."""


def read_header(path: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Bytes before the first tensor, and what is told of each tensor by name (`dtype`, `shape`, `data_offsets`); (0, {}) for no such file."""
    with path.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        if header_bytes > min(MAX_HEADER_BYTES, path.stat().st_size):
            return 0, {}
        try:
            header = json.loads(stream.read(header_bytes))
        except (ValueError, RecursionError):
            return 0, {}
    if not isinstance(header, dict):
        return 0, {}
    return 8 + header_bytes, {name: tensor for name, tensor in header.items() if name != "__metadata__"}
