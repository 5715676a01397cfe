"""What the catalog report shows, gathered from the ledger cell by cell: counts of everything, and the few products and renders it shows.

Memory does not grow with the catalog: of each cell some products are looked at, counted and let go, and only what is shown is kept and gets a
thumbnail. How it looks is `publishing/report.py`; the asset is `catalog_report.py`; rates over time are `yield_counts.py`.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from assets.photo_keys import cutouts_of, screening_key, screening_rules
from assets.planning import CellPlan, WantedRender, known_cells, lora_in_use, plan_products, products_of_cell
from assets.published_place import Picture, Shown
from catalog.verdict import Reason, Verdict
from resources.ledger import Row
from resources.ledger_tables import refused_render, source_photo
from resources.project import Project

if TYPE_CHECKING:
    from publishing.report_data import CoverageCell, CoverageRow, RecipeTally

CARDS_PER_CATEGORY, FEWEST_CARDS = 60, 8
"""Renders shown per category: worst verdicts first, then spread over the products; counts are of everything."""
CARDS_SHOWN = 1_200
"""Renders shown of all categories together, as long as each has its fewest: thumbnails are 30 ms each, and a page has to open."""
QUARANTINED_SHOWN = 120
"""Quarantined photos shown, by SKU; the count is of all."""
COVERAGE_SHOWN = 300
"""Products listed with gaps, and as many without; the counts are of all."""
PRODUCTS_AT_ONCE = 200
"""Products of a cell planned together: some 1,600 renders, a few megabytes."""

_WORST_FIRST = {Verdict.REJECTED: 0, Verdict.REVIEW: 1, Verdict.APPROVED: 2}


class Card(NamedTuple):
    """A render that may be shown; sorts worst first, then spread over the products."""

    rank: int
    index: int
    recipe: str
    sku: str
    title: str
    recipe_title: str
    source_type: str
    render_digest: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    file: str | None


class Unused(NamedTuple):
    """A photo that was not used; sorts by SKU."""

    sku: str
    file_name: str
    title: str
    reasons: tuple[Reason, ...]
    thumbnail_digest: str | None


@dataclass(kw_only=True)
class CategoryTally:
    """One category's counts, and the renders to show."""

    products: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    cards: list[Card] = field(default_factory=list)


@dataclass(kw_only=True)
class Gathered:
    """Everything the report is made of; lists hold what is shown, numbers count everything."""

    recipes: "RecipeTally"
    products: int = 0
    complete: int = 0
    quarantined: int = 0
    cutouts_doubtful: int = 0
    renders_refused: int = 0
    unused: list[Unused] = field(default_factory=list)
    categories: dict[str, CategoryTally] = field(default_factory=dict)
    gaps: list["CoverageRow"] = field(default_factory=list)
    covered: list["CoverageRow"] = field(default_factory=list)

    def verdicts(self) -> Counter[Verdict]:
        """Renders by verdict."""
        return sum((one.verdicts for one in self.categories.values()), Counter[Verdict]())


