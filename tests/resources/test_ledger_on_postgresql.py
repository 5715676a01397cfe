"""The ledger on PostgreSQL: what its contracts mean with many writers, and what a lost server does to them."""

import datetime as dt
import os
import signal
import threading
import time

import pytest
import sqlalchemy as sa

from catalog.errors import SettingsError, StoreError
from orchestration.triggers import due_cells
from resources.ledger import Ledger
from resources.ledger_tables import change, photo_file, render, spend
from resources.open_ledger import open_ledger
from resources.settings import read_settings
from tests.postgres_server import PASSWORD

AT = dt.datetime(2026, 11, 21, 8, 30, 0, 123456)
SPENT = {"category": "mugs", "drop": None, "activity": "render", "item_count": 1, "seconds": 0.1, "usd": 0.0}


def changed(sku):
    return {"sku": sku, "category": sku, "drop": "2026-11-20", "kind": "new", "at": AT}


def rendered(key, **other):
    made = {"sku": "S", "category": "mugs", "recipe": "r", "idx": 0, "render_digest": key, "cutout_digest": "c", "lora_digest": None}
    return {"render_key": key, **made, "placement": {"x": 1.5}, "facts": {"ü": [None, 2]}, "seconds": 0.5, "made_at": AT, **other}


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


class ProjectOf:
    """As much of a project as the sensor's question needs."""

    def __init__(self, ledger):
        self.ledger = ledger


@pytest.mark.parametrize("in_order", [True, False])
def test_a_cursor_never_passes_a_change_that_is_not_seen_yet(postgres_url, in_order):
    """Two real connections: the first draws its number, the second draws the next one and commits first. Without the trigger the cursor
    moves past the first change, whose cell is never started."""
    ledger = Ledger(postgres_url)
    if not in_order:
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER changes_in_order ON change")
    handed_out, cursor = [], 0

    def tick():
        nonlocal cursor
        due, cursor = due_cells(ProjectOf(ledger), cursor)
        handed_out.extend(cell.category for cell in due)

    first = ledger.engine.connect()
    first.execute(sa.insert(change), changed("first"))
    second = in_thread(lambda: ledger.record(change, changed("second")))
    second.join(1.0)
    tick()
    first.commit()
    second.join(20)
    tick()
    assert handed_out == (["first", "second"] if in_order else ["second"])


def test_read_then_write_of_one_concern_is_not_interleaved_and_other_concerns_do_not_wait(postgres_url):
    ledger, events = Ledger(postgres_url), []

    def same():
        with Ledger(postgres_url).writing("catalog") as connection:
            events.append(connection.execute(sa.select(sa.func.count()).select_from(change)).scalar())

    with ledger.writing("catalog") as connection:
        waiting = in_thread(same)
        with ledger.writing("photo files"):
            events.append("other concern")
        ledger.record(render, rendered("a"))
        events.append("a made thing")
        waiting.join(0.5)
        connection.execute(sa.insert(change), changed("S"))
    waiting.join(20)
    assert events == ["other concern", "a made thing", 1]


def test_counting_up_in_many_threads_loses_nothing(postgres_url):
    """Read, add one, write: eight workers on one row."""
    ledger = Ledger(postgres_url)
    ledger.record(photo_file, {"name": "n", "state": "0", "photo_digest": "d"})

    def add():
        for _ in range(10):
            with ledger.writing("photo files") as connection:
                state = connection.execute(sa.select(photo_file.c.state)).scalar_one()
                connection.execute(sa.update(photo_file).values(state=str(int(state) + 1)))

    threads = [in_thread(add) for _ in range(4)]
    for thread in threads:
        thread.join(60)
    assert ledger.rows(sa.select(photo_file.c.state)) == [{"state": "40"}]


def test_workers_that_record_the_same_things_in_other_orders_do_not_wait_for_each_other(postgres_url):
    """PostgreSQL ended one of them with a deadlock."""
    ledger, errors = Ledger(postgres_url), []
    keys = [f"{number:03}" for number in range(200)]

    def record(ordered):
        try:
            for _ in range(5):
                ledger.record(render, [rendered(key) for key in ordered])
        except StoreError as error:
            errors.append(error)

    threads = [in_thread(lambda ordered=ordered: record(ordered)) for ordered in (keys, keys[::-1], keys)]
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(ledger.rows(sa.select(render))) == 200


