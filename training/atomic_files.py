"""Write a file so that a killed process leaves the old one or the new one, never half of it."""

import os
from pathlib import Path

PARTIAL_SUFFIX = ".partial"


def write_atomic(path: Path, data: bytes) -> None:
    """Write bytes beside `path`, flush them to the disk and move them into place; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
