"""A catalog in a folder: a product table, `photos/` and `looks/<category>/`. Reads only."""

import hashlib
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from catalog.errors import CatalogError
from resources.catalog_source import LOOK_SUFFIXES, RawTable, ReadPhoto
from resources.table_files import SUFFIXES, UNCHANGED, choose_table, parse_table

SETTLED_AFTER_S = 2.0
"""A file younger than this has no version yet: it may change again within one tick of a coarse file-system clock (FAT: 2 s) and look the same."""


@dataclass(frozen=True)
class FolderTable:
    """The product table in a folder: the file named in the settings, else the only `products.*`."""

    root: Path
    file_name: str | None = None
    tells_cheaply: bool = True

    @property
    def name(self) -> str:
        """The folder."""
        return f"folder {self.root}"

    def read(self) -> RawTable:
        """The table's rows. Raises CatalogError when there is none, there are several, or it cannot be read."""
        name = choose_table((file.name for file in self._files()), self.file_name, str(self.root))
        try:
            data = (self.root / name).read_bytes()
        except OSError as error:
            raise CatalogError(f"{self.root / name} cannot be read: {error.strerror}. It must be a readable file. {UNCHANGED}") from error
        return parse_table(data, name, str(self.root))

    def fingerprint(self) -> str:
        """Names, sizes and times of the tables in the folder."""
        return "\n".join(f"{file.name}\0{_size_and_time(file)}" for file in self._files())

    def _files(self) -> list[Path]:
        return sorted(file for file in self.root.glob("*") if file.suffix in SUFFIXES)


@dataclass(frozen=True)
class FolderPictures:
    """Photos under `photos/` and looks under `looks/<category>/` of a folder."""

    root: Path
    parallel_reads: int = 1

    @property
    def name(self) -> str:
        """The folder."""
        return f"folder {self.root}"

    def photo_file(self, name: str) -> Path | None:
        """Where a photo file lies, or None when there is no such file. Links out of the folder count as missing."""
        folder = (self.root / "photos").resolve()
        try:
            file = (folder / name).resolve()
            return file if file.is_relative_to(folder) and file.is_file() else None
        except (OSError, RuntimeError, ValueError):  # a name longer than a file system takes; links in a circle; a null byte
            return None

    def photo_versions(self, names: Collection[str]) -> dict[str, str]:
        """Both times, size, inode and device of each photo file.

        The change time cannot be set back by copying or unpacking, so a photo swapped for one of the same size and date is noticed.
        Raises CatalogError when there is no folder of photos at all: a disk that is not mounted must not look like a shop without photos.
        """
        if names and not (self.root / "photos").is_dir():
            raise CatalogError(f"There is no folder {self.root / 'photos'}. Mount its disk, make it, or correct the path. {UNCHANGED}")
        return {name: version for name in names if (version := self._version(name)) is not None}

    def as_listed(self) -> Self:
        """Itself: each file is asked by itself."""
        return self

    def photo(self, name: str) -> ReadPhoto | None:
        """A photo file, or None when there is no such file or it cannot be read: one file never stops the others."""
        before, file = self._version(name), self.photo_file(name)
        try:
            data = None if file is None else file.read_bytes()
        except OSError:
            return None
        if data is None:
            return None
        kept = before is not None and before == self._version(name) and _is_settled(before)
        return ReadPhoto(data, before if kept else None)

    def looks(self, category: str) -> list[str]:
        """File names of a category's look pictures."""
        folder = self.root / "looks" / category
        return sorted(file.name for file in folder.glob("*") if file.suffix.lower() in LOOK_SUFFIXES) if folder.is_dir() else []

    def look_file(self, category: str, name: str) -> bytes | None:
        """A file beside the look pictures. Raises OSError when it is there and cannot be read."""
        file = self.root / "looks" / category / name
        return file.read_bytes() if file.is_file() else None

    def fingerprint(self) -> str:
        """Names, sizes and times of everything in the folder, without reading it.

        Follows links, so that photos may lie on another disk; a link to nowhere counts by its name.
        """
        state = hashlib.sha256()
        for here, name in self._walk():
            state.update(f"{here.relative_to(self.root)}/{name}\0{_size_and_time(here / name)}\n".encode())
        return state.hexdigest()

    def _walk(self) -> Iterator[tuple[Path, str]]:
        seen = set[tuple[int, int]]()
        for folder, folders, files in os.walk(self.root, followlinks=True):
            here = Path(folder)
            where = here.stat()
            if (where.st_dev, where.st_ino) in seen:  # a link back to a folder above it
                folders.clear()
                continue
            seen.add((where.st_dev, where.st_ino))
            folders.sort()
            yield from ((here, name) for name in sorted(files) if not name.startswith("."))

    def _version(self, name: str) -> str | None:
        file = self.photo_file(name)
        try:
            stat = None if file is None else file.stat()
        except OSError:
            return None
        return None if stat is None else f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino} {stat.st_dev}"


def _is_settled(version: str) -> bool:
    newest_ns = max(int(part) for part in version.split()[:2])
    return time.time_ns() - newest_ns > SETTLED_AFTER_S * 1e9


def _size_and_time(file: Path) -> str:
    try:
        stat = file.stat()
    except OSError:  # a link to nowhere, or gone since the folder was listed
        return "unreadable"
    return f"{stat.st_size}\0{stat.st_mtime_ns}"
