"""Counting never decides whether a step succeeds: a ledger that is away costs the counts of that time, or nothing."""

import pytest
import sqlalchemy as sa

from catalog.errors import StoreError
from resources import tallies
from resources.ledger import Ledger
from resources.observing_tables import tally
from resources.tallies import saw, tallied
from tests.planned_shop import write_shop


class SometimesAway(Ledger):
    """A ledger that cannot be written while `away`."""

    away = True

    def append(self, table, rows):
        if self.away:
            raise StoreError("the database is away")
        super().append(table, rows)


@pytest.fixture
def ledger(tmp_path):
    return SometimesAway.in_folder(tmp_path)


@pytest.fixture
def project(tmp_path, ledger):
    return write_shop(tmp_path / "shop", {}).with_ledger(ledger)


def test_counts_wait_for_a_ledger_that_is_away(project, ledger, monkeypatch):
    monkeypatch.setattr(tallies, "APPEND_EVERY_S", 0.0)
    with tallied(project):
        saw("render", "made", count=3)
        ledger.away = False
        saw("render", "made", count=2)
    assert [row["item_count"] for row in ledger.rows(sa.select(tally))] == [5]


def test_a_ledger_that_stays_away_hides_no_error_of_the_step(project, caplog):
    with pytest.raises(ZeroDivisionError), tallied(project):
        saw("render", "made", count=3)
        raise ZeroDivisionError
    assert "3 counts could not be recorded: the database is away" in caplog.text
