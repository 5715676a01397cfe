"""The folder catalog source: a product table, photo files and look pictures under one folder.

Reads only. Which rows are good is `quality/catalog_suite.py`; what changed since last time is `resources/catalog_sync.py`.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    import pandas

TABLE_FILE = "products.csv"
LOOK_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class FolderSource:
    """A catalog in a folder: `products.csv`, `photos/`, `looks/<category>/`."""

    root: Path

    def table(self) -> "pandas.DataFrame":
        """The product table, every cell as text, empty cells as ''. Raises CatalogError when it cannot be read as a table."""
        import pandas as pd

        file = self.root / TABLE_FILE
        try:
            table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
        except FileNotFoundError as error:
            raise CatalogError(f"There is no {TABLE_FILE} in {self.root}. The catalog was left as it was.") from error
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise CatalogError(
                f"{file} is not a readable CSV table: {' '.join(str(error).split())}. Save it as UTF-8 CSV with a header line. "
                "The catalog was left as it was."
            ) from error
        except OSError as error:
            raise CatalogError(
                f"{file} cannot be read: {error.strerror}. It must be a readable file. The catalog was left as it was."
            ) from error
        if len(table) and not isinstance(table.index, pd.RangeIndex):
            # With a cell too many in every row, pandas takes the SKUs as row names and shifts all columns by one.
            raise CatalogError(
                f"Every row of {file} has more cells than its header names. Take away the comma at the end of the rows, or put cells that hold "
                "a comma in double quotes. The catalog was left as it was."
            )
        return table

    def photo_file(self, name: str) -> Path | None:
        """Where a photo file lies, or None when there is no such file. Links out of the folder count as missing."""
        folder = (self.root / "photos").resolve()
        try:
            file = (folder / name).resolve()
            return file if file.is_relative_to(folder) and file.is_file() else None
        except (OSError, RuntimeError, ValueError):  # a name longer than a file system takes; links in a circle; a NUL in the name
            return None

    def photo(self, name: str) -> bytes | None:
        """The bytes of a photo file, or None when there is no such file or it cannot be read: one file never stops the others."""
        file = self.photo_file(name)
        try:
            return None if file is None else file.read_bytes()
        except OSError:
            return None

    def looks(self, category: str) -> list[Path]:
        """The look pictures of a category, sorted by name."""
        folder = self.root / "looks" / category
        return sorted(p for p in folder.glob("*") if p.suffix.lower() in LOOK_SUFFIXES) if folder.is_dir() else []

    def fingerprint(self) -> str:
        """Changes when the table, a photo or a look does; made from names, sizes and times without reading pictures.

        Follows links, so that photos may lie on another disk; a link to nowhere counts by its name.
        """
        state, seen = hashlib.sha256(), set[tuple[int, int]]()
        for folder, folders, files in os.walk(self.root, followlinks=True):
            here = Path(folder)
            where = here.stat()
            if (where.st_dev, where.st_ino) in seen:  # a link back to a folder above it
                folders.clear()
                continue
            seen.add((where.st_dev, where.st_ino))
            folders.sort()
            for name in sorted(files):
                if not name.startswith("."):
                    state.update(f"{here.relative_to(self.root)}/{name}\0{_size_and_time(here / name)}\n".encode())
        return state.hexdigest()


def _size_and_time(file: Path) -> str:
    try:
        stat = file.stat()
    except OSError:  # a link to nowhere, or gone since the folder was listed
        return "unreadable"
    return f"{stat.st_size}\0{stat.st_mtime_ns}"
