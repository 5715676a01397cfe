"""Delivery into a folder: idempotent, interruptible, and closed to anything without a current approval."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.errors import PublishRefused, StoreError
from catalog.keys import digest_bytes
from catalog.verdict import Verdict
from publishing.folder_channel import REPLACED_STAYS_H, TOMBSTONES_STAY_DAYS, Approval, deliver
from publishing.manifest import each_image, read_manifest
from tests.publishing.shop import NOON, RULES, Shop

BOTH = ("BAG-1", "LMP-1")


def state_of(folder):
    """Every file with its content and time."""
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def assert_manifest_holds(folder):
    for name, image in read_manifest(folder).images.items():
        data = (folder / image.file).read_bytes()
        assert digest_bytes(data) == image.sha256 == Path(image.file).stem, name
        assert len(data) == image.bytes


def test_a_delivery_puts_every_file_where_the_manifest_says(shop, tmp_path):
    report = deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    manifest = read_manifest(tmp_path)
    assert report.published == len(manifest.images) == 12
    assert_manifest_holds(tmp_path)
    image = manifest.images["web/bags/BAG-1/staged_scene-1.jpg"]
    assert (image.width_px, image.height_px, image.media_type) == (96, 96, "image/jpeg")
    assert image.file == f"images/{image.sha256[:2]}/{image.sha256}.jpg"
    assert image.digital_source_type == "compositeWithTrainedAlgorithmicMedia"
    assert image.alt == "Canvas tote, Natural, Cotton. Staged scene, picture 2 of 2"


def test_a_second_delivery_writes_nothing_and_encodes_nothing(shop, tmp_path):
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    before, shop.made = state_of(tmp_path), []
    report = deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON + timedelta(days=1))
    assert state_of(tmp_path) == before
    assert shop.made == []
    assert (report.unchanged, report.bytes_written, report.manifest_changed) == (12, 0, False)


def test_a_delivery_that_is_another_ones_by_now_changes_no_manifest(shop, tmp_path):
    """It was asked whether it still may before it read what stands, under the folder's lock, so what it knows cannot be newer."""
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    before = state_of(tmp_path)

    def taken_over():
        raise StoreError("taken over")

    with pytest.raises(StoreError, match="taken over"):
        deliver(tmp_path, [], complete_for=BOTH, delivered_at=NOON, still_mine=taken_over)
    assert state_of(tmp_path) == before
    deliver(tmp_path, [], complete_for=BOTH, delivered_at=NOON)
    assert state_of(tmp_path) != before


def test_the_manifest_is_json_with_a_line_per_picture(shop, tmp_path):
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    text = (tmp_path / "manifest.json").read_text()
    assert len(json.loads(text)["images"]) == 6
    assert sum('"web/bags/BAG-1/' in line for line in text.splitlines()) == 3


@pytest.mark.parametrize("verdict", [Verdict.REVIEW, Verdict.REJECTED])
def test_nothing_but_approved_is_published(shop, tmp_path, verdict):
    good, bad = shop.item("LMP-1"), shop.item("BAG-1")
    bad = shop.item("BAG-1", approval=Approval(verdict=verdict, render_digest=bad.render_digest, rules_digest=RULES))
    with pytest.raises(PublishRefused, match=f"'{verdict.value}'"):
        deliver(tmp_path, [good, bad], complete_for=BOTH, delivered_at=NOON)
    assert state_of(tmp_path) == {}


def test_an_unjudged_render_is_refused(shop, tmp_path):
    with pytest.raises(PublishRefused, match=r"web/bags/BAG-1/packshot_white-0\.jpg: nobody judged it"):
        deliver(tmp_path, [shop.item("BAG-1", approval=None)], complete_for=BOTH, delivered_at=NOON)


def test_the_approval_of_another_render_is_no_approval(shop, tmp_path):
    other = Approval(verdict=Verdict.APPROVED, render_digest="0" * 64, rules_digest=RULES)
    with pytest.raises(PublishRefused, match="the approval is for render 000000000000"):
        deliver(tmp_path, [shop.item("BAG-1", approval=other)], complete_for=BOTH, delivered_at=NOON)


def test_an_approval_under_former_rules_is_no_approval(shop, tmp_path):
    item = shop.item("BAG-1")
    former = Approval(verdict=Verdict.APPROVED, render_digest=item.render_digest, rules_digest="1" * 64)
    with pytest.raises(PublishRefused, match="under rules 111111111111"):
        deliver(tmp_path, [shop.item("BAG-1", approval=former)], complete_for=BOTH, delivered_at=NOON)


