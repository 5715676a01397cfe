"""What `vitrine check` says about each kind of catalog source."""

import json

import pytest

from orchestration.checking import check_project
from tests.shops import S3Shop, Shop, SqlShop
from tests.tiny_project import BRAND

NO_MODEL = BRAND.replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]").split("rules:")[0]


def said(shop):
    """Where and what of every finding."""
    (shop.project / "brand.yaml").write_text(NO_MODEL)
    return [(finding.where, finding.message) for finding in check_project(shop.project) if finding.severity == "error"]


def write_settings(shop, **catalog):
    (shop.project / "vitrine.yaml").write_text(json.dumps({"catalog": {**shop.catalog, **catalog}}))


def test_a_good_bucket_has_no_finding_and_a_photo_that_is_not_in_it_has_one(tmp_path, bucket):
    shop = S3Shop(tmp_path / "project", bucket)
    assert said(shop) == []
    bucket.Object("shop/catalog/photos/MUG-2.jpg").delete()
    assert said(shop) == [("product MUG-2", "there is no photo file 'MUG-2.jpg'.")]


def test_a_bucket_that_does_not_exist_is_a_finding(tmp_path, bucket):
    shop = S3Shop(tmp_path / "project", bucket)
    write_settings(shop, bucket="no-such-bucket")
    ((where, message),) = said(shop)
    assert where == "catalog"
    assert message.startswith("Cannot list s3://no-such-bucket/shop/catalog")


def test_a_column_that_is_not_there_is_a_finding_that_lists_the_columns(tmp_path, monkeypatch):
    shop = SqlShop(tmp_path / "project", f"sqlite:///{tmp_path / 'shop.sqlite'}", monkeypatch)
    assert said(shop) == []
    write_settings(shop, columns={"sku": "number", "photos": "Files"})
    ((where, message),) = said(shop)
    assert where == "catalog"
    assert "catalog.columns names sku: number, which is not there. Its columns are article_no, title" in message


@pytest.mark.parametrize(
    "entry", [{"kind": "ftp"}, {"kind": "s3"}, {"kind": "sql", "url_env": "X", "columns": {"skuu": "a"}, "table": "t"}, {"pth": "x"}]
)
def test_a_wrong_catalog_section_is_told_as_wrong_settings(tmp_path, entry):
    shop = Shop(tmp_path / "project")
    (shop.project / "vitrine.yaml").write_text(json.dumps({"catalog": entry}))
    ((where, message),) = said(shop)
    assert where == "settings"
    assert "catalog" in message


def test_a_category_of_the_pilot_that_no_product_has_is_a_finding(tmp_path):
    shop = Shop(tmp_path / "project")
    shop.limit(categories=["mugs", "mugz"])
    assert said(shop) == [("pilot", "pilot.categories names 'mugz', which no product has; there are mugs. Correct it.")]
