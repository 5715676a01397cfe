"""Blobs named by their content and manifests written last, both written once; in a folder or in a bucket, the same either way.

Knows nothing of what the bytes mean, and never trusts the place it keeps them in: what is read is checked here. Listing is never used to
learn state: the ledger is the index.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from catalog.errors import StoreError
from catalog.failpoint import failpoint
from catalog.keys import canonical_json, digest, digest_bytes
from resources.blob_cache import BlobCache
from resources.files import Files, side_by_side
from resources.folder_files import FolderFiles

READS = 3
"""How often a blob is read before it is called altered: a byte that was flipped on the way is right the next time."""

RECORDS_AT_ONCE = 512
"""Records read side by side."""

KEYED_BY_CONTENT = frozenset({"source_photos", "cutouts", "renders", "judgments", "publications"})
"""Kinds of manifests whose key is the digest of their content, so that reading checks them too."""


class ObjectStore:
    """Content-addressed blobs and write-once manifests under one root; pages are the one thing that may be written again.

    `put` returns the blob's sha256; writing the same bytes twice is one blob. A manifest that exists with other content is a
    StoreError: two workers disagree about something that must be deterministic.
    """

    def __init__(self, place: Path | Files, cache: BlobCache | None = None) -> None:
        self.files: Files = FolderFiles(place) if isinstance(place, Path) else place
        self._cache = cache

    @property
    def name(self) -> str:
        """The place: an absolute folder or `s3://bucket/prefix`."""
        return self.files.name

    def put(self, data: bytes) -> str:
        """Store bytes under their sha256 and return it.

        A blob that is there with another length is half a file of somebody else's making; it is written over, since its name says what is right.
        """
        name = digest_bytes(data)
        path = blob_path(name)
        failpoint("store.before_put")
        if not self.files.create(path, data) and self.files.sizes([path]).get(path) != len(data):
            failpoint("store.half_a_blob_found")
            self.files.write(path, data)
        failpoint("store.after_put")
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a blob, verified. Raises StoreError when they are missing or altered.

        An altered blob is set aside as evidence, so that the next run finds it missing and makes it anew.
        """
        data: bytes | None = b""
        for _ in range(READS):
            data = self.files.read(blob_path(name))
            if data is None:
                raise StoreError(f"Blob {name} is missing in {self.name}. Run the cell again: it remakes what is missing.")
            if digest_bytes(data) == name:
                return data
        raise StoreError(f"Blob {name} in {self.name} was altered. {self._set_aside(name, data or b'')}")

    def _set_aside(self, name: str, data: bytes) -> str:
        path, aside = blob_path(name), f"altered/{name}"
        try:
            self.files.write(aside, data)
            failpoint("store.altered_kept")
            self.files.remove([path])
            failpoint("store.altered_removed")
        except StoreError:
            return f"Delete {path} and run the cell again."
        return f"It was set aside as {aside}; run the cell again, it is made anew."

    def has(self, name: str) -> bool:
        """Whether a blob is there; one request, no listing."""
        return not self.missing([name])

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those of the blobs that are not there, asked side by side: thousands take seconds."""
        asked = set(names)
        found = self.files.sizes(blob_path(name) for name in asked)
        return {name for name in asked if blob_path(name) not in found}

    def local_file(self, name: str) -> Path:
        """The blob as a verified file on this machine, for libraries that want a path. Open it soon: a copy may be swept after ten minutes.

        Raises StoreError when it is missing or altered.
        """
        if self.files.folder is not None:
            self.get(name)
            return self.files.folder / blob_path(name)
        assert self._cache is not None, "a store without a folder needs a cache for local files"
        return self._cache.file(name, lambda: self.get(name))

    def put_manifest(self, kind: str, key: str, content: dict[str, Any]) -> None:
        """Write a manifest once. Same content again is fine, other content under the same key a StoreError."""
        path, data = manifest_path(kind, key), (canonical_json(content) + "\n").encode()
        failpoint("store.before_manifest")
        if not self.files.create(path, data) and self.files.read(path) != data:
            raise StoreError(
                f"Manifest {path} in {self.name} exists with other content: two runs made different results from the same inputs. "
                "The first one was kept. Please report this with both runs' logs."
            )
        failpoint("store.after_manifest")

    def get_manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """A manifest's content, or None when it was never written. Raises StoreError when it was altered."""
        for _ in range(READS):
            data = self.files.read(manifest_path(kind, key))
            if data is None:
                return None
            content = _manifest_content(kind, key, data)
            if content is not None:
                return content
        raise StoreError(f"Manifest {manifest_path(kind, key)} in {self.name} was altered. Restore it from a backup or a former version.")

    def manifests(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All manifests of a kind with their keys, by listing: for rebuilding the ledger and for nothing else."""
        for path in self.files.below(f"manifests/{kind}"):
            key = path.rsplit("/", 1)[-1].removesuffix(".json")
            content = self.get_manifest(kind, key)
            if content is not None:
                yield key, content

    def put_record(self, table: str, at: dt.datetime, data: bytes) -> None:
        """Write a record of ledger rows; its name says when and what, so that a listing is in the order of time."""
        path = f"manifests/records/{table}/{at:%Y%m%dT%H%M%S.%f}-{digest_bytes(data)}.json"
        self.files.create(path, data)

    def records(self, table: str) -> Iterator[tuple[str, bytes | None]]:
        """All records of a table, oldest first, with their names; None in place of one that was altered. For rebuilding the ledger only."""
        paths = self.files.below(f"manifests/records/{table}")
        for start in range(0, len(paths), RECORDS_AT_ONCE):
            part = paths[start : start + RECORDS_AT_ONCE]
            for path, data in zip(part, side_by_side(self.files.read, part), strict=True):
                whole = data is not None and path.endswith(f"-{digest_bytes(data)}.json")
                yield path, data if whole else None

    def has_records(self, table: str) -> bool:
        """Whether there is any record of a table, in one request."""
        return self.files.has_any(f"manifests/records/{table}")

    def put_page(self, path: str, data: bytes, media_type: str) -> str:
        """Write a page or a table for people, in place of the former one; where it is, as a path or `s3://` address."""
        failpoint("store.before_page")
        self.files.write(path, data, media_type)
        failpoint("store.after_page")
        return self.files.address(path)


def blob_path(name: str) -> str:
    """Where a blob lies below the root; two levels of folders keep each below a few thousand entries per million blobs."""
    return f"blobs/sha256/{name[:2]}/{name[2:4]}/{name}"


def manifest_path(kind: str, key: str) -> str:
    """Where a manifest lies below the root."""
    return f"manifests/{kind}/{key}.json"


def _manifest_content(kind: str, key: str, data: bytes) -> dict[str, Any] | None:
    """What a manifest's bytes say; None when they are not what was written."""
    try:
        content: dict[str, Any] = json.loads(data)
    except ValueError:
        return None
    altered = (canonical_json(content) + "\n").encode() != data or (kind in KEYED_BY_CONTENT and digest(content) != key)
    return None if altered else content
