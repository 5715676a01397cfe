"""The demo catalog is complete, small, and says the truth about its pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.make.vocabulary import CATEGORIES, trigger, words

CATALOG = Path(__file__).resolve().parents[2] / "demo" / "catalog"
COLUMNS = "sku,title,description,category,color,material,width_cm,depth_cm,height_cm,price,currency,photos"
PLANTED = {"DRK-009", "DRK-010", "LGT-009", "BAG-009", "BAG-010", "SEA-009"}
MAX_MIB = 20


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (CATALOG / "products.csv").open(newline="") as table:
        return list(csv.DictReader(table))


def test_the_table_has_exactly_the_documented_columns(rows):
    assert ",".join(rows[0]) == COLUMNS


def test_every_category_has_at_least_seven_good_products(rows):
    for category in CATEGORIES:
        assert sum(row["category"] == category and row["sku"] not in PLANTED for row in rows) >= 7


def test_skus_are_unique_and_every_photo_exists(rows):
    assert len({row["sku"] for row in rows}) == len(rows)
    for row in rows:
        for name in row["photos"].split(";"):
            assert (CATALOG / "photos" / name).is_file(), name


def test_no_photo_lies_about_without_a_row(rows):
    named = {name for row in rows for name in row["photos"].split(";")}
    assert {path.name for path in (CATALOG / "photos").iterdir()} == named


def test_good_photos_are_upright_squares_of_catalog_size(rows):
    for row in rows:
        if row["sku"] in PLANTED:
            continue
        with Image.open(CATALOG / "photos" / row["photos"]) as photo:
            photo.load()
            assert photo.format == "JPEG"
            assert photo.mode == "RGB"
            assert photo.width == photo.height
            assert photo.width in (1024, 1280)


def test_good_photos_have_a_plain_light_border(rows):
    """A border of 2 % of the frame: light, and without steps a merchandiser would see."""
    for row in rows:
        if row["sku"] in PLANTED:
            continue
        pixels = np.asarray(Image.open(CATALOG / "photos" / row["photos"]).convert("L").resize((256, 256)), float)
        border = np.concatenate([pixels[:5].ravel(), pixels[-5:].ravel(), pixels[:, :5].ravel(), pixels[:, -5:].ravel()])
        assert border.min() > 185, row["sku"]
        assert border.std() < 12, row["sku"]


def test_an_alpha_belongs_to_every_good_photo_and_shows_the_whole_product(rows):
    for row in rows:
        path = CATALOG / "alphas" / f"{row['sku']}.png"
        if row["sku"] in PLANTED:
            assert not path.exists()
            continue
        assert path.stat().st_size <= 15_000
        alpha = np.asarray(Image.open(path))
        assert alpha.shape == tuple(side // 2 for side in Image.open(CATALOG / "photos" / row["photos"]).size)
        assert alpha.max() == 255
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0


def test_an_alpha_fits_the_pixels_of_its_photo(rows):
    """Inside the alpha the photo differs from its backdrop, outside it does not."""
    for row in rows:
        if row["sku"] in PLANTED:
            continue
        alpha = np.asarray(Image.open(CATALOG / "alphas" / f"{row['sku']}.png"))
        side = alpha.shape[0]
        photo = np.asarray(Image.open(CATALOG / "photos" / row["photos"]).resize((side, side), Image.Resampling.BOX), float)
        far = np.abs(photo - photo[:8].reshape(-1, 3).mean(0)).max(axis=2)
        assert np.median(far[alpha == 255]) > 25, row["sku"]
        assert np.median(far[alpha == 0]) < 12, row["sku"]


def test_the_sizes_in_the_table_fit_the_picture(rows):
    """The alpha's width / height lies between what the sizes allow from any side."""
    for row in rows:
        if row["sku"] in PLANTED:
            continue
        alpha = np.asarray(Image.open(CATALOG / "alphas" / f"{row['sku']}.png")) > 127
        ys, xs = np.nonzero(alpha)
        seen = (np.ptp(xs) + 1) / (np.ptp(ys) + 1)
        width, depth, height = (float(row[f"{name}_cm"]) for name in ("width", "depth", "height"))
        widest, narrowest = np.hypot(width, depth), min(width, depth)
        assert narrowest / (height + 0.3 * widest) * 0.95 <= seen <= widest / height * 1.1, row["sku"]


def test_prices_are_dollars_and_copy_is_written(rows):
    for row in rows:
        assert row["currency"] == "USD"
        assert float(row["price"]) > 0
        assert 60 <= len(row["description"]) <= 260
        assert len(row["title"]) <= 60


def test_every_planted_photo_is_bad_in_its_own_way():
    photos = CATALOG / "photos"
    assert Image.open(photos / "DRK-009.jpg").width == 320
    assert (photos / "DRK-010.jpg").read_bytes().startswith(b"<!DOCTYPE html>")
    with pytest.raises(OSError, match="truncated"):
        Image.open(photos / "SEA-009.jpg").load()
    assert _sharpness("LGT-009") < _sharpness("LGT-001") / 2
    assert _busy_border("BAG-009") > 3 * _busy_border("BAG-001")
    crop = np.asarray(Image.open(photos / "BAG-010.jpg").convert("L"), float)
    assert min(crop[0].min(), crop[-1].min()) < 110 < np.median(crop[0])


def _sharpness(sku: str) -> float:
    gray = np.asarray(Image.open(CATALOG / "photos" / f"{sku}.jpg").convert("L"), float)
    return float(np.percentile(np.abs(np.diff(gray, axis=1)), 99.5))


def _busy_border(sku: str) -> float:
    gray = np.asarray(Image.open(CATALOG / "photos" / f"{sku}.jpg").convert("L"), float)
    return float(np.concatenate([gray[:40].ravel(), gray[-40:].ravel(), gray[:, :40].ravel(), gray[:, -40:].ravel()]).std())


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_look_has_16_to_24_captioned_pictures(category):
    folder = CATALOG / "looks" / category
    with (folder / "captions.csv").open(newline="") as table:
        captions = {row["file"]: row["caption"] for row in csv.DictReader(table)}
    assert set(captions) == {path.name for path in folder.glob("*.jpg")}
    assert 16 <= len(captions) <= 24
    known = set(words())
    for name, text in captions.items():
        assert text.startswith(f"{trigger(category)}, ")
        assert set(text.replace(",", "").split()) <= known
        assert Image.open(folder / name).size == (512, 512)


def test_looks_of_different_categories_have_different_colors():
    """The mean Lab-like color of every look picture is nearest to its own category's mean."""
    means = {}
    for category in CATEGORIES:
        pictures = sorted((CATALOG / "looks" / category).glob("*.jpg"))
        means[category] = np.array([np.asarray(Image.open(p).resize((8, 8)), float).reshape(-1) for p in pictures])
    centers = {category: values.mean(0) for category, values in means.items()}
    for category, values in means.items():
        for value in values:
            assert min(centers, key=lambda c: np.linalg.norm(value - centers[c])) == category


def test_the_whole_catalog_stays_small():
    total = sum(path.stat().st_size for path in CATALOG.rglob("*") if path.is_file())
    assert total <= MAX_MIB * 2**20
