"""What is wanted and what is missing: compares the ledger with what products, recipes, LoRAs and rules ask for.

Reads no pixels and imports no model library, so that a plan is cheap. Doing the work is the assets' part.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from assets.decisions import decided, decisions_on
from assets.further_photos import further_named
from assets.new_seeds import AskedSeed, VariantName, asked_seeds
from assets.own_models import unusable
from assets.photo_keys import cutouts_of, further_key, screening_key, screening_rules
from assets.render_keys import key_of_render
from catalog.errors import LicenseNotCleared, ModelError, RenderError
from catalog.keys import gate_key
from catalog.photo_roles import MASKS, FurtherPhoto, PhotoRole
from catalog.product import Product
from catalog.recipe import Recipe
from catalog.variant import Variant
from generation.kinds import wears_lora
from generation.resolve import resolve, variant_count
from quality.rules import RuleSet, read_rules
from resources.ledger import Row
from resources.ledger_tables import judgment, lora, lora_choice, lora_return, paused, product, refused_render, render, source_photo
from resources.project import Project


@dataclass(frozen=True, kw_only=True)
class WantedRender:
    """One render that should exist, with everything its key was made of."""

    variant: Variant
    product: Product
    render_key: str
    resolved: dict[str, Any]
    recipe: Recipe
    photo_digest: str
    cutout_digest: str
    lora_digest: str | None
    why: str = ""
    """Why it is to be rendered, if it is; '' when there is nothing to say about it in particular."""

    @property
    def category(self) -> str:
        """The product's category."""
        return self.product.category

    @property
    def named(self) -> Row:
        """What names the render in a row of the ledger, made or refused."""
        variant = self.variant
        return {
            "render_key": self.render_key,
            "sku": variant.sku,
            "category": self.category,
            "recipe": variant.recipe,
            "idx": variant.index,
        }


@dataclass(kw_only=True)
class CellPlan:
    """What one cell still needs, counted, and why."""

    category: str
    drop: str
    lora_digest: str | None = None
    """The LoRA that the wanted scenes are drawn with; None: there is none, or no recipe draws."""
    rows: list[Row] = field(default_factory=list)
    """The products that were planned."""
    photos_to_screen: list[Row] = field(default_factory=list)
    cutouts_to_make: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    wanted: list[WantedRender] = field(default_factory=list)
    to_render: list[WantedRender] = field(default_factory=list)
    to_judge: list[WantedRender] = field(default_factory=list)
    """Renders that exist and have no verdict by the present rules."""
    renders_to_come: Counter[str] = field(default_factory=Counter)
    """Renders by recipe of products whose photo is not screened or cut out yet, if every photo is good."""
    judged: dict[str, tuple[Row, Row | None]] = field(default_factory=dict)
    """For each wanted render that exists: its row, and its judgment by the present rules and measurements (None: not judged)."""
    why: Counter[str] = field(default_factory=Counter)
    kept: set[tuple[str, str]] = field(default_factory=set)
    """Products and recipes of which nothing can be said today, for the recipe's model cannot be used: what is published of them stays."""


NO_LORA = "no LoRA for {category} yet"
NO_MODEL = "its own model cannot be used"
NOT_RENDERED = "not rendered with today's photo, recipe, LoRA and engine"
NEW_SEED_ASKED = "a reviewer asked for a new seed"
NOT_JUDGED = "not judged by the present rules"

NO_PICTURE_FROM = frozenset({"photo_missing", "photo", "cutout"})
"""Why a product is refused as a whole; other reasons are a recipe's, and the product's other recipes go on."""

NOT_PAUSED = product.c.sku.not_in(sa.select(paused.c.sku))
"""What a pilot leaves out is neither made nor taken back; see docs/decisions/0004-sources-and-pilot.md."""


