"""Signing in and out."""

import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from review.accounts import password_fits
from review.desk import COOKIE, SIGN_IN_COOKIE, Desk
from review.sessions import same_token


def add_sign_in(app: FastAPI, desk: Desk) -> None:
    """Add `/sign-in` and `/sign-out`."""
    door = desk.door

    def form(then: str, *, name: str = "", message: str = "", status: int = 200) -> Response:
        token = secrets.token_urlsafe(32)
        answer = desk.html("sign_in.html.j2", None, status=status, token=token, then=then, name=name, message=message)
        answer.set_cookie(door.cookie(SIGN_IN_COOKIE), token, max_age=3600, **door.cookie_flags)
        return answer

    @app.get("/sign-in")
    def ask(then: str = "/") -> Response:
        return form(then)

    @app.post("/sign-in")
    def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=64)],
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=1024)],
        then: Annotated[str, Form(max_length=2048)] = "/",
    ) -> Response:
        sent = request.cookies.get(door.cookie(SIGN_IN_COOKIE))
        if not sent or not same_token(token, sent):
            return form(then, name=name, message="The page was too old. Please try again.", status=403)
        if not desk.guesses.may_try(name):
            return form(then, name=name, message="Too many wrong passwords for this name. Wait a quarter of an hour.", status=429)
        accounts = desk.accounts
        if not password_fits(accounts, name, password):
            return form(then, name=name, message="Name or password is wrong.", status=401)
        desk.guesses.forget(name)
        ledger = desk.queue.project.ledger
        desk.sessions.end(ledger, request.cookies.get(door.cookie(COOKIE)))
        answer = RedirectResponse(own_path(then), status_code=303)
        answer.set_cookie(door.cookie(COOKIE), desk.sessions.begin(ledger, accounts, name), **door.cookie_flags)
        answer.delete_cookie(door.cookie(SIGN_IN_COOKIE), **door.cookie_flags)
        return answer

    @app.post("/sign-out")
    def sign_out(request: Request, token: Annotated[str, Form(max_length=64)]) -> Response:
        desk.changing(request, token)
        desk.sessions.end(desk.queue.project.ledger, request.cookies.get(door.cookie(COOKIE)))
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(door.cookie(COOKIE), **door.cookie_flags)
        answer.headers["Clear-Site-Data"] = '"cache"'  # the pictures were kept for this person
        return answer


def own_path(then: str) -> str:
    """Where to go after signing in: a path here, never another site."""
    parts = urlsplit(then)
    here = not parts.scheme and not parts.netloc and then.startswith("/") and not then.startswith(("//", "/\\"))
    return then if here else "/"
