"""Files in a folder of this machine, written through obstore so that each appears whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import StoreError
from catalog.sentences import clause


class FolderFiles:
    """See `resources.files.Files`. The folder is made when missing; nothing is asked twice, since a full disk does not empty itself."""

    def __init__(self, root: Path) -> None:
        from obstore.store import LocalStore

        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot make the folder {root}: {error.strerror}. Correct `state:` or the permissions.") from error
        self.folder: Path | None = root
        self._root, self.name = root, str(root)
        self._store = LocalStore(prefix=str(root), automatic_cleanup=False)

    def address(self, path: str) -> str:
        """The absolute path."""
        return str(self._root / path)

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None when there is none."""
        with self._one_sentence("read", path):
            try:
                return (self._root / path).read_bytes()
            except FileNotFoundError:
                return None

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that is not there yet; False when there is one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._one_sentence("write", path):
            try:
                obstore.put(self._store, path, data, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def write(self, path: str, data: bytes, media_type: str | None = None) -> None:
        """Write a file, in place of another one if there is one."""
        import obstore

        with self._one_sentence("write", path):
            obstore.put(self._store, path, data)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""
        for path in paths:
            with self._one_sentence("remove", path):
                (self._root / path).unlink(missing_ok=True)

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Length in bytes of each file that is there."""
        found = {}
        for path in paths:
            with self._one_sentence("look at", path):
                try:
                    found[path] = (self._root / path).stat().st_size
                except (FileNotFoundError, NotADirectoryError):
                    continue
        return found

    def has_any(self, folder: str) -> bool:
        """Whether there is any whole file below a folder."""
        return next(self._whole_files(folder), None) is not None

    def below(self, folder: str) -> list[str]:
        """Paths of all whole files below a folder, sorted."""
        return sorted(path.relative_to(self._root).as_posix() for path in self._whole_files(folder))

    def _whole_files(self, folder: str) -> Iterator[Path]:
        """Files below a folder without obstore's half-written ones (`name#1`)."""
        return (path for path in (self._root / folder).rglob("*") if "#" not in path.name and path.is_file())

    @contextmanager
    def _one_sentence(self, what: str, path: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            first = clause(str(error).split("\n\nDebug source", 1)[0], 300)
            raise StoreError(f"Cannot {what} {path} in {self._root}: {first}. Free space or fix permissions, then run again.") from error
