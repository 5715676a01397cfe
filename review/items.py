"""One render as a reviewer sees it: its rows, its judgment as it counts now, its reasons with their bounds; and which ones a filter takes.

Asked of the plan, so that a page shows what a run would publish. Which products are asked about is `queue.py` and `approved.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from assets.new_seeds import AskedSeed, asked_seeds, draws_by_seed
from assets.planning import lora_in_use, plan_products, rules_in_force
from catalog.recipe import Recipe
from catalog.verdict import Reason, Verdict
from quality.rules import Rule
from resources.ledger import Row
from resources.project import Project

State = Literal["open", "decided", "all", "approved", "drawn"]
"""`drawn`: approved renders that were drawn by chance for a person to look at, and nobody decided about."""

Order = tuple[int, str, str, str, int]
"""Where a render stands in the queue: doubtful before rejected, then category, SKU, recipe, index."""

RANK = {Verdict.REVIEW: 0, Verdict.REJECTED: 1, Verdict.APPROVED: 2}


def picture_version(made: Row) -> str:
    """The version of a render's picture, for addresses of what may be kept for ever."""
    return str(made["render_digest"])[:16]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One render to review: its rows, and its judgment as it counts now (with `gate_verdict` and `decision` where a person decided)."""

    title: str
    drop: str
    made: Row
    gate: Row
    judged: Row
    photo_digest: str
    recipe: Recipe
    rules: tuple[Rule, ...]
    seeded: AskedSeed | None = None

    @property
    def render_key(self) -> str:
        """Its name in addresses."""
        return str(self.made["render_key"])

    @property
    def name(self) -> str:
        """SKU, recipe and number, as people call it."""
        return f"{self.made['sku']} {self.made['recipe']} {self.made['idx'] + 1}"

    @property
    def version(self) -> str:
        """Of its picture, see `picture_version`."""
        return picture_version(self.made)

    @property
    def by(self) -> Row | None:
        """The decision that holds."""
        return self.judged.get("decision")

    @property
    def verdict(self) -> str:
        """What counts now."""
        return str(self.judged["verdict"])

    @property
    def gate_approves(self) -> bool:
        """Whether the gate has nothing against it: rejecting it is marking it as wrongly approved."""
        return bool(self.gate["verdict"] == Verdict.APPROVED)

    @property
    def changes_product(self) -> bool:
        """Whether its recipe changes the product's color."""
        return self.recipe.changes_product

    @property
    def seed_matters(self) -> bool:
        """Whether another seed would give another picture."""
        return draws_by_seed(self.recipe)

    @cached_property
    def order(self) -> Order:
        """Where it stands in the queue."""
        return (RANK[Verdict(self.gate["verdict"])], *(self.made[name] for name in ("category", "sku", "recipe", "idx")))

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """What the gate found, critical first."""
        found = (Reason(**reason) for reason in self.gate["reasons"])
        return tuple(sorted(found, key=lambda reason: (reason.severity != "critical", reason.code)))

    def rule_of(self, reason: Reason) -> Rule | None:
        """The rule that a reason comes from; None for what is no rule's, such as a crash while measuring."""
        return next((rule for rule in self.rules if rule.code == reason.code), None)

    @property
    def column(self) -> str:
        """The measurement that the first reason is about; '' where there is none."""
        rule = self.rule_of(self.reasons[0]) if self.reasons else None
        return rule.column if rule else ""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which renders to show; '' everything. `sku` takes those that begin with it, in capitals or not."""

    category: str = ""
    recipe: str = ""
    reason: str = ""
    sku: str = ""
    state: State = "open"

    def takes(self, item: Item) -> bool:
        """Whether a render is shown."""
        wanted = ((self.category, item.made["category"]), (self.recipe, item.made["recipe"]))
        if any(value and value != mine for value, mine in wanted):
            return False
        if self.sku and not item.made["sku"].lower().startswith(self.sku.lower()):
            return False
        if self.reason and self.reason not in {reason.code for reason in item.reasons}:
            return False
        if self.state == "approved":
            return item.verdict == Verdict.APPROVED
        if self.state == "drawn":
            return item.gate_approves and item.by is None
        return self.state == "all" or (item.by is None) == (self.state == "open")

    @property
    def query(self) -> dict[str, str]:
        """As parts of an address; what is not asked for is left out."""
        given = {name: getattr(self, name) for name in ("category", "recipe", "reason", "sku", "state")}
        return {name: value for name, value in given.items() if value and (name, value) != ("state", "open")}


def items_of(project: Project, cell: tuple[str, str], rows: Sequence[Row]) -> Iterator[Item]:
    """Every judged render of some products of one cell, whatever its verdict; renders that no run would publish any more are left out."""
    category, drop = cell
    plan = plan_products(project, category, drop, list(rows), lora_in_use(project, category))
    asked = asked_seeds(project, (row["sku"] for row in rows))
    for wanted in plan.wanted:
        made, judged = plan.judged.get(wanted.render_key, (None, None))
        if made is None or judged is None:
            continue
        gate: dict[str, Any] = {**judged, "verdict": judged.get("gate_verdict", judged["verdict"])}
        yield Item(
            title=wanted.product.title,
            drop=drop,
            made=made,
            gate={name: value for name, value in gate.items() if name not in ("decision", "gate_verdict")},
            judged=judged,
            photo_digest=wanted.photo_digest,
            recipe=wanted.recipe,
            rules=rules_in_force(project, wanted.recipe).rules,
            seeded=asked.get((made["sku"], made["recipe"], made["idx"])),
        )


def to_review(item: Item) -> bool:
    """Whether a render belongs into the queue: the gate does not approve of it, or a person decided about it."""
    return not item.gate_approves or item.by is not None
