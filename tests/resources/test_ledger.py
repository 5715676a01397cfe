"""The ledger opened and written by several processes at once."""

import multiprocessing

import pytest
import sqlalchemy as sa

from catalog.errors import StoreError
from resources.ledger import Ledger
from resources.ledger_tables import spend


def _open_and_spend(url, start):
    start.wait()
    ledger = Ledger(url)
    for _ in range(20):
        ledger.spend({"category": "mugs", "drop": None, "activity": "render", "item_count": 1, "seconds": 0.1, "usd": 0.0})


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_that_open_a_new_ledger_at_once_all_get_it_and_lose_no_row(tmp_path, request, database):
    """Once: "table change already exists", because both looked before either had made it."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}" if database == "sqlite" else request.getfixturevalue("postgres_url")
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    workers = [context.Process(target=_open_and_spend, args=(url, start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(Ledger(url).rows(sa.select(spend))) == 60


def test_a_ledger_that_cannot_be_used_is_named_with_what_to_do(tmp_path):
    """`vitrine plan` once answered with a traceback of the database library."""
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(StoreError, match=r"ledger\.sqlite cannot be used: file is not a database\. .* backup"):
        Ledger.in_folder(tmp_path)
