"""Scenes that a reviewer asked to be drawn again with another seed: who asked, which seed a variant has now, how often it may be asked.

Asking is an entry among the decisions (action `new_seed`), so it is kept, taken back and seen by the next reviewer like them. The seed follows
from the variant and how often was asked, and from nothing else: the same requests give the same picture anywhere. The former render stays;
taking the request back brings it back without drawing anything.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from assets.decisions import NEW_SEED, append
from catalog.errors import DecisionRefused
from catalog.recipe import Recipe
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import decision
from resources.project import Project

MAX_NEW_SEEDS: Final = 8
"""Requests per variant, those taken back included. After eight bad scenes in a row, the prompt, the look or the rule is wrong, not the seed."""

VariantName = tuple[str, str, int]
"""SKU, recipe, index."""


@dataclass(frozen=True, kw_only=True)
class AskedSeed:
    """The request that holds for a variant: the number of its seed (1 for the first new one), and its row."""

    attempt: int
    row: Row


def draws_by_seed(recipe: Recipe) -> bool:
    """Whether another seed gives another picture: scenes are drawn; of everything else it changes the grain at most."""
    return recipe.engine == "diffusion"


def asked_seeds(project: Project, skus: Iterable[str]) -> dict[VariantName, AskedSeed]:
    """The requests that hold for variants of some products; variants that still have their first seed are left out."""
    wanted = sorted(set(skus))
    if not wanted or project.ledger.one(sa.select(decision.c.id).limit(1)) is None:
        return {}
    rows: list[Row] = []
    for start in range(0, len(wanted), QUERY_CHUNK):
        mine = (decision.c.sku.in_(wanted[start : start + QUERY_CHUNK]), decision.c.action.in_((NEW_SEED, "undo")))
        rows += project.ledger.rows(sa.select(decision).where(*mine).order_by(decision.c.id))
    return holding(rows)


def holding(rows: Sequence[Row]) -> dict[VariantName, AskedSeed]:
    """Of requests and what took them back, oldest first: the newest of each variant that holds. A number is never used twice."""
    undone = {row["undoes"] for row in rows if row["action"] == "undo"}
    asked: Mapping[VariantName, list[Row]] = defaultdict(list)
    for row in rows:
        if row["action"] == NEW_SEED:
            asked[row["sku"], row["recipe"], row["idx"]].append(row)
    found = {}
    for variant, requests in asked.items():
        numbered = [AskedSeed(attempt=number, row=row) for number, row in enumerate(requests, 1) if row["id"] not in undone]
        if numbered:
            found[variant] = numbered[-1]
    return found


def ask_new_seed(project: Project, made: Row, judged: Row, recipe: Recipe, *, reviewer: str, note: str = "", seen: int) -> Row:
    """Ask that a render be drawn again with its next seed; the new row. `made`, `judged`, `seen`: as for `decisions.decide`.

    Raises DecisionRefused for a recipe in which nothing is drawn, for the ninth request, and when another decision came meanwhile.
    """
    if not draws_by_seed(recipe):
        raise DecisionRefused(f"Nothing in {recipe.title} is drawn by a model: another seed would change grain at most. Nothing was asked.")

    def within_bounds(connection: sa.Connection) -> None:
        mine = [decision.c[name] == made[name] for name in ("sku", "recipe", "idx")]
        query = sa.select(sa.func.count()).select_from(decision).where(*mine, decision.c.action == NEW_SEED)
        if connection.execute(query).scalar_one() >= MAX_NEW_SEEDS:
            raise DecisionRefused(
                f"{MAX_NEW_SEEDS} new seeds were asked for this picture already. Change the scene in the brand kit, or the rule. Nothing was asked."
            )

    return append(project, made, judged, NEW_SEED, reviewer=reviewer, note=note, seen=seen, check=within_bounds)


def take_back_seed(project: Project, asked: AskedSeed, *, reviewer: str, seen: int) -> Row:
    """Take a request back, so that the picture before it stands again; the new row. `seen`: the newest entry about that picture."""
    judged = {**{name: asked.row[name] for name in ("gate_key", "rules_digest", "gate_verdict")}, "verdict": asked.row["gate_verdict"]}
    codes = [{"code": code} for code in asked.row["codes"]]
    return append(project, asked.row, {**judged, "reasons": codes}, "undo", undoes=asked.row["id"], reviewer=reviewer, seen=seen)
