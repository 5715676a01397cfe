"""What a reviewer decided last and may still take back; and what became of a picture that a new seed was asked for."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from assets.decisions import NEW_SEED, decisions_on, last_of, undo
from assets.new_seeds import asked_seeds, take_back_seed
from catalog.errors import DecisionRefused
from resources.ledger import Row
from resources.ledger_tables import decision, product, render
from resources.project import Project
from resources.settings import utc_now
from review.items import items_of
from review.sessions import SESSION_S


def last_to_take_back(project: Project, reviewer: str) -> Row | None:
    """What a reviewer decided last, on any picture, within a session's length; None where there is nothing to take back."""
    last = last_of(project, reviewer)
    return None if last is None or last["at"] < utc_now().replace(tzinfo=None) - dt.timedelta(seconds=SESSION_S) else last


def take_back_last(project: Project, reviewer: str) -> str:
    """Take back a reviewer's last decision; the render key of which it was. Raises DecisionRefused where that cannot be."""
    last = last_to_take_back(project, reviewer)
    if last is None:
        raise DecisionRefused("You decided nothing in the last hours that could be taken back. Nothing was changed.")
    newest = _newest_about(project, last)
    if last["action"] == NEW_SEED:
        asked = asked_seeds(project, [last["sku"]]).get((last["sku"], last["recipe"], last["idx"]))
        if asked is None or asked.row["id"] != last["id"]:
            raise DecisionRefused(f"Your last request, for {last['sku']}, was followed by another one. Nothing was taken back.")
        take_back_seed(project, asked, reviewer=reviewer, seen=newest)
        return str(last["render_key"])
    by = decisions_on(project, [last["sku"]]).get((last["sku"], last["render_digest"]))
    if by is None or by["id"] != last["id"]:
        raise DecisionRefused(f"Your last decision, on {last['sku']}, does not hold any more. Nothing was taken back.")
    judged = {**last, "verdict": last["gate_verdict"], "reasons": [{"code": code} for code in last["codes"]]}
    undo(project, last, judged, reviewer=reviewer, seen=newest)
    return str(last["render_key"])


@dataclass(frozen=True, kw_only=True)
class AskedAnew:
    """A picture that another one is to stand in place of: the request, and the render key of the other one, '' before it is judged."""

    by: Row
    successor: str


def asked_anew(project: Project, render_key: str) -> AskedAnew | None:
    """Whether a new seed is asked for a render, and what came of it; None where none is, or the render is not known."""
    made = project.ledger.by_keys(render, [render_key]).get(render_key)
    if made is None:
        return None
    variant = made["sku"], made["recipe"], made["idx"]
    asked = asked_seeds(project, [made["sku"]]).get(variant)
    rows = project.ledger.by_keys(product, [made["sku"]])
    if asked is None or not rows:
        return None
    row = rows[made["sku"]]
    found = items_of(project, (row["category"], row["drop"]), [row]) if row["active"] else ()
    same = (item.render_key for item in found if (item.made["sku"], item.made["recipe"], item.made["idx"]) == variant)
    return AskedAnew(by=asked.row, successor=next(same, ""))


def _newest_about(project: Project, about: Row) -> int:
    mine = (decision.c.sku == about["sku"], decision.c.render_digest == about["render_digest"])
    row = project.ledger.one(sa.select(sa.func.max(decision.c.id).label("id")).where(*mine))
    return int(row["id"] or 0) if row else 0
