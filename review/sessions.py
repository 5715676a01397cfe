"""Who is signed in: sessions in memory, their tokens against forged forms, and a brake on guessing passwords.

A restart signs everybody out. What is kept of a cookie is its hash.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final

SESSION_S: Final = 12 * 3600
"""A working day with room; then one signs in again."""

GUESSES: Final = 8
GUESSES_WITHIN_S: Final = 900
"""Wrong passwords per name and quarter of an hour: 280,000 a year at most."""


@dataclass(kw_only=True)
class Session:
    """One browser of one reviewer. `last_render_key`: what was decided last in it, for undo; '' before."""

    reviewer: str
    form_token: str
    ends_at_s: float
    last_render_key: str = ""


@dataclass(kw_only=True)
class Sessions:
    """The sessions of one server."""

    _by_hash: dict[str, Session] = field(default_factory=dict)
    _wrong: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, reviewer: str) -> str:
        """A new session; what its cookie says."""
        cookie, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._by_hash = {key: one for key, one in self._by_hash.items() if one.ends_at_s > now}
            self._by_hash[_hash(cookie)] = Session(reviewer=reviewer, form_token=secrets.token_urlsafe(32), ends_at_s=now + SESSION_S)
            self._wrong.pop(reviewer, None)
        return cookie

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, if it has not ended."""
        found = self._by_hash.get(_hash(cookie)) if cookie else None
        return found if found is not None and found.ends_at_s > time.monotonic() else None

    def end(self, cookie: str | None) -> None:
        """Sign out."""
        if cookie:
            self._by_hash.pop(_hash(cookie), None)

    def may_guess(self, name: str) -> bool:
        """Whether a password may be tried for a name; counts the try."""
        with self._lock:
            tries, now = self._wrong[name[:64]], time.monotonic()
            while tries and tries[0] < now - GUESSES_WITHIN_S:
                tries.popleft()
            tries.append(now)
            return len(tries) <= GUESSES


def same_token(given: str | None, wanted: str) -> bool:
    """Whether a form came from a page of this session."""
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
