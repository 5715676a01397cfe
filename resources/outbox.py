"""The outbox of notices: something happened, once; each receiver is told, at least once, until it answers or the attempts are used up.

A notice and its deliveries are written in one transaction, under a key that names the event, so that telling of it again changes nothing.
How a notice travels is `receivers.py`; who looks for events, `orchestration/watching.py`.
"""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from resources.ledger import Row
from resources.observing_settings import NoticeType
from resources.observing_tables import delivery, notice, receiver_off
from resources.project import Project
from resources.receivers import Answer, Receiver, receivers_of
from resources.redaction import redacted
from resources.settings import utc_now

ATTEMPTS_AFTER_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits before each attempt: the ten of the Standard Webhooks specification, 75 hours in all."""

JITTER = 0.2
"""Share by which a wait is longer or shorter, so that a receiver that comes back is not hit by all at once."""

LEASE_S = 120
"""How long a claimed delivery belongs to who claimed it; a killed one is tried again after it."""

WAITING, DELIVERED, FAILED, DROPPED = "waiting", "delivered", "failed", "dropped"

GONE = 410
"""A receiver that answers this wants nothing any more."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that somebody should know. `key` names the event: two notices under one key are one.

    `subject` is what it is about (a cell, a backfill, a budget); `message` says what happened and what to do; `facts` are plain data.
    """

    type: NoticeType
    key: str
    subject: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: dt.datetime = field(default_factory=lambda: utc_now().replace(tzinfo=None))


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A delivery that is now ours to make. `attempts` counts this one."""

    notice: Notice
    receiver: str
    attempts: int


def notify(project: Project, event: Notice) -> bool:
    """Tell every receiver that wants to know. True when the event is new; False when it was told before, or nobody is to be told."""
    if not receivers_of(project.settings):
        return False
    with project.ledger.writing("outbox") as connection:
        return notify_in(connection, project, event)


def notify_in(connection: sa.Connection, project: Project, event: Notice) -> bool:
    """Like `notify`, inside a transaction of `Ledger.writing`: the notice is there exactly if what it tells of was committed."""
    wanting = [receiver for receiver in receivers_of(project.settings) if event.type in receiver.events]
    if not wanting:
        return False
    # A failed run's message may be any library's; it goes to a chat that others run.
    message = redacted(event.message)
    row = {"key": event.key, "type": event.type, "subject": event.subject, "message": message, "at": event.at}
    # Whoever inserts the key first has the event; a second one, also of another transaction that goes on now, has nothing to tell.
    insert = project.ledger.insert(notice).on_conflict_do_nothing().returning(notice.c.key)
    if connection.execute(insert, {**row, "facts": dict(event.facts)}).first() is None:
        return False
    off = set(connection.execute(sa.select(receiver_off.c.receiver)).scalars())
    rows = [
        {
            "notice_key": event.key,
            "receiver": receiver.name,
            "state": DROPPED if receiver.name in off else WAITING,
            "attempts": 0,
            "next_at": event.at,
            "said": "",
        }
        for receiver in wanting
    ]
    connection.execute(sa.insert(delivery), rows)
    return True


def claim(project: Project, receiver: str, limit: int, now: dt.datetime | None = None) -> list[Claimed]:
    """Up to `limit` due deliveries of one receiver, oldest first, now ours for LEASE_S."""
    moment = now or _now()
    with project.ledger.writing("outbox") as connection:
        query = (
            sa.select(notice, delivery.c.attempts)
            .join(delivery, delivery.c.notice_key == notice.c.key)
            .where(delivery.c.receiver == receiver, delivery.c.state == WAITING, delivery.c.next_at <= moment)
            .order_by(notice.c.at, notice.c.key)
            .limit(limit)
        )
        rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            claimed = sa.update(delivery).where(delivery.c.notice_key == row["key"], delivery.c.receiver == receiver)
            connection.execute(claimed.values(attempts=row["attempts"] + 1, next_at=moment + dt.timedelta(seconds=LEASE_S)))
    return [Claimed(notice=_notice(row), receiver=receiver, attempts=row["attempts"] + 1) for row in rows]