def test_a_refusal_leaves_what_is_published_as_it_is(shop, tmp_path):
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    before = state_of(tmp_path)
    with pytest.raises(PublishRefused, match="the folder is as it was"):
        deliver(tmp_path, [shop.item("BAG-1", approval=None)], complete_for=BOTH, delivered_at=NOON)
    assert state_of(tmp_path) == before


def test_what_is_no_longer_wanted_is_withdrawn_at_once_and_leaves_a_tombstone(shop, tmp_path):
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    gone = read_manifest(tmp_path).images["web/bags/BAG-1/packshot_white-0.jpg"]
    keep = [item for item in shop.items(*BOTH) if item.name != "web/bags/BAG-1/packshot_white-0.jpg"]
    report = deliver(tmp_path, keep, complete_for=BOTH, delivered_at=NOON + timedelta(hours=1))
    assert (report.withdrawn, report.files_removed, report.bytes_written) == (1, 1, 0)
    assert not (tmp_path / gone.file).exists()
    (stone,) = read_manifest(tmp_path).tombstones
    assert (stone.name, stone.sha256, stone.why, stone.at) == (
        "web/bags/BAG-1/packshot_white-0.jpg",
        gone.sha256,
        "withdrawn",
        "2026-11-21T13:00:00+00:00",
    )


def test_a_delivery_speaks_for_its_own_products_only(shop, tmp_path):
    deliver(tmp_path, shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert len(read_manifest(tmp_path).images) == 12
    report = deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON)
    assert report.withdrawn == 6
    assert {image.sku for image in read_manifest(tmp_path).images.values()} == {"LMP-1"}


