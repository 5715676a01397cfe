"""The manifest of a published bucket: one index, and one part per cell that is read and written by itself.

    manifest.json                                          the index: parts by name, each with its file, digest and counts
    manifest/<category>/<drop>/<version>-<digest>.json     a part: the pictures and tombstones of one cell; never changed once written

The index is the only object that changes in place, and only if nobody changed it meanwhile (If-Match), so a commit of several parts is one
write. A part's file is never written again and never named again, so a reader of an older index finds what it names for a day.
Reasons are in docs/decisions/0020-published-bucket.md; what goes into a part is `bucket_channel.py`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import StoreError
from catalog.keys import digest_bytes
from catalog.sentences import clause
from publishing.bucket import FOR_EVER, SHORTLY, Bucket
from publishing.manifest import MANIFEST_NAME, Manifest

INDEX_VERSION: Final = 2
PARTS: Final = "manifest"
JSON: Final = "application/json"

OLD_PARTS_STAY_H: Final = 24
"""Hours a part's former file stays: the life of an index in a storefront's cache, with room."""

_READS = 5
"""A part that is gone was replaced and swept since its index was read; the next index names another."""

_PARTS_AT_ONCE, _PICTURES_AT_ONCE = 64, 50_000
"""What is read side by side and held in memory at once: 50,000 pictures are 38 MB of JSON and about 100 MB of objects."""


class Part(BaseModel):
    """A part as the index names it: its file relative to the index, the file's digest and length, and what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    products: int = Field(ge=0)
    images: int = Field(ge=0)
    tombstones: int = Field(ge=0)


class Index(BaseModel):
    """All parts by name (`<category>/<drop>`); `version` rises with every commit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vitrine_manifest: Literal[2] = INDEX_VERSION
    version: int = Field(default=0, ge=0)
    parts: Mapping[str, Part] = Field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """The index as JSON with one line per part, names sorted."""
        lines = ",\n".join(f"  {json.dumps(name)}: {part.model_dump_json()}" for name, part in sorted(self.parts.items()))
        block = f"\n{lines}\n " if lines else ""
        return f'{{\n "vitrine_manifest": {self.vitrine_manifest},\n "version": {self.version},\n "parts": {{{block}}}\n}}\n'.encode()


@dataclass(frozen=True, kw_only=True)
class Board:
    """What stands: the index, the version of its object (None: there is none yet), and the parts that were asked for."""

    index: Index
    object_version: str | None
    parts: Mapping[str, Manifest]


def part_name(category: str, drop: str) -> str:
    """A cell's part."""
    return f"{category}/{drop}"


def part_version(index: Index, name: str) -> str:
    """Changes whenever other pictures or tombstones stand in a part; '' while the index has no such part."""
    return index.parts[name].sha256 if name in index.parts else ""


def read_index(bucket: Bucket) -> tuple[Index, str | None]:
    """The index and its object's version; an empty one and None when nothing was published yet.

    Raises StoreError when what is there is not ours: going on would forget what is published.
    """
    found = bucket.read_version(MANIFEST_NAME)
    if found is None:
        return Index(), None
    try:
        return Index.model_validate_json(found[0]), found[1]
    except ValidationError as error:
        raise StoreError(
            f"{bucket.name}/{MANIFEST_NAME} is not the index of a published bucket (version {INDEX_VERSION}): {clause(error.errors()[0]['msg'])}. "
            "Nothing was changed. Restore it, or publish below another prefix."
        ) from error


def read_board(bucket: Bucket, names: Iterable[str]) -> Board:
    """The index as it stands, with some parts; a name that the index lacks is an empty part."""
    asked, gone = sorted(set(names)), ""
    for _ in range(_READS):
        index, object_version = read_index(bucket)
        entries = {name: index.parts[name] for name in asked if name in index.parts}
        read = dict(zip(entries, bucket.read_many([entry.file for entry in entries.values()]), strict=True))
        gone = next((entries[name].file for name, data in read.items() if data is None), "")
        if not gone:
            found = {name: _part(bucket, entries[name], data) for name, data in read.items() if data is not None}
            return Board(index=index, object_version=object_version, parts={name: found.get(name, Manifest()) for name in asked})
    raise StoreError(
        f"{bucket.name}/{MANIFEST_NAME} names {gone}, which is not there. Nothing was changed. Restore the object, or take its part out of "
        "the index and publish its cell again."
    )