def known_cells(project: Project, categories: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """All cells that hold products of the pilot, withdrawn ones too (what they published must be taken back), oldest drop first per category."""
    query = sa.select(product.c.category, product.c.drop).where(NOT_PAUSED).distinct()
    cells = [(row["category"], row["drop"]) for row in project.ledger.rows(query.order_by(product.c.category, product.c.drop))]
    chosen = None if categories is None else set(categories)
    return [cell for cell in cells if chosen is None or cell[0] in chosen]


def products_of_cell(project: Project, category: str, drop: str) -> list[Row]:
    """Active products of one cell, by SKU; without those outside the pilot."""
    query = sa.select(product).where(product.c.category == category, product.c.drop == drop, product.c.active, NOT_PAUSED)
    return project.ledger.rows(query.order_by(product.c.sku))


def skus_of_cell(project: Project, category: str, drop: str) -> list[str]:
    """SKUs of one cell, withdrawn ones too: those a publication of the cell speaks for. Not those outside the pilot."""
    query = sa.select(product.c.sku).where(product.c.category == category, product.c.drop == drop, NOT_PAUSED)
    return [row["sku"] for row in project.ledger.rows(query.order_by(product.c.sku))]


def promoted_lora(project: Project, category: str) -> Row | None:
    """The LoRA in use for a category: of those for the present base model, the one last taken into use.

    Taken into use is what won its training's contest, what returned with its look, and what a person chose (`lora_use.py`).
    """
    return project.ledger.one(in_use_query(project, category))


def in_use_query(project: Project, category: str) -> sa.Select[Any]:
    """The query of `promoted_lora`, with `taken_at`, for whoever asks within a transaction."""
    mine = (lora.c.category == category, lora.c.base_model_digest == project.training_model_digest)
    taken = sa.union_all(
        sa.select(lora.c.key, lora.c.made_at.label("at")).where(*mine, lora.c.promoted),
        sa.select(lora.c.key, lora_return.c.at).join(lora_return, lora_return.c.lora_key == lora.c.key).where(*mine),
        sa.select(lora.c.key, lora_choice.c.at).join(lora_choice, lora_choice.c.lora_key == lora.c.key).where(*mine),
    ).subquery()
    newest_first = (taken.c.at.desc(), lora.c.key.desc())
    return sa.select(lora, taken.c.at.label("taken_at")).join(taken, taken.c.key == lora.c.key).order_by(*newest_first).limit(1)


def lora_in_use(project: Project, category: str) -> str | None:
    """Digest of the LoRA that a category's scenes are drawn with; None when no recipe draws or there is none yet."""
    row = promoted_lora(project, category) if any(wears_lora(recipe) for recipe in project.recipes) else None
    return row["lora_digest"] if row else None


def plan_cell(project: Project, category: str, drop: str) -> CellPlan:
    """What one cell still needs. Products whose photo is not screened or cut out yet have no wanted renders so far."""
    return plan_products(project, category, drop, products_of_cell(project, category, drop), lora_in_use(project, category))


def plan_products(project: Project, category: str, drop: str, rows: list[Row], lora_digest: str | None) -> CellPlan:
    """What some active products of one cell still need, their scenes drawn with a LoRA (None: those wait for one)."""
    plan = CellPlan(category=category, drop=drop, lora_digest=lora_digest, rows=rows)
    ready = _ready_products(project, rows, plan)
    asked = asked_seeds(project, (row["sku"] for row, _, _ in ready))
    for row, cutout_row, further in ready:
        for recipe in project.recipes:
            if wears_lora(recipe) and lora_digest is None:
                item = Product.model_validate(row["attributes"])
                plan.why[f"{recipe.name}: {NO_LORA.format(category=category)}"] += variants_of(project, recipe, item)
                continue
            if error := unusable(project, recipe):
                _refuse_for_its_model(project, plan, row, recipe, error)
                continue
            try:
                plan.wanted += _wanted(project, plan, row, cutout_row, further, recipe, asked)
            except RenderError as refusal:
                plan.refused.append({**row, "recipe": recipe.name, "why": str(refusal)})
    _compare_with_ledger(project, plan)
    return plan


def _refuse_for_its_model(project: Project, plan: CellPlan, row: Row, recipe: Recipe, error: ModelError) -> None:
    plan.refused.append({**row, "recipe": recipe.name, "why": str(error)})
    plan.why[f"{recipe.name}: {NO_MODEL}"] += variants_of(project, recipe, Product.model_validate(row["attributes"]))
    if not isinstance(error, LicenseNotCleared):  # a folder that is away today is no reason to empty a shop window, a license is
        plan.kept.add((row["sku"], recipe.name))


Further = dict[PhotoRole, FurtherPhoto]


def _ready_products(project: Project, rows: list[Row], plan: CellPlan) -> list[tuple[Row, Row, Further]]:
    rules = screening_rules(project)
    keyed = [(row, row["photo_digests"][0], row["attributes"]["photos"][0]) for row in rows]
    others = {row["sku"]: further_named(project, row) for row in rows}
    beside = [(role, d, name) for named in others.values() for role, (d, name) in named.items()]
    screened = project.ledger.by_keys(
        source_photo,
        [*(screening_key(d, name, rules) for _, d, name in keyed if d), *(further_key(role, d, name, rules) for role, d, name in beside)],
    )
    cut = cutouts_of(project, [*(d for _, d, _ in keyed if d), *(d for role, d, _ in beside if role not in MASKS)])
    ready = []
    for row, photo_digest, name in keyed:
        if photo_digest is None:
            plan.refused.append({**row, "why": "photo_missing"})
            continue
        photo = screened.get(screening_key(photo_digest, name, rules))
        cut_row = cut.get(photo_digest)
        named = {
            role: (d, screened.get(further_key(role, d, name, rules)), None if role in MASKS else cut.get(d))
            for role, (d, name) in others[row["sku"]].items()
        }
        if photo is None or (photo["accepted"] and any(seen is None for _, seen, _ in named.values())):
            plan.photos_to_screen.append(row)
            plan.renders_to_come += _all_variants(project, row)
            plan.why["photo not screened yet"] += 1
        elif not photo["accepted"]:
            plan.refused.append({**row, "why": "photo"})
        elif cut_row is None or any(
            seen["accepted"] and other is None for role, (_, seen, other) in named.items() if seen and role not in MASKS
        ):
            plan.cutouts_to_make.append(row)
            plan.renders_to_come += _all_variants(project, row)
            plan.why["not cut out yet"] += 1
        elif not cut_row["accepted"]:
            plan.refused.append({**row, "why": "cutout"})
        else:
            ready.append((row, cut_row, {role: _further(*found) for role, found in named.items()}))
    return ready


def _further(photo_digest: str, screened: Row | None, cut_row: Row | None) -> FurtherPhoto:
    """A photo beside the main one, with what came of it: a cut-out that holds, or why it cannot be used."""
    assert screened is not None, "a product with a photo that is not screened is not ready"
    if not screened["accepted"]:
        return FurtherPhoto(photo_digest=photo_digest, refused=tuple(reason["code"] for reason in screened["reasons"]))
    if cut_row is None:
        return FurtherPhoto(photo_digest=photo_digest)
    if not cut_row["accepted"]:
        return FurtherPhoto(photo_digest=photo_digest, refused=tuple(cut_row["reasons"]))
    return FurtherPhoto(photo_digest=photo_digest, cutout_digest=cut_row["cutout_digest"])


def _all_variants(project: Project, row: Row) -> Counter[str]:
    item = Product.model_validate(row["attributes"])
    return Counter({recipe.name: variants_of(project, recipe, item) for recipe in project.recipes if not unusable(project, recipe)})


def variants_of(project: Project, recipe: Recipe, item: Product) -> int:
    """How many variants of a recipe a product gets; none where the brand kit lacks its category."""
    try:
        return variant_count(recipe, item, project.brand_kit)
    except RenderError:
        return 0  # the recipe refuses the product; the plan of a screened product says so


def _wanted(
    project: Project,
    plan: CellPlan,
    row: Row,
    cutout_row: Row,
    further: Further,
    recipe: Recipe,
    asked: Mapping[VariantName, AskedSeed],
) -> list[WantedRender]:
    """A recipe's renders of a product; a variant that cannot be is noted among the plan's refusals, and the others go on."""
    item = Product.model_validate(row["attributes"])
    wanted, refusals = [], dict[str, None]()
    for index in range(variant_count(recipe, item, project.brand_kit)):
        try:
            resolved = resolve(recipe, item, project.brand_kit, index, further, upscaler=project.upscaler)
        except RenderError as error:
            refusals[str(error)] = None
            continue
        seeded = asked.get((item.sku, recipe.name, index))
        variant = Variant(sku=item.sku, recipe=recipe.name, index=index, attempt=seeded.attempt if seeded else 0)
        wanted.append(_wanted_render(project, recipe, variant, item, resolved, cutout_row, plan.lora_digest, seeded))
    plan.refused += [{**row, "recipe": recipe.name, "why": why} for why in refusals]
    return wanted


def _wanted_render(
    project: Project,
    recipe: Recipe,
    variant: Variant,
    item: Product,
    resolved: dict[str, Any],
    cutout_row: Row,
    lora_digest: str | None,
    seeded: AskedSeed | None,
) -> WantedRender:
    photo = {name: cutout_row[name] for name in ("photo_digest", "cutout_digest")}

    def key(seed: int) -> str:
        return key_of_render(project, recipe, resolved, **photo, index=variant.index, seed=seed, lora_digest=lora_digest)

    why = ""
    if seeded is not None:  # nothing but its seed is another, as far as the picture that was looked at tells
        before = (key(replace(variant, attempt=number).seed) for number in range(seeded.attempt))
        why = NEW_SEED_ASKED if seeded.row["render_key"] in before else ""
    return WantedRender(
        variant=variant,
        product=item,
        render_key=key(variant.seed),
        resolved=resolved,
        recipe=recipe,
        lora_digest=lora_digest if wears_lora(recipe) else None,
        why=why,
        **photo,
    )


def _compare_with_ledger(project: Project, plan: CellPlan) -> None:
    plan.judged = current_judgments(project, plan)
    refused = project.ledger.by_keys(refused_render, (w.render_key for w in plan.wanted if w.render_key not in plan.judged))
    plan.to_render = [w for w in plan.wanted if w.render_key not in plan.judged and w.render_key not in refused]
    for wanted in plan.to_render:
        plan.why[f"{wanted.variant.recipe}: {wanted.why or NOT_RENDERED}"] += 1
    plan.to_judge = [w for w in plan.wanted if w.render_key in plan.judged and plan.judged[w.render_key][1] is None]
    if plan.to_judge:
        plan.why[NOT_JUDGED] += len(plan.to_judge)


def rules_in_force(project: Project, recipe: Recipe) -> RuleSet:
    """The rules a recipe's renders are held to now: the pack of the recipe or of its kind, with the brand's own bounds."""
    if recipe.name not in project.rule_sets:
        rules = read_rules(recipe.name, project.brand_kit, kind=recipe.kind, gate=recipe.gate)
        project.rule_sets[recipe.name] = rules if project.weights is None else replace(rules, measured_with=project.weights.digest)
    return project.rule_sets[recipe.name]


def gate_inputs(project: Project, recipe: Recipe, item: Product | None = None) -> dict[str, Any]:
    """What a recipe's renders are judged by now, as it enters the gate key; with a product its size, too, where a rule asks for it."""
    rules = rules_in_force(project, recipe)
    size = {} if item is None or not rules.asks_for_size else {"size_cm": item.size_cm}
    return {"rules_digest": rules.digest, "measurement_version": project.measurement_version, **size}


def gate_of(project: Project, wanted: WantedRender, render_digest: str) -> str:
    """The gate key of a wanted render's picture by the present rules, and by its product's size of today."""
    return gate_key(render_digest=render_digest, **gate_inputs(project, wanted.recipe, wanted.product))


def current_judgments(project: Project, plan: CellPlan) -> dict[str, tuple[Row, Row | None]]:
    """For each wanted render that exists: its row, and its judgment by the present rules and measurements (None: not judged).

    A person's decision about the same picture of the same product stands in place of the gate's verdict, see `decisions.py`.
    """
    made = project.ledger.by_keys(render, (w.render_key for w in plan.wanted))
    gates = {w.render_key: gate_of(project, w, made[w.render_key]["render_digest"]) for w in plan.wanted if w.render_key in made}
    judged = project.ledger.by_keys(judgment, gates.values())
    people = decisions_on(project, (made[key]["sku"] for key in gates))
    return {key: (made[key], decided(judged.get(gate), people, made[key])) for key, gate in gates.items()}
