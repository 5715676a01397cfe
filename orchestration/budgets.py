"""Budgets: what was spent, what is set aside for runs that go on, and whether one more run fits. Decided and written in one transaction.

Held back are backfills only; what sensors and people start is spent all the same and counts. A run that was started is finished: the most
that a budget can be overspent by is what running cells cost beyond their quote.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resources.ledger_tables import campaign, reservation, spend
from resources.project import Project
from resources.run_facts import TierName
from resources.settings import utc_now

MONEY = "money"
"""Concern of transactions that read and write campaigns, their cells and reservations: one at a time."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run that is to be paid for: its attempt (the name of the reservation), what it belongs to and what it is expected to cost."""

    attempt: str
    campaign: str | None
    category: str
    tier: TierName
    usd: float


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The budget that a run does not fit: its name in words, its size, and what of it is left."""

    budget: str
    limit_usd: float
    left_usd: float

    @property
    def words(self) -> str:
        """For people."""
        digits = 2 if self.limit_usd >= 10 else 4
        return f"the budget of {self.budget}: {self.left_usd:.{digits}f} of {self.limit_usd:.{digits}f} USD are left"


@dataclass(frozen=True)
class _Budget:
    name: str
    limit_usd: float
    spent: Any
    reserved: Any


def reserve(project: Project, connection: sa.Connection, asked: Asked, now: dt.datetime | None = None) -> Refusal | None:
    """Set money aside for a run, or say which budget has too little left; nothing is written then.

    `connection` is of `ledger.writing(MONEY)`: the look and the reservation are one transaction, so two callers never share a dollar.
    """
    when = (now or utc_now()).replace(tzinfo=None)
    mine = reservation.c.attempt == asked.attempt
    if connection.execute(sa.select(reservation.c.attempt).where(mine, reservation.c.ended_at.is_(None))).first():
        return None  # a tick that is repeated
    refusal = refused_by(project, connection, asked, when)
    if refusal is not None:
        return refusal
    row = {"attempt": asked.attempt, "campaign": asked.campaign, "category": asked.category, "tier": asked.tier, "usd": asked.usd}
    connection.execute(sa.delete(reservation).where(mine))
    connection.execute(sa.insert(reservation).values(**row, at=when, ended_at=None))
    return None


def refused_by(project: Project, connection: sa.Connection, asked: Asked, when: dt.datetime) -> Refusal | None:
    """The budget that has too little left for a run at a time (UTC, without a time zone); None when it fits all."""
    for budget in _budgets(project, connection, asked, when):
        left = budget.limit_usd - _used_usd(connection, budget)
        if asked.usd > left:
            return Refusal(budget=budget.name, limit_usd=budget.limit_usd, left_usd=max(0.0, left))
    return None


def free(connection: sa.Connection, attempt: str, now: dt.datetime | None = None) -> None:
    """End a reservation: from now on only what its run really spent counts."""
    ended = sa.update(reservation).where(reservation.c.attempt == attempt, reservation.c.ended_at.is_(None))
    connection.execute(ended.values(ended_at=(now or utc_now()).replace(tzinfo=None)))


def left_usd(project: Project, name: str) -> float | None:
    """What is left of a campaign's own budget; None when it has none."""

    def look(connection: sa.Connection) -> float | None:
        left = [budget.limit_usd - _used_usd(connection, budget) for budget in _campaign_budget(project, connection, name)]
        return max(0.0, left[0]) if left else None

    return project.ledger.transact(look, repeatable=True, fenced=False)


def _budgets(project: Project, connection: sa.Connection, asked: Asked, when: dt.datetime) -> Iterator[_Budget]:
    limits, today = project.settings.budgets, spend.c.at >= when.replace(hour=0, minute=0, second=0, microsecond=0)
    if asked.campaign is not None:
        yield from _campaign_budget(project, connection, asked.campaign)
    if limits.day_usd is not None:
        yield _Budget("the day", limits.day_usd, today, sa.true())
    if asked.tier in limits.tier_day_usd:
        mine = sa.func.coalesce(spend.c.tier, "standard") == asked.tier
        yield _Budget(f"tier {asked.tier} for the day", limits.tier_day_usd[asked.tier], today & mine, reservation.c.tier == asked.tier)
    if asked.category in limits.category_day_usd:
        limit, mine = limits.category_day_usd[asked.category], spend.c.category == asked.category
        yield _Budget(f"category {asked.category} for the day", limit, today & mine, reservation.c.category == asked.category)


def _campaign_budget(project: Project, connection: sa.Connection, name: str) -> Iterator[_Budget]:
    own = connection.execute(sa.select(campaign.c.budget_usd).where(campaign.c.name == name)).scalar()
    limit = own if own is not None else project.settings.budgets.campaign_usd
    if limit is not None:
        yield _Budget(f"campaign {name}", limit, spend.c.campaign == name, reservation.c.campaign == name)


def _used_usd(connection: sa.Connection, budget: _Budget) -> float:
    # Reservations first: what is booked between the two questions then counts twice, never not at all.
    query = sa.select(reservation.c.attempt, reservation.c.usd).where(reservation.c.ended_at.is_(None), budget.reserved)
    reserved = {row.attempt: row.usd for row in connection.execute(query)}
    of_attempts = sa.select(spend.c.attempt, sa.func.sum(spend.c.usd)).group_by(spend.c.attempt)
    spent = dict(connection.execute(of_attempts.where(spend.c.attempt.in_(list(reserved)))).tuples().all()) if reserved else {}
    to_come = sum(max(0.0, usd - (spent.get(attempt) or 0.0)) for attempt, usd in reserved.items())
    gone = connection.execute(sa.select(sa.func.sum(spend.c.usd)).where(budget.spent)).scalar()
    return float(gone or 0.0) + to_come
