"""A photo is read again exactly when its file changed."""

import os
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog.keys import digest_bytes
from resources.folder_source import SETTLED_AFTER_S, FolderPictures
from resources.ledger import Ledger
from resources.ledger_tables import photo_file
from resources.photo_digests import forget_other_photos, photo_digests


class CountingPictures(FolderPictures):
    """Pictures in a folder that record which photos were read."""

    def photo(self, name):
        READ.append(name)
        return super().photo(name)


READ: list[str] = []


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """Ask for the digests of photos, hours after they were written; `ask.read` is what had to be read for the last answer."""
    (tmp_path / "photos").mkdir()
    ledger, source = Ledger.in_folder(tmp_path / "state"), CountingPictures(tmp_path)

    def ask(*names, hours_later=1.0):
        now_ns = time.time_ns() + int(hours_later * 3600e9)
        monkeypatch.setattr("time.time_ns", lambda: now_ns)
        READ.clear()
        answer = photo_digests(ledger, source, names)
        monkeypatch.undo()
        ask.read = list(READ)
        return answer

    ask.folder, ask.ledger = tmp_path / "photos", ledger
    return ask


def write(file, data):
    file.write_bytes(data)
    return digest_bytes(data)


def test_an_unchanged_photo_is_read_once(catalog):
    first = write(catalog.folder / "a.jpg", b"first")
    assert catalog("a.jpg") == {"a.jpg": first}
    assert catalog("a.jpg") == {"a.jpg": first}
    assert catalog.read == []


def test_a_photo_swapped_for_one_of_the_same_size_and_date_is_noticed(catalog):
    file = catalog.folder / "a.jpg"
    write(file, b"first")
    catalog("a.jpg")
    before = file.stat()
    other = write(file, b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert catalog("a.jpg") == {"a.jpg": other}


def test_a_photo_that_was_just_written_is_not_trusted_yet(catalog):
    """Written twice within one tick of the file system's clock, both states look the same."""
    write(catalog.folder / "a.jpg", b"first")
    assert SETTLED_AFTER_S > 1
    catalog("a.jpg", hours_later=0.0)
    catalog("a.jpg", hours_later=0.0)
    assert catalog.read == ["a.jpg"]


def test_a_photo_that_left_and_came_back_is_read_again(catalog):
    file = catalog.folder / "a.jpg"
    first = write(file, b"first")
    catalog("a.jpg")
    file.unlink()
    assert catalog("a.jpg") == {"a.jpg": None}
    write(file, b"first")
    assert catalog("a.jpg") == {"a.jpg": first}


def test_photos_that_the_catalog_no_longer_names_are_forgotten(catalog):
    for name in ("a.jpg", "b.jpg"):
        write(catalog.folder / name, b"x")
    catalog("a.jpg", "b.jpg")
    forget_other_photos(catalog.ledger, {"b.jpg"})
    assert [row["name"] for row in catalog.ledger.rows(sa.select(photo_file))] == ["b.jpg"]


@pytest.mark.parametrize("name", ["gone.jpg", "x" * 300 + ".jpg", "folder", "loop.jpg"])
def test_a_name_that_no_file_can_be_read_under_is_missing_and_stops_nothing(catalog, name):
    """A name longer than a file system takes once failed the refresh of the whole catalog."""
    first = write(catalog.folder / "a.jpg", b"first")
    (catalog.folder / "folder").mkdir()
    Path(catalog.folder / "loop.jpg").symlink_to("loop.jpg")
    assert catalog("a.jpg", name) == {"a.jpg": first, name: None}
