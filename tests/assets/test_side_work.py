"""Work beside the drawing thread: in order, bounded, its errors told; and a shard drawn that way ends as one drawn without."""

import shutil
import threading

import pytest
import sqlalchemy as sa

from assets import group_pictures
from assets.side_work import in_order
from catalog.errors import StoreError
from catalog.preemption import Preempted
from generation.plates import DiffusionPlates
from resources.ledger_tables import attempt, render, spend
from resources.project import open_project
from resources.work_context import current_work, working_on
from tests.scene_shop import draw, write_scene_shop

SOON_S = 20
"""Long enough for any thread to come to its turn on a busy machine."""


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory):
    return write_scene_shop(tmp_path_factory.mktemp("cut") / "shop", ("MUG-1", "MUG-2", "MUG-3"), batch_images=2)


@pytest.fixture
def shop(cut_out, tmp_path):
    folder = shutil.copytree(cut_out, tmp_path / "shop", symlinks=True)
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("batch_images: 2}", "batch_images: 2, workers: 2}"))
    return open_project(folder)


def rows(project, table=render):
    return project.ledger.rows(sa.select(table))


@pytest.mark.parametrize("workers", [0, 3])
def test_results_come_in_the_order_of_the_pieces_and_know_whose_they_are(workers):
    def piece(number):
        def work():
            threading.Event().wait(0.02 * (number % 3))
            return number, current_work()["product"]

        return work

    def pieces():
        for number in range(12):
            with working_on(product=f"MUG-{number}"):
                yield piece(number)

    assert [n for n, _ in in_order(pieces(), workers=workers, waiting=4)] == list(range(12))
    if workers:
        assert [sku for _, sku in in_order(pieces(), workers=workers, waiting=4)] == [f"MUG-{n}" for n in range(12)]


def test_no_more_wait_than_allowed():
    given, seen = [], []

    def pieces():
        for number in range(10):
            given.append(number)
            yield lambda number=number: number

    for number in in_order(pieces(), workers=2, waiting=3):
        seen.append(number)
        assert len(given) - len(seen) <= 4, "the one that is asked for, and three"
    assert seen == list(range(10))


def test_the_next_batch_is_drawn_while_pictures_are_composed(shop, monkeypatch):
    composing, drawing = threading.Event(), threading.Event()
    compose, draw_requests, batches = group_pictures._draw, DiffusionPlates.draw_requests, []

    def slowly(*args):
        composing.set()
        assert drawing.wait(SOON_S), "nothing was drawn beside it"
        return compose(*args)

    def watched(plates, *args):
        batches.append(1)
        if len(batches) == 2:
            assert composing.wait(SOON_S), "composing waited for the whole shard"
            drawing.set()
        return draw_requests(plates, *args)

    monkeypatch.setattr(group_pictures, "_draw", slowly)
    monkeypatch.setattr(DiffusionPlates, "draw_requests", watched)
    assert draw(shop) == {"rendered": 9, "refused": 0}


def test_a_shard_drawn_with_threads_beside_ends_as_one_without(shop, cut_out, tmp_path):
    alone = open_project(shutil.copytree(cut_out, tmp_path / "alone", symlinks=True))
    assert draw(alone) == draw(shop) == {"rendered": 9, "refused": 0}
    named = ("sku", "recipe", "idx", "render_digest")
    assert [[row[name] for name in named] for row in rows(shop)] == [[row[name] for name in named] for row in rows(alone)]
    assert rows(shop, attempt) == []


def test_renders_cost_no_more_than_the_clock_books_though_they_are_composed_side_by_side(shop, monkeypatch):
    """Composing slowly in two threads while batches are drawn: its seconds are worth nothing where the machine drew meanwhile."""
    compose = group_pictures._draw

    def slowly(*args):
        threading.Event().wait(0.3)
        return compose(*args)

    monkeypatch.setattr(group_pictures, "_draw", slowly)
    assert draw(shop)["rendered"] == 9
    booked = [row for row in rows(shop, spend) if row["activity"] == "render"]
    assert 0 < sum(row["facts"]["usd"] for row in rows(shop)) <= sum(row["usd"] for row in booked) + 1e-6
    assert 0 < sum(row["seconds"] for row in rows(shop)) <= sum(row["seconds"] for row in booked)
    assert all(row["facts"]["compose_seconds"] > 0 for row in rows(shop))


@pytest.mark.parametrize("error", [StoreError("the disk is full"), Preempted("taken away")])
def test_what_goes_wrong_beside_ends_the_shard_and_what_is_recorded_is_stored(shop, monkeypatch, error):
    row = group_pictures._row
    stored = []

    def failing(project, wanted, *args):
        if len(stored) == 3:
            raise error
        stored.append(wanted.render_key)
        return row(project, wanted, *args)

    monkeypatch.setattr(group_pictures, "_row", failing)
    with pytest.raises(type(error), match=str(error)):
        draw(shop)
    assert shop.store.missing(made["render_digest"] for made in rows(shop)) == set()
    assert {made["render_key"] for made in rows(shop)} <= set(stored) and rows(shop, attempt) == []
    monkeypatch.setattr(group_pictures, "_row", row)
    before = len(rows(shop))
    assert draw(shop)["rendered"] == 9 - before
