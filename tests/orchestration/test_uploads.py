"""Announced uploads against a real S3 and SQS server: only the named photos are looked at, and no order, repeat or loss changes the end."""

import datetime as dt
import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.partitions import FIRST_DROP
from catalog.errors import CatalogError
from catalog.keys import digest_bytes
from orchestration.triggers import due_cells
from orchestration.uploads import take_uploads
from resources.announced_uploads import waiting_uploads
from resources.ledger_tables import change, product, upload
from resources.project import open_project
from resources.upload_queue import UploadQueue
from tests.shops import AnnouncedShop, notification, record
from tests.tiny_project import product_row

MONDAY, TUESDAY, WEDNESDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 17), dt.date(2026, 11, 18)


@pytest.fixture
def shop(tmp_path, bucket, monkeypatch):
    """Four products that the ledger knows since Monday."""
    monkeypatch.setattr("resources.upload_queue.WAIT_S", 0)  # one server answers for all of the queue
    made = AnnouncedShop(tmp_path / "project", bucket)
    refresh_catalog(open_project(made.project), MONDAY)
    return made


def take(shop, today=TUESDAY, queue=None):
    """One tick."""
    project = open_project(shop.project)
    return take_uploads(project, queue or UploadQueue(project.settings.uploads), today=today, first_drop=FIRST_DROP)


def changed(taken):
    return [(row["kind"], row["sku"], row["drop"]) for row in taken.changes]


def state(shop):
    """SKU -> photo digests in the ledger."""
    rows = open_project(shop.project).ledger.rows(sa.select(product))
    return {row["sku"]: row["photo_digests"] for row in rows}


def test_only_the_product_whose_photo_is_named_moves_to_todays_drop(shop):
    for name in ("MUG-1.jpg", "MUG-2.jpg"):
        shop.put_photo(name, b"new " + name.encode())
    shop.tell(notification(shop, ("MUG-1.jpg", "01")))
    assert changed(take(shop)) == [("photo", "MUG-1", TUESDAY.isoformat())]
    assert state(shop)["MUG-1"] == [digest_bytes(b"new MUG-1.jpg")]
    assert state(shop)["MUG-2"] != [digest_bytes(b"new MUG-2.jpg")]  # changed too, but nobody said so: the next listing sees it
    assert shop.left() == 0
    assert [kind for kind, _, _ in changes_of_listing(shop)] == ["photo"]


def changes_of_listing(shop):
    return [(row["kind"], row["sku"], row["drop"]) for row in refresh_catalog(open_project(shop.project), WEDNESDAY)["changes"]]


def test_the_bucket_is_never_listed_and_a_known_photo_never_read(shop, monkeypatch):
    import obstore

    shop.put_photo("MUG-1.jpg", b"changed")
    shop.tell(*(notification(shop, f"MUG-{n}.jpg") for n in (1, 2, 3, 4)))
    fetched, fetch = [], obstore.get
    monkeypatch.setattr(obstore, "list", None)
    monkeypatch.setattr(obstore, "list_with_delimiter", None)
    monkeypatch.setattr(obstore, "get", lambda store, path: fetched.append(path) or fetch(store, path))
    assert changed(take(shop)) == [("photo", "MUG-1", TUESDAY.isoformat())]
    assert fetched == ["photos/MUG-1.jpg"]


def test_the_cells_of_announced_photos_start_through_the_revision_like_any_other(shop):
    project = open_project(shop.project)
    _, cursor = due_cells(project, 0)
    shop.put_photo("MUG-3.jpg", b"changed")
    shop.tell(notification(shop, ("MUG-3.jpg", "0A")))
    take(shop)
    due, _ = due_cells(project, cursor)
    assert [(cell.category, cell.drop) for cell in due] == [("mugs", TUESDAY.isoformat())]


def test_the_buckets_own_notifications_are_understood(shop):
    shop.announce_by_itself()
    shop.rows.append(product_row("SET", photo="a set +1.jpg"))
    shop.save()
    refresh_catalog(open_project(shop.project), MONDAY)
    shop.put_photo("a set +1.jpg", b"six mugs")
    shop.put_photo("MUG-1.jpg", b"new")
    shop.remove_photo("MUG-2.jpg")
    taken = take(shop)
    assert changed(taken) == [("photo", sku, TUESDAY.isoformat()) for sku in ("MUG-1", "MUG-2", "SET")]
    assert state(shop)["MUG-2"] == [None]
    assert state(shop)["SET"] == [digest_bytes(b"six mugs")]
    assert taken.told["table"] == 1


