"""What `vitrine check` says about each kind of catalog source."""

import json

import pytest

from orchestration.checking import check_project
from tests.shops import AnnouncedShop, S3Shop, Shop, SqlShop, notification
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


@pytest.fixture
def announced(tmp_path, bucket):
    """A shop whose queue and bucket are set up as they should be."""
    shop = AnnouncedShop(tmp_path / "project", bucket)
    shop.announce_by_itself()
    redrive = json.dumps({"deadLetterTargetArn": shop.arn(shop.dead_url), "maxReceiveCount": 5})
    shop.sqs.set_queue_attributes(QueueUrl=shop.queue_url, Attributes={"RedrivePolicy": redrive})
    return shop


def about_uploads(shop):
    (shop.project / "brand.yaml").write_text(NO_MODEL)
    return [(finding.severity, finding.message) for finding in check_project(shop.project) if finding.where == "uploads"]


def test_a_queue_that_the_bucket_tells_has_no_finding_and_loses_no_message(announced):
    announced.tell(notification(announced, "MUG-1.jpg"))
    before = announced.left()
    assert about_uploads(announced) == []
    assert announced.left() == before


def test_a_queue_that_does_not_exist_is_a_finding(announced):
    announced.sections["uploads"]["queue_url"] += "-gone"
    announced.limit()
    ((severity, message),) = about_uploads(announced)
    assert severity == "error"
    assert message.startswith(f"queue_url {announced.queue_url}-gone cannot be used: ")


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        ({"Events": ["s3:ObjectCreated:*"]}, "s3:ObjectRemoved:*"),
        ({"Events": ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]}, "s3:ObjectCreated:*"),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "other/"}]}}}, "s3:ObjectCreated:* and s3:ObjectRemoved:*"),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".png"}]}}}, "s3:ObjectCreated:* and s3:ObjectRemoved:*"),
    ],
)
def test_a_notification_that_tells_a_part_only_is_a_finding(announced, entry, missing):
    announced.announce_by_itself(**entry)
    ((severity, message),) = about_uploads(announced)
    assert severity == "error"
    assert f"does not announce {missing} under 'shop/catalog' to {announced.arn()}." in message


def test_a_notification_for_just_our_prefix_is_enough(announced):
    announced.announce_by_itself(Filter={"Key": {"FilterRules": [{"Name": "prefix", "Value": "shop/catalog/photos/"}]}})
    assert about_uploads(announced) == []


def test_photos_that_wait_for_their_rows_and_a_queue_without_redrive_are_warnings(announced):
    from assets.catalog import refresh_catalog
    from assets.partitions import FIRST_DROP
    from orchestration.uploads import take_uploads
    from resources.project import open_project
    from resources.upload_queue import UploadQueue

    project = open_project(announced.project)
    refresh_catalog(project)
    announced.tell(notification(announced, "MUG-7.jpg"))
    take_uploads(project, UploadQueue(project.settings.uploads), today=FIRST_DROP, first_drop=FIRST_DROP)
    announced.sqs.set_queue_attributes(QueueUrl=announced.queue_url, Attributes={"RedrivePolicy": ""})
    said = about_uploads(announced)
    assert [severity for severity, _ in said] == ["warning", "warning"]
    assert "no redrive policy" in said[0][1]
    assert "1 announced photos are named by no product of the pilot, such as MUG-7.jpg" in said[1][1]


def test_rights_that_are_missing_are_named(announced, monkeypatch):
    """As AWS answers to a role without them; the test server knows no policies by default."""
    from botocore.exceptions import ClientError

    from resources.upload_queue import UploadQueue

    class Denying:
        def __init__(self, client):
            self.client = client

        def __getattr__(self, name):
            def denied(**_):
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)

            return denied if name in {"delete_message", "send_message"} else getattr(self.client, name)

    real = UploadQueue.client.func
    monkeypatch.setattr(UploadQueue, "client", property(lambda queue: Denying(real(queue))))
    assert [message.split(" on ")[0] for _, message in about_uploads(announced)] == [
        "this role may not sqs:DeleteMessage",
        "this role may not sqs:SendMessage",
    ]


@pytest.mark.parametrize(
    ("uploads", "said_of_it"),
    [
        ({"queue_url": "https://user:hunter2@sqs.eu-central-1.amazonaws.com/1/a"}, "holds no user and no password"),
        ({"queue_url": "https://sqs.eu-central-1.amazonaws.com/1/dead"}, "are the same queue"),
        ({"queue": "x"}, "queue"),
    ],
)
def test_wrong_upload_settings_are_told_without_their_secret(tmp_path, bucket, uploads, said_of_it):
    shop = S3Shop(tmp_path / "project", bucket)
    both = {
        "queue_url": "https://sqs.eu-central-1.amazonaws.com/1/a",
        "dead_letter_queue_url": "https://sqs.eu-central-1.amazonaws.com/1/dead",
    }
    shop.sections = {"uploads": {**both, **uploads}}
    shop.limit()
    ((where, message),) = said(shop)
    assert where == "settings"
    assert said_of_it in message
    assert "hunter2" not in message


def test_uploads_to_a_folder_are_refused(tmp_path):
    shop = Shop(tmp_path / "project")
    shop.sections = {
        "uploads": {"queue_url": "https://sqs.eu-central-1.amazonaws.com/1/a", "dead_letter_queue_url": "https://sqs.x.com/1/b"}
    }
    shop.limit()
    ((where, message),) = said(shop)
    assert where == "settings"
    assert "set catalog.kind to s3" in message