def _part(bucket: Bucket, entry: Part, data: bytes) -> Manifest:
    if digest_bytes(data) != entry.sha256:
        again = bucket.read(entry.file)  # a byte that was flipped on the way is right the next time
        if again is None or digest_bytes(again) != entry.sha256:
            raise StoreError(
                f"{bucket.name}/{entry.file} was altered: its digest is not the index's. Nothing was changed. Restore the object."
            )
        data = again
    return Manifest.model_validate_json(data)


def read_parts(bucket: Bucket, names: Iterable[str] | None = None) -> Iterator[tuple[str, str, Manifest]]:
    """Parts with their names and versions (None: all of them), a few at a time: a whole catalog does not fit into memory at once.

    A part that the index lacks is empty, its version ''. Each comes from an index of its own time, not older than this call.
    """
    index, _ = read_index(bucket)
    for some in _batches(sorted(index.parts if names is None else names), index):
        board = read_board(bucket, some)
        for name, manifest in board.parts.items():
            yield name, part_version(board.index, name), manifest


def _batches(names: Sequence[str], index: Index) -> Iterator[list[str]]:
    """Names in runs of at most so many parts and, if there is more than one, so many pictures."""
    batch: list[str] = []
    pictures = 0
    for name in names:
        here = index.parts[name].images if name in index.parts else 0
        if batch and (len(batch) == _PARTS_AT_ONCE or pictures + here > _PICTURES_AT_ONCE):
            yield batch
            batch, pictures = [], 0
        batch.append(name)
        pictures += here
    if batch:
        yield batch


def commit(bucket: Bucket, board: Board, changed: Mapping[str, Manifest]) -> Index | None:
    """Write changed parts and then the index that names them; None, and nothing visible, when somebody committed since `board` was read.

    A part with neither pictures nor tombstones leaves the index.
    """
    version, entries = board.index.version + 1, dict(board.index.parts)
    for name, manifest in changed.items():
        entries.pop(name, None)
        if manifest.images or manifest.tombstones:
            data = manifest.as_bytes()
            entries[name] = _entry(f"{PARTS}/{name}/{version:010d}-{digest_bytes(data)[:16]}.json", data, manifest)
            bucket.create(entries[name].file, data, JSON, FOR_EVER)
    index = Index(version=version, parts=entries)
    if bucket.replace(MANIFEST_NAME, index.as_bytes(), board.object_version, JSON, SHORTLY):
        return index
    # Our write may have been the faster one, its answer lost, and another commit on top of it.
    standing, _ = read_index(bucket)
    return standing if all(standing.parts.get(name) == entries.get(name) for name in changed) else None


def _entry(file: str, data: bytes, manifest: Manifest) -> Part:
    return Part(
        file=file,
        sha256=digest_bytes(data),
        bytes=len(data),
        products=len({image.sku for image in manifest.images.values()}),
        images=len(manifest.images),
        tombstones=len(manifest.tombstones),
    )


def sweep_parts(bucket: Bucket, index: Index, names: Iterable[str], now: datetime) -> int:
    """Remove former files of parts after a commit gave `index`; how many.

    Nobody can name them any more: a writer that would have, read an index before this one, and its commit fails.
    """
    old = []
    for name in names:
        current = index.parts[name].file if name in index.parts else ""
        for path, written_at in bucket.written_below(f"{PARTS}/{name}").items():
            version = path.rsplit("/", 1)[-1].split("-", 1)[0]
            if not version.isdecimal():  # somebody else's file; after the commit is no time to fail
                continue
            if path != current and int(version) <= index.version and written_at < now - timedelta(hours=OLD_PARTS_STAY_H):
                old.append(path)
    if old:
        bucket.remove(old)
    return len(old)
