"""Copies of photos are told across products, naming the other one; other colors and views are not."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from assets.catalog import refresh_catalog
from assets.planning import known_cells
from assets.source_photos import screen_cell
from imaging.color import srgb_to_lab
from imaging.look_alike import MAX_PRINT_DISTANCE, photo_print, print_distances, same_picture
from imaging.photo_background import look_at_surroundings
from resources.project import open_project
from tests.sample_photos import studio_photo
from tests.tiny_project import draw_mug, product_row, write_photo, write_project, write_table

RED, BLUE = (178, 62, 50), (40, 70, 160)
"""Colorways."""
SIDE_PX = 700
MUG = draw_mug(RED, side_px=SIDE_PX)


def copied(photo: np.ndarray) -> np.ndarray:
    """Trimmed, smaller and compressed again."""
    part = np.ascontiguousarray(photo[20:-8, 12:-24])
    small = cv2.resize(part, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    out = io.BytesIO()
    Image.fromarray(np.asarray(small, np.uint8)).save(out, "JPEG", quality=70)
    return np.asarray(Image.open(out).convert("RGB"))


def small(photo: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(photo, (320, 320), interpolation=cv2.INTER_AREA), np.uint8)


def print_of(photo: np.ndarray) -> int:
    look = small(photo)
    return photo_print(cv2.cvtColor(look, cv2.COLOR_RGB2GRAY), look_at_surroundings(srgb_to_lab(look)).product_HW)


OTHERS = {
    "another color": draw_mug(BLUE, side_px=SIDE_PX),
    "nearly its color": draw_mug((178, 84, 50), side_px=SIDE_PX),
    "the other side": np.ascontiguousarray(MUG[:, ::-1]),
    "another mug": studio_photo(SIDE_PX),
}


def test_a_copy_has_nearly_the_same_print_and_is_the_same_picture():
    assert print_distances(print_of(MUG), np.array([print_of(copied(MUG))], np.uint64))[0] <= MAX_PRINT_DISTANCE
    assert same_picture(small(MUG), small(copied(MUG)))


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_not_a_copy_is_not_called_one(other: str):
    assert not same_picture(small(MUG), small(OTHERS[other]))


def test_bare_pictures_are_compared_without_an_error():
    paper = np.full((320, 320, 3), 240, np.uint8)
    assert not same_picture(paper, small(MUG))
    same_picture(paper, paper)


def shop_of(folder, photos: dict[str, np.ndarray | str], settings: str = ""):
    """A project whose products have these photos, an own one or another product's file, known to the ledger."""
    write_project(folder, skus=(), looks=False, base_model=folder.parent)
    (folder / "vitrine.yaml").write_text(
        (folder / "vitrine.yaml").read_text().replace("screening: {min_side_px: 400}", settings or "screening: {min_side_px: 400}")
    )
    add(folder, photos)
    return folder


def add(folder, photos: dict[str, np.ndarray | str]) -> None:
    for sku, photo in photos.items():
        if not isinstance(photo, str):
            write_photo(folder / "catalog" / "photos" / f"{sku}.jpg", photo)
    write_table(folder, [product_row(sku, photo=photo if isinstance(photo, str) else None) for sku, photo in photos.items()])


def screened(folder) -> dict[str, dict]:
    """Outcome by SKU of screening all cells."""
    project = open_project(folder)
    refresh_catalog(project)
    return {row["sku"]: row for category, drop in known_cells(project) for row in screen_cell(project, category, drop)}


def told(outcomes: dict[str, dict]) -> dict[str, list[tuple[str, str]]]:
    return {
        sku: [(reason["code"], reason["measured"]) for reason in row["reasons"] if "photo" in reason["code"] or "dup" in reason["code"]]
        for sku, row in outcomes.items()
    }


def test_a_copy_is_told_on_the_later_product_and_names_the_earlier(tmp_path):
    photos = {"A-1": MUG, "B-1": OTHERS["another color"], "C-1": copied(MUG)}
    outcomes = screened(shop_of(tmp_path / "shop", photos))
    assert told(outcomes) == {"A-1": [], "B-1": [], "C-1": [("near_duplicate", "A-1")]}
    assert all(row["accepted"] for row in outcomes.values())


def test_a_photo_that_comes_later_is_compared_with_all_that_were_there(tmp_path):
    folder = shop_of(tmp_path / "shop", {"A-1": MUG})
    assert told(screened(folder)) == {"A-1": []}
    add(folder, {"A-1": MUG, "Z-9": copied(MUG)})
    assert told(screened(folder))["Z-9"] == [("near_duplicate", "A-1")]
    assert told(screened(folder))["Z-9"] == [("near_duplicate", "A-1")], "and it is remembered"


def test_one_file_for_two_products_is_told_on_both(tmp_path):
    outcomes = screened(shop_of(tmp_path / "shop", {"A-1": MUG, "A-2": "A-1.jpg"}))
    assert told(outcomes) == {"A-1": [("same_photo", "A-2")], "A-2": [("same_photo", "A-1")]}
    assert all(row["accepted"] for row in outcomes.values())


def test_copies_can_be_refused_or_passed_over(tmp_path):
    photos = {"A-1": MUG, "C-1": copied(MUG), "C-2": "A-1.jpg"}
    strict = screened(shop_of(tmp_path / "strict", photos, "screening: {min_side_px: 400, actions: {near_duplicate: refuse}}"))
    assert [sku for sku, row in strict.items() if not row["accepted"]] == ["C-1"]
    off = 'screening: {min_side_px: 400, actions: {near_duplicate: "off", same_photo: "off"}}'
    assert told(screened(shop_of(tmp_path / "quiet", photos, off))) == {"A-1": [], "C-1": [], "C-2": []}


def test_a_products_own_new_photo_is_no_copy_of_its_old_one(tmp_path):
    folder = shop_of(tmp_path / "shop", {"A-1": MUG})
    screened(folder)
    add(folder, {"A-1": copied(MUG)})
    assert told(screened(folder)) == {"A-1": []}
