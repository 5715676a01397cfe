"""Files under a prefix of an S3 bucket, with conditional writes, and asked again while the store is busy.

A request that may pass later (500, 503, 429, timeout, lost connection) is repeated with random waits until a total deadline; one that
cannot (403, wrong bucket) fails at once. Nothing is ever learned from listing but `below`.
"""

import itertools
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from catalog.errors import StoreBusy, StoreError
from catalog.sentences import clause
from resources.files import side_by_side

if TYPE_CHECKING:
    from obstore.store import S3Store

Answer = TypeVar("Answer")

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_REMOVED_AT_ONCE = 1000
"""What one DeleteObjects request takes."""


HURRY_S = 8.0
"""How long a check asks a store again that does not answer."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long one operation is tried again: total seconds, and the bounds of the random wait between two tries."""

    deadline_s: float = 120.0
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0


class BucketFiles:
    """See `resources.files.Files`. Also `read_version` and `replace`: a write that happens only if nobody wrote meanwhile."""

    folder: Path | None = None

    def __init__(self, store: "S3Store", name: str, patience: Patience | None = None) -> None:
        self._store, self.name, self._patience = store, name, patience or Patience()

    def address(self, path: str) -> str:
        """`s3://bucket/prefix/path`."""
        return f"{self.name}/{path}"

    def read(self, path: str) -> bytes | None:
        """An object's bytes, or None when there is none."""
        found = self.read_version(path)
        return None if found is None else found[0]

    def read_version(self, path: str) -> tuple[bytes, str] | None:
        """An object's bytes and the version (ETag) that `replace` asks for; None when there is none."""
        import obstore

        def get() -> tuple[bytes, str] | None:
            try:
                answer = obstore.get(self._store, path)
                return bytes(answer.bytes()), str(answer.meta["e_tag"])
            except FileNotFoundError as error:
                self._refuse_missing_bucket(error)
                return None

        return self._patiently("read", path, get)

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """The bytes of several objects, in order, asked side by side; None where there is none."""
        return side_by_side(self.read, paths, at_once=16)

    def create(self, path: str, data: bytes, media_type: str | None = None, cache_control: str | None = None) -> bool:
        """Write an object that is not there yet (If-None-Match: *); False when there is one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        served = _attributes(media_type, cache_control)

        def put() -> bool:
            try:
                obstore.put(self._store, path, data, mode="create", attributes=served, use_multipart=False)
            except AlreadyExistsError as error:
                if _status(error) == 409:  # another writer is at work on the key; whether it succeeds is not known yet
                    raise _NotNow from error
                return False
            return True

        return self._patiently("write", path, put)

    def write(self, path: str, data: bytes, media_type: str | None = None, cache_control: str | None = None) -> None:
        """Write an object, in place of another one if there is one."""
        import obstore

        served = _attributes(media_type, cache_control)
        self._patiently("write", path, lambda: obstore.put(self._store, path, data, attributes=served, use_multipart=False))

    def replace(self, path: str, data: bytes, version: str | None, media_type: str | None = None, cache_control: str | None = None) -> bool:
        """Write an object only if it still is that `version` (None: only if there is none); False when somebody was faster.

        A lost answer is settled by reading back: exactly our bytes there means that we wrote them, or that it does not matter who did.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        served = _attributes(media_type, cache_control)

        def put() -> bool:
            try:
                mode = "create" if version is None else {"e_tag": version}
                obstore.put(self._store, path, data, mode=mode, attributes=served, use_multipart=False)  # type: ignore[arg-type]  # obstore types modes and attributes as literals
            except (AlreadyExistsError, PreconditionError) as error:
                if _status(error) == 409:
                    raise _NotNow from error
                return False
            return True

        return self._patiently("write", path, put) or self.read(path) == data

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects, a thousand per request; those that are not there are no error."""
        import obstore

        for start in range(0, len(paths), _REMOVED_AT_ONCE):
            some = list(paths[start : start + _REMOVED_AT_ONCE])
            self._patiently("remove", some[0], partial(obstore.delete, self._store, some))

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Length in bytes of each object that is there: one HEAD each, many in flight."""
        asked = list(paths)
        return {path: size for path, size in zip(asked, side_by_side(self._size, asked), strict=True) if size is not None}

    def _size(self, path: str) -> int | None:
        import obstore

        def head() -> int | None:
            try:
                return int(obstore.head(self._store, path)["size"])
            except FileNotFoundError:
                return None

        return self._patiently("look at", path, head)

    def in_a_hurry(self) -> "BucketFiles":
        """The same prefix for whoever waits before a terminal: what does not answer within seconds is told, not waited for."""
        return BucketFiles(self._store, self.name, Patience(deadline_s=HURRY_S))

    def has_any(self, folder: str) -> bool:
        """Whether there is any object below a folder of the prefix, in one request."""
        import obstore

        return self._patiently("list", folder, lambda: any(obstore.list(self._store, prefix=folder or None, chunk_size=1)))

    def below(self, folder: str) -> list[str]:
        """Paths of all objects below a folder of the prefix, sorted."""
        return sorted(self.written_below(folder))

    def written_below(self, folder: str) -> dict[str, datetime]:
        """All objects below a folder of the prefix, and when each was written by the store's clock."""
        import obstore

        def listed() -> dict[str, datetime]:
            return {
                str(meta["path"]): meta["last_modified"] for chunk in obstore.list(self._store, prefix=folder or None) for meta in chunk
            }

        return self._patiently("list", folder, listed)

    def _patiently(self, what: str, path: str, ask: Callable[[], Answer]) -> Answer:
        """One operation, tried again while it may pass, until the deadline. Raises StoreBusy then, StoreError when it cannot pass."""
        from obstore.exceptions import BaseError

        patience, started = self._patience, time.monotonic()
        for tries in itertools.count(1):
            try:
                return ask()
            except (BaseError, OSError, _NotNow) as error:
                wait_s = random.uniform(0.0, min(patience.longest_wait_s, patience.first_wait_s * 2**tries))
                if not _may_pass(error):
                    raise StoreError(self._why(what, path, error, "")) from error
                if time.monotonic() - started + wait_s > patience.deadline_s:
                    spent_s = time.monotonic() - started
                    raise StoreBusy(self._why(what, path, error, f" {tries} times in {spent_s:.0f} s")) from error
                time.sleep(wait_s)
        raise AssertionError("counting never ends")

    def _refuse_missing_bucket(self, error: Exception) -> None:
        if "NoSuchBucket" in str(error):
            raise StoreError(self._why("read", "anything", error, "")) from error

    def _why(self, what: str, path: str, error: Exception, tried: str) -> str:
        cause = error.__cause__ if isinstance(error, _NotNow) and error.__cause__ else error
        text = clause(str(cause).split("\n\nDebug source", 1)[0], 400)
        now = "What was written is kept; run again, it goes on where it stopped."
        if isinstance(error, FileNotFoundError):
            now = "Does the bucket exist? Correct `bucket`, `endpoint` or `region` in vitrine.yaml."
        elif "RequestTimeTooSkewed" in text:
            now = "This machine's clock is wrong: set it, then run again."
        elif _status(error) in (401, 403):
            now = "Give this role the right to read, write and delete below this prefix, then run again."
        return f"Cannot {what} {self.address(path)}{f' (tried{tried})' if tried else ''}: {text}. {now}"


def _attributes(media_type: str | None, cache_control: str | None) -> dict[str, str] | None:
    given = {"Content-Type": media_type, "Cache-Control": cache_control}
    return {name: value for name, value in given.items() if value} or None


class _NotNow(Exception):
    """Another writer holds the key at this moment (409)."""


def _status(error: BaseException) -> int | None:
    """The HTTP status that obstore's message names; it has no other place for it."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _may_pass(error: BaseException) -> bool:
    from obstore.exceptions import GenericError

    if isinstance(error, _NotNow):
        return True
    status = _status(error)
    if status is None:
        return isinstance(error, GenericError | TimeoutError | ConnectionError)  # nobody answered, or the answer was cut off
    return status in (408, 409, 425, 429) or status >= 500