def test_a_photo_that_several_products_share_moves_all_of_them_and_a_second_photo_counts(shop):
    shop.rows[1]["photos"] = "MUG-2.jpg;shared.jpg"
    shop.rows[2]["photos"] = "shared.jpg"
    shop.put_photo("shared.jpg", b"1")
    shop.save()
    refresh_catalog(open_project(shop.project), MONDAY)
    before = state(shop)
    shop.put_photo("shared.jpg", b"2")
    shop.tell(notification(shop, "shared.jpg"))
    assert changed(take(shop)) == [("photo", sku, TUESDAY.isoformat()) for sku in ("MUG-2", "MUG-3")]
    assert state(shop)["MUG-2"] == [before["MUG-2"][0], digest_bytes(b"2")]


def test_an_announced_photo_that_no_product_names_waits_for_its_row(shop):
    shop.put_photo("MUG-9.jpg", b"early")
    shop.tell(notification(shop, ("MUG-9.jpg", "01")))
    assert changed(take(shop)) == []
    project = open_project(shop.project)
    assert waiting_uploads(project.ledger, project.source.pictures.name) == (1, ["MUG-9.jpg"])
    shop.rows.append(product_row("MUG-9"))
    shop.save()
    # The row is read by a refresh whose listing is older than the upload: the photo counts as missing there.
    with_missing_photo(shop, "MUG-9.jpg", b"early")
    assert state(shop)["MUG-9"] == [None]
    assert changed(take(shop)) == [("photo", "MUG-9", TUESDAY.isoformat())]
    assert state(shop)["MUG-9"] == [digest_bytes(b"early")]
    assert waiting_uploads(project.ledger, project.source.pictures.name) == (0, [])


def with_missing_photo(shop, name, data):
    shop.remove_photo(name)
    refresh_catalog(open_project(shop.project), TUESDAY)
    shop.put_photo(name, data)


def test_a_photo_of_a_paused_product_is_looked_at_when_the_pilot_ends(shop):
    shop.rows[3]["category"] = "bags"
    shop.save()
    shop.limit(categories=["mugs"])
    refresh_catalog(open_project(shop.project), MONDAY)
    shop.put_photo("MUG-4.jpg", b"new")
    shop.tell(notification(shop, ("MUG-4.jpg", "01")))
    assert changed(take(shop)) == []
    shop.limit()
    refresh_catalog(open_project(shop.project), TUESDAY)
    take(shop)
    assert state(shop)["MUG-4"] == [digest_bytes(b"new")]


def test_an_older_or_repeated_announcement_asks_the_bucket_nothing(shop, monkeypatch):
    import obstore

    shop.tell(notification(shop, ("MUG-1.jpg", "00B2")))
    take(shop)
    asked, head = [], obstore.head
    monkeypatch.setattr(obstore, "head", lambda store, path: asked.append(path) or head(store, path))
    shop.tell(notification(shop, ("MUG-1.jpg", "00B2")), notification(shop, ("MUG-1.jpg", "00A9"), kind="ObjectRemoved:Delete"))
    take(shop)
    assert asked == []
    shop.tell(notification(shop, ("MUG-1.jpg", "00B3")))
    take(shop)
    assert asked == ["photos/MUG-1.jpg"]


def test_a_message_that_is_no_announcement_goes_to_the_dead_letter_queue_with_its_reason_and_stops_nothing(shop):
    shop.put_photo("MUG-1.jpg", b"new")
    shop.tell("hello", '{"Records": 5}', notification(shop, ("MUG-1.jpg", "01")), "[]")
    taken = take(shop)
    assert changed(taken) == [("photo", "MUG-1", TUESDAY.isoformat())]
    assert shop.left() == 0
    answer = shop.sqs.receive_message(QueueUrl=shop.dead_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    dead = {item["Body"]: item["MessageAttributes"]["reason"]["StringValue"] for item in answer["Messages"]}
    assert dead == {
        "hello": "the message is no JSON",
        '{"Records": 5}': "Records is int, not a list",
        "[]": "the message is a JSON list, not an object",
    }


def test_objects_that_are_no_photo_of_this_catalog_ask_for_nothing(shop):
    keys = (
        "shop/catalog/products.csv",
        "shop/catalog/looks/mugs/1.jpg",
        "shop/catalog2/photos/MUG-1.jpg",
        "other.txt",
        "shop/catalog/photos/",
    )
    for key in keys:
        s3 = {"bucket": {"name": shop.bucket.name}, "object": {"key": key}}
        shop.tell(json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}))
    told = take(shop).told
    assert (told["table"], told["look"], told["elsewhere"], told["photo"]) == (1, 1, 3, 0)