def test_rows_come_back_from_postgresql_as_from_sqlite(postgres_url, tmp_path):
    """Times without a zone (the test server's own is Asia/Kolkata), JSON, text in the order of code points, keys in chunks."""
    keys = ["Zebra", "apple", "Äpfel", "a-1", "a1", "B"] + [f"key{number}" for number in range(1200)]
    found = []
    for ledger in (Ledger(postgres_url), Ledger.in_folder(tmp_path)):
        ledger.record(render, [rendered(key) for key in keys])
        ledger.record(render, rendered("apple", seconds=99.0))
        ordered = ledger.rows(sa.select(render).order_by(render.c.render_key))
        found.append((ordered, ledger.by_keys(render, [*keys, "none"])))
    assert found[0] == found[1]
    assert [row["render_key"] for row in found[0][0]] == sorted(keys)
    assert found[0][1]["apple"]["seconds"] == 0.5


def test_no_message_shows_the_password(postgres_url, tmp_path, monkeypatch):
    (tmp_path / "vitrine.yaml").write_text("ledger: {url_env: LEDGER_OF_TEST}\n")
    url = sa.make_url(postgres_url)
    secret = "pa55word-of-test"
    for wrong in (
        url.set(password=secret),
        url.set(database="not_there", query={"options": f"-c vitrine.{secret}=1"}),
        url.set(port=1, password=secret),
        url.set(drivername="mysql", password=secret),
        f"postgres:/{secret}@host",
    ):
        monkeypatch.setenv("LEDGER_OF_TEST", wrong if isinstance(wrong, str) else wrong.render_as_string(hide_password=False))
        monkeypatch.setattr("resources.ledger.FIRST_CONNECT_WITHIN_S", 0.1)
        with pytest.raises((StoreError, SettingsError)) as caught:
            open_ledger(read_settings(tmp_path))
        error = caught.value
        while error is not None:
            assert secret not in str(error) and PASSWORD not in str(error)
            error = error.__cause__
    monkeypatch.delenv("LEDGER_OF_TEST")
    with pytest.raises(SettingsError, match=r"LEDGER_OF_TEST, which ledger\.url_env names, is not set"):
        open_ledger(read_settings(tmp_path))


def test_a_server_that_crashes_and_comes_back_is_waited_for_and_nothing_acknowledged_is_lost(postgres_server, postgres_url):
    """What a failover looks like from here. `record` is the same twice; a line of costs may be refused, but is never there twice."""
    if "VITRINE_TEST_POSTGRES" in os.environ:
        pytest.skip("VITRINE_TEST_POSTGRES names a server that is not ours to crash")
    ledger, acknowledged, spent, stop = Ledger(postgres_url), [], [], threading.Event()

    def write(worker):
        number = 0
        while not stop.is_set():
            key = f"{worker}-{number}"
            ledger.record(render, rendered(key))
            acknowledged.append(key)
            try:
                ledger.spend({**SPENT, "category": key})
                spent.append(key)
            except StoreError:
                pass  # lost between its commit and the answer
            number += 1

    threads = [in_thread(lambda worker=worker: write(worker)) for worker in range(3)]
    for _ in range(2):
        time.sleep(0.7)
        postgres_server.stop(signal.SIGQUIT)
        time.sleep(0.5)
        postgres_server.start()
    before = len(acknowledged)
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(acknowledged) > before > 0, "the writers did not go on"
    stored = {row["render_key"] for row in ledger.rows(sa.select(render.c.render_key))}
    lines = [row["category"] for row in ledger.rows(sa.select(spend.c.category))]
    assert set(acknowledged) <= stored
    assert len(lines) == len(set(lines)) and set(spent) <= set(lines)


def test_a_ledger_on_a_stopped_server_says_so_in_words(postgres_url, monkeypatch):
    monkeypatch.setattr("resources.ledger.FIRST_CONNECT_WITHIN_S", 0.1)
    with pytest.raises(StoreError, match=r"The ledger postgresql://127\.0\.0\.1:1/.* cannot be used: .*refused.* start the server"):
        Ledger(sa.make_url(postgres_url).set(port=1).render_as_string(hide_password=False))
