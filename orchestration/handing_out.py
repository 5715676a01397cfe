"""Which cells of a campaign run now: claimed and paid for in one transaction, followed to their end, tried again a few times.

The ledger's rows are the whole truth. A caller that dies after a claim leaves a cell that is `running` without a run; whoever holds it (the
sensor, or a command's process) starts it then, under the same attempt, and Dagster refuses a second run of the same run key.
Starting and ending runs is `backfill_sensor.py` and `backfill_command.py`.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from orchestration.budgets import MONEY, Asked, Refusal, free, refused_by, reserve
from orchestration.campaigns import Campaign, restricted
from orchestration.placement import run_tags
from orchestration.quoting import cell_usd
from orchestration.rates import Rates, rates_of
from orchestration.stale import cell_need
from resources.ledger import Row
from resources.ledger_tables import campaign, campaign_cell
from resources.outbox import Notice, notify
from resources.project import Project
from resources.run_facts import ATTEMPT_TAG, CAMPAIGN_TAG, RECIPES_TAG, TierName
from resources.settings import utc_now

SENSOR = "sensor"
"""Who holds the cells that the daemon starts."""

LOOKED_AT = 500
"""Waiting cells that one look goes through; with a budget nearly used up, small cells further down may still fit."""

PLANNED_AGAIN = 5
"""Cells that are planned anew in one look although they may not fit: their quote is as old as the campaign."""


@dataclass(frozen=True, kw_only=True)
class Handed:
    """One cell that was claimed and paid for: everything its run must be told."""

    campaign: str
    category: str
    drop: str
    attempt: str
    tier: TierName
    recipes: frozenset[str] | None

    @property
    def tags(self) -> dict[str, str]:
        """The run's tags."""
        limited = {RECIPES_TAG: ",".join(sorted(self.recipes))} if self.recipes is not None else {}
        return {**run_tags(self.tier), CAMPAIGN_TAG: self.campaign, ATTEMPT_TAG: self.attempt, **limited}


def attempt_key(one: Campaign, category: str, drop: str, attempt: int) -> str:
    """`campaign|category|drop|attempt@number`: run keys are used up for ever, so none is ever the same."""
    return f"{one.name}|{category}|{drop}|{attempt}@{one.number}"


def hand_out(
    project: Project, one: Campaign, *, holder: str, at_most: int, is_taken: Callable[[str, str], bool] = lambda category, drop: False
) -> list[Handed]:
    """Claim the worthiest cells that fit all budgets, at most `at_most` and never more than may run; note what holds the campaign back.

    Each cell is planned anew: one that was made meanwhile is done without a run, one that became dearer is quoted anew. A cell (category,
    drop) that `is_taken` by a run of somebody else waits for that one's end: a run beside it would fail and use up an attempt.
    """
    now = utc_now().replace(tzinfo=None)
    if one.deadline is not None and now >= one.deadline:
        _note(project, one, "its deadline, which has passed")
        _tell_late(project, one)
        return []
    rows = _waiting(project, one)
    room = min(at_most, project.settings.backfills.max_running - _running_count(project, one))
    if room <= 0 or not rows:
        return []
    handed: list[Handed] = []
    refusals: list[Refusal] = []
    rates = rates_of(project)
    for row in rows:
        if len(handed) == room:
            break
        if len(refusals) >= PLANNED_AGAIN and _refused_unseen(project, one, row, now):
            continue
        if is_taken(row["category"], row["drop"]):
            continue
        got = _claim(project, one, row, rates, holder, now)
        if isinstance(got, Handed):
            handed.append(got)
        elif isinstance(got, Refusal):
            refusals.append(got)
    _note(project, one, refusals[0].words if refusals else None)
    if refusals and not handed and not _running_count(project, one):
        _tell_stopped(project, one, refusals[0], left=len(rows), today=now.date())
    return handed


