"""The form of a picture: approve, reject, waive, ask for a new seed, take back."""

from typing import Annotated, Final, Literal

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from assets.decisions import decide, undo
from assets.new_seeds import ask_new_seed
from catalog.errors import DecisionRefused
from resources.project import Project
from review.desk import Desk
from review.items import Filter, Item, State
from review.looking import SHORT, picture_page
from review.pages import address
from review.sessions import Session
from review.taking_back import take_back_last

KEY: Final = "^[0-9a-f]{64}$"

Asked = Literal["approve", "reject", "waive", "undo", "new_seed"]


def add_deciding(app: FastAPI, desk: Desk) -> None:
    """Add what `/picture/{render_key}` takes, and `/undo` for what was decided last."""

    @app.post("/undo")
    def undone(request: Request, token: Annotated[str, Form(max_length=128)]) -> Response:
        session = desk.changing(request, token)
        try:
            back = take_back_last(desk.queue.project, session.reviewer)
        except DecisionRefused as refusal:
            return desk.html("refused.html.j2", session, status=409, heading="Nothing was taken back", message=str(refusal))
        return RedirectResponse(f"/picture/{back}", status_code=303)

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
    if item.by is None:
        return take_back_last(project, session.reviewer)
    undo(project, item.made, item.gate, reviewer=session.reviewer, seen=seen)
    return item.render_key
