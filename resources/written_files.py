"""Files that a command was asked to write: whether they can be, looked at before any work is done for them, and written whole or not at all."""

import os
from pathlib import Path

from catalog.errors import SettingsError


def file_to_write(out: Path) -> Path:
    """The file itself, if its folder is there. Raises SettingsError when nothing can be written under that name."""
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else f"lies in {out.parent}, which is no folder"
        raise SettingsError(f"{out} {what}. Name a file in a folder that exists. Nothing was written.")
    return out


def write_whole(out: Path, data: bytes) -> None:
    """Write the file beside its place and move it there, through a link to where it leads; a device or pipe is written as it is.

    Raises SettingsError when its place cannot be written; what was there is then as it was.
    """
    place = out.resolve()
    waiting = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return
        try:
            waiting.write_bytes(data)
            waiting.replace(place)
        finally:
            waiting.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{out} cannot be written: {error.strerror}. Name another place, free its disk, or correct its permissions. Nothing was written."
        ) from error