def _tell_stopped(project: Project, one: Campaign, refusal: Refusal, *, left: int, today: dt.date) -> None:
    """Tell whoever wants to know that a budget stopped a campaign: once a day and budget."""
    facts = {
        "campaign": one.name,
        "budget": refusal.budget,
        "limit_usd": refusal.limit_usd,
        "left_usd": refusal.left_usd,
        "cells_left": left,
    }
    message = (
        f"Campaign {one.name} stands still, held back by {refusal.words}. {left} cells are left and kept. Raise the budget "
        f"(vitrine backfill resume {one.name} --budget-usd ..., or `budgets:` in vitrine.yaml), or wait for the next day."
    )
    key = f"budget.stopped|{one.name}|{refusal.budget}|{today.isoformat()}"
    notify(project, Notice(type="budget.stopped", key=key, subject=one.name, message=message, facts=facts))


def _tell_late(project: Project, one: Campaign) -> None:
    """Tell whoever wants to know that a campaign's deadline passed with cells left: once a deadline."""
    left = len(_waiting(project, one))
    if left == 0 or one.deadline is None:
        return
    until = one.deadline.isoformat(timespec="seconds")
    message = (
        f"Campaign {one.name} starts nothing more: its deadline, {one.deadline:%Y-%m-%d %H:%M} UTC, has passed. "
        f"{'At least ' * (left == LOOKED_AT)}{left} cells are left and kept. Go on with: vitrine backfill resume {one.name} --deadline ..."
    )
    facts = {"campaign": one.name, "deadline": until + "Z", "cells_left": left}
    notify(
        project,
        Notice(type="budget.stopped", key=f"budget.stopped|{one.name}|deadline|{until}", subject=one.name, message=message, facts=facts),
    )


def _waiting(project: Project, one: Campaign) -> list[Row]:
    query = sa.select(campaign_cell).where(campaign_cell.c.campaign == one.name, campaign_cell.c.state == "waiting")
    return project.ledger.rows(query.order_by(campaign_cell.c.rank, campaign_cell.c.drop, campaign_cell.c.category).limit(LOOKED_AT))


def _running_count(project: Project, one: Campaign) -> int:
    query = sa.select(sa.func.count().label("n")).where(campaign_cell.c.campaign == one.name, campaign_cell.c.state == "running")
    row = project.ledger.one(query)
    return int(row["n"]) if row else 0


def _asked(one: Campaign, row: Row, usd: float) -> Asked:
    attempt = attempt_key(one, row["category"], row["drop"], row["attempt"] + 1)
    return Asked(attempt=attempt, campaign=one.name, category=row["category"], tier=one.tier, usd=usd)


def _refused_unseen(project: Project, one: Campaign, row: Row, now: dt.datetime) -> bool:
    asked = _asked(one, row, row["usd"])
    return (
        project.ledger.transact(lambda connection: refused_by(project, connection, asked, now), repeatable=True, fenced=False) is not None
    )


def _claim(project: Project, one: Campaign, row: Row, rates: Rates, holder: str, now: dt.datetime) -> Handed | Refusal | None:
    """The cell as claimed, or the budget it does not fit; None when it needs no run or somebody else took it."""
    need = restricted(cell_need(project, row["category"], row["drop"]), one.recipes)
    if not need.is_stale:
        _set(project, row, "waiting", state="done", reason="nothing was left to do")
        return None
    asked = _asked(one, row, cell_usd(project, need, rates, tier=one.tier, recipes=one.recipes))
    values = {"attempt": row["attempt"] + 1, "held_by": holder, "run_id": None, "changed_at": now}
    quoted = {"usd": asked.usd, "images": need.renders + need.judgments}
    with project.ledger.writing(MONEY) as connection:
        goes_on = connection.execute(sa.select(campaign.c.state).where(campaign.c.name == one.name)).scalar() == "running"
        still = connection.execute(sa.select(campaign_cell).where(_this(row), campaign_cell.c.state == "waiting")).first()
        if not goes_on or still is None or _runs_elsewhere(connection, row):
            return None
        connection.execute(sa.update(campaign_cell).where(_this(row)).values(**quoted))
        refusal = reserve(project, connection, asked)
        if refusal is not None:
            return refusal
        connection.execute(sa.update(campaign_cell).where(_this(row)).values(state="running", **values))
    return _handed(one, {**row, **values})


def _runs_elsewhere(connection: sa.Connection, row: Row) -> bool:
    """Whether another campaign's run is at the cell now; it then waits, and may find everything made."""
    c = campaign_cell.c
    same = sa.and_(c.category == row["category"], c.drop == row["drop"], c.campaign != row["campaign"], c.state == "running")
    return connection.execute(sa.select(c.campaign).where(same)).first() is not None


