"""What publishing asks of a bucket, and how its files are served. Opening one, with credentials and retries, is not done here."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import BoundedSemaphore
from types import TracebackType
from typing import Final, Protocol, Self

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""For files whose address is their content."""

SHORTLY: Final = "public, max-age=60"
"""Seconds a cache may keep what changes in place: the manifest's index and the pages."""

UPLOADS_AT_ONCE: Final = 16
"""Files on their way at a time; one core encodes about 20 pictures a second, and an upload takes 30-100 ms."""


class Bucket(Protocol):
    """Files under a prefix, by path; each appears whole or not at all. All methods raise StoreError in one sentence."""

    name: str

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None when there is none."""

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """The bytes of several files, in order."""

    def read_version(self, path: str) -> tuple[bytes, str] | None:
        """A file's bytes and the version that `replace` asks for."""

    def create(self, path: str, data: bytes, media_type: str | None = None, cache_control: str | None = None) -> bool:
        """Write a file that is not there yet; False when there is one."""

    def write(self, path: str, data: bytes, media_type: str | None = None, cache_control: str | None = None) -> None:
        """Write a file, in place of another one if there is one."""

    def replace(self, path: str, data: bytes, version: str | None, media_type: str | None = None, cache_control: str | None = None) -> bool:
        """Write a file only if it still is that version (None: only if there is none)."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Length in bytes of each file that is there."""

    def written_below(self, folder: str) -> dict[str, datetime]:
        """All files below a folder, and when each was written."""


class Uploads:
    """Calls that run beside the caller, at most so many at a time; leaving the block waits for all and raises the first error."""

    def __init__(self, at_once: int = UPLOADS_AT_ONCE) -> None:
        self._pool = ThreadPoolExecutor(max_workers=at_once)
        self._room = BoundedSemaphore(2 * at_once)  # what waits holds its bytes in memory
        self._begun: list[Future[None]] = []

    def start(self, call: Callable[[], None]) -> None:
        """Run a call beside; waits while too many wait already, and raises what a former one raised."""
        self._room.acquire()
        for done in [future for future in self._begun if future.done()]:
            self._begun.remove(done)
            if (error := done.exception()) is not None:
                self._room.release()
                raise error
        future = self._pool.submit(call)
        future.add_done_callback(lambda _: self._room.release())
        self._begun.append(future)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            for future in self._begun:
                future.result()