def gather(project: Project, shown: Shown) -> Gathered:
    """Look at every cell, some products at a time."""
    from publishing.report_data import RecipeTally

    gathered, cells = Gathered(recipes=RecipeTally()), known_cells(project)
    cards_each = min(CARDS_PER_CATEGORY, max(FEWEST_CARDS, CARDS_SHOWN // max(1, len({category for category, _ in cells}))))
    for category, drop in cells:
        tally = gathered.categories.setdefault(category, CategoryTally())
        files = shown.files_of_cell(category, drop)
        rows, lora_digest = products_of_cell(project, category, drop), lora_in_use(project, category)
        for start in range(0, len(rows), PRODUCTS_AT_ONCE):
            some = rows[start : start + PRODUCTS_AT_ONCE]
            plan = plan_products(project, category, drop, some, lora_digest)
            unused = _unused_photos(project, some, gathered)
            made = _cards(plan, some, files)
            _count(tally, made, len(some), cards_each, gathered)
            _coverage(project, plan, some, made, unused, gathered)
    return gathered


def _unused_photos(project: Project, rows: list[Row], gathered: Gathered) -> dict[str, str]:
    """Note photos that were not used; by SKU, why in words."""
    rules = screening_rules(project)
    keyed = [(row, row["photo_digests"][0], row["attributes"]["photos"][0]) for row in rows]
    screenings = project.ledger.by_keys(source_photo, (screening_key(photo, name, rules) for _, photo, name in keyed if photo))
    cuts = cutouts_of(project, (photo for _, photo, _ in keyed if photo))
    found = []
    for row, photo, name in keyed:
        screened = screenings.get(screening_key(photo, name, rules)) if photo else None
        if photo and screened is None:
            continue
        reasons = _why_unused(name, screened, cuts.get(photo) if photo else None, gathered)
        if reasons:
            thumbnail = screened["thumbnail_digest"] if screened else None
            found.append(Unused(row["sku"], name, row["attributes"]["title"], reasons, thumbnail))
    gathered.quarantined += len(found)
    gathered.unused = heapq.nsmallest(QUARANTINED_SHOWN, [*gathered.unused, *found], key=lambda photo: photo[:2])
    return {photo.sku: photo.reasons[0].message for photo in found}


def _why_unused(name: str, screened: Row | None, cut: Row | None, gathered: Gathered) -> tuple[Reason, ...]:
    if screened is None:
        return (Reason(code="photo_missing", message=f"The photo folder has no readable file {name}."),)
    if not screened["accepted"]:
        return tuple(Reason(**reason) for reason in screened["reasons"] if reason["severity"] == "critical")
    if cut is None or cut["accepted"]:
        return ()
    gathered.cutouts_doubtful += 1
    words = f"The product cannot be told from its background with confidence ({', '.join(cut['reasons'])})."
    return (Reason(code="cutout_doubtful", message=words, measured=round(cut["confidence"], 2), required=">= 0.50"),)


def _cards(plan: CellPlan, rows: list[Row], files: Mapping[Picture, str]) -> list[Card]:
    titles = {row["sku"]: row["attributes"]["title"] for row in rows}
    judged = ((wanted, *plan.judged.get(wanted.render_key, (None, None))) for wanted in plan.wanted)
    return [
        _card(wanted, titles[wanted.variant.sku], made, verdict, files) for wanted, made, verdict in judged if made is not None and verdict is not None
    ]  # fmt: skip


def _card(wanted: WantedRender, title: str, made: Row, judged: Row, files: Mapping[Picture, str]) -> Card:
    variant, verdict = wanted.variant, Verdict(judged["verdict"])
    return Card(
        rank=_WORST_FIRST[verdict],
        index=variant.index,
        recipe=variant.recipe,
        sku=variant.sku,
        title=title,
        recipe_title=wanted.recipe.title,
        source_type=wanted.recipe.digital_source_type,
        render_digest=made["render_digest"],
        verdict=verdict,
        reasons=tuple(Reason(**reason) for reason in judged["reasons"]),
        file=files.get((variant.sku, variant.recipe, variant.index)),
    )


def _count(tally: CategoryTally, made: Sequence[Card], products: int, cards_each: int, gathered: Gathered) -> None:
    gathered.products += products
    tally.products += products
    tally.verdicts.update(card.verdict for card in made)
    tally.cards = heapq.nsmallest(cards_each, [*tally.cards, *made], key=lambda card: card[:4])
    for card in made:
        gathered.recipes.add(card.recipe, card.recipe_title, card.verdict, card.reasons)


def _coverage(project: Project, plan: CellPlan, rows: list[Row], made: list[Card], unused: dict[str, str], gathered: Gathered) -> None:
    from publishing.report_data import CoverageRow

    refused = project.ledger.by_keys(refused_render, (wanted.render_key for wanted in plan.wanted))
    gathered.renders_refused += len(refused)
    messages = {(row["sku"], row["recipe"]): row["why"] for row in plan.refused if "recipe" in row}
    messages |= {(row["sku"], row["recipe"]): row["message"] for row in refused.values()}
    published = {(card.sku, card.recipe) for card in made if card.file}
    best: dict[tuple[str, str], Card] = {}
    for card in sorted(made, key=lambda card: -card.rank):
        best.setdefault((card.sku, card.recipe), card)
    gaps, covered = list[CoverageRow](), list[CoverageRow]()
    for row in rows:
        sku = row["sku"]
        cells = tuple(
            _state(recipe.name, best.get((sku, recipe.name)), (sku, recipe.name) in published, messages.get((sku, recipe.name)) or unused.get(sku))
            for recipe in project.recipes
        )  # fmt: skip
        listed = CoverageRow(sku=sku, title=row["attributes"]["title"], category=row["category"], cells=cells)
        (covered if all(cell.state == "published" for cell in cells) else gaps).append(listed)
    gathered.complete += len(covered)
    for kept, new in ((gathered.gaps, gaps), (gathered.covered, covered)):
        kept.extend(new[: max(0, COVERAGE_SHOWN - len(kept))])


def _state(recipe: str, best: Card | None, is_published: bool, why: str | None) -> "CoverageCell":
    from publishing.report_data import CoverageCell

    if best is None:
        return CoverageCell(recipe=recipe, state="missing", why=why or "not made yet")
    if is_published:
        return CoverageCell(recipe=recipe, state="published")
    return CoverageCell(recipe=recipe, state=best.verdict.value, why=best.reasons[0].message if best.reasons else "")
