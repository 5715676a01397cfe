"""Approved renders drawn by chance for a person to look at: without them nobody knows what the gate misses.

A sample is written once into the store, with the numbers of renders it was drawn from, so that its labels can be weighed when rules are
calibrated. Drawing changes no verdict; the review page shows each of its pictures by address.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from assets.decisions import standing
from assets.planning import known_cells, plan_cell
from catalog.errors import SettingsError
from catalog.verdict import Verdict
from resources.ledger_tables import decision
from resources.project import Project
from resources.settings import utc_now

KIND = "review_samples"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn of one recipe: what it was drawn from, and every approved render ever drawn."""

    stopped: int
    """Renders that the gate stopped then, or had stopped when a person decided about them."""
    approved: int
    """Renders that could be drawn, or were drawn before. Not those that somebody had decided about without drawing them: they are known."""
    render_keys: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class SampledRender:
    """One approved render to look at."""

    render_key: str
    sku: str
    category: str
    recipe: str
    variant: str

    @property
    def address(self) -> str:
        """Its page on the review server."""
        return f"/picture/{self.render_key}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A drawn sample: its number, its seed, and by recipe the renders it was drawn from."""

    key: str
    seed: int
    at: str
    stopped: Mapping[str, int]
    approved: Mapping[str, int]
    renders: tuple[SampledRender, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON and the store."""
        return asdict(self)


def draw_sample(project: Project, count: int, *, seed: int, recipes: Collection[str] | None = None) -> Sample:
    """Draw approved renders for review and keep the list; the same seed draws the same renders of the same catalog.

    Strata are recipe x category, each drawn in proportion to its renders (at least one), by the order of a hash of seed and render key.
    Renders that a person decided about are not drawn. Raises SettingsError when no other approved one is there.
    """
    stopped, approved, strata = _population(project, recipes)
    if not strata:
        raise SettingsError("No approved render is left to draw. Run `vitrine run` first, or ask for other recipes. Nothing was drawn.")
    renders = [one for chosen in _shares(strata, count).items() for one in _drawn(strata[chosen[0]], chosen[1], seed)]
    at = utc_now().replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    key = hashlib.sha256("|".join([at, str(seed), *sorted(one.render_key for one in renders)]).encode()).hexdigest()
    sample = Sample(key=key, seed=seed, at=at, stopped=stopped, approved=approved, renders=tuple(renders))
    project.store.put_manifest(KIND, key, sample.as_dict())
    return sample


def drawn_samples(project: Project) -> dict[str, Drawn]:
    """By recipe, everything that was ever drawn, and the numbers of the newest sample that has the recipe."""
    found: dict[str, Drawn] = {}
    for _, content in sorted(project.store.manifests(KIND), key=lambda entry: str(entry[1]["at"])):
        for recipe, approved in content["approved"].items():
            keys = frozenset(one["render_key"] for one in content["renders"] if one["recipe"] == recipe)
            before = found[recipe].render_keys if recipe in found else frozenset()
            found[recipe] = Drawn(stopped=content["stopped"].get(recipe, 0), approved=approved, render_keys=before | keys)
    return found


Strata = dict[tuple[str, str], list[SampledRender]]


def _population(project: Project, recipes: Collection[str] | None) -> tuple[dict[str, int], dict[str, int], Strata]:
    """Renders stopped and approved by recipe, as `Drawn` counts them; and those that can be drawn, by stratum."""
    stopped, approved = defaultdict[str, int](int), defaultdict[str, int](int)
    strata: Strata = defaultdict(list)
    people = standing(project.ledger.rows(sa.select(decision).order_by(decision.c.id)))
    before = {key for drawn in drawn_samples(project).values() for key in drawn.render_keys}
    for category, drop in known_cells(project):
        plan = plan_cell(project, category, drop)
        for wanted in plan.wanted:
            made, judged = plan.judged.get(wanted.render_key, (None, None))
            recipe = wanted.variant.recipe
            if made is None or judged is None or (recipes is not None and recipe not in recipes):
                continue
            by = people.get((made["sku"], made["render_digest"]))
            said = by["gate_verdict"] if by is not None else judged["verdict"]
            if said != Verdict.APPROVED:
                stopped[recipe] += 1
            elif by is None or wanted.render_key in before:
                approved[recipe] += 1
                if by is None:
                    named = {"render_key": wanted.render_key, "sku": wanted.variant.sku, "variant": wanted.variant.name}
                    strata[recipe, category].append(SampledRender(**named, category=category, recipe=recipe))
    return dict(stopped), dict(approved), dict(strata)


def _shares(strata: Strata, count: int) -> dict[tuple[str, str], int]:
    """How many to draw of each stratum: in proportion to its size by largest remainder, at least one, never more than it has."""
    total = sum(map(len, strata.values()))
    exact = {name: min(len(renders), max(1.0, count * len(renders) / total)) for name, renders in sorted(strata.items())}
    shares = {name: int(size) for name, size in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: max(0, min(count, total) - sum(shares.values()))]:
        shares[name] += shares[name] < len(strata[name])
    return shares


def _drawn(renders: list[SampledRender], count: int, seed: int) -> list[SampledRender]:
    return sorted(renders, key=lambda one: hashlib.sha256(f"{seed}|{one.render_key}".encode()).hexdigest())[:count]
