"""No password and no key shows in any message, however the source is out of order: the whole chain of errors is searched for a canary."""

import json
import traceback

import dagster as dg
import pytest
from dagster._serdes import serialize_value

from assets.catalog import catalog_snapshot
from catalog.errors import CatalogError
from resources.catalog_settings import S3Place, SqlCatalog, UploadSettings
from resources.project import VitrineResource
from resources.s3_source import Bucket, S3Pictures, S3Table
from resources.sql_source import SqlTable
from resources.upload_queue import UploadQueue
from tests.shops import Shop

CANARY = "c4n4ry"


def told(failing):
    """Everything that an error says, with what it came from."""
    with pytest.raises(CatalogError) as caught:
        failing()
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://shop:c4n4ry@127.0.0.1:1/shop",
        "postgresql+psycopg2://shop:c4n4ry@no-such-host.invalid/shop",
        "postgresql+psycopg2://shop:pa@c4n4ry@127.0.0.1:1/shop",
        "postgresql+psycopg2://shop:pa/c4n4ry@127.0.0.1:1/shop",
        "postgresql+psycopg2://shop:pa#c4n4ry@127.0.0.1:1/shop",
        "postgresql+psycopg2://127.0.0.1:1/shop?user=shop&password=c4n4ry",
        "postgresql+psycopg2://127.0.0.1:1/shop?user=shop&password=c4n4ry&nosuchoption=1",
        "postgresql+psycopg2://shop:c4n4ry@127.0.0.1:port/shop",
        "postgresql+psycopg2//shop:c4n4ry@127.0.0.1/shop",
        "oracle+nosuchdriver://shop:c4n4ry@127.0.0.1/shop",
    ],
)
def test_a_database_url_that_does_not_work_shows_no_password(monkeypatch, url):
    monkeypatch.setenv("SHOP_DB", url)
    table = SqlTable(SqlCatalog(kind="sql", url_env="SHOP_DB", table="products"))
    for asked in (table.read, table.fingerprint):
        said = told(asked)
        assert "SHOP_DB" in said
        assert CANARY not in said


def test_a_driver_that_repeats_the_password_is_not_repeated(monkeypatch, tmp_path):
    """Some drivers print their connection string; SQLite stands for them, with a query that makes it say the password."""
    (tmp_path / "shop.sqlite").touch()
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{tmp_path / 'shop.sqlite'}?password={CANARY}&uri=true")
    said = told(SqlTable(SqlCatalog(kind="sql", url_env="SHOP_DB", query=f"SELECT {CANARY}")).read)
    assert "cannot be read" in said
    assert CANARY not in said


def test_a_refused_database_password_is_not_shown(monkeypatch, postgres_url):
    import sqlalchemy as sa

    url = sa.make_url(postgres_url).set(password=CANARY)
    monkeypatch.setenv("SHOP_DB", url.render_as_string(hide_password=False))
    said = told(SqlTable(SqlCatalog(kind="sql", url_env="SHOP_DB", table="products")).read)
    assert "password authentication failed" in said
    assert CANARY not in said


@pytest.mark.parametrize("server", ["none", "ours"])
def test_a_bucket_that_does_not_answer_shows_no_key(monkeypatch, bucket, server):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", CANARY)
    monkeypatch.setattr("resources.s3_source.MAX_RETRIES", 0)
    endpoint = {"none": "http://127.0.0.1:1", "ours": bucket.meta.client.meta.endpoint_url}[server]
    place = Bucket(S3Place.model_validate({"kind": "s3", "bucket": "no-such-bucket", "endpoint": endpoint}))
    for asked in (S3Table(place).read, S3Pictures(place).fingerprint, place.has_photos):
        said = told(asked)
        assert "no-such-bucket" in said
        assert CANARY not in said


def test_a_queue_that_does_not_answer_shows_no_key(monkeypatch, bucket):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setattr("resources.upload_queue.ATTEMPTS", 1)
    urls = {"queue_url": "http://127.0.0.1:1/1/new", "dead_letter_queue_url": "http://127.0.0.1:1/1/dead", "endpoint": "http://127.0.0.1:1"}
    said = told(UploadQueue(UploadSettings.model_validate({**urls, "region": "us-east-1"})).receive)
    assert "Cannot receive from the queue http://127.0.0.1:1/1/new" in said
    assert CANARY not in said


def test_a_failed_run_of_the_asset_keeps_no_password_in_its_events(monkeypatch, tmp_path):
    shop = Shop(tmp_path / "project")
    monkeypatch.setenv("SHOP_DB", f"postgresql+psycopg2://shop:{CANARY}@127.0.0.1:1/shop")
    (shop.project / "vitrine.yaml").write_text(json.dumps({"catalog": {"kind": "sql", "url_env": "SHOP_DB", "table": "products"}}))
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"vitrine": VitrineResource(project_dir=str(shop.project))}
        result = dg.materialize([catalog_snapshot], instance=instance, resources=resources, raise_on_error=False)
        events = "".join(serialize_value(entry) for entry in instance.all_logs(result.run_id))
    assert not result.success
    assert "cannot be read" in events
    assert CANARY not in events
