"""The pictures' addresses. Each names the version of what it shows, so that a browser may keep it for ever."""

from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response

from resources.ledger import Row
from resources.ledger_tables import render
from review.desk import Desk, NotHere
from review.overlays import OVERLAYS

PICTURE_PATHS: Final = ("/tile/", "/render/", "/photo/", "/overlay/")

FOR_EVER: Final = "private, max-age=31536000, immutable"
"""Of the very bytes that an address names."""
ASK_AGAIN: Final = "private, no-cache"
"""Of an address without a version, or with another one than the picture has by now."""

Version = Annotated[str, Query(alias="v", max_length=64)]


def add_pictures(app: FastAPI, desk: Desk) -> None:
    """Add tiles, renders, photos and overlays, by render key."""

    def made(request: Request, render_key: str) -> Row:
        desk.signed_in(request)
        row = desk.queue.project.ledger.by_keys(render, [render_key]).get(render_key)
        if row is None:
            raise NotHere
        return row

    @app.get("/tile/{render_key}")
    def tile(request: Request, render_key: str, version: Version = "") -> Response:
        row = made(request, render_key)
        known = _known(request, row["render_digest"], version)
        return known or _file(desk.pictures.tile(desk.queue.project, row), "image/webp", row["render_digest"], version)

    @app.get("/render/{render_key}")
    def full(request: Request, render_key: str, version: Version = "") -> Response:
        row = made(request, render_key)
        known = _known(request, row["render_digest"], version)
        return known or _file(desk.queue.project.store.get(row["render_digest"]), "image/png", row["render_digest"], version)

    @app.get("/photo/{render_key}")
    def photo(request: Request, render_key: str, version: Version = "") -> Response:
        desk.signed_in(request)
        item = desk.item(render_key)
        known = _known(request, item.photo_digest, version)
        return known or _file(desk.pictures.photo(desk.queue.project, item), "image/webp", item.photo_digest, version)

    @app.get("/overlay/{name}/{render_key}")
    def overlay(request: Request, name: str, render_key: str) -> Response:
        desk.signed_in(request)
        if name not in OVERLAYS:
            raise NotHere
        data = desk.pictures.overlay(desk.queue.project, desk.item(render_key), name)
        return Response(data, media_type=OVERLAYS[name].media_type, headers={"Cache-Control": ASK_AGAIN})  # the rules' bounds are in it


def _known(request: Request, digest: str, version: str) -> Response | None:
    if request.headers.get("if-none-match") == f'"{digest}"':
        return Response(status_code=304, headers=_headers(digest, version))
    return None


def _file(data: bytes, media_type: str, digest: str, version: str) -> Response:
    return Response(data, media_type=media_type, headers=_headers(digest, version))


def _headers(digest: str, version: str) -> dict[str, str]:
    exact = bool(version) and digest.startswith(version)
    return {"Cache-Control": FOR_EVER if exact else ASK_AGAIN, "ETag": f'"{digest}"'}
