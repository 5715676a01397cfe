"""Write a file so that a killed process leaves the old one or the new one, never half of it."""

import os
from pathlib import Path

from catalog.errors import TrainingError
from catalog.failpoint import failpoint

PARTIAL_SUFFIX = ".partial"


def write_atomic(path: Path, data: bytes) -> None:
    """Write bytes beside `path`, flush them to the disk and move them into place; folders are made as needed.

    Raises TrainingError when the disk is full or the folder cannot be written; `path` is then as it was, or whole.
    """
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            failpoint("training_file.opened")
            stream.write(data)
            failpoint("training_file.half_written")
            stream.flush()
            os.fsync(stream.fileno())
        failpoint("training_file.synced")
        partial.replace(path)
        failpoint("training_file.renamed")
        _sync_folder(path.parent)
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written: {error.strerror}. Free the disk or correct the permissions, then train again: it goes on after the "
            "last checkpoint."
        ) from error


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
