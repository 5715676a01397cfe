"""The same code and assets with everything in a bucket: the same digests, nothing made twice, and nothing lost with a machine."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from assets.catalog_report import write_report
from assets.cutouts import cut_out_cell
from assets.product_pages import write_pages
from assets.published_place import Shown, deliver_cell, published_of_cell
from assets.source_photos import screen_cell
from catalog.errors import StoreError
from catalog.keys import digest_bytes
from orchestration.running import refresh, run_category, tasks_for
from orchestration.stale import stale_cells
from publishing.bucket_manifest import read_index
from resources.catalog_settings import S3Place
from resources.ledger_tables import cutout, judgment, lora, on_shelf, product, render, shelf
from resources.object_store import blob_path
from resources.project import open_project
from tests.conftest import new_bucket
from tests.publishing.page_check import Page
from tests.tiny_project import draw_mug, product_row, write_photo, write_project, write_table

pytestmark = pytest.mark.slow


def run_all(folder):
    """Refresh the catalog and run everything that is stale, in this process; the failures."""
    project = open_project(folder)
    refresh(project)
    failures = []
    for task in tasks_for(project):
        failures += run_category(str(folder), task)
    return failures


def put_everything_in(bucket, endpoint, folder):
    """Set a project to keep what it makes under `made/` and to publish under `shop/` of a bucket."""
    place = f"bucket: {bucket.name}, endpoint: {endpoint}, region: us-east-1"
    settings = folder / "vitrine.yaml"
    settings.write_text(
        settings.read_text()
        + f"store: {{kind: s3, {place}, prefix: made}}\n"
        + f"publish: {{kind: s3, {place}, prefix: shop, url: 'https://images.example.com/shop/'}}\n"
    )
    return folder


def made(folder):
    """Everything that was made, by key."""
    project = open_project(folder)
    digests = {
        "cutouts": {row["key"]: row["cutout_digest"] for row in project.ledger.rows(sa.select(cutout))},
        "renders": {row["render_key"]: row["render_digest"] for row in project.ledger.rows(sa.select(render))},
        "loras": {row["key"]: row["lora_digest"] for row in project.ledger.rows(sa.select(lora))},
        "verdicts": {row["gate_key"]: row["verdict"] for row in project.ledger.rows(sa.select(judgment))},
    }
    shown = Shown(project)
    cells = {(row["category"], row["drop"]) for row in project.ledger.rows(sa.select(product))}
    return {**digests, "published": {name: image for cell in cells for name, image in shown.of_cell(*cell).images.items()}}


@pytest.fixture(scope="module")
def on_a_folder(tmp_path_factory):
    folder = write_project(tmp_path_factory.mktemp("folder") / "project")
    assert run_all(folder) == []
    return folder


@pytest.fixture(scope="module")
def finished_on_s3(on_a_folder, tmp_path_factory, s3_endpoint):
    """The same project with nothing made yet, set to a bucket and run once; with the bucket."""
    with pytest.MonkeyPatch.context() as patch:
        made_in = new_bucket(s3_endpoint, patch)
        folder = tmp_path_factory.mktemp("s3") / "project"
        shutil.copytree(on_a_folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".vitrine", "out"))
        put_everything_in(made_in, s3_endpoint, folder)
        assert run_all(folder) == []
        yield folder, made_in


@pytest.fixture
def on_s3(finished_on_s3, bucket, tmp_path):
    """A copy of the finished project, with a copy of its bucket, to change."""
    finished, made_in = finished_on_s3
    for summary in made_in.objects.all():
        bucket.Object(summary.key).copy_from(CopySource={"Bucket": made_in.name, "Key": summary.key})
    folder = shutil.copytree(finished, tmp_path / "project", symlinks=True)
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace(made_in.name, bucket.name))
    return folder


def test_a_cell_on_s3_gives_the_same_digests_as_on_a_folder_and_a_second_run_makes_nothing(on_a_folder, on_s3, bucket):
    first = made(on_s3)
    assert first == made(on_a_folder)
    assert first["renders"] and first["published"], "nothing was made, so this test proves nothing"

    keys = {summary.key: summary.last_modified for summary in bucket.objects.all()}
    assert not [key for key in keys if not key.startswith(("made/", "shop/"))]
    local = {path.name for path in (on_s3 / ".vitrine").rglob("*") if path.is_file()}
    blobs = {key.rsplit("/", 1)[-1] for key in keys if "/blobs/" in key}
    assert blobs & local == set(first["loras"].values()), "of all blobs only what a library wants as a file has a copy here"

    assert stale_cells(open_project(on_s3)) == []
    assert run_all(on_s3) == []
    assert made(on_s3) == first
    assert {summary.key: summary.last_modified for summary in bucket.objects.all()} == keys, "a second run writes nothing"

    assert any(key.startswith("made/gate/mugs/") for key in keys), "the gate's page is in the store"
    assert any(key.startswith("made/measurements/mugs/") for key in keys), "the table of measurements is in the store"
    assert not any(key.startswith("made/checkpoints/") for key in keys), "a finished training's checkpoints are forgotten"
    _the_report_is_kept(on_s3, bucket)
    _pages_hold(bucket, on_s3 / "downloaded")
    _a_lost_machine_loses_nothing(on_s3, first)


def _the_report_is_kept(folder, bucket):
    project = open_project(folder)
    summary = write_report(project, rendered_now=0, seconds=0.0)
    assert summary.published == read_index(project.published_bucket)[0].parts[f"mugs/{_drop(project)}"].images
    keys = {summary.key for summary in bucket.objects.filter(Prefix="made/report/")}
    assert {"made/report/report.html", "made/report/summary.json"} < keys
    page = bucket.Object("made/report/report.html").get()
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert b"https://images.example.com/shop/images/" in page["Body"].read()
    thumbnails = {summary.key: summary.last_modified for summary in bucket.objects.filter(Prefix="made/report/report-files/")}
    assert thumbnails
    shutil.rmtree(project.settings.output_dir)
    write_report(open_project(folder), rendered_now=0, seconds=0.0)
    assert {s.key: s.last_modified for s in bucket.objects.filter(Prefix="made/report/report-files/")} == thumbnails


def _drop(project):
    (row,) = project.ledger.rows(sa.select(product.c.drop).distinct())
    return row["drop"]


def _pages_hold(bucket, folder):
    """Every page of the published bucket is well-formed, and every link on it leads somewhere."""
    for summary in bucket.objects.filter(Prefix="shop/"):
        path = folder / summary.key.removeprefix("shop/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(summary.get()["Body"].read())
    pages = sorted(folder.rglob("*.html"))
    assert [
        str(path.relative_to(folder)).replace(path.stem, "DROP") if "cells" in str(path) else str(path.relative_to(folder))
        for path in pages
    ] == [
        "cells/mugs/DROP.html",
        "index.html",
        "products/mugs/MUG-1/index.html",
        "products/mugs/MUG-2/index.html",
        "products/mugs/index.html",
    ]
    for path in pages:
        assert Page(path).problems == [], path


def _a_lost_machine_loses_nothing(folder, first):
    """A new machine has the ledger (a database elsewhere) and the bucket, and none of the local folders."""
    for path in (folder / ".vitrine").iterdir():
        if not path.name.startswith("ledger.sqlite"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(folder / "out", ignore_errors=True)
    project = open_project(folder)
    project.store.files.remove([f"blobs/sha256/{d[:2]}/{d[2:4]}/{d}" for d in list(first["renders"].values())[:1]])
    assert run_all(folder) == []
    from assets.generated_variants import render_groups, unfinished_groups
    from assets.planning import plan_cell

    drop = _drop(project)
    groups = unfinished_groups(project, plan_cell(project, "mugs", drop))
    assert len(groups) == 1, "the lost blob's group"
    render_groups(project, "mugs", drop, groups)
    assert not project.store.missing(first["renders"].values()), "drawn again with the LoRA from the bucket, to the same bytes"


def test_what_was_damaged_in_the_store_is_made_anew_from_the_catalog(on_s3):
    """A flipped byte in an original and in its cut-out: found, set aside, and made again to the same bytes."""
    project = open_project(on_s3)
    drop, (row,) = _drop(project), [row for row in project.ledger.rows(sa.select(product)) if row["sku"] == "MUG-1"]
    (cut,) = [cut for cut in project.ledger.rows(sa.select(cutout)) if cut["photo_digest"] == row["photo_digests"][0]]
    damaged = [row["photo_digests"][0], cut["cutout_digest"]]
    for name in damaged:
        data = project.store.get(name)
        project.store.files.write(blob_path(name), data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(StoreError, match="set aside"):
            project.store.get(name)
    assert project.store.missing(damaged) == set(damaged)
    screen_cell(project, "mugs", drop)
    cut_out_cell(project, "mugs", drop)
    for name in damaged:
        assert digest_bytes(project.store.get(name)) == name


def test_a_product_that_moves_is_published_from_its_new_cell_and_nowhere_twice(on_s3):
    project = open_project(on_s3)
    before = _drop(project)
    write_photo(on_s3 / "catalog" / "photos" / "MUG-1.jpg", draw_mug((20, 120, 120), seed=9))
    with project.ledger.writing() as connection:  # as if the catalog had been read on an earlier day
        connection.execute(sa.update(product).values(drop="2026-11-01"))
        connection.exec_driver_sql("update change set \"drop\" = '2026-11-01'")
    bucket = project.published_bucket
    index = read_index(bucket)[0]
    from publishing.bucket_manifest import commit, read_board

    board = read_board(bucket, [f"mugs/{before}"])
    commit(bucket, board, {f"mugs/{before}": type(board.parts[f"mugs/{before}"])(), "mugs/2026-11-01": board.parts[f"mugs/{before}"]})
    assert index.parts
    assert run_all(on_s3) == []
    project = open_project(on_s3)
    cells = {row["sku"]: row["drop"] for row in project.ledger.rows(sa.select(product))}
    assert cells["MUG-1"] != "2026-11-01" and cells["MUG-2"] == "2026-11-01"
    parts = read_board(bucket, read_index(bucket)[0].parts).parts
    assert {name: {image.sku for image in part.images.values()} for name, part in parts.items()} == {
        "mugs/2026-11-01": {"MUG-2"},
        f"mugs/{cells['MUG-1']}": {"MUG-1"},
    }
    assert {stone.why for stone in parts["mugs/2026-11-01"].tombstones} == {"replaced"}
    assert stale_cells(project) == []


def test_a_withdrawn_product_is_taken_back_and_its_pages_go(on_s3, bucket):
    write_table(on_s3, [product_row("MUG-2")])
    assert run_all(on_s3) == []
    project = open_project(on_s3)
    drop = _drop(project)
    assert {image.sku for image in published_of_cell(project, "mugs", drop).images.values()} == {"MUG-2"}
    keys = {summary.key for summary in bucket.objects.filter(Prefix="shop/")}
    assert not [key for key in keys if "/MUG-1/" in key]
    report = write_pages(project, "mugs", drop)
    assert (report.files_written, report.pages_removed) == (0, 0), "repeating writes nothing"
    assert deliver_cell(project, "mugs", drop, [], complete_for=["MUG-1"], covers=lambda _: True).manifest_changed is False

    copied = project.ledger.rows(sa.select(on_shelf))
    assert copied
    with project.ledger.writing() as connection:
        for table in (shelf, on_shelf):
            connection.execute(sa.delete(table))
    assert stale_cells(project) == []
    assert project.ledger.rows(sa.select(on_shelf)) == copied, "the ledger's copy of what stands is taken anew from the bucket"


def test_settings_say_what_a_store_may_be(tmp_path, on_a_folder):
    from catalog.errors import SettingsError

    folder = shutil.copytree(on_a_folder, tmp_path / "project", symlinks=True, ignore=shutil.ignore_patterns(".vitrine", "out"))
    settings = folder / "vitrine.yaml"
    text = settings.read_text()
    assert open_project(folder).store.name == str(folder / ".vitrine")
    for wrong in (
        "store: {kind: s3}",
        "store: {kind: ftp}",
        "store: {kind: s3, bucket: abc, bukket: x}",
        "publish: {kind: folder, url: 'x'}",
    ):
        settings.write_text(f"{text}{wrong}\n")
        with pytest.raises(SettingsError):
            open_project(folder)
    settings.write_text(text + "store: {kind: s3, bucket: made-here, prefix: eu}\npublish: {kind: s3, bucket: shop-images}\n")
    read = open_project(folder).settings
    assert isinstance(read.store, S3Place) and isinstance(read.publish, S3Place)
    assert Path(read.state_dir) == folder / ".vitrine"
