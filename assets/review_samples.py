"""Approved renders drawn by chance for a person to look at: without them nobody knows what the gate misses.

A sample is written once into the store, with the numbers of renders it was drawn from, so that its labels can be weighed when rules are
calibrated. Drawing changes no verdict; the review page shows each of its pictures by address.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
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
    stopped, approved, strata = _population(project, recipes, most=count, seed=seed)
    if not strata:
        raise SettingsError("No approved render is left to draw. Run `vitrine run` first, or ask for other recipes. Nothing was drawn.")
    renders = [one for name, share in _shares(strata, count).items() for one in strata[name].first(share)]
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


@dataclass(kw_only=True)
class Stratum:
    """The renders of one recipe and category that can be drawn: how many there are, and the first of them in the order of a seed."""

    most: int
    """As many are kept; a catalog may have a million."""
    seed: int
    size: int = 0
    _last_first: list[tuple[int, int, SampledRender]] = field(default_factory=list)
    """A heap of what is kept, by negated hash and negated count: renders may share a key, and the first of them comes first."""

    def add(self, one: SampledRender) -> None:
        """Count a render, and keep it when it comes before one that is kept."""
        self.size += 1
        entry = (-int(hashlib.sha256(f"{self.seed}|{one.render_key}".encode()).hexdigest(), 16), -self.size, one)
        (heapq.heappush if len(self._last_first) < self.most else heapq.heappushpop)(self._last_first, entry)

    def first(self, count: int) -> list[SampledRender]:
        """So many renders in the order of the seed, at most as many as are kept."""
        return [one for _, _, one in sorted(self._last_first, key=lambda entry: entry[:2], reverse=True)[:count]]


Strata = dict[tuple[str, str], Stratum]


def _population(
    project: Project, recipes: Collection[str] | None, *, most: int, seed: int
) -> tuple[dict[str, int], dict[str, int], Strata]:
    """Renders stopped and approved by recipe, as `Drawn` counts them; and those that can be drawn, by stratum, `most` of each kept."""
    stopped, approved = defaultdict[str, int](int), defaultdict[str, int](int)
    strata: Strata = defaultdict(partial(Stratum, most=most, seed=seed))
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
                    strata[recipe, category].add(SampledRender(**named, category=category, recipe=recipe))
    return dict(stopped), dict(approved), dict(strata)


def _shares(strata: Strata, count: int) -> dict[tuple[str, str], int]:
    """How many to draw of each stratum: in proportion to its size by largest remainder, at least one, never more than it has."""
    total = sum(stratum.size for stratum in strata.values())
    exact = {name: min(stratum.size, max(1.0, count * stratum.size / total)) for name, stratum in sorted(strata.items())}
    shares = {name: int(size) for name, size in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: max(0, min(count, total) - sum(shares.values()))]:
        shares[name] += shares[name] < strata[name].size
    return shares
