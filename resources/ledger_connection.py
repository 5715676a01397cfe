"""How the ledger's database is reached: the engine, which failures pass by themselves, and how long they are waited for.

What is read and written is `ledger.py`. No message shows a password.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from catalog.errors import SettingsError, StoreError
from catalog.sentences import clause

FIRST_CONNECT_WITHIN_S = 10.0
"""How long the first connection is tried: long enough for a server that restarts, short enough for whoever mistyped its address."""
RECONNECT_WITHIN_S = 120.0
"""How long a lost database is waited for. A managed PostgreSQL fails over in 60-120 s (AWS RDS, Multi-AZ)."""
LONGEST_PAUSE_S = 5.0
CONNECT_TIMEOUT_S = 5
PASSING_CODES = ("57P01", "57P02", "57P03", "25006", "25P03", "40001", "40P01", "53300")
"""PostgreSQL's codes for: shut down, crashed, starting, a standby, idle too long in a transaction, serialization, deadlock, no free place."""
NO_PRIVILEGE = "42501"
PERMANENT_WORDS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "could not translate host name",
)
"""A failed connection has no code. These will not pass by waiting."""


def make_engine(url: str, name: str) -> sa.Engine:
    """The engine of a SQLAlchemy URL. Raises SettingsError for one that is none; `name` is what the settings call it."""
    example = "such as postgresql+psycopg2://user:password@host:5432/vitrine"
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise SettingsError(f"{name} names the database {parsed.get_backend_name()!r}; a ledger is on sqlite or postgresql, {example}.")
        if parsed.get_backend_name() == "sqlite":
            engine = sa.create_engine(parsed)
            sa.event.listen(engine, "connect", _prepare_sqlite)
            return engine
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg2")
        # Dead peers are noticed within half a minute: without keepalives a read from a machine that is gone waits for two hours.
        alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
        named = {"application_name": "vitrine", "connect_timeout": CONNECT_TIMEOUT_S}
        return sa.create_engine(parsed, pool_pre_ping=True, pool_recycle=1800, connect_args={**named, **alive, **parsed.query})
    except ImportError as error:
        raise SettingsError(f"{name} needs a database driver that is not installed: {clause(error)}. Install vitrine[postgres].") from error
    except (sa.exc.ArgumentError, ValueError):  # its words may hold the password, so it is not chained
        raise SettingsError(f"{name} holds no SQLAlchemy URL {example}. Correct it. Nothing was changed.") from None


def address_of(engine: sa.Engine) -> str:
    """The database in messages: no user, no password, no options."""
    url = engine.url
    host = f"{url.host}:{url.port}" if url.port else url.host or ""
    return f"{url.get_backend_name()}://{host}/{url.database or ''}"


def passes(error: sa.exc.DBAPIError) -> bool:
    """Whether trying again later may help: the server is gone, starts, is a standby for the moment, or broke a deadlock at our cost."""
    code = getattr(error.orig, "pgcode", None)
    if code is not None:
        return code in PASSING_CODES or code.startswith("08")
    if not hasattr(error.orig, "pgcode"):  # not PostgreSQL: a file does not come back by waiting
        return False
    lost = error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
    return lost and not any(word in str(error.orig) for word in PERMANENT_WORDS)


def pauses(within_s: float) -> Iterator[float]:
    """Sleeps between attempts, and ends when the time is up. Full jitter, so that workers do not come back all at once."""
    end, longest = time.monotonic() + within_s, 0.2
    while time.monotonic() < end:
        pause = random.uniform(0.05, longest)
        time.sleep(pause)
        longest = min(2 * longest, LONGEST_PAUSE_S)
        yield pause


@contextmanager
def in_our_words(engine: sa.Engine) -> Iterator[None]:
    """Turn a failure of the database into a StoreError that says what to do. Mistakes of ours stay what they are."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        forbidden = getattr(error.orig, "pgcode", None) == NO_PRIVILEGE
        if (
            isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError) and not forbidden
        ):  # a mistake of ours, not of the place we run at
            raise
        said = " ".join(str(error.orig).split(" LINE ")[0].split("\nLINE ")[0].split()).rstrip(".?")
        raise StoreError(
            f"The ledger {address_of(engine)} cannot be used: {clause(said)}. What was made is kept. {_advice(engine, said)}"
        ) from error


def _advice(engine: sa.Engine, said: str) -> str:
    if engine.dialect.name != "postgresql":
        return "Free space, fix permissions or end what holds it, then run again; a damaged file must come from a backup."
    if "permission denied" in said:
        return "Give its user USAGE and CREATE on the schema, then run again."
    if any(word in said for word in PERMANENT_WORDS):
        return "Correct user, password, host or database in the variable that `ledger.url_env` names, then run again."
    return "Free space, start the server or end what holds it, then run again."


def _prepare_sqlite(connection: object, _record: object) -> None:
    # isolation_level None hands transactions to us (BEGIN IMMEDIATE); WAL lets the report read while a cell writes.
    connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's own connection, sqlite3's here
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's own connection, sqlite3's here
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
