"""Sha256 of large files, remembered while a file stays as it was: 20 GB of weights are digested once, not at every worker's start.

A file is known by its path, size, times of modification and of change in nanoseconds, and inode: the time of change is the file system's own, and
cannot be set back as that of modification can. `forget` makes the next question read everything again.
"""

import contextlib
import hashlib
import json
import os
import threading
import time
from pathlib import Path

from generation.model_files import files_below

REMEMBERED_FROM_BYTES = 1_000_000
"""Smaller files are read again each time, which takes a millisecond."""
SETTLED_AFTER_S = 2.0
"""A file written less long ago than this is not remembered: file systems' clocks tick too coarsely to tell a second writing from the first."""

Stamp = tuple[int, int, int, int]
"""Size in bytes, times of modification and of change in nanoseconds, inode."""

_known: dict[str, tuple[Stamp, str]] = {}
_kept_in: list[Path] = []
_lock = threading.RLock()


def digest_of_file(path: Path) -> str:
    """Sha256 (64 hex digits) of a file's bytes, from memory where the file is as it was. Raises OSError when it cannot be read."""
    real = path.resolve()
    stamp = _stamp(real)
    with _lock:
        known = _known.get(str(real))
    if known is not None and known[0] == stamp:
        return known[1]
    with real.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if stamp[0] >= REMEMBERED_FROM_BYTES and time.time() - stamp[1] / 1e9 > SETTLED_AFTER_S and _stamp(real) == stamp:
        _remember(str(real), stamp, found)
    return found


def keep_digests_in(file: Path) -> None:
    """Keep what is remembered in this file from now on, and take up what was kept there; other processes on the machine share it."""
    with _lock:
        if file not in _kept_in:
            _kept_in[:] = [file]
            for path, entry in _read(file).items():
                _known.setdefault(path, entry)


def forget(folder: Path) -> None:
    """Have every file of a folder read again when it is asked for next, links to elsewhere included."""
    inside = {str(path.resolve()) for _, path in files_below(folder)}
    with _lock:
        for path in inside & _known.keys():
            del _known[path]


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _remember(path: str, stamp: Stamp, found: str) -> None:
    with _lock:
        _known[path] = stamp, found
        for file in _kept_in:
            kept = {**_read(file), **_known}
            waiting = file.with_name(f".{file.name}.{os.getpid()}.part")
            with contextlib.suppress(OSError):  # a cache: where nothing can be written, files are digested again
                file.parent.mkdir(parents=True, exist_ok=True)
                waiting.write_text(json.dumps({name: [*entry[0], entry[1]] for name, entry in sorted(kept.items())}, indent=1) + "\n")
                waiting.replace(file)


def _read(file: Path) -> dict[str, tuple[Stamp, str]]:
    """What a file keeps; nothing where it is missing or is not what was written, as it can be made again."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
        return {
            str(path): ((int(size), int(mtime), int(ctime), int(inode)), str(found))
            for path, (size, mtime, ctime, inode, found) in loaded.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
