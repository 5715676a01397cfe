"""The pages people look at: the list, one picture, its neighbors."""

import json
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse

from assets.decisions import IN_WORDS, history, last_of
from assets.faults import FAULTS
from assets.new_seeds import MAX_NEW_SEEDS
from assets.shelf import images_of
from quality.columns import COLUMNS
from resources.ledger import Row
from resources.ledger_tables import render
from resources.project import Project
from review.approved import approved_beside, approved_page, drawn_keys, neighbors
from review.desk import Desk
from review.found import Found, after, before
from review.items import Filter, Item, Order, State, picture_version
from review.overlays import OVERLAYS, overlay_for
from review.sessions import Session
from review.taking_back import last_to_take_back

TILES_PER_PAGE: Final = 60

SHORT: Final = 256
"""Characters of anything in an address."""

Text = Annotated[str, Query(max_length=SHORT)]


def wanted_filter(category: Text = "", recipe: Text = "", reason: Text = "", sku: Text = "", state: State = "open") -> Filter:
    """The filter in an address."""
    return Filter(category=category, recipe=recipe, reason=reason, sku=sku.strip(), state=state)


Wanted = Annotated[Filter, Depends(wanted_filter)]


def add_looking(app: FastAPI, desk: Desk) -> None:
    """Add the list at `/`, `/picture/{render_key}` and `/neighbors/{render_key}`."""

    @app.get("/")
    def queue(request: Request, wanted: Wanted, after: Text = "", before: Text = "") -> Response:
        session, found = desk.signed_in(request), desk.queue.found()
        if wanted.state == "approved":
            listed = _approved_list(desk, wanted, after)
        elif wanted.state == "drawn":
            listed = _drawn_list(desk, wanted, after)
        else:
            listed = _list(found, wanted, after, before)
        counts = found.counts(wanted)
        choices: dict[str, list[tuple[str, Any]]] = {name: sorted(counts[name].items()) for name in ("category", "recipe", "reason")}
        if wanted.state in ("approved", "drawn"):
            kit = desk.queue.project
            choices = {"category": [(name, "") for name in sorted(kit.brand_kit.categories)], "recipe": [(r.name, "") for r in kit.recipes]}
        to_undo = last_to_take_back(desk.queue.project, session.reviewer)
        shown: dict[str, Any] = {
            "wanted": wanted,
            "counts": counts,
            "choices": choices,
            "left": found.left,
            "to_undo": to_undo,
            "words": IN_WORDS,
        }
        return desk.html("queue.html.j2", session, **shown, **listed)

    @app.get("/picture/{render_key}")
    def picture(request: Request, render_key: str, wanted: Wanted, overlay: Text = "first") -> Response:
        return picture_page(desk, desk.signed_in(request), desk.item(render_key), wanted, overlay=overlay)

    @app.get("/neighbors/{render_key}")
    def beside(request: Request, render_key: str, wanted: Wanted) -> Response:
        session, item = desk.signed_in(request), desk.item(render_key)
        return desk.html("neighbors.html.j2", session, item=item, wanted=wanted, found=neighbors(desk.queue.project, item))


def _list(found: Found, wanted: Filter, behind: str, ahead: str) -> dict[str, Any]:
    shown = found.shown(wanted)
    if ahead and (place := read_place(ahead)):
        items = list(before(shown, place)[-TILES_PER_PAGE:])
    else:
        place = read_place(behind) if behind else None
        items = list((after(shown, place) if place else shown)[:TILES_PER_PAGE])
    first = len(before(shown, items[0].order)) if items else 0
    more = first + len(items) < len(shown)
    return {
        "items": items,
        "total": len(shown),
        "first": first + 1,
        "previous": {"before": write_place(items[0].order)} if items and first else None,
        "following": {"after": write_place(items[-1].order)} if more else None,
    }


def _approved_list(desk: Desk, wanted: Filter, behind: str) -> dict[str, Any]:
    page = approved_page(desk.queue.project, wanted, behind, TILES_PER_PAGE)
    following = {"after": page.last_sku} if page.last_sku else None
    return {"items": page.items, "total": None, "first": 1, "previous": {} if behind else None, "following": following}


