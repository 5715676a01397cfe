"""A folder of encodings, each under the digest of what it was computed from, so that adding one look picture encodes one picture.

Several processes may use one folder at once: files appear whole, and one that is damaged or gone is computed again. The least recently used
go first when there are too many. Computes nothing itself.
"""

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.atomic_files import PARTIAL_SUFFIX

MAX_BYTES = 4_000_000_000
"""About 15,000 pictures of SDXL's size with their prompts."""
SUFFIX = ".encoding"
SEAL_BYTES = 32
"""A file is the sha256 of the rest, then safetensors."""
LEFTOVER_S = 3600
"""Half a file is written in milliseconds; one this old is of a process that was killed."""

log = logging.getLogger(__name__)

Tensors = dict[str, Any]


class EncodingCache:
    """Encodings kept in a folder, of at most `max_bytes` after `trim`."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    def tensors(self, key: str, compute: Callable[[], Tensors]) -> Tensors:
        """The tensors of a key, read or else computed and kept. A disk that cannot keep them costs time, never the training."""
        path = self.folder / f"{key}{SUFFIX}"
        found = _read(path)
        if found is not None:
            return found
        made = compute()
        try:
            _write(path, made)
        except OSError as error:
            log.warning("%s cannot be kept: %s. It will be computed again next time.", path, error.strerror)
        return made

    def trim(self) -> None:
        """Remove the least recently used until at most `max_bytes` are left, and what killed processes left half written."""
        kept = []
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            try:
                facts = path.stat()
            except OSError:  # another process removed it just now
                continue
            if path.name.endswith(SUFFIX):
                kept.append((facts.st_mtime_ns, facts.st_size, path))
            elif path.name.endswith(PARTIAL_SUFFIX) and time.time() - facts.st_mtime > LEFTOVER_S:
                path.unlink(missing_ok=True)
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _read(path: Path) -> Tensors | None:
    """A file's tensors, and note that it was used; None when it is not there, damaged or unreadable."""
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    seal, content = data[:SEAL_BYTES], data[SEAL_BYTES:]
    if hashlib.sha256(content).digest() != seal:
        log.warning("%s is damaged and is computed again.", path)
        return None
    tensors: Tensors = load(content)
    return tensors


def _write(path: Path, tensors: Tensors) -> None:
    """Write beside and move into place, under a name of this process's own. Not flushed to the disk: a torn file fails its seal."""
    from safetensors.torch import save

    content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    try:
        partial.write_bytes(hashlib.sha256(content).digest() + content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
