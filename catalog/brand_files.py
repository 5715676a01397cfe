"""Files that belong to a brand kit: a logo, fonts, patterns, swatch photos. Named in its YAML by path, told apart by the sha256 of their bytes.

Reads and digests files; what is in them is decoded where it is used.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from catalog.errors import SettingsError

MAX_FILE_BYTES = 32 * 1024 * 1024
"""Of one file. Fonts with every script of the world take 20 MB; more is a mistake, and every plan reads it."""

M = TypeVar("M", bound=BaseModel)


class _File(BaseModel):
    """A file beside the brand kit: its path from there, and its sha256, which is filled in when the kit is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1)
    sha256: str = ""

    @field_validator("file")
    @classmethod
    def _stays_beside_the_kit(cls, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
            raise ValueError(f"file name {name!r} leaves the brand kit's folder; use a plain relative file name")
        return name


def _named(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


BrandFile = Annotated[_File, BeforeValidator(_named)]
"""A file of the brand kit, written as its path: `logo: logo.png`."""


def with_digests(model: M, folder: Path, where: str) -> M:
    """The same settings with the sha256 of every file they name. Raises SettingsError for one that cannot be read, or is not what it was pinned to."""
    return model.model_copy(update={name: _pinned(value, folder, f"{where}: {name}") for name, value in model})


def _pinned(value: Any, folder: Path, where: str) -> Any:
    if isinstance(value, _File):
        found = _digest_of(value.file, folder, where)
        if value.sha256 not in ("", found):
            raise SettingsError(
                f"{where}: {value.file} is not the file that was pinned (sha256 {value.sha256[:12]}, found {found[:12]}). Nothing was changed. "
                "Restore the file, or correct its sha256."
            )
        return value.model_copy(update={"sha256": found})
    if isinstance(value, BaseModel):
        return with_digests(value, folder, where)
    if isinstance(value, tuple):
        return tuple(_pinned(item, folder, f"{where}[{number}]") for number, item in enumerate(value))
    if isinstance(value, dict):
        return {name: _pinned(item, folder, f"{where}.{name}") for name, item in value.items()}
    return value


def files_in(value: Any) -> Iterator[tuple[str, str]]:
    """Sha256 and path of every file that settings name, in their order."""
    if isinstance(value, _File):
        yield value.sha256, value.file
    elif isinstance(value, BaseModel):
        for _, item in value:
            yield from files_in(item)
    elif isinstance(value, tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from files_in(item)


def read_brand_file(folder: Path, name: str, sha256: str) -> bytes:
    """The bytes of a brand kit's file. Raises SettingsError when it is gone, or is not the file that was digested when the kit was read."""
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}, a file of the brand kit, cannot be read: {error.strerror}. Restore it. Nothing was made.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SettingsError(
            f"{path}, a file of the brand kit, changed since the work was planned. Nothing was made. Run again: it is planned anew."
        )
    return data


def _digest_of(name: str, folder: Path, where: str) -> str:
    path = folder / name
    try:
        seen = path.stat()
        if not path.is_file():
            raise SettingsError(f"{where}: {path} is not a file. Nothing was changed; name a file beside the brand kit.")
        if seen.st_size > MAX_FILE_BYTES:
            raise SettingsError(
                f"{where}: {path} has {seen.st_size / 1e6:.0f} MB, at most {MAX_FILE_BYTES / 1e6:.0f} MB are allowed. Nothing was changed."
            )
        return _digest(path, seen.st_mtime_ns, seen.st_size)
    except OSError as error:
        raise SettingsError(
            f"{where}: {path} cannot be read: {error.strerror}. Nothing was changed; name a file beside the brand kit."
        ) from error


@lru_cache(maxsize=512)
def _digest(path: Path, _changed_ns: int, _size: int) -> str:
    """Digests a file once for each state it is seen in: every plan reads the kit."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
