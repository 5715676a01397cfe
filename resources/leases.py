"""Who works on a cell or a LoRA: leases with an epoch, and the fence that refuses the commits of a run that lost its lease.

A lease belongs to a run, not to a process: shards of one run share it, and a step that is tried again gets it back. All times are the
database's. A lease alone proves nothing, since its holder may stand still without knowing; the fence does: each commit looks at the epoch in
its own transaction. What is a step and when a run is over, the assets know (`assets/cell_lease.py`).
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from catalog.errors import LeaseRefused, StoreError
from catalog.failpoint import failpoint
from resources.ledger import Ledger, Row
from resources.ledger_tables import lease

POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts without a sign of life, how often there is one, and how long others wait. Seconds."""

    ttl_s: float = 60.0
    heartbeat_s: float = 15.0
    between_steps_s: float = 1200.0
    """After a step that ended well, until the run's next one begins: a GPU machine may have to be started first. Nobody waits that long
    for a run that is over: that is asked, see `is_over`. 0: the lease ends with each step, also with one that fails."""
    wait_s: float = 20.0


class database_now(sa.sql.functions.FunctionElement[float]):  # noqa: N801 - it is used like a function of SQL
    """Seconds since 1970 by the database's clock, in the moment the statement runs."""

    type = sa.Float()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _now_on_postgresql(_element: Any, _compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"  # now() is when the transaction began


@compiles(database_now, "sqlite")
def _now_on_sqlite(_element: Any, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@dataclass(kw_only=True)
class Lease:
    """One run's hold on one resource, as the process at work knows it."""

    resource: str
    holder: str
    epoch: int
    lost: threading.Event = field(default_factory=threading.Event)

    def check(self, connection: sa.Connection) -> None:
        """The fence: raises LeaseRefused when another run, or a later attempt of this one, took over.

        Keeps takeovers out until the transaction ends. PostgreSQL ends it if this process stands still in its midst.
        """
        columns: list[Any] = [lease.c.epoch, lease.c.holder]
        if connection.dialect.name == "postgresql":
            columns.append(sa.func.set_config("idle_in_transaction_session_timeout", "60s", True))
        query = sa.select(*columns).where(lease.c.resource == self.resource).with_for_update(read=True)
        row = connection.execute(query).first()
        if row is None or (row.epoch, row.holder) != (self.epoch, self.holder):
            self.lost.set()
            raise LeaseRefused(_lost(self, row.holder if row else "nobody"))

    def stop_if_lost(self) -> None:
        """Raises LeaseRefused when a heartbeat found the lease lost: for work that commits nothing for a long time."""
        if self.lost.is_set():
            raise LeaseRefused(_lost(self, "another run"))


@contextmanager
def holding(
    ledger: Ledger,
    resource: str,
    holder: str,
    *,
    fresh: bool = True,
    is_over: Callable[[str], bool] = lambda _: False,
    times: LeaseTimes | None = None,
    wants: bool = True,
) -> Iterator[Ledger]:
    """Work under a lease; yields the ledger behind its fence. Raises LeaseRefused at the end, too, if the lease was lost meanwhile.

    `fresh`: this process alone speaks for the run from now on, and former ones of it are refused; otherwise it joins them (shards).
    `wants`: whether a wait in vain is remembered, see `free_again`.
    """
    times = times or LeaseTimes()
    taken = take(ledger, resource, holder, fresh=fresh, is_over=is_over, times=times, wants=wants)
    failpoint("lease.taken")
    fenced, done = ledger.fenced(taken), threading.Event()
    beat = threading.Thread(target=_beat, args=(ledger, taken, times, done), daemon=True, name=f"lease of {resource}")
    beat.start()
    try:
        yield fenced
        fenced.confirm()
        failpoint("lease.confirmed")
    finally:
        done.set()
        beat.join()
        if not times.between_steps_s:
            _let_go(ledger, taken)
    if times.between_steps_s:
        _extend(ledger, taken, times.between_steps_s)
        failpoint("lease.kept_between_steps")


def take(
    ledger: Ledger,
    resource: str,
    holder: str,
    *,
    fresh: bool = True,
    is_over: Callable[[str], bool] = lambda _: False,
    times: LeaseTimes,
    wants: bool = True,
) -> Lease:
    """Take a lease that is free, expired, this run's already, or of a run that is over; wait a short time for one that is none of these.

    Raises LeaseRefused, naming the run that holds it, when the wait was in vain.
    """
    end = time.monotonic() + times.wait_s
    over: Row | None = None
    while True:
        epoch = _try_to_take(ledger, resource, holder, fresh=fresh, over=over, ttl_s=times.ttl_s)
        if epoch is not None:
            return Lease(resource=resource, holder=holder, epoch=epoch)
        held = ledger.one(sa.select(lease).where(lease.c.resource == resource))
        assert held is not None, "rows of leases are never deleted"
        over = held if is_over(held["holder"]) else None
        if over is None:
            if time.monotonic() >= end:
                if wants:
                    ledger.transact(functools.partial(_want, held), repeatable=True, fenced=False)
                raise LeaseRefused(
                    f"Run {held['holder']} is at work on {resource}, and was for the {times.wait_s:g} s that this run waited. This run ends here "
                    "and changed nothing. What it was asked for is made by that run, or by one that the daemon starts when that one is over."
                )
            time.sleep(min(POLL_S, max(0.05, end - time.monotonic())))


def _try_to_take(ledger: Ledger, resource: str, holder: str, *, fresh: bool, over: Row | None, ttl_s: float) -> int | None:
    """One attempt; the epoch, or None when another run holds the lease. A holder that takes it again keeps the later end."""
    ends = database_now() + sa.literal(ttl_s)
    insert = ledger.insert(lease).values(resource=resource, epoch=1, holder=holder, expires_at=ends, wanted=False)
    mine = lease.c.holder == holder
    free = sa.or_(mine, lease.c.expires_at < database_now())
    if over is not None:
        free = sa.or_(free, sa.and_(lease.c.holder == over["holder"], lease.c.epoch == over["epoch"]))
    kept_end = sa.case((sa.and_(mine, lease.c.expires_at > ends), lease.c.expires_at), else_=ends)
    same = mine if not fresh else sa.false()
    statement = insert.on_conflict_do_update(
        index_elements=[lease.c.resource],
        set_={
            "epoch": sa.case((same, lease.c.epoch), else_=lease.c.epoch + 1),
            "holder": holder,
            "expires_at": kept_end,
            "wanted": sa.case((mine, lease.c.wanted), else_=sa.false()),  # the next holder is who was wanted
        },
        where=free,
    ).returning(lease.c.epoch)
    # Not repeatable: an attempt that took the lease unnoticed would raise the epoch a second time, which harms nobody, so it is.
    return ledger.transact(lambda connection: connection.execute(statement).scalar(), repeatable=True, fenced=False)


def _want(held: Row, connection: sa.Connection) -> None:
    this = sa.and_(lease.c.resource == held["resource"], lease.c.epoch == held["epoch"])
    connection.execute(sa.update(lease).where(this).values(wanted=True))


def free_again(ledger: Ledger, prefix: str, is_over: Callable[[str], bool]) -> list[Row]:
    """Leases that a run waited for in vain and that could be had now, oldest end first; `prefix` is the beginning of their names."""
    wanted = sa.select(lease, (lease.c.expires_at < database_now()).label("expired")).where(lease.c.wanted)
    rows = ledger.rows(wanted.where(lease.c.resource.startswith(prefix)).order_by(lease.c.expires_at))
    return [row for row in rows if row["expired"] or is_over(row["holder"])]


def holder_now(ledger: Ledger, resource: str) -> str | None:
    """The run whose lease on a resource has not expired; None when it could be had."""
    row = ledger.one(sa.select(lease.c.holder).where(lease.c.resource == resource, lease.c.expires_at >= database_now()))
    return str(row["holder"]) if row else None


def _beat(ledger: Ledger, held: Lease, times: LeaseTimes, done: threading.Event) -> None:
    while not done.wait(times.heartbeat_s):
        try:
            if not _extend(ledger, held, times.ttl_s):
                held.lost.set()
                return
        except StoreError:
            pass  # the database is away; the lease may expire meanwhile, and the fence decides


def _extend(ledger: Ledger, held: Lease, seconds: float) -> bool:
    """Let a lease end so many seconds from now, if that is later than it would; False when it is no longer held."""
    ends = database_now() + sa.literal(seconds)
    statement = (
        sa.update(lease)
        .where(lease.c.resource == held.resource, lease.c.holder == held.holder, lease.c.epoch == held.epoch)
        .values(expires_at=sa.case((lease.c.expires_at > ends, lease.c.expires_at), else_=ends))
    )
    return ledger.transact(lambda connection: connection.execute(statement).rowcount == 1, repeatable=True, fenced=False)


def _let_go(ledger: Ledger, held: Lease) -> None:
    """Let a lease end now."""
    this = sa.and_(lease.c.resource == held.resource, lease.c.holder == held.holder, lease.c.epoch == held.epoch)
    statement = sa.update(lease).where(this).values(expires_at=0.0)
    ledger.transact(lambda connection: connection.execute(statement), repeatable=True, fenced=False)


def _lost(held: Lease, to: str) -> str:
    whom = f"a later attempt of run {to}" if to == held.holder else f"run {to}"
    return (
        f"The lease on {held.resource} that run {held.holder} held was taken over by {whom}, because this process gave no sign of life in time. Its "
        "commit was refused; what it committed before is kept. Nothing needs to be done: the other one finishes the work."
    )
