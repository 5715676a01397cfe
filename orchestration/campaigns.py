"""Campaigns: backfills with a name, a budget and a list of cells, kept in the ledger. Begun, paused, resumed, canceled, and how far they are.

The list of cells is made once, at the start; which cells run now is `handing_out.py`. No Dagster here.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from assets.needs import CellNeed
from assets.partitions import FIRST_DROP
from assets.planning import known_cells
from catalog.errors import SettingsError
from orchestration.budgets import MONEY, left_usd
from orchestration.quoting import cell_usd
from orchestration.rates import rates_of
from orchestration.stale import stale_cells
from orchestration.worth import ranked
from resources.ledger import Row
from resources.ledger_tables import campaign, campaign_cell, spend
from resources.project import Project
from resources.run_facts import TierName
from resources.settings import utc_now

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Names of campaigns go into run tags and run keys, where `|` and spaces mean something else."""

OPEN = ("running", "paused")
"""States of a campaign that has not ended."""


class NothingStale(SettingsError):
    """A campaign would have no cell."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign as the ledger has it. `recipes` and `categories` are None when all are meant; `number` makes its run keys its own."""

    number: int
    name: str
    kind: str
    state: str
    recipes: frozenset[str] | None
    tier: TierName
    budget_usd: float | None
    deadline: dt.datetime | None
    stopped_by: str | None
    created_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a campaign is. Cells by state; images made so far and expected of what is left; money likewise."""

    cells: Mapping[str, int]
    images_made: int
    images_left: int
    usd_spent: float
    usd_left: float
    budget_left_usd: float | None
    failures: tuple[Row, ...]

    @property
    def left(self) -> int:
        """Cells that are neither done nor given up."""
        return self.cells.get("waiting", 0) + self.cells.get("running", 0)

    @property
    def total(self) -> int:
        """All cells."""
        return sum(self.cells.values())

    @property
    def line(self) -> str:
        """One line for people."""
        failed, canceled = self.cells.get("failed", 0), self.cells.get("canceled", 0)
        ends = [f"{self.cells.get('done', 0)} of {self.total} cells done"]
        ends += [f"{failed} failed"] * bool(failed) + [f"{canceled} canceled"] * bool(canceled)
        ends.append(f"{self.left} left ({self.images_left} images, about {self.usd_left:.4f} USD)")
        return f"{', '.join(ends)}; {self.images_made} images made for {self.usd_spent:.4f} USD"


def start_campaign(
    project: Project,
    name: str,
    *,
    tier: TierName = "economy",
    recipes: frozenset[str] | None = None,
    categories: Sequence[str] | None = None,
    budget_usd: float | None = None,
    deadline: dt.datetime | None = None,
    kind: str = "campaign",
    weights: Mapping[str, float] | None = None,
    max_cells: int | None = None,
) -> Campaign:
    """Write down a campaign over all cells that are stale now, the worthiest first. Starts no run.

    Raises SettingsError when the name is taken or cannot be one, or when nothing is stale.
    """
    if not NAME.fullmatch(name):
        raise SettingsError(f"A campaign cannot be called {name!r}: small letters, digits and hyphens, 63 at most. Nothing was started.")
    needs = [restricted(need, recipes) for need in stale_cells(project, list(categories) if categories is not None else None)]
    valid = [need for need in needs if need.is_stale and need.drop >= FIRST_DROP.isoformat()]
    if not valid:
        why = "there is nothing to do" if known_cells(project) else "the catalog was not read yet, `vitrine run` reads it"
        raise NothingStale(f"Nothing of what campaign {name!r} asks for is stale: {why}. Nothing was started.")
    now, rates = utc_now().replace(tzinfo=None), rates_of(project)
    cells = [
        {
            **_cell(name, need, number, now),
            "usd": cell_usd(project, need, rates, tier=tier, recipes=recipes),
        }
        for number, need in enumerate(ranked(project, valid, now.date(), weights)[:max_cells])
    ]
    row = {
        "name": name,
        "kind": kind,
        "state": "running",
        "recipes": sorted(recipes) if recipes is not None else None,
        "categories": list(categories) if categories is not None else None,
        "tier": tier,
        "budget_usd": budget_usd,
        "deadline": deadline.astimezone(dt.UTC).replace(tzinfo=None) if deadline else None,
        "created_at": now,
    }
    with project.ledger.writing(MONEY) as connection:
        if connection.execute(sa.select(campaign.c.number).where(campaign.c.name == name)).first():
            raise SettingsError(f"There is a campaign {name!r} already. Look with `vitrine backfill status {name}`, or take another name.")
        connection.execute(sa.insert(campaign).values(**row))
        connection.execute(sa.insert(campaign_cell), cells)
    return campaign_named(project, name)


def restricted(need: CellNeed, recipes: frozenset[str] | None) -> CellNeed:
    """What a cell needs of some recipes only. Publishing follows from what is made; differences in other recipes are not its business."""
    if recipes is None:
        return need
    renders = {name: count for name, count in need.to_render.items() if name in recipes}
    judgments = {name: count for name, count in need.to_judge.items() if name in recipes}
    nothing = not renders and not judgments
    photos = {"to_screen": 0, "to_cut_out": 0} if nothing else {}
    return replace(need, to_render=renders, to_judge=judgments, to_publish=0, **photos)


def _cell(name: str, need: CellNeed, rank: int, now: dt.datetime) -> Row:
    return {
        "campaign": name,
        "category": need.category,
        "drop": need.drop,
        "rank": rank,
        "state": "waiting",
        "attempt": 0,
        "failures": 0,
        "images": need.renders + need.judgments,
        "reason": "",
        "changed_at": now,
    }


def campaigns(project: Project, states: Sequence[str] | None = None) -> list[Campaign]:
    """Campaigns in the order they were begun; only those in some states when these are given."""
    query = sa.select(campaign).order_by(campaign.c.number)
    return [_campaign(row) for row in project.ledger.rows(query.where(campaign.c.state.in_(states)) if states else query)]


def campaign_named(project: Project, name: str) -> Campaign:
    """One campaign. Raises SettingsError when there is none of that name."""
    row = project.ledger.one(sa.select(campaign).where(campaign.c.name == name))
    if row is None:
        names = ", ".join(c.name for c in campaigns(project)[-5:])
        known = f"The last ones: {names}." if names else "There is none yet; `vitrine backfill start` begins one."
        raise SettingsError(f"There is no campaign {name!r}. {known}")
    return _campaign(row)


def _campaign(row: Row) -> Campaign:
    names = ("number", "name", "kind", "state", "tier", "budget_usd", "deadline", "stopped_by", "created_at")
    return Campaign(**{n: row[n] for n in names}, recipes=frozenset(row["recipes"]) if row["recipes"] is not None else None)


def progress(project: Project, name: str) -> Progress:
    """How far a campaign is."""
    cells = project.ledger.rows(sa.select(campaign_cell).where(campaign_cell.c.campaign == name).order_by(campaign_cell.c.rank))
    left = [row for row in cells if row["state"] in ("waiting", "running")]
    mine = spend.c.campaign == name
    made = project.ledger.one(sa.select(sa.func.sum(spend.c.item_count).label("n")).where(mine, spend.c.activity == "render"))
    usd = project.ledger.one(sa.select(sa.func.sum(spend.c.usd).label("usd")).where(mine))
    return Progress(
        cells=Counter(row["state"] for row in cells),
        images_made=int((made or {}).get("n") or 0),
        images_left=sum(row["images"] for row in left),
        usd_spent=float((usd or {}).get("usd") or 0.0),
        usd_left=sum(row["usd"] for row in left),
        budget_left_usd=left_usd(project, name),
        failures=tuple(row for row in cells if row["state"] == "failed"),
    )


def pause(project: Project, name: str) -> None:
    """Hand out nothing more; runs that go on end by themselves. Raises SettingsError when the campaign is not running."""
    _move(project, name, "running", "paused")


def resume(project: Project, name: str, *, budget_usd: float | None = None, deadline: dt.datetime | None = None) -> None:
    """Go on with a campaign, with another budget or deadline if given. Cells that failed are tried anew. Raises SettingsError for an ended one."""
    changes: dict[str, Any] = {"state": "running", "stopped_by": None, "ended_at": None}
    changes |= {"budget_usd": budget_usd} if budget_usd is not None else {}
    changes |= {"deadline": deadline.astimezone(dt.UTC).replace(tzinfo=None)} if deadline is not None else {}
    now = utc_now().replace(tzinfo=None)
    state = campaign_named(project, name).state
    if state == "canceled":
        raise SettingsError(f"Campaign {name!r} was canceled and does not go on. Start another one: it takes up what is stale.")
    seen = progress(project, name)
    if state == "done" and seen.cells.get("done", 0) == seen.total:
        raise SettingsError(
            f"Campaign {name!r} is done and none of its cells failed. Start another one for what is stale now. Nothing was changed."
        )
    failed = sa.update(campaign_cell).where(campaign_cell.c.campaign == name, campaign_cell.c.state == "failed")
    with project.ledger.writing(MONEY) as connection:
        connection.execute(failed.values(state="waiting", failures=0, reason="", changed_at=now))
        connection.execute(sa.update(campaign).where(campaign.c.name == name).values(**changes))


def cancel(project: Project, name: str) -> None:
    """End a campaign: what waits is given up at once, what runs is to be ended by the caller. Raises SettingsError when it has ended."""
    now = utc_now().replace(tzinfo=None)
    if campaign_named(project, name).state not in OPEN:
        raise SettingsError(f"Campaign {name!r} has ended already. Nothing was changed.")
    with project.ledger.writing(MONEY) as connection:
        connection.execute(sa.update(campaign).where(campaign.c.name == name).values(state="canceled", ended_at=now))
    give_up_waiting(project, name, "its campaign was canceled")


def give_up_waiting(project: Project, name: str, reason: str) -> None:
    """Cancel the cells of a campaign that wait; those that run go on."""
    waiting = sa.update(campaign_cell).where(campaign_cell.c.campaign == name, campaign_cell.c.state == "waiting")
    with project.ledger.writing(MONEY) as connection:
        connection.execute(waiting.values(state="canceled", reason=reason, changed_at=utc_now().replace(tzinfo=None)))


def _move(project: Project, name: str, before: str, after: str) -> None:
    state = campaign_named(project, name).state
    if state != before:
        raise SettingsError(f"Campaign {name!r} is {state}, not {before}. Nothing was changed.")
    with project.ledger.writing(MONEY) as connection:
        connection.execute(sa.update(campaign).where(campaign.c.name == name, campaign.c.state == before).values(state=after))