def test_a_replaced_picture_stays_reachable_for_a_day(shop, tmp_path):
    deliver(tmp_path, [shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    old = next(iter(read_manifest(tmp_path).images.values()))
    report = deliver(tmp_path, [shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=NOON)
    new = read_manifest(tmp_path).images["web/bags/BAG-1/packshot_white-0.jpg"]
    assert report.replaced == 1
    assert new.file != old.file
    assert (tmp_path / old.file).exists()
    later = NOON + timedelta(hours=REPLACED_STAYS_H)
    assert deliver(tmp_path, [shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=later).files_removed == 1
    assert not (tmp_path / old.file).exists()
    assert_manifest_holds(tmp_path)


def test_a_picture_that_comes_back_is_published_again_and_its_tombstone_goes(shop, tmp_path):
    deliver(tmp_path, [shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON)
    report = deliver(tmp_path, [shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON + timedelta(hours=1))
    assert report.published == 1
    assert read_manifest(tmp_path).tombstones == ()
    assert_manifest_holds(tmp_path)


def test_old_tombstones_are_dropped(shop, tmp_path):
    deliver(tmp_path, [shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON)
    deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON + timedelta(days=TOMBSTONES_STAY_DAYS - 1))
    assert len(read_manifest(tmp_path).tombstones) == 1
    deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON + timedelta(days=TOMBSTONES_STAY_DAYS + 1))
    assert read_manifest(tmp_path).tombstones == ()


def test_changed_rules_alone_write_no_picture(shop, tmp_path):
    deliver(tmp_path, [shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    item = shop.item("BAG-1")
    approval = Approval(verdict=Verdict.APPROVED, render_digest=item.render_digest, rules_digest="c" * 64)
    again = shop.item("BAG-1", rules_digest="c" * 64, approval=approval)
    report = deliver(tmp_path, [again], complete_for=["BAG-1"], delivered_at=NOON)
    assert (report.unchanged, report.bytes_written, report.manifest_changed) == (1, 0, True)
    assert read_manifest(tmp_path).images[again.name].rules_digest == "c" * 64


def test_a_lost_file_is_written_again(shop, tmp_path):
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    lost = next(iter(read_manifest(tmp_path).images.values()))
    (tmp_path / lost.file).unlink()
    assert deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON).bytes_written == lost.bytes
    assert_manifest_holds(tmp_path)


KILLED_DELIVERY = """
    import os, signal, sys
    from pathlib import Path
    from tests.publishing.shop import NOON, Shop
    import publishing.folder_channel as channel

    shop, files = Shop(), []
    write = channel.write_atomically

    def write_then_maybe_die(path, data, **kwargs):
        write(path, data, **kwargs)
        files.append(path)
        if len(files) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    channel.write_atomically = write_then_maybe_die
    items = shop.new_look("BAG-1")
    channel.deliver(Path(sys.argv[1]), items, complete_for=["BAG-1"], delivered_at=NOON)
"""


@pytest.mark.parametrize("files_before_death", [1, 3])
def test_a_delivery_killed_between_files_leaves_the_old_manifest_valid_and_the_next_one_finishes(shop, tmp_path, files_before_death):
    folder, script = tmp_path / "published", tmp_path / "killed.py"
    deliver(folder, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    manifest = (folder / "manifest.json").read_bytes()
    script.write_text(textwrap.dedent(KILLED_DELIVERY))
    root = Path(__file__).parents[2]
    command = [sys.executable, str(script), str(folder), str(files_before_death)]
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / "manifest.json").read_bytes() == manifest
    assert_manifest_holds(folder)

    report = deliver(folder, shop.new_look("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    sizes = [image.bytes for image in sorted(read_manifest(folder).images.values(), key=lambda image: (image.recipe, image.index))]
    assert report.bytes_written == sum(sizes[files_before_death:])
    assert_manifest_holds(folder)


def test_a_kill_before_the_removals_is_made_up_for_by_the_next_delivery(shop, tmp_path, monkeypatch):
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    withdrawn = [tmp_path / image.file for image in read_manifest(tmp_path).images.values()]

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("publishing.folder_channel._remove_taken_back", die)
        deliver(tmp_path, [], complete_for=["BAG-1"], delivered_at=NOON)
    assert all(path.exists() for path in withdrawn)
    assert deliver(tmp_path, shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON).files_removed == len(withdrawn)
    assert not any(path.exists() for path in withdrawn)


@pytest.fixture
def quick_turns():
    """Threads that take turns every 10 microseconds meet in places where they otherwise seldom do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_turns")
def test_deliveries_at_the_same_time_lose_nothing(shop, tmp_path):
    """One delivery removed a withdrawn file between another's asking whether it is there and asking how long it is."""
    failures = []

    def one(sku):
        try:
            for _ in range(5):
                deliver(tmp_path, shop.items(sku), complete_for=[sku], delivered_at=NOON)
                deliver(tmp_path, [], complete_for=[sku], delivered_at=NOON)
            deliver(tmp_path, shop.items(sku), complete_for=[sku], delivered_at=NOON)
        except Exception as error:  # noqa: BLE001  # reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=one, args=(sku,)) for sku in BOTH]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(read_manifest(tmp_path).images) == 12
    assert_manifest_holds(tmp_path)


def test_half_written_files_of_a_dead_delivery_are_swept_after_a_day(shop, tmp_path):
    old, new = tmp_path / ".incoming" / ".old.part", tmp_path / ".incoming" / ".new.part"
    old.parent.mkdir()
    for path in (old, new):
        path.write_bytes(b"half")
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_foreign_manifest_is_an_error_and_is_not_overwritten(shop, tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "my web app", "icons": []}')
    with pytest.raises(StoreError, match="Nothing was changed"):
        deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert "my web app" in (tmp_path / "manifest.json").read_text()


def test_published_files_can_be_read_by_a_web_server(shop, tmp_path):
    before = os.umask(0o022)
    try:
        deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    finally:
        os.umask(before)
    for image in read_manifest(tmp_path).images.values():
        assert (tmp_path / image.file).stat().st_mode & 0o044 == 0o044


def test_addresses_are_short_and_have_no_query(shop, tmp_path):
    """One shop refuses addresses over 255 characters, another refuses query strings."""
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    for image in read_manifest(tmp_path).images.values():
        assert len(image.file) < 90
        assert "?" not in image.file


def test_pictures_are_read_one_by_one_and_a_strange_layout_as_a_whole(tmp_path):
    shop = Shop()
    deliver(tmp_path, shop.items("BAG-1", "LMP-1"), complete_for={"BAG-1", "LMP-1"}, delivered_at=NOON)
    whole = [image.model_dump() for image in read_manifest(tmp_path).images.values()]
    by_name = sorted(whole, key=lambda image: image["file"])
    assert len(by_name) == 12
    assert sorted(each_image(tmp_path), key=lambda image: image["file"]) == by_name
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text())))  # as another program would write it
    assert sorted(each_image(tmp_path), key=lambda image: image["file"]) == by_name
    assert list(each_image(tmp_path / "nothing yet")) == []


@pytest.mark.parametrize("part", [0.2, 0.6])
def test_a_manifest_that_was_cut_off_is_an_error_however_it_is_read(tmp_path, part):
    shop = Shop()
    deliver(tmp_path, shop.items("BAG-1"), complete_for={"BAG-1"}, delivered_at=NOON)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text()[: int(path.stat().st_size * part)])
    with pytest.raises(StoreError, match="is not a manifest"):
        list(each_image(tmp_path))
