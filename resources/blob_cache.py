"""Blobs of a bucket as files of this machine, for libraries that want a path: verified, bounded in size, shared by processes.

A file is named by its content and appears whole, so several processes may fetch the same one. The least recently used go first; what was
asked for in the last ten minutes stays even over the bound, because somebody may be about to open it.
"""

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from catalog.errors import StoreError
from catalog.keys import digest_bytes

STAYS_S = 600
"""How long a file stays after it was asked for: opening a LoRA takes seconds; a worker that was stopped meanwhile asks again."""


class BlobCache:
    """A folder of blobs, at most `max_bytes` of them (those in use on top)."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def file(self, name: str, fetch: Callable[[], bytes]) -> Path:
        """The blob as a file: the one that is here if its content is right, else fetched and kept. Raises StoreError if the disk is full.

        `fetch` returns verified bytes.
        """
        path = self._folder / name
        try:
            if path.is_file() and digest_bytes(path.read_bytes()) == name:
                os.utime(path)
                return path
            data = fetch()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(data), besides=path)
            waiting = self._folder / f".{name}.{uuid.uuid4().hex}"
            try:
                waiting.write_bytes(data)
                waiting.replace(path)
            finally:
                waiting.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"Cannot keep a copy of blob {name} in {self._folder}: {error.strerror}. Free the disk or lower `store.cache_gb`, then run again."
            ) from error
        return path

    def _make_room(self, size_bytes: int, besides: Path) -> None:
        """Remove files, least recently used first, until `size_bytes` more fit; another process may do the same at the same time."""
        found = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        held, recent = sum(size for _, size, _ in found), time.time() - STAYS_S
        for used_at, size, path in sorted(found):
            if held + size_bytes <= self._max_bytes or used_at > recent:
                return
            if path != besides:
                path.unlink(missing_ok=True)
                held -= size
