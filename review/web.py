"""The review page as a web application: addresses, sign-in, decisions. Serves one project to one machine.

Imported by the command only: this file needs the extra `review`. What is to be reviewed is `queue.py`, what a decision does
`assets/decisions.py`, how pages look `pages.py`.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Form, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from assets.decisions import IN_WORDS, Action, decide, history, undo
from catalog.errors import DecisionRefused, StoreError
from review.accounts import password_fits, read_accounts
from review.pages import HEADERS, STATIC, address, page
from review.pictures import ReviewPictures
from review.queue import Filter, Item, ReviewQueue, State
from review.sessions import Session, Sessions, same_token

COOKIE: Final = "vitrine_review"
SIGN_IN_COOKIE: Final = "vitrine_sign_in"
TILES_PER_PAGE: Final = 60
HOSTS: Final = ["127.0.0.1", "localhost"]
"""Names under which the page answers: a page elsewhere whose name is pointed at this machine gets nothing."""

KEEP: Final = {"Cache-Control": "private, max-age=604800, immutable"}
"""Of pictures: a render key and what was made for it never change."""

Call = Callable[[Request], Awaitable[Response]]


class SignInNeeded(Exception):
    """Nobody is signed in, or the session ended."""


class Forged(Exception):
    """A change was asked for by something that is not a page of this session."""


class NotHere(Exception):
    """There is no such picture to review."""


def wanted_filter(category: str = "", recipe: str = "", reason: str = "", state: State = "open") -> Filter:
    """The filter in an address."""
    return Filter(category=category, recipe=recipe, reason=reason, state=state)


Wanted = Annotated[Filter, Depends(wanted_filter)]


def build_app(project_dir: Path) -> FastAPI:
    """The application of one project. Raises SettingsError when its settings are missing or wrong."""
    desk = Desk(project_dir)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.pictures.close()

    app = FastAPI(title="Vitrine review", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    app.middleware("http")(_guarded)
    _answer_errors(app, desk)
    _add_sign_in(app, desk)
    _add_pages(app, desk)
    _add_pictures(app, desk)
    return app


class Desk:
    """What the addresses share: the queue, the pictures, who is signed in."""

    def __init__(self, project_dir: Path) -> None:
        self.queue = ReviewQueue(project_dir)
        self.state = self.queue.project.settings.path(self.queue.project.settings.state)
        self.pictures = ReviewPictures(self.state)
        self.sessions = Sessions()

    @property
    def brand(self) -> str:
        """The shop's name."""
        kit = self.queue.project.brand_kit
        return kit.title or kit.brand

    def signed_in(self, request: Request) -> Session:
        """The session of a request. Raises SignInNeeded."""
        session = self.sessions.find(request.cookies.get(COOKIE))
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
        """A render to review. Raises NotHere."""
        found = self.queue.item(render_key)
        if found is None:
            raise NotHere
        return found

    def html(self, template: str, session: Session | None, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page that is never kept by the browser."""
        text = page(template, brand=self.brand, session=session, **values)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


async def _guarded(request: Request, call: Call) -> Response:
    """Refuse changes that another site's page asks for, and hold the browser to our own files."""
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if request.method not in ("GET", "HEAD") and (elsewhere or request.headers.get("sec-fetch-site") == "cross-site"):
        answer: Response = Response("This was asked for by a page of another site.", status_code=403)
    else:
        answer = await call(request)
    answer.headers.update(HEADERS)
    return answer


def _answer_errors(app: FastAPI, desk: Desk) -> None:
    def sign_in_needed(request: Request, _: Exception) -> Response:
        if request.method == "GET" and not request.url.path.startswith(("/tile/", "/render/", "/photo/", "/difference/")):
            then = address(request.url.path, dict(request.query_params))
            return RedirectResponse(address("/sign-in", {"then": then} if then != "/" else {}), status_code=303)
        return desk.html("refused.html.j2", None, status=401, heading="You are signed out", message="Sign in again; nothing was decided.")

    def forged(_request: Request, _: Exception) -> Response:
        words = "The form is of another session. Nothing was decided; open the picture again."
        return desk.html("refused.html.j2", None, status=403, heading="Not taken", message=words)

    def not_here(request: Request, _: Exception) -> Response:
        words = "There is no such picture to review now: it was made or judged anew, or its product left the catalog."
        session = desk.sessions.find(request.cookies.get(COOKIE))
        return desk.html("refused.html.j2", session, status=404, heading="No such picture", message=words)

    def unreadable(_request: Request, error: Exception) -> Response:
        return Response(str(error), status_code=404, media_type="text/plain")

    for kind, answer in ((SignInNeeded, sign_in_needed), (Forged, forged), (NotHere, not_here), (StoreError, unreadable)):
        app.add_exception_handler(kind, answer)


def _add_sign_in(app: FastAPI, desk: Desk) -> None:
    def form(then: str, *, name: str = "", message: str = "", status: int = 200) -> Response:
        token = secrets.token_urlsafe(32)
        answer = desk.html("sign_in.html.j2", None, status=status, token=token, then=then, name=name, message=message)
        answer.set_cookie(SIGN_IN_COOKIE, token, httponly=True, samesite="strict")
        return answer

    @app.get("/sign-in")
    def ask(then: str = "/") -> Response:
        return form(then)

    @app.post("/sign-in")
    def sign_in(
        request: Request,
        token: Annotated[str, Form()],
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=1024)],
        then: Annotated[str, Form()] = "/",
    ) -> Response:
        sent = request.cookies.get(SIGN_IN_COOKIE)
        if not sent or not same_token(token, sent):
            return form(then, name=name, message="The page was too old. Please try again.", status=403)
        if not desk.sessions.may_guess(name):
            return form(then, name=name, message="Too many wrong passwords for this name. Wait a quarter of an hour.", status=429)
        if not password_fits(read_accounts(desk.state), name, password):
            return form(then, name=name, message="Name or password is wrong.", status=401)
        answer = RedirectResponse(_own_path(then), status_code=303)
        answer.set_cookie(COOKIE, desk.sessions.begin(name), httponly=True, samesite="strict")
        answer.delete_cookie(SIGN_IN_COOKIE)
        return answer

    @app.post("/sign-out")
    def sign_out(request: Request, token: Annotated[str, Form()]) -> Response:
        desk.changing(request, token)
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)  # browsers ask for it, whatever a page says

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=404)
        media_type, path = STATIC[name]
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-cache"})


