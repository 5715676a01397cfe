"""The brand kit's file as a command edits it: replaced as a whole, and only while it is the one that was read.

What is put into it is the command's.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class BrandKitFile:
    """The file with the bytes that were read; `path` leads to the file itself, not to a link to it."""

    path: Path
    read: bytes

    @property
    def text(self) -> str:
        """What was read, with the line ends it has."""
        return self.read.decode("utf-8")

    def replace(self, text: str) -> None:
        """Put a text in its place: whoever reads meanwhile reads the old one or the new one.

        Raises SettingsError when somebody else has changed the file since it was read, or when it cannot be written; it is then as it was.
        """
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            with beside.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(self.path.stat().st_mode)
            if self.path.read_bytes() != self.read:
                raise SettingsError(
                    f"{self.path} was changed while the new text was computed, so it was not replaced: what was written there is kept. "
                    "Run the command again with --apply; it begins with the file as it is now."
                )
            beside.replace(self.path)
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be written: {error.strerror}. It is as it was. Free the disk or correct the permissions, then run this again."
            ) from error
        finally:
            beside.unlink(missing_ok=True)


def read_brand_kit_file(path: Path) -> BrandKitFile:
    """The file as it is now. Raises OSError when it cannot be read."""
    path = path.resolve()
    return BrandKitFile(path=path, read=path.read_bytes())
