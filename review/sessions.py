"""Who is signed in, and a brake on guessing passwords.

Sessions are rows of the ledger, so that a restart signs nobody out and several servers know the same people; what is kept of a cookie is its
hash, and the token against forged forms follows from the cookie. Another password, or none any more, ends a session at once.
"""

import datetime as dt
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from resources.ledger import Ledger
from resources.ledger_tables import review_session
from resources.settings import utc_now
from review.accounts import Accounts

SESSION_S: Final = 12 * 3600
"""A working day with room; then one signs in again."""

GUESSES: Final = 8
GUESSES_WITHIN_S: Final = 900
"""Wrong passwords per name and quarter of an hour and server: 280,000 a year at most."""

MAX_NAMES: Final = 10_000
"""Names whose guesses are counted; who tries more pushes out the oldest."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser of one reviewer, and the token that its forms must bring."""

    reviewer: str
    form_token: str


class Sessions:
    """The sessions of one project. `ledger` is given with each call: the project is opened anew when its settings change."""

    def begin(self, ledger: Ledger, accounts: Accounts, reviewer: str) -> str:
        """A new session; what its cookie says."""
        cookie, now = secrets.token_urlsafe(32), _now()
        row = {
            "cookie_digest": _hash(cookie),
            "reviewer": reviewer,
            "account": accounts.fingerprint(reviewer),
            "ends_at": now + dt.timedelta(seconds=SESSION_S),
        }
        with ledger.writing("review_session") as connection:
            connection.execute(sa.delete(review_session).where(review_session.c.ends_at < now))
            connection.execute(sa.insert(review_session).values(**row))
        return cookie

    def find(self, ledger: Ledger, accounts: Accounts, cookie: str | None) -> Session | None:
        """The session of a cookie, if it has not ended and its reviewer still has the same password."""
        row = ledger.by_keys(review_session, [_hash(cookie)]).get(_hash(cookie)) if cookie else None
        if cookie is None or row is None or row["ends_at"] <= _now() or row["account"] != accounts.fingerprint(row["reviewer"]):
            return None
        return Session(reviewer=row["reviewer"], form_token=_hash(f"form {cookie}"))

    def end(self, ledger: Ledger, cookie: str | None) -> None:
        """Sign out."""
        if cookie:
            with ledger.writing("review_session") as connection:
                connection.execute(sa.delete(review_session).where(review_session.c.cookie_digest == _hash(cookie)))


@dataclass(kw_only=True)
class Guesses:
    """Wrong passwords of the last while, by name."""

    _wrong: "OrderedDict[str, deque[float]]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def may_try(self, name: str) -> bool:
        """Whether a password may be tried for a name; counts the try. One that is refused does not count, so that trying again prolongs nothing."""
        with self._lock:
            tries, now = self._wrong.setdefault(name[:64], deque()), time.monotonic()
            self._wrong.move_to_end(name[:64])
            while len(self._wrong) > MAX_NAMES:
                self._wrong.popitem(last=False)
            while tries and tries[0] < now - GUESSES_WITHIN_S:
                tries.popleft()
            if len(tries) >= GUESSES:
                return False
            tries.append(now)
            return True

    def forget(self, name: str) -> None:
        """The right password was given."""
        with self._lock:
            self._wrong.pop(name[:64], None)


def same_token(given: str | None, wanted: str) -> bool:
    """Whether a form came from a page of this session."""
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def _now() -> dt.datetime:
    return utc_now().replace(tzinfo=None)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
