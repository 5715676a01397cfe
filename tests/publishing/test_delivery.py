"""What every delivery keeps, into a folder or into a bucket: only what is approved, nothing twice, nothing that is not there."""

from datetime import timedelta
from pathlib import PurePosixPath

import pytest

from catalog.errors import PublishRefused, StoreError
from catalog.keys import digest_bytes
from catalog.verdict import Verdict
from publishing.delivery import REPLACED_STAYS_H, TOMBSTONES_STAY_DAYS, Approval
from tests.publishing.shop import NOON, RULES

BOTH = ("BAG-1", "LMP-1")


def assert_manifest_holds(window):
    for name, image in window.manifest().images.items():
        data = window.read(image.file)
        assert data is not None, name
        assert digest_bytes(data) == image.sha256 == PurePosixPath(image.file).stem[:64], name
        assert len(data) == image.bytes


def test_every_file_is_where_the_manifest_says(shop, window):
    report = window.deliver(shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    images = window.manifest().images
    assert report.published == len(images) == 12
    assert_manifest_holds(window)
    image = images["web/bags/BAG-1/staged_scene-1.jpg"]
    assert image.file == f"images/{image.sha256[:2]}/{image.sha256}.jpg"


def test_a_second_delivery_writes_nothing_and_encodes_nothing(shop, window):
    window.deliver(shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    before, shop.made = window.state(), []
    report = window.deliver(shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON + timedelta(days=1))
    assert window.state() == before
    assert shop.made == []
    assert (report.unchanged, report.bytes_written, report.manifest_changed) == (12, 0, False)


def test_nothing_but_what_is_approved_now_is_published_and_a_refusal_changes_nothing(shop, window):
    window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    before, item = window.state(), shop.item("BAG-1")
    refused = [
        None,
        Approval(verdict=Verdict.REVIEW, render_digest=item.render_digest, rules_digest=RULES),
        Approval(verdict=Verdict.APPROVED, render_digest="0" * 64, rules_digest=RULES),
        Approval(verdict=Verdict.APPROVED, render_digest=item.render_digest, rules_digest="1" * 64),
    ]
    for approval in refused:
        with pytest.raises(PublishRefused, match="Nothing was published"):
            window.deliver([shop.item("LMP-1"), shop.item("BAG-1", approval=approval)], complete_for=BOTH, delivered_at=NOON)
        assert window.state() == before


def test_what_is_kept_stays_as_it_is_although_no_item_asks_for_it(shop, window):
    window.deliver(shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    before = window.manifest().images
    window.deliver([shop.item("BAG-1")], complete_for=BOTH, delivered_at=NOON, kept={("web", "BAG-1", "staged_scene")})
    stays = {"web/bags/BAG-1/packshot_white-0.jpg", *(f"web/bags/BAG-1/staged_scene-{n}.jpg" for n in (0, 1))}
    assert window.manifest().images == {name: before[name] for name in stays}
    assert_manifest_holds(window)


def test_what_lost_its_approval_is_withdrawn_with_a_tombstone_and_its_file_goes_at_once(shop, window):
    window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    gone = window.manifest().images["web/bags/BAG-1/packshot_white-0.jpg"]
    left = [item for item in shop.items("BAG-1") if item.name != "web/bags/BAG-1/packshot_white-0.jpg"]
    report = window.deliver(left, complete_for=["BAG-1"], delivered_at=NOON + timedelta(hours=1))
    assert (report.withdrawn, report.files_removed) == (1, 1)
    (stone,) = window.manifest().tombstones
    assert (stone.name, stone.file, stone.why, stone.at) == (
        "web/bags/BAG-1/packshot_white-0.jpg",
        gone.file,
        "withdrawn",
        "2026-11-21T13:00:00+00:00",
    )
    assert window.read(gone.file) is None
    assert_manifest_holds(window)


def test_a_delivery_speaks_for_its_own_products_only(shop, window):
    window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert len(window.manifest().images) == 12
    assert window.deliver([], complete_for=["BAG-1"], delivered_at=NOON).withdrawn == 6
    assert {image.sku for image in window.manifest().images.values()} == {"LMP-1"}


def test_a_replaced_picture_stays_reachable_for_a_day(shop, window):
    window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    old = next(iter(window.manifest().images.values()))
    report = window.deliver([shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=NOON)
    assert report.replaced == 1
    assert window.read(old.file) is not None
    later = NOON + timedelta(hours=REPLACED_STAYS_H)
    assert window.deliver([shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=later).files_removed == 1
    assert window.read(old.file) is None
    assert_manifest_holds(window)


def test_a_picture_that_comes_back_is_published_again(shop, window):
    window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    window.deliver([], complete_for=["BAG-1"], delivered_at=NOON)
    report = window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON + timedelta(hours=1))
    assert report.published == 1
    assert_manifest_holds(window)
    live = {image.file for image in window.manifest().images.values()}
    assert not live & {stone.file for stone in window.manifest().tombstones}, "no tombstone names a file that stands"


def test_old_tombstones_are_dropped(shop, window):
    window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    window.deliver([], complete_for=["BAG-1"], delivered_at=NOON)
    window.deliver([], complete_for=["BAG-1"], delivered_at=NOON + timedelta(days=TOMBSTONES_STAY_DAYS - 1))
    assert len(window.manifest().tombstones) == 1
    window.deliver([], complete_for=["BAG-1"], delivered_at=NOON + timedelta(days=TOMBSTONES_STAY_DAYS + 1))
    assert window.manifest().tombstones == ()


def test_changed_rules_alone_write_no_picture(shop, window):
    window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    item = shop.item("BAG-1")
    approval = Approval(verdict=Verdict.APPROVED, render_digest=item.render_digest, rules_digest="c" * 64)
    again = shop.item("BAG-1", rules_digest="c" * 64, approval=approval)
    report = window.deliver([again], complete_for=["BAG-1"], delivered_at=NOON)
    assert (report.unchanged, report.bytes_written, report.manifest_changed) == (1, 0, True)
    assert window.manifest().images[again.name].rules_digest == "c" * 64


def test_a_lost_file_is_written_again(shop, window):
    window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    lost = next(iter(window.manifest().images.values()))
    window.lose(lost.file)
    assert window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON).bytes_written == lost.bytes
    assert_manifest_holds(window)


def test_a_foreign_manifest_is_an_error_and_is_not_overwritten(shop, window):
    window.spoil_manifest()
    with pytest.raises(StoreError, match="Nothing was changed"):
        window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert b"my web app" in window.read("manifest.json")


def test_both_kinds_publish_the_same_bytes_under_the_same_addresses(shop, tmp_path, bucket_window):
    from tests.publishing.windows import FolderWindow

    folder = FolderWindow(tmp_path)
    for window in (folder, bucket_window):
        window.deliver(shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    assert dict(folder.manifest().images) == dict(bucket_window.manifest().images)
