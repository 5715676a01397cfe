"""What people decided about renders: recorded, taken back, and put in place of the gate's verdict.

A decision holds for one picture, byte for byte, of one product. An approval covers the reasons that the reviewer saw: when changed rules
find another one, the picture is for review again. A decision is a change of its product, so that the sensors start its cell and no plan
passes over it. Who may decide, and the page they do it on, is the `review` floor; asking for another seed is `new_seeds.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from assets.faults import known_fault
from catalog.errors import DecisionRefused
from catalog.verdict import Verdict
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import change, decision, product
from resources.project import Project
from resources.settings import utc_now

Action = Literal["approve", "reject", "waive"]

VERDICT_OF: Mapping[str, Verdict] = {"approve": Verdict.APPROVED, "waive": Verdict.APPROVED, "reject": Verdict.REJECTED}
"""What each decision makes of a picture. Approving says that the gate's reasons are none; waiving, that they are right and set aside here."""

NEW_SEED = "new_seed"
"""The entry that asks for another picture instead of deciding about this one."""

IN_WORDS: Mapping[str, str] = {
    "approve": "approved it",
    "waive": "waived the rules",
    "reject": "rejected it",
    "undo": "took a decision back",
    NEW_SEED: "asked for a new seed",
}

DECIDED = "decided"
"""Kind of the change that a decision is."""

MAX_NOTE_CHARACTERS = 1_000

Standing = Mapping[tuple[str, str], Row]
"""The decision that holds, by SKU and render digest."""


def decisions_on(project: Project, skus: Iterable[str]) -> Standing:
    """The decisions that hold on pictures of some products."""
    wanted = sorted(set(skus))
    if not wanted or project.ledger.one(sa.select(decision.c.id).limit(1)) is None:
        return {}
    rows = []
    for start in range(0, len(wanted), QUERY_CHUNK):
        query = sa.select(decision).where(decision.c.sku.in_(wanted[start : start + QUERY_CHUNK]))
        rows += project.ledger.rows(query.order_by(decision.c.id))
    return standing(rows)


