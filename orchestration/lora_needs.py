"""Which categories need a new LoRA, and why, in words: no LoRA, another base model or trainer, new looks, a look put back, drift.

`vitrine run` trains whatever does not fit; the refresh waits for enough new looks, unless scenes drift. Training is deterministic, so drift
alone is no reason to train: the same look gives the same LoRA.
"""

import math
from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from assets.lora_key import lora_key, trained_lora
from assets.lora_use import lora_to_return
from assets.planning import NOT_PAUSED
from assets.training_set import look_parts
from catalog.errors import TrainingError
from generation.kinds import wears_lora
from resources.ledger import Row
from resources.ledger_tables import judgment, lora, product, render
from resources.project import Project
from resources.schedule_settings import DriftSettings

CHANCE = 2.0
"""Standard errors of the difference of two shares that drift must exceed: one run in twenty would by chance."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Scenes of a category in review or rejected: share among the last `renders`, and among all before them."""

    renders: int
    share: float
    before: float
    has_drifted: bool

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.share:.0%} of the last {self.renders} scenes are rejected or in review, {self.before:.0%} were before"


@dataclass(frozen=True, kw_only=True)
class LoraNeed:
    """A category whose LoRA does not fit. `new_looks` counts pictures that the LoRA in use did not learn; None: not known."""

    category: str
    why: str
    new_looks: int | None = None
    waits: bool = False
    """Whether a refresh leaves it for later: too few new looks and no drift."""


def lora_needs(project: Project, *, min_new_looks: int = 1, drift: DriftSettings | None = None) -> list[LoraNeed]:
    """Categories with active products of the pilot and looks whose LoRA does not fit, by name, each with the reason."""
    if not any(wears_lora(recipe) for recipe in project.recipes):
        return []
    query = sa.select(product.c.category).where(product.c.active, NOT_PAUSED).distinct()
    names = [row["category"] for row in project.ledger.rows(query.order_by(product.c.category))]
    found = (_need_of(project, name, min_new_looks, drift) for name in names)
    return [need for need in found if need is not None]


def _need_of(project: Project, category: str, min_new_looks: int, drift: DriftSettings | None) -> LoraNeed | None:
    try:
        key = lora_key(project, category)
        known = trained_lora(project, key)
        if known is not None:
            back = lora_to_return(project, known)
            return None if back is None else LoraNeed(category=category, why="the look went back to one that was learned before")
        looks = look_parts(project, category)
    except TrainingError:
        return None  # no looks or no style: `vitrine check` tells; a refresh cannot help it
    last = _last_trained(project, category)
    if last is None:
        ever = project.ledger.one(sa.select(lora.c.key).where(lora.c.category == category).limit(1))
        return LoraNeed(category=category, why="it has no LoRA yet" if ever is None else "the base model changed")
    return _look_need(project, category, looks, last["facts"].get("looks"), (min_new_looks, drift))


def _look_need(
    project: Project, category: str, looks: list[str], learned: list[str] | None, refresh: tuple[int, DriftSettings | None]
) -> LoraNeed:
    """What changed between the look of today and what the LoRA learned (None: it did not say)."""
    if learned is None or Counter(looks) == Counter(learned):
        return LoraNeed(category=category, why="trigger phrase, training settings or trainer changed", new_looks=0 if learned else None)
    min_new_looks, drift = refresh
    new = len(set(looks) - set(learned))
    changed = max(new, len(set(learned) - set(looks)))
    what = f"{new} new look pictures" if new else f"{changed} look pictures fewer"
    if changed >= min_new_looks:
        return LoraNeed(category=category, why=what, new_looks=new)
    seen = drift_of(project, category, drift) if drift is not None else None
    if seen is not None and seen.has_drifted:
        return LoraNeed(category=category, why=f"{what}, and drift: {seen.words}", new_looks=new)
    return LoraNeed(category=category, why=f"{what}, a refresh waits for {min_new_looks}", new_looks=new, waits=True)


def _last_trained(project: Project, category: str) -> Row | None:
    """The LoRA of a category that was trained here last on the present base model, promoted or not."""
    mine = sa.select(lora).where(lora.c.category == category, lora.c.base_model_digest == project.training_model_digest)
    return next((row for row in project.ledger.rows(mine.order_by(lora.c.made_at.desc())) if "origin" not in row["facts"]), None)


def drift_of(project: Project, category: str, settings: DriftSettings) -> Drift | None:
    """How a category's scenes fare lately against all before; None with too few of either to tell (20 before, `settings.renders` lately)."""
    scenes = [recipe.name for recipe in project.recipes if wears_lora(recipe)]
    query = (
        sa.select(render.c.render_key, render.c.made_at, judgment.c.verdict, judgment.c.judged_at)
        .join(judgment, judgment.c.render_key == render.c.render_key)
        .where(render.c.category == category, render.c.recipe.in_(scenes))
        .order_by(render.c.made_at, render.c.render_key, judgment.c.judged_at)
    )
    latest = {row["render_key"]: row["verdict"] != "approved" for row in project.ledger.rows(query)}
    refused = list(latest.values())
    last, before = refused[-settings.renders :], refused[: -settings.renders]
    if len(last) < settings.renders or len(before) < 20:
        return None
    share, usual = sum(last) / len(last), sum(before) / len(before)
    both = (sum(last) + sum(before)) / len(refused)
    error = math.sqrt(max(both * (1 - both), 1e-9) * (1 / len(last) + 1 / len(before)))
    drifted = share - usual > max(settings.above, CHANCE * error)
    return Drift(renders=len(last), share=share, before=usual, has_drifted=drifted)
