"""What the page's addresses share: the queue, the pictures, who is signed in, how the page is reached from outside."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from review.accounts import ACCOUNTS_FILE, Accounts, read_accounts
from review.items import Item
from review.pages import page
from review.pictures import ReviewPictures
from review.queue import ReviewQueue
from review.sessions import Guesses, Session, Sessions, same_token

COOKIE: Final = "vitrine_review"
SIGN_IN_COOKIE: Final = "vitrine_sign_in"


class SignInNeeded(Exception):
    """Nobody is signed in, or the session ended."""


class Forged(Exception):
    """A change was asked for by something that is not a page of this session."""


class NotHere(Exception):
    """There is no such picture to review."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """How the page is reached.

    `hosts`: names it answers to; a page elsewhere whose name is pointed at this machine gets nothing. `tls`: a proxy in front of it speaks
    TLS, so cookies are for TLS only. `accounts`: the file of reviewers; None: the one in the state folder.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    tls: bool = False
    accounts: Path | None = None

    def cookie(self, name: str) -> str:
        """A cookie's name: behind TLS with the prefix that binds it to this host, see RFC 6265bis 4.1.3.2."""
        return f"__Host-{name}" if self.tls else name

    @property
    def cookie_flags(self) -> Mapping[str, Any]:
        """Out of reach for scripts and for other sites."""
        return {"httponly": True, "samesite": "strict", "secure": self.tls, "path": "/"}


class Desk:
    """One project's page. Many threads use it."""

    def __init__(self, project_dir: Path, door: Door) -> None:
        self.door = door
        self.queue = ReviewQueue(project_dir)
        self.state = self.queue.project.settings.state_dir
        self.pictures = ReviewPictures(self.state)
        self.sessions = Sessions()
        self.guesses = Guesses()
        self._accounts: tuple[str, Accounts] = ("", Accounts())
        self._lock = threading.Lock()

    @property
    def brand(self) -> str:
        """The shop's name."""
        kit = self.queue.project.brand_kit
        return kit.title or kit.brand

    @property
    def accounts(self) -> Accounts:
        """Who may review, read again when the file changed."""
        path = self.door.accounts or self.state / ACCOUNTS_FILE
        try:
            facts = path.stat()
            version = hashlib.sha256(f"{facts.st_mtime_ns} {facts.st_size} {facts.st_ino}".encode()).hexdigest()
        except FileNotFoundError:
            version = "none"
        with self._lock:
            if self._accounts[0] != version:
                self._accounts = (version, read_accounts(path))
            return self._accounts[1]

    def session_of(self, request: Request) -> Session | None:
        """The session of a request, if there is one."""
        cookie = request.cookies.get(self.door.cookie(COOKIE))
        return self.sessions.find(self.queue.project.ledger, self.accounts, cookie)

    def signed_in(self, request: Request) -> Session:
        """The session of a request. Raises SignInNeeded."""
        session = self.session_of(request)
        if session is None:
            raise SignInNeeded
        return session

    def changing(self, request: Request, token: str) -> Session:
        """The session of a request that changes something. Raises SignInNeeded, and Forged without the session's token."""
        session = self.signed_in(request)
        if not same_token(token, session.form_token):
            raise Forged
        return session

    def item(self, render_key: str) -> Item:
        """A judged render. Raises NotHere."""
        found = self.queue.item(render_key)
        if found is None:
            raise NotHere
        return found

    def html(self, template: str, session: Session | None, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page that is never kept by the browser."""
        text = page(template, brand=self.brand, session=session, **values)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})