def standing(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """The decision that holds on each picture, given all decisions about it, oldest first: the newest that was not taken back."""
    stacks: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        stack = stacks[row["sku"], row["render_digest"]]
        if row["action"] in VERDICT_OF:
            stack.append(row)
        elif row["action"] == "undo":
            stack[:] = [one for one in stack if one["id"] != row["undoes"]]
    return {picture: stack[-1] for picture, stack in stacks.items() if stack}


def decided(judged: Row | None, people: Standing, made: Row) -> Row | None:
    """A judgment with a person's verdict in place of the gate's, where one holds; then it has `gate_verdict` and `decision` besides.

    None stays None: a picture that is not judged by the present rules has no verdict, whatever was decided under others.
    """
    by = people.get((made["sku"], made["render_digest"]))
    if judged is None or by is None or not holds(by, judged):
        return judged
    return {**judged, "verdict": str(VERDICT_OF[by["action"]]), "gate_verdict": judged["verdict"], "decision": by}


def holds(by: Row, judged: Row) -> bool:
    """Whether a decision holds against a judgment: a rejection always does, an approval if all reasons were seen by who approved."""
    return VERDICT_OF[by["action"]] is Verdict.REJECTED or {reason["code"] for reason in judged["reasons"]} <= set(by["codes"])


def decide(
    project: Project, made: Row, judged: Row, action: Action, *, reviewer: str, note: str = "", fault: str | None = None, seen: int
) -> Row:
    """Record a decision about a render as it was judged; the new row.

    `made` and `judged` are its rows, `seen` the id of the newest decision about the picture that the reviewer was shown (0: none). `fault`
    says what a rejected picture has, see `faults.py`; a rejection of what the gate approved is a miss of the gate, and there it must be said.
    Raises DecisionRefused when another decision came meanwhile, and for a waiver without a written reason.
    """
    note = note.strip()
    if action == "waive" and not note:
        raise DecisionRefused("A waiver needs its reason in words: it is what the next reviewer reads. Nothing was decided.")
    missed = action == "reject" and judged.get("gate_verdict", judged["verdict"]) == Verdict.APPROVED
    if missed and not fault:
        raise DecisionRefused(
            "The gate approved this picture: say what is wrong with it, so that its rules can learn. Nothing was decided."
        )
    said = known_fault(fault) if action == "reject" else None
    return append(project, made, judged, action, reviewer=reviewer, note=note, fault=said, seen=seen)


def undo(project: Project, made: Row, judged: Row, *, reviewer: str, seen: int) -> Row:
    """Take back the decision that holds on a render; the new row. Raises DecisionRefused when there is none, or another one came meanwhile."""
    by = decisions_on(project, [made["sku"]]).get((made["sku"], made["render_digest"]))
    if by is None:
        raise DecisionRefused("No decision holds on this picture, so there is none to take back. Nothing was changed.")
    return append(project, made, judged, "undo", undoes=by["id"], reviewer=reviewer, seen=seen)


def history(project: Project, sku: str, render_digest: str) -> list[Row]:
    """Everything that was decided about a picture, oldest first."""
    mine = (decision.c.sku == sku, decision.c.render_digest == render_digest)
    return project.ledger.rows(sa.select(decision).where(*mine).order_by(decision.c.id))


def last_of(project: Project, reviewer: str) -> Row | None:
    """What a reviewer decided last and did not take back, on any picture."""
    later = decision.alias()
    undone = sa.exists().where(later.c.sku == decision.c.sku, later.c.undoes == decision.c.id)
    mine = (decision.c.reviewer == reviewer, decision.c.action != "undo", ~undone)
    return project.ledger.one(sa.select(decision).where(*mine).order_by(decision.c.id.desc()).limit(1))


def append(
    project: Project,
    made: Row,
    judged: Row,
    action: str,
    *,
    reviewer: str,
    note: str = "",
    undoes: int | None = None,
    fault: str | None = None,
    seen: int,
    check: Callable[[sa.Connection], None] = lambda _: None,
) -> Row:
    """Record one entry about a picture and make its cell due; the new row. `check` may refuse, inside the transaction.

    Raises DecisionRefused when another entry about the picture came after `seen`, and for too long a note.
    """
    note = note.strip()
    if len(note) > MAX_NOTE_CHARACTERS:
        raise DecisionRefused(
            f"The reason has {len(note):,} characters, {MAX_NOTE_CHARACTERS:,} are allowed. Shorten it; nothing was decided."
        )
    row = {
        "at": utc_now().replace(tzinfo=None),
        "reviewer": reviewer,
        "action": action,
        "undoes": undoes,
        "note": note,
        "fault": fault,
        **{name: made[name] for name in ("sku", "category", "recipe", "idx", "render_key", "render_digest")},
        **{name: judged[name] for name in ("gate_key", "rules_digest")},
        "gate_verdict": judged.get("gate_verdict", judged["verdict"]),
        "codes": sorted({reason["code"] for reason in judged["reasons"]}),
    }
    with project.ledger.writing("catalog") as connection:  # the concern of whoever moves products
        _refuse_overtaken(connection, made, seen)
        check(connection)
        row["id"] = int(connection.execute(sa.insert(decision).values(**row).returning(decision.c.id)).scalar_one())
        project.ledger.keep(decision.name, [row])
        _renew(project, connection, made["sku"])
    return row


def _refuse_overtaken(connection: sa.Connection, made: Row, seen: int) -> None:
    mine = (decision.c.sku == made["sku"], decision.c.render_digest == made["render_digest"], decision.c.id > seen)
    newer: Sequence[Any] = connection.execute(sa.select(decision).where(*mine).order_by(decision.c.id)).all()
    if newer:
        last = newer[-1]
        words = f" ({last.note})" if last.note else ""
        raise DecisionRefused(
            f"{last.reviewer} {IN_WORDS[last.action]} at {last.at:%H:%M:%S} UTC{words}, after this page was opened. Your decision was not taken; "
            "look again and decide anew if you still want to."
        )


def _renew(project: Project, connection: sa.Connection, sku: str) -> None:
    """Give the product a new revision: its cell is due, and what is remembered of it as settled holds no more."""
    found = connection.execute(sa.select(product).where(product.c.sku == sku, product.c.active)).mappings().first()
    if found is None:
        return
    entry = {**{name: found[name] for name in ("sku", "category", "drop")}, "kind": DECIDED, "at": utc_now().replace(tzinfo=None)}
    revision = int(connection.execute(sa.insert(change).values(**entry).returning(change.c.id)).scalar_one())
    connection.execute(sa.update(product).where(product.c.sku == sku).values(revision=revision))
    project.ledger.keep(change.name, [{**entry, "id": revision}])
    project.ledger.keep(product.name, [{**found, "revision": revision}])
