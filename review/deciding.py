"""The form of a picture: approve, reject, waive, ask for a new seed, take back."""

import datetime as dt
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from assets.decisions import NEW_SEED, decide, decisions_on, last_of, undo
from assets.new_seeds import ask_new_seed, asked_seeds, take_back_seed
from catalog.errors import DecisionRefused
from resources.ledger import Row
from resources.ledger_tables import decision
from resources.project import Project
from resources.settings import utc_now
from review.desk import Desk
from review.items import Filter, Item, State
from review.looking import SHORT, picture_page
from review.pages import address
from review.sessions import SESSION_S, Session

KEY: Final = "^[0-9a-f]{64}$"

Asked = Literal["approve", "reject", "waive", "undo", "new_seed"]


def add_deciding(app: FastAPI, desk: Desk) -> None:
    """Add what `/picture/{render_key}` takes."""

    @app.post("/picture/{render_key}")
    def decided(
        request: Request,
        render_key: str,
        token: Annotated[str, Form(max_length=128)],
        action: Annotated[Asked, Form()],
        seen: Annotated[int, Form(ge=0)],
        gate_key: Annotated[str, Form(max_length=SHORT)],
        note: Annotated[str, Form(max_length=8_000)] = "",
        fault: Annotated[str, Form(max_length=64)] = "",
        after: Annotated[str, Form(pattern=f"{KEY}|^$")] = "",
        category: Annotated[str, Form(max_length=SHORT)] = "",
        recipe: Annotated[str, Form(max_length=SHORT)] = "",
        reason: Annotated[str, Form(max_length=SHORT)] = "",
        sku: Annotated[str, Form(max_length=SHORT)] = "",
        state: Annotated[State, Form()] = "open",
    ) -> Response:
        session, item = desk.changing(request, token), desk.item(render_key)
        wanted, project = Filter(category=category, recipe=recipe, reason=reason, sku=sku, state=state), desk.queue.project
        try:
            if action == "undo":
                back = _take_back(project, session, item, seen)
                return RedirectResponse(address(f"/picture/{back}", wanted.query), status_code=303)
            if gate_key != item.gate["gate_key"]:
                raise DecisionRefused("The picture was judged anew after this page was opened. Nothing was decided; look again.")
            who = session.reviewer
            if action == "new_seed":
                ask_new_seed(project, item.made, item.gate, item.recipe, reviewer=who, note=note, seen=seen)
            else:
                decide(project, item.made, item.gate, action, reviewer=who, note=note, fault=fault or None, seen=seen)
        except DecisionRefused as refusal:
            return picture_page(desk, session, desk.item(render_key), wanted, message=str(refusal), note=note, status=409)
        return RedirectResponse(address(f"/picture/{after}" if after else "/", wanted.query), status_code=303)


def _take_back(project: Project, session: Session, item: Item, seen: int) -> str:
    """Take back the decision on this picture or, where none holds, this reviewer's last one; the render key of which it was."""
    if item.by is not None:
        undo(project, item.made, item.gate, reviewer=session.reviewer, seen=seen)
        return item.render_key
    last = last_of(project, session.reviewer)
    if last is None or last["at"] < utc_now().replace(tzinfo=None) - dt.timedelta(seconds=SESSION_S):
        raise DecisionRefused("You decided nothing in the last hours that could be taken back. Nothing was changed.")
    newest = _newest_about(project, last)
    if last["action"] == NEW_SEED:
        asked = asked_seeds(project, [last["sku"]]).get((last["sku"], last["recipe"], last["idx"]))
        if asked is None or asked.row["id"] != last["id"]:
            raise DecisionRefused(f"Your last request, for {last['sku']}, was followed by another one. Nothing was taken back.")
        take_back_seed(project, asked, reviewer=session.reviewer, seen=newest)
        return str(last["render_key"])
    by = decisions_on(project, [last["sku"]]).get((last["sku"], last["render_digest"]))
    if by is None or by["id"] != last["id"]:
        raise DecisionRefused(f"Your last decision, on {last['sku']}, does not hold any more. Nothing was taken back.")
    undo(
        project,
        last,
        {**last, "verdict": last["gate_verdict"], "reasons": [{"code": code} for code in last["codes"]]},
        reviewer=session.reviewer,
        seen=newest,
    )
    return str(last["render_key"])


def _newest_about(project: Project, about: Row) -> int:
    mine = (decision.c.sku == about["sku"], decision.c.render_digest == about["render_digest"])
    row = project.ledger.one(sa.select(sa.func.max(decision.c.id).label("id")).where(*mine))
    return int(row["id"] or 0) if row else 0
