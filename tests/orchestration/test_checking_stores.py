"""What `vitrine check` says about buckets to keep things in and to publish to."""

import json

import pytest

from orchestration.checking import check_project
from tests.shops import S3Shop
from tests.tiny_project import BRAND

NO_MODEL = BRAND.replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]").split("rules:")[0]


@pytest.fixture
def said(tmp_path, bucket, s3_endpoint):
    """Where and what of every finding, given the `store` and `publish` sections."""
    shop = S3Shop(tmp_path / "project", bucket)
    (shop.project / "brand.yaml").write_text(NO_MODEL)

    def say(**sections):
        place = {"kind": "s3", "bucket": bucket.name, "endpoint": s3_endpoint, "region": "us-east-1"}
        filled = {name: {**place, **section} for name, section in sections.items()}
        (shop.project / "vitrine.yaml").write_text(json.dumps({"catalog": shop.catalog, **filled}))
        return [(finding.where, finding.message) for finding in check_project(shop.project) if finding.severity == "error"]

    return say


def test_good_buckets_have_no_finding_and_nothing_is_written(said, bucket):
    before = {summary.key for summary in bucket.objects.all()}
    assert said(store={"prefix": "made"}, publish={"prefix": "shop-images"}) == []
    assert {summary.key for summary in bucket.objects.all()} == before


def test_a_bucket_that_does_not_exist_is_a_finding(said):
    findings = said(store={"bucket": "no-such-bucket"}, publish={"bucket": "nor-this-one"})
    assert [(where, "Does the bucket exist?" in message) for where, message in findings] == [("store", True), ("publish", True)]


@pytest.mark.parametrize(("made", "shown"), [("", ""), ("a", "a"), ("a/b/", "a"), ("a", "")])
def test_a_store_within_the_published_prefix_is_a_finding(said, made, shown):
    ((where, message),) = said(store={"prefix": made}, publish={"prefix": shown})
    assert where == "publish"
    assert "storefronts could read what was rejected" in message


@pytest.mark.parametrize(("made", "shown"), [("shop", "shop-images"), ("", "published"), ("made", "made/published")])
def test_a_published_prefix_that_does_not_show_the_store_is_no_finding(said, made, shown):
    assert said(store={"prefix": made}, publish={"prefix": shown}) == []


def test_somebody_elses_manifest_is_a_finding(said, bucket):
    bucket.Object("shop-images/manifest.json").put(Body=b'{"name": "my web app"}')
    ((where, message),) = said(publish={"prefix": "shop-images"})
    assert where == "publish"
    assert "is not the index of a published bucket" in message