def _own_path(then: str) -> str:
    """Where to go after signing in: a path here, never another site."""
    parts = urlsplit(then)
    here = not parts.scheme and not parts.netloc and then.startswith("/") and not then.startswith(("//", "/\\"))
    return then if here else "/"


def _add_pages(app: FastAPI, desk: Desk) -> None:
    @app.get("/")
    def queue(request: Request, wanted: Wanted, number: Annotated[int, Query(alias="page", ge=1)] = 1) -> Response:
        session, found = desk.signed_in(request), desk.queue.found()
        shown, counts = found.shown(wanted), found.counts(wanted)
        pages = max(1, -(-len(shown) // TILES_PER_PAGE))
        number = min(number, pages)
        return desk.html(
            "queue.html.j2",
            session,
            wanted=wanted,
            items=shown[(number - 1) * TILES_PER_PAGE : number * TILES_PER_PAGE],
            total=len(shown),
            number=number,
            pages=pages,
            counts=counts,
            choices={name: sorted(counts[name].items()) for name in ("category", "recipe", "reason")},
            left_out=found.products_left_out,
        )

    @app.get("/picture/{render_key}")
    def picture(request: Request, render_key: str, wanted: Wanted) -> Response:
        return _picture(desk, desk.signed_in(request), desk.item(render_key), wanted)

    @app.post("/picture/{render_key}")
    def decided(
        request: Request,
        render_key: str,
        token: Annotated[str, Form()],
        action: Annotated[str, Form(pattern="^(approve|reject|waive|undo)$")],
        seen: Annotated[int, Form(ge=0)],
        gate_key: Annotated[str, Form()],
        note: Annotated[str, Form()] = "",
        after: Annotated[str, Form()] = "",
        category: Annotated[str, Form()] = "",
        recipe: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
        state: Annotated[State, Form()] = "open",
    ) -> Response:
        session, item = desk.changing(request, token), desk.item(render_key)
        wanted = Filter(category=category, recipe=recipe, reason=reason, state=state)
        try:
            if action == "undo":
                back = _undo(desk, session, item, seen)
                return RedirectResponse(address(f"/picture/{back}", wanted.query), status_code=303)
            if gate_key != item.gate["gate_key"]:
                raise DecisionRefused("The picture was judged anew after this page was opened. Nothing was decided; look again.")
            decide(desk.queue.project, item.made, item.gate, cast(Action, action), reviewer=session.reviewer, note=note, seen=seen)
        except DecisionRefused as refusal:
            return _picture(desk, session, desk.item(render_key), wanted, message=str(refusal), note=note, status=409)
        session.last_render_key = render_key
        return RedirectResponse(address(f"/picture/{after}" if after else "/", wanted.query), status_code=303)


def _undo(desk: Desk, session: Session, item: Item, seen: int) -> str:
    """Take back the decision on this picture, or the last one of this session; the render key of which it was."""
    if item.by is None and session.last_render_key:
        item = desk.item(session.last_render_key)
        if item.by is None or item.by["reviewer"] != session.reviewer:
            raise DecisionRefused(f"Your last decision, on {item.made['sku']}, does not hold any more. Nothing was taken back.")
        seen = item.by["id"]
    undo(desk.queue.project, item.made, item.gate, reviewer=session.reviewer, seen=seen)
    session.last_render_key = ""
    return item.render_key


def _picture(
    desk: Desk, session: Session, item: Item, wanted: Filter, *, message: str = "", note: str = "", status: int = 200
) -> HTMLResponse:
    found = desk.queue.found()
    keys = [one.render_key for one in found.shown(wanted)]
    place = keys.index(item.render_key) if item.render_key in keys else None
    past = history(desk.queue.project, item.made["sku"], item.made["render_digest"])
    following = keys[place + 1 :] if place is not None else _after(found.items, item, keys)
    return desk.html(
        "picture.html.j2",
        session,
        status=status,
        item=item,
        wanted=wanted,
        place=None if place is None else place + 1,
        total=len(keys),
        before=keys[place - 1] if place else "",
        after=following[0] if following else "",
        seen=past[-1]["id"] if past else 0,
        past=past,
        words=IN_WORDS,
        may_undo=item.by is not None or bool(session.last_render_key),
        message=message,
        note=note,
    )


def _after(items: Any, item: Item, keys: list[str]) -> list[str]:
    """What is shown after a picture that the filter does not take any more."""
    order = [one.render_key for one in items]
    later = set(order[order.index(item.render_key) :]) if item.render_key in order else set()
    return [key for key in keys if key in later] or keys


def _add_pictures(app: FastAPI, desk: Desk) -> None:
    @app.get("/tile/{render_key}")
    def tile(request: Request, render_key: str) -> Response:
        desk.signed_in(request)
        return Response(desk.pictures.tile(desk.queue.project, desk.item(render_key)), media_type="image/webp", headers=KEEP)

    @app.get("/render/{render_key}")
    def render(request: Request, render_key: str) -> Response:
        desk.signed_in(request)
        data = desk.queue.project.store.get(desk.item(render_key).made["render_digest"])
        return Response(data, media_type="image/png", headers=KEEP)

    @app.get("/photo/{render_key}")
    def photo(request: Request, render_key: str) -> Response:
        desk.signed_in(request)
        return Response(desk.pictures.photo(desk.queue.project, desk.item(render_key)), media_type="image/webp", headers=KEEP)

    @app.get("/difference/{render_key}")
    def difference(request: Request, render_key: str) -> Response:
        desk.signed_in(request)
        return Response(desk.pictures.difference(desk.queue.project, desk.item(render_key)), media_type="image/png", headers=KEEP)