def test_a_bucket_that_is_gone_fails_the_tick_and_forgets_no_announcement(shop):
    """To a HEAD request it looks like removed photos: they were once taken for that."""
    shop.tell(notification(shop, "MUG-1.jpg", "MUG-2.jpg"))
    before = state(shop)
    for item in shop.bucket.objects.all():
        item.delete()
    shop.bucket.delete()
    with pytest.raises(CatalogError, match=r"Cannot list s3://shop-\w+/shop/catalog: .*NoSuchBucket"):
        take(shop)
    assert state(shop) == before
    shop.bucket.create()
    shop.put_photo("MUG-1.jpg", b"new")
    assert changed(take(shop)) == [("photo", "MUG-1", TUESDAY.isoformat()), ("photo", "MUG-2", TUESDAY.isoformat())]
    assert state(shop)["MUG-2"] == [None]


def test_announced_removals_of_every_photo_take_no_picture_back(shop, monkeypatch):
    """A prefix emptied by mistake: its thousand announcements must not do what the full reading refuses to do."""
    monkeypatch.setattr("resources.photo_digests.FEWEST_TO_MISS", 3)
    before, names = state(shop), [f"MUG-{n}.jpg" for n in range(1, 5)]
    photos = {name: shop.bucket.Object(f"shop/catalog/photos/{name}").get()["Body"].read() for name in names}
    for name in names:
        shop.bucket.Object(f"shop/catalog/photos/{name}").delete()
    shop.tell(notification(shop, *names, kind="ObjectRemoved:Delete"))
    with pytest.raises(CatalogError, match=r"None of the \d photos is in s3://.*; \d of them were there before"):
        take(shop)
    assert state(shop) == before
    shop.put_photo(names[0], photos[names[0]])
    assert [sku for _, sku, _ in changed(take(shop))] == ["MUG-2", "MUG-3", "MUG-4"]


def test_one_photo_that_cannot_be_read_is_tried_again_and_stops_no_other(shop, monkeypatch):
    from resources.s3_source import S3Pictures

    shop.put_photo("MUG-1.jpg", b"1")
    shop.put_photo("MUG-2.jpg", b"2")
    shop.tell(notification(shop, ("MUG-1.jpg", "01"), ("MUG-2.jpg", "01")))
    read = S3Pictures.photo_digest

    def locked(self, name):
        if name == "MUG-1.jpg":
            raise CatalogError("AccessDenied")
        return read(self, name)

    with monkeypatch.context() as broken:
        broken.setattr(S3Pictures, "photo_digest", locked)
        taken = take(shop)
    assert changed(taken) == [("photo", "MUG-2", TUESDAY.isoformat())]
    assert taken.failed == ["AccessDenied"]
    assert changed(take(shop)) == [("photo", "MUG-1", TUESDAY.isoformat())]


def test_a_long_reading_of_the_catalog_does_not_set_back_a_photo_announced_meanwhile(shop, monkeypatch):
    """The listing is from before the upload, the commit from after it: the product went back to the old photo until the next full look."""
    from assets import catalog

    read = catalog.photo_digests

    def slow(*asked, **more):
        digests = read(*asked, **more)
        shop.put_photo("MUG-1.jpg", b"new")
        shop.tell(notification(shop, ("MUG-1.jpg", "01")))
        take(shop)
        return digests

    shop.rows[0]["title"] = "New words"
    shop.save()
    monkeypatch.setattr(catalog, "photo_digests", slow)
    assert changes_of_listing(shop) == [("text", "MUG-1", TUESDAY.isoformat())]
    assert state(shop)["MUG-1"] == [digest_bytes(b"new")]


KILLED_BEFORE_DELETING = """
import datetime as dt, os, signal, sys
from pathlib import Path
from assets.partitions import FIRST_DROP
from orchestration.uploads import take_uploads
from resources.project import open_project
from resources.upload_queue import UploadQueue

class Killed(UploadQueue):
    def delete(self, messages):
        os.kill(os.getpid(), signal.SIGKILL)

project = open_project(Path(sys.argv[1]))
take_uploads(project, Killed(project.settings.uploads), today=dt.date(2026, 11, 17), first_drop=FIRST_DROP)
"""


def test_a_consumer_killed_between_commit_and_delete_loses_nothing_and_doubles_nothing(shop, monkeypatch):
    shop.put_photo("MUG-1.jpg", b"new")
    shop.tell(notification(shop, ("MUG-1.jpg", "01")))
    repository = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", str(repository))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_DELETING, str(shop.project)], cwd=repository, capture_output=True, timeout=120
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert shop.left() == 1
    assert changed(take(shop)) == [("photo", "MUG-1", TUESDAY.isoformat())]  # noted before the kill, looked at after it
    make_visible(shop)
    assert changed(take(shop)) == []
    assert shop.left() == 0