def settle(project: Project, claimed: Claimed, answer: Answer, now: dt.datetime | None = None) -> str:
    """Note what the receiver answered; return the delivery's state. 410 turns the receiver off and drops what waits for it."""
    moment = now or _now()
    values: dict[str, Any] = {"said": answer.said[:500], "state": DELIVERED}
    if answer.code == GONE:
        values["state"] = DROPPED
    elif not answer.delivered and claimed.attempts >= len(ATTEMPTS_AFTER_S):
        values["state"] = FAILED
    elif not answer.delivered:
        values |= {"state": WAITING, "next_at": moment + dt.timedelta(seconds=wait_s(claimed.attempts, answer.retry_after_s))}
    with project.ledger.writing("outbox") as connection:
        mine = sa.update(delivery).where(
            delivery.c.notice_key == claimed.notice.key, delivery.c.receiver == claimed.receiver, delivery.c.state == WAITING
        )
        connection.execute(mine.values(**values))
        if answer.code == GONE:
            _turn_off(connection, project, claimed.receiver, answer.said, moment)
    return str(values["state"])


def wait_s(attempts: int, retry_after_s: float | None = None) -> float:
    """Seconds until the next attempt after so many; the receiver's own Retry-After wins, up to a day."""
    if retry_after_s is not None:
        return min(max(retry_after_s, 1.0), ATTEMPTS_AFTER_S[-1])
    return ATTEMPTS_AFTER_S[attempts] * random.uniform(1 - JITTER, 1 + JITTER)


def _turn_off(connection: sa.Connection, project: Project, receiver: str, said: str, moment: dt.datetime) -> None:
    if connection.execute(sa.select(receiver_off.c.receiver).where(receiver_off.c.receiver == receiver)).first():
        return
    connection.execute(sa.insert(receiver_off), {"receiver": receiver, "why": said[:500], "at": moment})
    waiting = sa.update(delivery).where(delivery.c.receiver == receiver, delivery.c.state == WAITING)
    connection.execute(waiting.values(state=DROPPED, said="the receiver is off"))
    message = f"The receiver {receiver!r} answered 410 Gone and gets nothing any more. Correct its address, then: vitrine notices --enable {receiver}"
    key = f"receiver.disabled|{receiver}|{moment.isoformat()}"
    notify_in(connection, project, Notice(type="receiver.disabled", key=key, subject=receiver, message=message, at=moment))


def enable(project: Project, receiver: str) -> bool:
    """Turn a receiver on again; what was dropped meanwhile stays dropped. False when it was not off."""
    with project.ledger.writing("outbox") as connection:
        return bool(connection.execute(sa.delete(receiver_off).where(receiver_off.c.receiver == receiver)).rowcount)


def send_again(project: Project, states: Sequence[str] = (FAILED, DROPPED)) -> int:
    """Put deliveries that failed or were dropped back to waiting, from the first attempt; how many."""
    off = sa.select(receiver_off.c.receiver)
    again = sa.update(delivery).where(delivery.c.state.in_(states), delivery.c.receiver.not_in(off))
    with project.ledger.writing("outbox") as connection:
        return int(connection.execute(again.values(state=WAITING, attempts=0, next_at=_now())).rowcount)


def drop_for_nobody(project: Project) -> int:
    """Drop what waits for receivers that the settings do not name any more, since nobody would ever take it; how many."""
    names = [receiver.name for receiver in receivers_of(project.settings)]
    orphans = sa.and_(delivery.c.state == WAITING, delivery.c.receiver.not_in(names))
    if project.ledger.one(sa.select(delivery.c.receiver).where(orphans).limit(1)) is None:
        return 0
    with project.ledger.writing("outbox") as connection:
        dropped = sa.update(delivery).where(orphans).values(state=DROPPED, said="no receiver of this name is configured any more")
        return int(connection.execute(dropped).rowcount)


def recent(project: Project, limit: int = 50) -> list[Row]:
    """The newest notices with each delivery's state, newest first."""
    columns = (notice.c.at, notice.c.type, notice.c.subject, notice.c.message, delivery.c.receiver)
    states = (delivery.c.state, delivery.c.attempts, delivery.c.next_at, delivery.c.said)
    query = sa.select(*columns, *states).join(delivery, delivery.c.notice_key == notice.c.key)
    return project.ledger.rows(query.order_by(notice.c.at.desc(), notice.c.key, delivery.c.receiver).limit(limit))


def open_receivers(project: Project) -> list[Receiver]:
    """The configured receivers that are not off."""
    off = {row["receiver"] for row in project.ledger.rows(sa.select(receiver_off.c.receiver))}
    return [receiver for receiver in receivers_of(project.settings) if receiver.name not in off]


def _notice(row: Row) -> Notice:
    return Notice(type=row["type"], key=row["key"], subject=row["subject"], message=row["message"], facts=row["facts"], at=row["at"])


def _now() -> dt.datetime:
    return utc_now().replace(tzinfo=None)