def _drawn_list(desk: Desk, wanted: Filter, behind: str) -> dict[str, Any]:
    keys = drawn_keys(desk.queue.project, wanted)
    first = int(behind) if behind.isdecimal() else 0
    shown = (desk.queue.item(key) for key in keys[first : first + TILES_PER_PAGE])
    following = {"after": first + TILES_PER_PAGE} if first + TILES_PER_PAGE < len(keys) else None
    items = [item for item in shown if item is not None and wanted.takes(item)]
    return {"items": items, "total": len(keys), "first": first + 1, "previous": {} if first else None, "following": following}


def write_place(place: Order) -> str:
    """A place in the queue as part of an address."""
    return json.dumps(place, separators=(",", ":"))


def read_place(text: str) -> Order | None:
    """The place in an address; None for what is none."""
    try:
        rank, category, sku, recipe, idx = json.loads(text)
    except (ValueError, TypeError):
        return None
    known = isinstance(rank, int) and isinstance(idx, int) and all(isinstance(part, str) for part in (category, sku, recipe))
    return (rank, category, sku, recipe, idx) if known else None


def picture_page(
    desk: Desk,
    session: Session,
    item: Item,
    wanted: Filter,
    *,
    overlay: str = "first",
    message: str = "",
    note: str = "",
    status: int = 200,
) -> HTMLResponse:
    """One picture with everything that is known about it, and the form to decide with."""
    project = desk.queue.project
    past = history(project, item.made["sku"], item.made["render_digest"])
    shown = overlay_for(item.column) if overlay == "first" else overlay
    beside = _beside(desk, item, wanted)
    return desk.html(
        "picture.html.j2",
        session,
        status=status,
        item=item,
        wanted=wanted,
        **beside,
        version_after=_version(project, beside["after"]),
        seen=past[-1]["id"] if past else 0,
        past=past,
        words=IN_WORDS,
        to_undo=item.by or last_of(project, session.reviewer),
        overlays=OVERLAYS.values(),
        overlay=OVERLAYS.get(shown),
        faults=FAULTS,
        rule_faults=[(rule.column, COLUMNS[rule.column].meaning) for rule in item.rules if rule.column in COLUMNS],
        max_seeds=MAX_NEW_SEEDS,
        channels=_shown_in(desk, item.made),
        message=message,
        note=note,
    )


def _beside(desk: Desk, item: Item, wanted: Filter) -> dict[str, Any]:
    """The pictures before and after one in what a filter shows, and where it stands there; a place of None: it is not shown any more."""
    if wanted.state == "approved":
        back, forth = approved_beside(desk.queue.project, wanted, item)
        return {"before": back, "after": forth, "place": None, "total": None}
    if wanted.state == "drawn":
        keys = drawn_keys(desk.queue.project, wanted)
        at = keys.index(item.render_key) if item.render_key in keys else None
        nearest = keys[at + 1 :] if at is not None else keys
        return {
            "before": keys[at - 1] if at else "",
            "after": nearest[0] if nearest else "",
            "place": None if at is None else at + 1,
            "total": len(keys),
        }
    shown = desk.queue.found().shown(wanted)
    ahead, behind = before(shown, item.order), after(shown, item.order)
    return {
        "before": ahead[-1].render_key if ahead else "",
        "after": behind[0].render_key if behind else "",
        "place": len(ahead) + 1 if len(ahead) + len(behind) < len(shown) else None,
        "total": len(shown),
    }


def _version(project: Project, render_key: str) -> str:
    """The version of a render's picture, so that it is loaded ahead from the address that its page will ask for; '' without a render."""
    rows = project.ledger.by_keys(render, [render_key] if render_key else [])
    return "".join(picture_version(row) for row in rows.values())


def _shown_in(desk: Desk, made: Row) -> list[str]:
    """The channels in which exactly this picture stands now, as the last delivery left it."""
    images = images_of(desk.queue.project, [made["sku"]])
    return sorted({image.channel for image in images if image.render_digest == made["render_digest"] and image.recipe == made["recipe"]})
