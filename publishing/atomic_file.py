"""Write a file so that a reader sees the old one or the new one, never half of either."""

import os
import threading
from pathlib import Path

from catalog.errors import StoreError
from catalog.failpoint import failpoint


def write_atomically(path: Path, data: bytes, *, incoming: Path | None = None) -> None:
    """Put `data` at `path`: written beside it (or into `incoming`, on the same file system), flushed to disk, then renamed.

    Parent folders are made. The file gets the permissions of any new file, so that a web server may read it.
    Raises StoreError when the disk is full or the folder cannot be written; `path` is then as it was.
    """
    waiting = (incoming or path.parent) / f".{path.name}.{os.getpid()}-{threading.get_ident()}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting.parent.mkdir(parents=True, exist_ok=True)
        with waiting.open("wb") as file:
            failpoint("published_file.opened")
            file.write(data)
            failpoint("published_file.half_written")
            file.flush()
            os.fsync(file.fileno())
        failpoint("published_file.synced")
        waiting.replace(path)
        failpoint("published_file.renamed")
    except OSError as error:
        waiting.unlink(missing_ok=True)
        raise StoreError(
            f"{path} cannot be written: {error.strerror}. The file is as it was. Free the disk or correct the permissions, then run again: "
            "finished files are skipped."
        ) from error


def write_if_changed(path: Path, data: bytes) -> bool:
    """Put `data` at `path` unless exactly that is there already; says whether it wrote. An untouched file keeps its time."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True
