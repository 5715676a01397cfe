"""Where a command may write what it was asked for; looked at before any work is done for it."""

from pathlib import Path

from catalog.errors import SettingsError


def file_to_write(out: Path) -> Path:
    """The file itself, if its folder is there. Raises SettingsError when nothing can be written under that name."""
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else f"lies in {out.parent}, which is no folder"
        raise SettingsError(f"{out} {what}. Name a file in a folder that exists. Nothing was written.")
    return out
