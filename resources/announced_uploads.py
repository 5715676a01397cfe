"""Photos whose upload or removal was announced: noted first, looked at afterwards, however late, often or disordered they are told.

An announcement says where to look, never what is there. Receives nothing and fetches nothing; what a look changes is `photo_changes.py`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from resources.ledger import Ledger
from resources.ledger_tables import paused, photo_use, upload
from resources.photo_uses import NEW, SEEN, UPLOADS, WAITING, chunks, follow_changes
from resources.settings import utc_now


@dataclass(frozen=True)
class Announced:
    """A photo to look at, and the announcement that the look will answer."""

    name: str
    announcement: int


def announce(ledger: Ledger, place: str, told: Mapping[str, str]) -> int:
    """Note photos (name -> sequencer) to be looked at, in one transaction; return how many are new or newer than what was told before.

    A sequencer that is not above the newest one is a duplicate or late: the look that answered, or will answer, the newer one covers
    it. Without a sequencer there is no telling, so it is looked at.
    """
    accepted = 0
    with ledger.writing(UPLOADS) as connection:
        known = {row["name"]: row for row in _rows(connection, place, sorted(told))}
        for name, sequencer in sorted(told.items()):
            old = known.get(name)
            if old is not None and sequencer and sequencer <= old["sequencer"]:
                continue
            accepted += 1
            fresh = {"sequencer": sequencer or (old["sequencer"] if old else ""), "state": NEW, "tries": 0, "announced_at": _now()}
            if old is None:
                connection.execute(sa.insert(upload).values(place=place, name=name, announcement=1, **fresh))
            else:
                connection.execute(sa.update(upload).where(_is(place, name)).values(announcement=upload.c.announcement + 1, **fresh))
    return accepted


def due_looks(ledger: Ledger, place: str, limit: int) -> list[Announced]:
    """Photos to look at now, at most `limit`, those that failed before last. Those that no product of the pilot names wait.

    Products that came or changed since the last call wake the photos they name.
    """
    follow_changes(ledger)
    with ledger.writing(UPLOADS) as connection:
        used = sa.exists().where(photo_use.c.name == upload.c.name, photo_use.c.sku.not_in(sa.select(paused.c.sku)))
        is_new = sa.and_(upload.c.place == place, upload.c.state == NEW)
        connection.execute(sa.update(upload).where(is_new, ~used).values(state=WAITING))
        query = sa.select(upload.c.name, upload.c.announcement).where(is_new)
        rows = connection.execute(query.order_by(upload.c.tries, upload.c.announced_at, upload.c.name).limit(limit)).all()
    return [Announced(row.name, row.announcement) for row in rows]


def waiting_uploads(ledger: Ledger, place: str, show: int = 3) -> tuple[int, list[str]]:
    """How many announced photos no product of the pilot names, and some of them."""
    is_waiting = sa.and_(upload.c.place == place, upload.c.state == WAITING)
    count = ledger.one(sa.select(sa.func.count().label("n")).select_from(upload).where(is_waiting))
    some = ledger.rows(sa.select(upload.c.name).where(is_waiting).order_by(upload.c.name).limit(show))
    return (int(count["n"]) if count else 0), [row["name"] for row in some]


def look_failed(ledger: Ledger, place: str, names: Sequence[str]) -> None:
    """Put photos that could not be looked at behind the others."""
    with ledger.writing(UPLOADS) as connection:
        for chunk in chunks(sorted(names)):
            one_more = upload.c.tries + 1
            connection.execute(sa.update(upload).where(upload.c.place == place, upload.c.name.in_(chunk)).values(tries=one_more))


def answered(connection: sa.Connection, place: str, looks: Sequence[Announced]) -> set[str]:
    """Mark announcements as seen and return the photos for which that holds.

    Left out are photos that were announced again, or looked at by another, since the look began: the later look is the better one.
    """
    fresh = set()
    for look in sorted(looks, key=lambda look: look.name):  # in order: two that mark the same photos wait, and do not lock each other out
        unanswered = sa.and_(_is(place, look.name), upload.c.state == NEW, upload.c.announcement == look.announcement)
        if connection.execute(sa.update(upload).where(unanswered).values(state=SEEN, tries=0)).rowcount:
            fresh.add(look.name)
    return fresh


def _rows(connection: sa.Connection, place: str, names: Sequence[str]) -> list[sa.RowMapping]:
    return [
        row
        for chunk in chunks(names)
        for row in connection.execute(sa.select(upload).where(upload.c.place == place, upload.c.name.in_(chunk))).mappings()
    ]


def _is(place: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(upload.c.place == place, upload.c.name == name)


def _now() -> dt.datetime:
    return utc_now().replace(tzinfo=None)
