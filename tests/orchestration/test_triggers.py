"""No changed cell is ever lost between two ticks of a sensor."""

import datetime as dt
from types import SimpleNamespace

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.triggers import due_cells
from resources.ledger import Ledger
from resources.ledger_tables import change


def project_with(changes):
    ledger = Ledger("sqlite://")
    at = dt.datetime(2026, 11, 21)
    rows = [{"sku": f"S{n}", "category": c, "drop": d, "kind": "new", "at": at} for n, (c, d) in enumerate(changes)]
    with ledger.engine.begin() as connection:
        if rows:
            connection.execute(sa.insert(change), rows)
    return SimpleNamespace(ledger=ledger)


def test_a_cell_that_changed_three_times_is_due_once_under_its_latest_revision():
    due, cursor = due_cells(project_with([("mugs", "2026-11-20")] * 3), since=0)
    assert [(cell.run_key, cell.revision) for cell in due] == [("mugs|2026-11-20@r3", 3)]
    assert cursor == 3


def test_nothing_is_due_after_the_last_change():
    project = project_with([("mugs", "2026-11-20")])
    assert due_cells(project, since=1) == ([], 1)


def test_a_cell_may_run_again_only_under_a_new_revision():
    first, cursor = due_cells(project_with([("mugs", "2026-11-20")]), since=0)
    second, _ = due_cells(project_with([("mugs", "2026-11-20")] * 2), since=cursor)
    assert first[0].run_key != second[0].run_key


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([("mugs", "d1"), ("mugs", "d2"), ("bags", "d1"), ("hats", "d3")]), max_size=25), st.integers(1, 3))
def test_ticks_with_a_limit_hand_out_every_cell_at_or_after_its_last_change(changes, limit):
    """A cursor that jumps to the newest change while only some cells were handed out loses the rest."""
    project, cursor, handed_out = project_with(changes), 0, {}
    for _ in range(len(changes) + 2):
        due, cursor = due_cells(project, cursor, limit=limit)
        assert len(due) <= limit
        for cell in due:
            handed_out[cell.category, cell.drop] = cell.revision
    last_change = {cell: number for number, cell in enumerate(changes, start=1)}
    assert handed_out == last_change
