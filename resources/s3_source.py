"""A catalog under a prefix of an S3 bucket: a product table, `photos/` and `looks/<category>/`. Reads only.

Changes are seen in the listing (ETag and size), so no object is fetched to find out whether it changed. Credentials come from the
ordinary AWS chain (environment, profile, web identity, container, instance) and are never read from settings.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from catalog.errors import CatalogError
from catalog.sentences import clause
from resources.catalog_settings import S3Place
from resources.catalog_source import LOOK_SUFFIXES, RawTable, ReadPhoto
from resources.s3_access import open_s3, s3_address
from resources.table_files import SUFFIXES, UNCHANGED, choose_table, parse_table

if TYPE_CHECKING:
    from obstore.store import S3Store

MAX_RETRIES, RETRY_TIMEOUT_S = 3, 30
"""A sensor tick must end: obstore's own defaults retry for three minutes."""


@dataclass(frozen=True)
class Bucket:
    """One prefix of a bucket, as the settings name it. Raises CatalogError in one sentence where obstore would print a page."""

    place: S3Place

    @property
    def name(self) -> str:
        """The place as `s3://bucket/prefix`."""
        return s3_address(self.place)

    @cached_property
    def store(self) -> "S3Store":
        """The opened prefix. Raises CatalogError when there are no credentials."""
        return open_s3(self.place, error_class=CatalogError, unchanged=UNCHANGED, max_retries=MAX_RETRIES, retry_timeout_s=RETRY_TIMEOUT_S)

    def objects(self, folder: str = "") -> Iterator[Mapping[str, Any]]:
        """Every object under a folder of the prefix, at any depth."""
        import obstore

        with self._one_sentence(f"list {self.name}/{folder}"):
            for chunk in obstore.list(self.store, prefix=folder or None):
                yield from chunk

    def top(self, folder: str = "") -> list[Mapping[str, Any]]:
        """The objects that lie directly in a folder of the prefix."""
        import obstore

        with self._one_sentence(f"list {self.name}/{folder}"):
            return list(obstore.list_with_delimiter(self.store, prefix=folder or None)["objects"])

    def get(self, path: str) -> ReadPhoto | None:
        """An object with its version; None when there is no such object or no object can have that name."""
        import obstore

        with self._one_sentence(f"read {self.name}/{path}"):
            store = self.store
            try:
                answer = obstore.get(store, path)
            except (FileNotFoundError, ValueError):  # ValueError: empty or dotted parts, control characters
                return None
            return ReadPhoto(bytes(answer.bytes()), object_version(answer.meta))

    def version(self, path: str) -> str | None:
        """What `object_version` says of an object now ('' without an ETag), asked without reading it; None when there is none."""
        import obstore

        with self._one_sentence(f"read {self.name}/{path}"):
            store = self.store
            try:
                return object_version(obstore.head(store, path)) or ""
            except (FileNotFoundError, ValueError):
                return None

    def has_photos(self) -> bool:
        """Whether there is any photo at all, in one request. Raises CatalogError when the bucket cannot be listed.

        To S3's HEAD a bucket that is gone and an object that is gone look alike (404, no body).
        """
        import obstore

        with self._one_sentence(f"list {self.name}"):
            return any(obstore.list(self.store, prefix="photos", chunk_size=1))

    def digest(self, path: str) -> tuple[str, str] | None:
        """Sha256 and version of an object, read piece by piece; None when there is none."""
        import obstore

        with self._one_sentence(f"read {self.name}/{path}"):
            store = self.store
            try:
                answer = obstore.get(store, path)
            except (FileNotFoundError, ValueError):
                return None
            state = hashlib.sha256()
            for piece in answer.stream():
                state.update(piece)
            return state.hexdigest(), object_version(answer.meta) or ""

    @contextmanager
    def _one_sentence(self, what: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            first = str(error).split("\n\nDebug source", 1)[0]
            raise CatalogError(
                f"Cannot {what}: {clause(first, 400)}. Check bucket, prefix, endpoint, region and the role's right to list and "
                f"read. {UNCHANGED}"
            ) from error


@dataclass(frozen=True)
class S3Table:
    """The product table under a prefix: the file named in the settings, else the only `products.*`."""

    bucket: Bucket
    file_name: str | None = None
    tells_cheaply: bool = True

    @property
    def name(self) -> str:
        """The place."""
        return self.bucket.name

    def read(self) -> RawTable:
        """The table's rows. Raises CatalogError when there is none, there are several, or it cannot be read."""
        name = choose_table((str(meta["path"]) for meta in self.bucket.top()), self.file_name, self.name)
        read = self.bucket.get(name)
        if read is None:
            raise CatalogError(f"{self.name}/{name} was taken away while it was read. It is tried again at the next tick. {UNCHANGED}")
        return parse_table(read.data, name, self.name)

    def fingerprint(self) -> str:
        """ETags and sizes of the tables under the prefix."""
        tables = [meta for meta in self.bucket.top() if PurePosixPath(meta["path"]).suffix in SUFFIXES]
        return _state(tables)


@dataclass(frozen=True)
class S3Pictures:
    """Photos under `photos/` and looks under `looks/<category>/` of a prefix."""

    bucket: Bucket
    parallel_reads: int = 16
    listing: Mapping[str, str] | None = field(default=None, repr=False, compare=False)
    """Versions of the photos, if they were listed beforehand."""

    @property
    def name(self) -> str:
        """The place."""
        return self.bucket.name

    def photo_versions(self, names: Collection[str]) -> dict[str, str]:
        """ETag and size of each photo, from one listing."""
        found = self._list() if self.listing is None else self.listing
        return {name: found[name] for name in names if name in found}

    def as_listed(self) -> Self:
        """With the listing of now: a million photos are a thousand requests, not to be made for each part of a table."""
        return replace(self, listing=self._list())

    def _list(self) -> dict[str, str]:
        # An object without an ETag is there too; an empty version never equals a remembered one, so it is read each time.
        return {str(meta["path"]).removeprefix("photos/"): object_version(meta) or "" for meta in self.bucket.objects("photos")}

    def photo(self, name: str) -> ReadPhoto | None:
        """A photo, or None when there is none. An unreachable bucket is an error: it must not look like a shop without photos."""
        return self.bucket.get(f"photos/{name}")

    def photo_version(self, name: str) -> str | None:
        """One photo's ETag and size, without a listing; '' where the store gives no ETag, None when there is no such photo."""
        return self.bucket.version(f"photos/{name}")

    def photo_digest(self, name: str) -> tuple[str, str] | None:
        """One photo's sha256 and version, or None; a large photo is never in memory as a whole."""
        return self.bucket.digest(f"photos/{name}")

    def looks(self, category: str) -> list[str]:
        """File names of a category's look pictures."""
        names = (PurePosixPath(meta["path"]) for meta in self.bucket.top(f"looks/{category}"))
        return sorted(name.name for name in names if name.suffix.lower() in LOOK_SUFFIXES)

    def look_file(self, category: str, name: str) -> bytes | None:
        """A file beside the look pictures."""
        read = self.bucket.get(f"looks/{category}/{name}")
        return None if read is None else read.data

    def fingerprint(self) -> str:
        """Names, ETags and sizes of all photos and looks: one listing request per thousand objects."""
        return _state([*self.bucket.objects("photos"), *self.bucket.objects("looks")])


def object_version(meta: Mapping[str, Any]) -> str | None:
    """What tells one version of an object from another; None where a store gives no ETag."""
    return f"{meta['e_tag']} {meta['size']}" if meta.get("e_tag") else None


def _state(objects: list[Mapping[str, Any]]) -> str:
    lines = sorted(f"{meta['path']}\0{meta.get('e_tag') or meta['last_modified']}\0{meta['size']}\n" for meta in objects)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
