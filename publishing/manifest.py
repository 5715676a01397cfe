"""The manifest of a published folder: which picture stands behind which name, and which were taken back.

A storefront reads this one file. Names are stable and readable (`web/lighting/LMP-003/staged_scene-0.jpg`); the files behind them are
named by their content, so an address never changes its picture and may be cached for ever. Who writes it is `folder_channel.py`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from catalog.errors import StoreError
from catalog.recipe import SourceType
from catalog.sentences import clause

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_VERSION: Final = 1
"""Raised when a reader of the former layout would go wrong."""


class PublishedImage(BaseModel):
    """One published picture: where its file is (relative to the manifest), what it shows, and what it was approved as."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    media_type: str
    channel: str
    category: str
    sku: str
    recipe: str
    index: int = Field(ge=0)
    alt: str
    digital_source_type: SourceType
    render_digest: str
    rules_digest: str
    publish_key: str


class Tombstone(BaseModel):
    """One picture that was taken back (`withdrawn`) or gave way to a newer one (`replaced`).

    `at` is when, `remove_after` from when the file is gone; both UTC, ISO 8601. A replaced file stays for a while, because pages that
    were cached still point at it; a withdrawn one goes at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str
    sha256: str
    sku: str
    why: Literal["withdrawn", "replaced"]
    at: str
    remove_after: str
    removed: bool = False
    """Whether the file is known to be gone; kept in a bucket, where looking costs a request. A folder is looked at."""

    @model_serializer(mode="wrap")
    def _as_ever(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `removed` while it is false: a folder's manifest reads as it always did."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name != "removed" or value}


class Manifest(BaseModel):
    """Everything in a published folder, by name, and its tombstones, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vitrine_manifest: Literal[1] = MANIFEST_VERSION
    images: Mapping[str, PublishedImage] = Field(default_factory=dict)
    tombstones: tuple[Tombstone, ...] = ()

    def as_bytes(self) -> bytes:
        """The manifest as JSON with one line per picture and one per tombstone, names sorted: small differences stay small."""
        images = [f"  {json.dumps(name)}: {image.model_dump_json()}" for name, image in sorted(self.images.items())]
        stones = [f"  {stone.model_dump_json()}" for stone in self.tombstones]
        parts = [f' "vitrine_manifest": {self.vitrine_manifest}', f' "images": {{{_block(images)}}}', f' "tombstones": [{_block(stones)}]']
        return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a published folder; an empty one when nothing was published yet.

    Raises StoreError when it is there but is not ours or was damaged: going on would forget what is published.
    """
    path = folder / MANIFEST_NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except ValidationError as error:
        raise StoreError(
            f"{path} is not a manifest of version {MANIFEST_VERSION}: {clause(error.errors()[0]['msg'])}. Nothing was changed. "
            "Restore it, or move the folder away and publish everything again."
        ) from error


def each_image(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The pictures of a published folder one after the other, as plain data: a manifest of a million of them takes gigabytes as a whole.

    Reads the layout that `Manifest.as_bytes` writes, one line per picture; any other is read as a whole. Raises StoreError as `read_manifest`.
    """
    with suppress(FileNotFoundError), (folder / MANIFEST_NAME).open(encoding="utf-8") as lines:
        if [next(lines, "") for _ in _HEAD] == _HEAD:
            for line in lines:
                if line == _END:
                    return
                try:
                    yield next(iter(json.loads("{" + line.rstrip().rstrip(",") + "}").values()))
                except (ValueError, StopIteration):
                    read_manifest(folder)  # says in words what is wrong with it
                    raise
            read_manifest(folder)
    for image in read_manifest(folder).images.values():
        yield image.model_dump()


def manifest_version(folder: Path) -> str:
    """Changes whenever another manifest stands in a folder, without reading it; '' while there is none."""
    try:
        there = (folder / MANIFEST_NAME).stat()
    except FileNotFoundError:
        return ""
    return f"{there.st_mtime_ns}-{there.st_size}-{there.st_ino}"


_HEAD: Final = ["{\n", f' "vitrine_manifest": {MANIFEST_VERSION},\n', ' "images": {\n']
_END: Final = " },\n"


def _block(lines: list[str]) -> str:
    return "\n" + ",\n".join(lines) + "\n " if lines else ""
