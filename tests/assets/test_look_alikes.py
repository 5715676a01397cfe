"""Copies of photos are told across products, naming the other one; other colors and views are not."""

import io
import re

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from assets.catalog import refresh_catalog
from assets.planning import known_cells
from assets.source_photos import screen_cell
from imaging.color import srgb_to_lab
from imaging.look_alike import MAX_PRINT_DISTANCE, photo_print, print_distances, same_picture
from imaging.photo_background import look_at_surroundings
from resources.ledger import Ledger
from resources.ledger_tables import settled, source_photo
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


REFUSED = "screening: {min_side_px: 400, actions: {near_duplicate: refuse}}"


SETTLED = {"expectation": "e", "shape": "", "tried": ""}


def refused(outcomes: dict[str, dict]) -> dict[str, str]:
    """What each refused product is a copy of."""
    return {sku: row["reasons"][-1]["measured"] for sku, row in outcomes.items() if not row["accepted"]}


def with_other_rules(folder, side_px: int) -> None:
    settings = (folder / "vitrine.yaml").read_text()
    (folder / "vitrine.yaml").write_text(re.sub(r"min_side_px: \d+", f"min_side_px: {side_px}", settings))


def test_of_two_copies_the_original_stays_the_original_when_rules_change(tmp_path):
    folder = shop_of(tmp_path / "shop", {"A-1": MUG, "C-1": copied(MUG)}, REFUSED)
    assert refused(screened(folder)) == {"C-1": "A-1"}
    for side_px in (401, 402, 401):
        with_other_rules(folder, side_px)
        assert refused(screened(folder)) == {"C-1": "A-1"}


def test_the_product_whose_photo_came_first_is_the_original_whatever_its_sku(tmp_path):
    folder = shop_of(tmp_path / "shop", {"Z-9": MUG}, REFUSED)
    refresh_catalog(open_project(folder))
    add(folder, {"A-1": copied(MUG), "Z-9": MUG})
    assert refused(screened(folder)) == {"A-1": "Z-9"}, "though A-1 was screened first"
    project = open_project(folder)
    kept = {row["photo_digest"]: row["accepted"] for row in project.ledger.rows(sa.select(source_photo))}
    assert sorted(kept.values()) == [False, True], "and the ledger says so too"
    with_other_rules(folder, 401)
    assert refused(screened(folder)) == {"A-1": "Z-9"}


def test_a_copy_whose_original_is_screened_later_is_planned_anew(tmp_path):
    folder = shop_of(tmp_path / "shop", {"Z-9": MUG}, REFUSED)
    refresh_catalog(open_project(folder))
    add(folder, {"A-1": copied(MUG), "Z-9": MUG})
    project = open_project(folder)
    refresh_catalog(project)
    (cell,) = known_cells(project)
    project.ledger.record(settled, [{"sku": sku, "revision": 7, **SETTLED} for sku in ("A-1", "Z-9")])
    screen_cell(project, *cell)
    assert {row["sku"]: row["revision"] for row in project.ledger.rows(sa.select(settled))} == {"A-1": -1, "Z-9": 7}


def test_the_original_is_the_same_on_postgresql(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setenv("LEDGER", postgres_url)
    folder = shop_of(tmp_path / "shop", {"Z-9": MUG}, REFUSED)
    with (folder / "vitrine.yaml").open("a") as file:
        file.write("\nledger: {url_env: LEDGER}\n")
    refresh_catalog(open_project(folder))
    add(folder, {"A-1": copied(MUG), "Z-9": MUG})
    assert refused(screened(folder)) == {"A-1": "Z-9"}
    with_other_rules(folder, 401)
    assert refused(screened(folder)) == {"A-1": "Z-9"}


def test_a_photo_that_no_product_uses_any_more_is_nobodys_original(tmp_path):
    folder = shop_of(tmp_path / "shop", {"A-1": MUG, "B-1": OTHERS["another color"]}, REFUSED)
    assert refused(screened(folder)) == {}
    add(folder, {"B-1": OTHERS["another color"], "C-1": copied(MUG)})
    assert refused(screened(folder)) == {}


def test_products_are_searched_for_photos_once_per_cell_at_most(tmp_path, monkeypatch):
    photos = {"A-1": MUG, "B-1": OTHERS["another color"], **{f"C-{n}": copied(MUG)[n:] for n in range(3)}}
    quiet = 'screening: {min_side_px: 400, actions: {same_photo: "off"}}'
    folder = shop_of(tmp_path / "shop", photos, quiet)
    asked = []
    for name in ("rows", "stream"):
        real = getattr(Ledger, name)
        monkeypatch.setattr(Ledger, name, lambda ledger, query, real=real: asked.append(str(query)) or real(ledger, query))
    assert [measured for told_of in told(screened(folder)).values() for _, measured in told_of]
    searches = [query for query in asked if "photo_digests[" in query]
    assert len(searches) == 1
    asked.clear()
    screened(folder)
    assert [query for query in asked if "photo_digests[" in query] == []