def make_visible(shop):
    """End the hiding of received messages, as time does."""
    from moto.sqs.models import sqs_backends

    name = shop.queue_url.rsplit("/", 1)[1]
    for message in sqs_backends["123456789012"]["us-east-1"].queues[name]._messages:
        message.change_visibility(0)


class Model:
    """What S3 holds and what it would announce: the reference that the ledger must agree with in the end."""

    def __init__(self, shop, seed):
        self.shop, self.random = shop, random.Random(seed)
        self.held, self.sequencer = {}, 0x16DB_6400_0000_0000

    def step(self, name):
        """Put or delete a photo; the event for it, sometimes without a sequencer."""
        self.sequencer += self.random.randrange(1, 1000)
        if self.random.random() < 0.3:
            self.shop.remove_photo(name)
            self.held[name], kind = None, "ObjectRemoved:Delete"
        else:
            data = f"{name} {self.random.randrange(4)}".encode()  # often the same bytes again
            self.shop.put_photo(name, data)
            self.held[name], kind = digest_bytes(data), "ObjectCreated:Put"
        sequencer = f"{self.sequencer:018X}" if self.random.random() > 0.05 else None
        return record(self.shop, name, sequencer, kind)

    def messages(self, events):
        """The events in messages of one to five."""
        bodies, rest = [], list(events)
        while rest:
            size = self.random.randrange(1, 6)
            bodies.append(json.dumps({"Records": rest[:size]}))
            rest = rest[size:]
        return bodies


def run_history(shop, *, events, photos, seed):
    """Events of random puts and deletes, 30 % told twice, shuffled, some told only after many ticks; two consumers take them."""
    model = Model(shop, seed)
    names = [f"MUG-{n}.jpg" for n in range(1, photos + 1)]
    rows = [product_row(name.removesuffix(".jpg")) for name in names]
    shop.rows[:] = rows[: photos // 2]
    shop.save()
    refresh_catalog(open_project(shop.project), MONDAY)
    late, ticks = [], 5
    for tick in range(ticks):
        told = [model.step(model.random.choice(names)) for _ in range(events // ticks)]
        told += model.random.sample(told, int(0.3 * len(told)))
        model.random.shuffle(told)
        held_back = len(told) // 4
        late += told[:held_back]
        shop.tell(*model.messages(told[held_back:]))
        if tick == 2:  # the other half of the rows arrives after many of their photos
            shop.rows[:] = rows
            shop.save()
            refresh_catalog(open_project(shop.project), TUESDAY)
        with ThreadPoolExecutor(2) as consumers:
            for consumer in [consumers.submit(take, shop) for _ in range(2)]:
                consumer.result()
    model.random.shuffle(late)
    shop.tell(*model.messages(late))
    for _ in range(20):
        if shop.left():
            take(shop, WEDNESDAY)
    assert shop.left() == 0
    return model, names


def hold_to(model, names, shop):
    ledger = open_project(shop.project).ledger
    now = state(shop)
    differences = {name: held for name, held in model.held.items() if now[name.removesuffix(".jpg")] != [held]}
    assert differences == {}
    assert len(model.held) > len(names) / 2
    assert ledger.rows(sa.select(upload.c.name).where(upload.c.state == "new")) == []
    revisions = [row["id"] for row in ledger.rows(sa.select(change.c.id).order_by(change.c.id))]
    assert len(revisions) == len(set(revisions))


@pytest.mark.parametrize("seed", range(3))
def test_short_histories_end_as_the_bucket_does(shop, seed):
    model, names = run_history(shop, events=60, photos=8, seed=seed)
    hold_to(model, names, shop)
    assert shop.left(shop.dead_url) == 0


def test_a_short_history_ends_as_the_bucket_does_with_the_ledger_on_postgresql(shop, postgres_url, monkeypatch):
    """There, two consumers do write at once."""
    monkeypatch.setenv("LEDGER_URL", postgres_url)
    shop.sections |= {
        "ledger": {"url_env": "LEDGER_URL"},
        "state": "state-beside",
    }  # an empty ledger beside another one's records is refused
    shop.limit()
    model, names = run_history(shop, events=60, photos=8, seed=4)
    hold_to(model, names, shop)
    assert open_project(shop.project).ledger.on_postgres


@pytest.mark.slow
def test_2000_events_of_which_30_percent_come_twice_shuffled_and_late_end_as_the_bucket_does(shop):
    model, names = run_history(shop, events=2000, photos=120, seed=2026)
    hold_to(model, names, shop)
    ledger = open_project(shop.project).ledger
    before = ledger.rows(sa.select(sa.func.count()).select_from(change))
    assert refresh_catalog(open_project(shop.project), WEDNESDAY)["changes"] == []  # a full look finds nothing that was missed
    assert ledger.rows(sa.select(sa.func.count()).select_from(change)) == before
