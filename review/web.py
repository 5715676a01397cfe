"""The review page as a web application: what every request must pass, and what is answered when something cannot be.

Imported by the command only: this file and those of its addresses (`sign_in.py`, `looking.py`, `deciding.py`, `picture_files.py`) need the
extra `review`. What is to be reviewed is `queue.py`, what a decision does `assets/decisions.py`, how pages look `pages.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from assets.planning import rules_in_force
from catalog.errors import SettingsError, StoreError
from resources.ledger_tables import decision
from review.deciding import add_deciding
from review.desk import Desk, Door, Forged, NotHere, SignInNeeded
from review.looking import add_looking
from review.pages import HEADERS, STATIC, address, static_file
from review.picture_files import PICTURE_PATHS, add_pictures
from review.sign_in import add_sign_in
from review.taking_back import AskedAnew, asked_anew

MAX_FORM_BYTES: Final = 64 * 1024
"""The longest form has a note of a thousand characters; more is not read, for nobody has signed in yet when a form is read."""

HEALTH: Final = "/health"

Call = Callable[[Request], Awaitable[Response]]


def build_app(project_dir: Path, door: Door | None = None) -> FastAPI:
    """The application of one project. Raises SettingsError when its settings are missing or wrong."""
    desk = Desk(project_dir, door or Door())
    for recipe in desk.queue.project.recipes:
        rules_in_force(desk.queue.project, recipe)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.pictures.sweep(desk.queue.project)
        yield
        desk.pictures.close()

    app = FastAPI(title="Vitrine review", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)

    @app.middleware("http")
    async def guarded(request: Request, call: Call) -> Response:
        refused = _refusal(request, desk.door)
        answer = refused if refused is not None else await call(request)
        answer.headers.update(HEADERS)
        if desk.door.tls:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        return answer

    _answer_errors(app, desk)
    _add_files(app, desk)
    add_sign_in(app, desk)
    add_looking(app, desk)
    add_deciding(app, desk)
    add_pictures(app, desk)
    return app


def _refusal(request: Request, door: Door) -> Response | None:
    """The answer to what is not even looked at: another host's name, another site's page, a form without end."""
    host = request.headers.get("host", "")
    if host.rsplit(":", 1)[0] not in door.hosts and request.url.path != HEALTH:
        return PlainTextResponse("There is no page of this name here.", status_code=HTTPStatus.BAD_REQUEST)
    if request.method in ("GET", "HEAD"):
        return None
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and urlsplit(origin).netloc != host) or site not in ("same-origin", "none"):
        return PlainTextResponse("This was asked for by a page of another site.", status_code=HTTPStatus.FORBIDDEN)
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MAX_FORM_BYTES:
        return PlainTextResponse("The form is too long, or does not say how long it is.", status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None


def _add_files(app: FastAPI, desk: Desk) -> None:
    @app.get(HEALTH)
    def health() -> Response:
        desk.queue.project.ledger.one(sa.select(decision.c.id).limit(1))  # StoreError: 503
        return PlainTextResponse("well")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # browsers ask for it, whatever a page says

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        data, media_type = static_file(name)
        return Response(data, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})


def _of_asked(asked: AskedAnew) -> tuple[str, list[tuple[str, str]]]:
    """What is said of a picture that another is to stand in place of, and where one goes on from there."""
    name = f"{asked.by['sku']} {asked.by['recipe']} {asked.by['idx'] + 1}"
    words = f"{asked.by['reviewer']} asked at {asked.by['at']:%Y-%m-%d %H:%M} UTC that {name} be drawn again with another seed."
    back = ("/", f"To the list, where {asked.by['reviewer']} can take that back while it is the last thing decided")
    if asked.successor:
        return f"{words} The new picture was drawn and judged.", [(f"/picture/{asked.successor}", "The new picture"), back]
    return f"{words} It comes with the next run, and nothing is left to decide here until then.", [back]


def _answer_errors(app: FastAPI, desk: Desk) -> None:
    def refused(request: Request, status: HTTPStatus, heading: str, message: str, **more: Any) -> Response:
        if request.url.path.startswith(PICTURE_PATHS) or request.url.path == HEALTH:
            return PlainTextResponse(message, status_code=status)
        return desk.html("refused.html.j2", None, status=status, heading=heading, message=message, **more)

    def sign_in_needed(request: Request, _: Exception) -> Response:
        if request.method == "GET" and not request.url.path.startswith(PICTURE_PATHS):
            then = address(request.url.path, dict(request.query_params))
            there = address("/sign-in", {"then": then} if then != "/" else {})
            if request.headers.get("hx-request"):  # a part of a page cannot become the sign-in: the whole page does
                return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": there})
            return RedirectResponse(there, status_code=HTTPStatus.SEE_OTHER)
        return refused(request, HTTPStatus.UNAUTHORIZED, "You are signed out", "Sign in again; nothing was decided.")

    def forged(request: Request, _: Exception) -> Response:
        words = "The form is of another session. Nothing was decided; open the picture again."
        return refused(request, HTTPStatus.FORBIDDEN, "Not taken", words)

    def not_here(request: Request, _: Exception) -> Response:
        asked = asked_anew(desk.queue.project, str(request.path_params.get("render_key", "")))
        if asked is not None:
            words, links = _of_asked(asked)
            return refused(request, HTTPStatus.NOT_FOUND, "A new seed was asked for", words, links=links)
        words = "There is no such picture to review now: it was made or judged anew, or its product left the catalog."
        return refused(request, HTTPStatus.NOT_FOUND, "No such picture", words)

    def malformed(request: Request, _: Exception) -> Response:
        words = "The form or the address is not one of this page's. Nothing was decided; go back and try again."
        return refused(request, HTTPStatus.UNPROCESSABLE_ENTITY, "Not understood", words)

    def unusable(request: Request, error: Exception) -> Response:
        lost = request.url.path.startswith(PICTURE_PATHS)
        return refused(request, HTTPStatus.NOT_FOUND if lost else HTTPStatus.SERVICE_UNAVAILABLE, "Not possible now", str(error))

    def other(request: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
        return refused(request, status, status.phrase, "There is nothing at this address.")

    answers = (
        (SignInNeeded, sign_in_needed),
        (Forged, forged),
        (NotHere, not_here),
        (RequestValidationError, malformed),
        (HTTPException, other),
    )
    for kind, answer in (*answers, (StoreError, unusable), (SettingsError, unusable)):
        app.add_exception_handler(kind, answer)
