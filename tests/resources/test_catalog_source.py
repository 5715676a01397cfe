"""What stands in a catalog folder and is no product photo or table: none of it may stop the rest."""

import os

import pytest

from catalog.errors import CatalogError
from resources.catalog_source import CatalogSource
from resources.folder_source import FolderPictures, FolderTable

HEADER = "sku,title,category,photos\n"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "good.jpg").write_bytes(b"bytes")
    return CatalogSource(FolderTable(tmp_path), FolderPictures(tmp_path))


def test_a_photo_that_cannot_be_read_counts_as_missing_and_stops_nothing(source):
    photos = source.pictures.root / "photos"
    (photos / "circle.jpg").symlink_to("circle.jpg")
    (photos / "outside.jpg").symlink_to("/etc/hostname")
    (photos / "folder.jpg").mkdir()
    os.mkfifo(photos / "pipe.jpg")
    names = ("circle.jpg", "outside.jpg", "folder.jpg", "pipe.jpg", "n" * 300 + ".jpg", "a\0b.jpg", "none.jpg")
    assert [source.pictures.photo(name) for name in names] == [None] * len(names)
    assert source.pictures.photo("good.jpg").data == b"bytes"


def test_a_link_to_nothing_does_not_stop_the_search_for_changes(source):
    before = source.fingerprint()
    (source.pictures.root / "photos" / "dangling.jpg").symlink_to("gone.jpg")
    assert source.fingerprint() != before


@pytest.mark.parametrize("rows", ["A,Mug,mugs,a.jpg,\nB,Cup,mugs,b.jpg,\n", "A,Mug, blue,mugs,a.jpg\nB,Cup, red,mugs,b.jpg\n"])
def test_a_comma_too_many_in_every_row_is_said_instead_of_shifting_the_columns(source, rows):
    (source.pictures.root / "products.csv").write_text(HEADER + rows)
    with pytest.raises(CatalogError, match="more cells than its header"):
        source.table.read()
    (source.pictures.root / "products.csv").write_text(HEADER + "A,Mug,mugs,a.jpg\n")
    assert list(source.table.read().frame["sku"]) == ["A"]


def test_a_table_that_is_a_folder_is_a_catalog_error(source):
    (source.pictures.root / "products.csv").mkdir()
    with pytest.raises(CatalogError, match="cannot be read"):
        source.table.read()
