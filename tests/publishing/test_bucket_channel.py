"""Delivery into a bucket: many machines at once, lost answers, products that move, and readers that never look into the void."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from catalog.errors import StoreError
from publishing.bucket_manifest import read_board, read_index, read_parts
from publishing.delivery import REPLACED_STAYS_H
from resources.bucket_files import Patience
from tests.faulty_s3 import bucket_files
from tests.publishing.shop import NOON, Shop
from tests.publishing.test_delivery import assert_manifest_holds
from tests.publishing.windows import BucketWindow

A, B = "bags/2026-11-01", "bags/2026-11-21"


def test_the_index_names_parts_and_counts_them(shop, bucket_window):
    bucket_window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON, part=A)
    bucket_window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON, part="lighting/2026-11-01")
    index = bucket_window.index()
    assert (index.version, sorted(index.parts)) == (2, [A, "lighting/2026-11-01"])
    assert (index.parts[A].products, index.parts[A].images, index.parts[A].tombstones) == (1, 6, 0)
    text = bucket_window.read("manifest.json").decode()
    assert sum("2026-11-01" in line for line in text.splitlines()) == 2, "one line per part"


def test_files_are_served_with_their_type_and_time_to_live(shop, bucket, bucket_window):
    bucket_window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    image = bucket_window.manifest().images["web/bags/BAG-1/packshot_white-0.jpg"]
    picture, index = (bucket.Object(f"shop/{name}").get() for name in (image.file, "manifest.json"))
    assert (picture["ContentType"], picture["CacheControl"]) == ("image/jpeg", "public, max-age=31536000, immutable")
    assert (index["ContentType"], index["CacheControl"]) == ("application/json", "public, max-age=60")


def test_a_product_that_moved_stands_in_its_new_part_only_and_its_files_stay(shop, bucket_window):
    bucket_window.deliver(shop.items("BAG-1", "LMP-1"), complete_for=["BAG-1", "LMP-1"], delivered_at=NOON, part=A)
    shop.made = []
    report = bucket_window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON, part=B, former_parts=[A])
    assert (report.unchanged, report.bytes_written, shop.made) == (6, 0, []), "the same pictures under the same names: nothing is made"
    assert {image.sku for image in bucket_window.part_manifest(A).images.values()} == {"LMP-1"}
    assert {image.sku for image in bucket_window.part_manifest(B).images.values()} == {"BAG-1"}
    assert bucket_window.manifest().tombstones == ()
    assert_manifest_holds(bucket_window)
    later = NOON + timedelta(days=2)
    bucket_window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=later, part=A)
    assert_manifest_holds(bucket_window)


def test_a_product_that_moved_with_a_new_photo_leaves_a_tombstone_where_it_was(shop, bucket_window):
    bucket_window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON, part=A)
    bucket_window.deliver([shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=NOON, part=B, former_parts=[A])
    (stone,) = bucket_window.part_manifest(A).tombstones
    assert stone.why == "replaced"
    assert bucket_window.read(stone.file) is not None
    later = NOON + timedelta(hours=REPLACED_STAYS_H)
    bucket_window.deliver([shop.item("BAG-1", look=1)], complete_for=["BAG-1"], delivered_at=later, part=B, former_parts=[A])
    assert bucket_window.read(stone.file) is None
    assert_manifest_holds(bucket_window)


def test_what_comes_back_gets_an_address_that_nobody_is_removing(shop, bucket_window):
    bucket_window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    (first,) = bucket_window.manifest().images.values()
    bucket_window.deliver([], complete_for=["BAG-1"], delivered_at=NOON)
    bucket_window.deliver([shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    (second,) = bucket_window.manifest().images.values()
    assert second.sha256 == first.sha256
    assert second.file == first.file.replace(".jpg", "-1.jpg")
    bucket_window.lose(first.file)  # a removal that was on its way all the time
    assert_manifest_holds(bucket_window)


def test_two_machines_that_publish_at_once_lose_nothing(bucket, s3_endpoint):
    """Eight deliverers, each taking its pictures back and publishing them again, into one index and partly one part."""
    skus, failures = ["BAG-1", "LMP-1"], []

    def one(number):
        shop = Shop()
        window = BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"), part=f"part/{number % 3}")
        sku = f"SKU-{number}"
        shop.products[sku] = shop.products[skus[number % 2]].model_copy(update={"sku": sku})
        try:
            for _ in range(2):
                window.deliver(shop.items(sku), complete_for=[sku], delivered_at=NOON)
                window.deliver([], complete_for=[sku], delivered_at=NOON)
            window.deliver(shop.items(sku), complete_for=[sku], delivered_at=NOON)
        except Exception as error:  # noqa: BLE001  # reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    window = BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))
    assert len(window.manifest().images) == 36
    assert_manifest_holds(window)
    assert window.index().version == 6 * 5, "each delivery was one commit: none was lost, none was made twice"


def test_two_deliveries_of_one_cell_at_once_agree(bucket, s3_endpoint):
    failures = []

    def one(look):
        shop, window = Shop(), BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"), part=A)
        try:
            for _ in range(3):
                window.deliver([shop.item("BAG-1", look=look)], complete_for=["BAG-1"], delivered_at=NOON)
        except Exception as error:  # noqa: BLE001  # reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=one, args=(look,)) for look in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    window = BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))
    assert len(window.manifest().images) == 1
    assert_manifest_holds(window)


def test_a_reader_never_sees_a_picture_that_is_not_there(bucket, s3_endpoint):
    shop, window = Shop(), BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"), part=A)
    window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    done, seen, missing = threading.Event(), [0], []

    def read():
        eyes = BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))
        while not done.is_set():
            before = eyes.index().version
            images = eyes.manifest().images
            sizes = eyes.bucket.sizes([image.file for image in images.values()])
            if eyes.index().version == before:  # what was withdrawn since may be gone at once, and the index says so
                seen[0] += 1
                missing.extend(image.file for image in images.values() if sizes.get(image.file) != image.bytes)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for look in range(40):
            window.deliver([shop.item("BAG-1", look=look)], complete_for=["BAG-1"], delivered_at=NOON)
            window.deliver([], complete_for=["BAG-1"], delivered_at=NOON)
            time.sleep(0.1)  # else the reader is always overtaken
            if look >= 3 and seen[0] >= 4:
                break
    finally:
        done.set()
        reader.join()
    assert seen[0] >= 4, "the reader looked too seldom to prove anything"
    assert missing == []


def test_a_lost_answer_to_the_commit_is_found_out_and_nothing_is_published_twice(shop, faulty_window):
    window, faults = faulty_window
    lost = []
    window.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    original = faults.draw

    def draw(method, path):
        fault = original(method, path)
        if method == "PUT" and path.endswith("manifest.json") and not lost:
            lost.append(path)
            return "lose"
        return fault

    faults.draw = draw
    report = window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    assert lost
    assert (report.published, report.manifest_changed) == (6, True)
    assert window.index().version == 2
    assert_manifest_holds(window)


def test_a_bucket_that_fails_three_times_in_ten_gets_the_same_manifest(shop, faulty_window, tmp_path):
    from tests.publishing.windows import FolderWindow

    window, faults = faulty_window
    faults.fail, faults.lose = 0.3, 0.1
    window.deliver(shop.items("BAG-1", "LMP-1"), complete_for=["BAG-1", "LMP-1"], delivered_at=NOON)
    window.deliver(shop.items("LMP-1"), complete_for=["BAG-1", "LMP-1"], delivered_at=NOON)
    folder = FolderWindow(tmp_path)
    folder.deliver(shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    assert dict(window.manifest().images) == dict(folder.manifest().images)
    assert len(window.manifest().tombstones) == 6
    assert_manifest_holds(window)
    assert faults.injected > 10


@pytest.mark.slow
def test_a_delivery_that_dies_at_any_request_leaves_a_manifest_that_holds_and_the_next_one_finishes(faulty_window):
    """The first, second, third... request and all after it get no answer, until one delivery needs no more than were left to it."""
    window, faults = faulty_window
    patient, hasty = window.bucket._patience, Patience(deadline_s=0.02, first_wait_s=0.001, longest_wait_s=0.01)
    for answered in range(30):
        shop, window.part, left = Shop(), f"bags/{answered:02d}", [answered]
        old, new = shop.items("BAG-1")[:3], [shop.item("BAG-1", look=7), shop.item("BAG-1", "staged_scene", 0)]
        window.deliver(old, complete_for=["BAG-1"], delivered_at=NOON, former_parts=[f"bags/{answered - 1:02d}"])

        def die(method, path, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionError

        faults.before, window.bucket._patience, died = die, hasty, False
        try:
            window.deliver(new, complete_for=["BAG-1"], delivered_at=NOON)
        except StoreError:
            died = True
        faults.before, window.bucket._patience = None, patient
        assert_manifest_holds(window)
        window.deliver(new, complete_for=["BAG-1"], delivered_at=NOON)
        assert set(window.manifest().images) == {item.name for item in new}
        assert_manifest_holds(window)
        if not died:
            break
    assert 6 <= answered < 29, "a delivery has at least six requests that can go wrong"


def test_former_files_of_a_part_are_swept_after_a_day(shop, bucket_window):
    for look in range(3):
        bucket_window.deliver([shop.item("BAG-1", look=look)], complete_for=["BAG-1"], delivered_at=NOON)
    assert len(bucket_window.bucket.written_below("manifest")) == 3, "a reader of an older index finds what it names"
    foreign = f"manifest/{bucket_window.part}/notes.txt"
    bucket_window.bucket.write(foreign, b"not ours")
    later = datetime.now(UTC) + timedelta(days=2)
    bucket_window.deliver([shop.item("BAG-1", look=9)], complete_for=["BAG-1"], delivered_at=later)
    assert sorted(bucket_window.bucket.written_below("manifest")) == [bucket_window.index().parts[bucket_window.part].file, foreign]


def test_parts_are_read_a_few_at_a_time_and_every_part_once(shop, bucket_window, monkeypatch):
    for number in range(5):
        bucket_window.deliver(shop.items("BAG-1")[:2], complete_for=["BAG-1"], delivered_at=NOON, part=f"bags/2026-11-{number + 1:02d}")
    monkeypatch.setattr("publishing.bucket_manifest._PICTURES_AT_ONCE", 5)
    index, read = bucket_window.index(), []
    monkeypatch.setattr(
        "publishing.bucket_manifest.read_board", lambda bucket, names: read.append(list(names)) or read_board(bucket, names)
    )
    found = list(read_parts(bucket_window.bucket, [*index.parts, "bags/never"]))
    assert [len(names) for names in read] == [2, 2, 2], "five pictures at most: two parts of two"
    assert {name: (version, len(part.images)) for name, version, part in found} == {
        **{name: (part.sha256, 2) for name, part in index.parts.items()},
        "bags/never": ("", 0),
    }


def test_a_damaged_part_is_an_error_and_not_an_empty_shop(shop, bucket_window):
    bucket_window.deliver(shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    part = bucket_window.index().parts[bucket_window.part]
    data = bucket_window.read(part.file)
    bucket_window.bucket.write(part.file, data.replace(b"Canvas", b"Kanvas"))
    with pytest.raises(StoreError, match="was altered"):
        bucket_window.deliver([], complete_for=["BAG-1"], delivered_at=NOON)
    bucket_window.lose(part.file)
    with pytest.raises(StoreError, match="which is not there"):
        list(read_parts(bucket_window.bucket))
    assert read_index(bucket_window.bucket)[0].version == 1