def _handed(one: Campaign, row: Row) -> Handed:
    key = attempt_key(one, row["category"], row["drop"], row["attempt"])
    return Handed(campaign=one.name, category=row["category"], drop=row["drop"], attempt=key, tier=one.tier, recipes=one.recipes)


def _this(row: Row) -> sa.ColumnElement[bool]:
    c = campaign_cell.c
    return sa.and_(c.campaign == row["campaign"], c.category == row["category"], c.drop == row["drop"], c.attempt == row["attempt"])


def _set(project: Project, row: Row, before: str, **values: object) -> None:
    """Change a cell if it is still in the state and attempt it was read in."""
    with project.ledger.writing(MONEY) as connection:
        _set_in(connection, row, before, **values)


def _set_in(connection: sa.Connection, row: Row, before: str, **values: object) -> None:
    changed = sa.update(campaign_cell).where(_this(row), campaign_cell.c.state == before)
    connection.execute(changed.values(**values, changed_at=utc_now().replace(tzinfo=None)))


def _note(project: Project, one: Campaign, stopped_by: str | None) -> None:
    if stopped_by != one.stopped_by:
        with project.ledger.writing(MONEY) as connection:
            connection.execute(sa.update(campaign).where(campaign.c.name == one.name).values(stopped_by=stopped_by))


def running_cells(project: Project, one: Campaign) -> list[tuple[Row, str]]:
    """Cells of a campaign that were handed out and are not known to have ended, each with its attempt's key."""
    query = sa.select(campaign_cell).where(campaign_cell.c.campaign == one.name, campaign_cell.c.state == "running")
    rows = project.ledger.rows(query.order_by(campaign_cell.c.rank))
    return [(row, attempt_key(one, row["category"], row["drop"], row["attempt"])) for row in rows]


def begun(project: Project, row: Row, run_id: str) -> None:
    """Note which run makes a cell."""
    if row["run_id"] != run_id:
        _set(project, row, "running", run_id=run_id)


def done(project: Project, row: Row, attempt: str) -> None:
    """A cell's run succeeded."""
    with project.ledger.writing(MONEY) as connection:
        _set_in(connection, row, "running", state="done", reason="")
        free(connection, attempt)


def failed(project: Project, row: Row, attempt: str, reason: str, *, again: bool) -> None:
    """A cell's run failed: back to the end of the queue, or given up with its reason after the last attempt or when `again` is False."""
    failures = row["failures"] + 1
    with project.ledger.writing(MONEY) as connection:
        if again and failures < project.settings.backfills.max_attempts:
            last = sa.select(sa.func.max(campaign_cell.c.rank)).where(campaign_cell.c.campaign == row["campaign"])
            rank = int(connection.execute(last).scalar() or 0) + 1
            _set_in(connection, row, "running", state="waiting", failures=failures, rank=rank, reason=reason)
        else:
            _set_in(connection, row, "running", state="failed", failures=failures, reason=reason)
        free(connection, attempt)


def taken_back(project: Project, row: Row, attempt: str, state: str) -> None:
    """A cell whose run was never started or was ended on purpose: `waiting` again, or `canceled`."""
    assert state in ("waiting", "canceled"), state
    with project.ledger.writing(MONEY) as connection:
        _set_in(connection, row, "running", state=state)
        free(connection, attempt)


def close_finished(project: Project, one: Campaign) -> bool:
    """End a campaign of which nothing waits or runs; whether it was ended now."""
    still = sa.select(campaign_cell.c.state).where(campaign_cell.c.campaign == one.name, campaign_cell.c.state.in_(("waiting", "running")))
    with project.ledger.writing(MONEY) as connection:
        if one.state not in ("running", "paused") or connection.execute(still.limit(1)).first():
            return False
        now = utc_now().replace(tzinfo=None)
        connection.execute(sa.update(campaign).where(campaign.c.name == one.name).values(state="done", ended_at=now, stopped_by=None))
        return True


def handed_again(one: Campaign, rows: Iterable[tuple[Row, str]], is_mine: Callable[[Row], bool]) -> list[Handed]:
    """Cells that were claimed and have no run, as they were handed out the first time."""
    return [_handed(one, row) for row, _ in rows if is_mine(row)]
