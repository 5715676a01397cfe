"""Blobs named by their content and manifests written last, both written once.

A thin shell over obstore, so that a folder and a bucket behave alike. Knows nothing of what the bytes mean; listing is never used to
learn state: the ledger is the index.
"""

import json
from pathlib import Path
from typing import Any

from catalog.errors import StoreError
from catalog.keys import canonical_json, digest_bytes


class ObjectStore:
    """Content-addressed blobs and write-once manifests under one root.

    `put` returns the blob's sha256; writing the same bytes twice is one blob. A manifest that exists with other content is a
    StoreError: two workers disagree about something that must be deterministic.
    """

    def __init__(self, root: Path) -> None:
        from obstore.store import LocalStore

        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._store = LocalStore(prefix=str(root), automatic_cleanup=False)

    def put(self, data: bytes) -> str:
        """Store bytes under their sha256 and return it."""
        name = digest_bytes(data)
        self._create(blob_path(name), data)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a blob, verified. Raises StoreError when they are missing or altered."""
        data = self._read(blob_path(name))
        if data is None:
            raise StoreError(f"Blob {name} is missing in {self._root}. Run the cell again: it remakes what is missing.")
        if digest_bytes(data) != name:
            raise StoreError(f"Blob {name} in {self._root} was altered. Delete {blob_path(name)} and run the cell again.")
        return data

    def has(self, name: str) -> bool:
        """Whether a blob is there."""
        return self.local_path(name).is_file()

    def local_path(self, name: str) -> Path:
        """The blob as a file on this machine, for libraries that want a path."""
        return self._root / blob_path(name)

    def put_manifest(self, kind: str, key: str, content: dict[str, Any]) -> None:
        """Write a manifest once. Same content again is fine, other content under the same key a StoreError."""
        path, data = f"manifests/{kind}/{key}.json", (canonical_json(content) + "\n").encode()
        if not self._create(path, data) and self._read(path) != data:
            raise StoreError(
                f"Manifest {path} exists with other content: two runs made different results from the same inputs. "
                "The first one was kept. Please report this with both runs' logs."
            )

    def get_manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """A manifest's content, or None when it was never written."""
        data = self._read(f"manifests/{kind}/{key}.json")
        return None if data is None else json.loads(data)

    def _create(self, path: str, data: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            obstore.put(self._store, path, data, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot write {path} in {self._root}: {error}. Free space or fix permissions, then run again.") from error
        return True

    def _read(self, path: str) -> bytes | None:
        import obstore
        from obstore.exceptions import BaseError, NotFoundError

        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot read {path} in {self._root}: {error}.") from error


def blob_path(name: str) -> str:
    """Where a blob lies below the root; two levels of folders keep each below a few thousand entries per million blobs."""
    return f"blobs/sha256/{name[:2]}/{name[2:4]}/{name}"
