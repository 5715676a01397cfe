"""What the catalog report shows, gathered from the ledger: every product of every cell, with its photo, renders and verdicts.

How it looks is `publishing/report.py`; the asset is `catalog_report.py`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from assets.planning import (
    CellPlan,
    current_judgments,
    cutout_key,
    known_cells,
    plan_cell,
    products_of_cell,
    screening_key,
    screening_rules,
)
from assets.published_place import Shown, published_href
from catalog.verdict import Reason, Verdict
from resources.ledger import Row
from resources.ledger_tables import cutout, lora, refused_render, source_photo
from resources.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from imaging.encode import Pixels
    from publishing.manifest import Manifest
    from publishing.report_data import CategoryReport, CoverageRow, LoraReport, QuarantinedPhoto, RenderCard
    from publishing.thumbnails import ThumbnailFolder

CARDS_PER_CATEGORY = 60
"""Renders shown per category: worst verdicts first, then spread over the products; counts are of everything."""


@dataclass(kw_only=True)
class Gathered:
    """Everything the report is made of."""

    products: int = 0
    photos: int = 0
    cutouts_doubtful: int = 0
    renders_refused: int = 0
    quarantined: list["QuarantinedPhoto"] = field(default_factory=list)
    cards: dict[str, list["RenderCard"]] = field(default_factory=dict)
    coverage: list["CoverageRow"] = field(default_factory=list)


def gather(project: Project, thumbnails: "ThumbnailFolder", shown: Shown) -> Gathered:
    """All rows of the report; thumbnails are made for renders and photos that are shown."""
    gathered = Gathered()
    for category, drop in known_cells(project):
        plan = plan_cell(project, category, drop)
        rows = products_of_cell(project, category, drop)
        manifest = shown.of_cell(category, drop)
        gathered.products += len(rows)
        gathered.photos += len(rows)
        _photos(project, rows, thumbnails, gathered)
        cards = _cards(project, plan, rows, thumbnails, manifest)
        gathered.cards.setdefault(category, []).extend(cards)
        _coverage(project, plan, rows, cards, manifest, gathered)
    return gathered


def _photos(project: Project, rows: list[Row], thumbnails: "ThumbnailFolder", gathered: Gathered) -> None:
    from imaging.storage_format import decode_rgb
    from publishing.report_data import QuarantinedPhoto

    rules = screening_rules(project)
    for row in rows:
        name, photo_digest = row["attributes"]["photos"][0], row["photo_digests"][0]
        reasons: tuple[Reason, ...] = ()
        small = None
        if photo_digest is None:
            reasons = (Reason(code="photo_missing", message=f"The photo folder has no readable file {name}."),)
        else:
            key = screening_key(photo_digest, name, rules)
            screened = project.ledger.by_keys(source_photo, [key]).get(key)
            if screened is None:
                continue
            if screened["thumbnail_digest"]:
                load = partial(_load, project, screened["thumbnail_digest"], decode_rgb)
                small = thumbnails.add(screened["thumbnail_digest"], load, long_side_px=256)
            if not screened["accepted"]:
                reasons = tuple(Reason(**reason) for reason in screened["reasons"] if reason["severity"] == "critical")
            else:
                cut_key = cutout_key(photo_digest)
                cut = project.ledger.by_keys(cutout, [cut_key]).get(cut_key)
                if cut is not None and not cut["accepted"]:
                    gathered.cutouts_doubtful += 1
                    words = f"The product cannot be told from its background with confidence ({', '.join(cut['reasons'])})."
                    reasons = (Reason(code="cutout_doubtful", message=words, measured=round(cut["confidence"], 2), required=">= 0.50"),)
        if reasons:
            title = row["attributes"]["title"]
            gathered.quarantined.append(
                QuarantinedPhoto(file_name=name, sku=row["sku"], product_title=title, reasons=reasons, thumbnail=small)
            )


def _load(project: Project, blob: str, decode: "Callable[[bytes], Pixels]") -> "Pixels":
    return decode(project.store.get(blob))


def _cards(project: Project, plan: CellPlan, rows: list[Row], thumbnails: "ThumbnailFolder", manifest: "Manifest") -> list["RenderCard"]:
    from imaging.storage_format import decode_rgb
    from publishing.report_data import RenderCard

    titles = {row["sku"]: row["attributes"]["title"] for row in rows}
    published = {(i.sku, i.recipe, i.index): i.file for i in manifest.images.values()}
    home = published_href(project)
    judged = current_judgments(project, plan)
    cards = []
    for wanted in plan.wanted:
        render_row, verdict_row = judged.get(wanted.render_key, (None, None))
        if render_row is None or verdict_row is None:
            continue
        variant = wanted.variant
        file = published.get((variant.sku, variant.recipe, variant.index))
        load = partial(_load, project, render_row["render_digest"], decode_rgb)
        cards.append(
            RenderCard(
                sku=variant.sku,
                product_title=titles[variant.sku],
                recipe=variant.recipe,
                recipe_title=wanted.recipe.title,
                index=variant.index,
                verdict=Verdict(verdict_row["verdict"]),
                reasons=tuple(Reason(**reason) for reason in verdict_row["reasons"]),
                thumbnail=thumbnails.add(render_row["render_digest"], load),
                source_type=wanted.recipe.digital_source_type,
                full_href=f"{home}/{file}" if file and home else None,
                gallery_href=f"{home}/products/{wanted.category}/{variant.sku}/index.html" if file and home else None,
            )
        )
    return cards


def _coverage(
    project: Project, plan: CellPlan, rows: list[Row], cards: list["RenderCard"], manifest: "Manifest", gathered: Gathered
) -> None:
    from publishing.report_data import CoverageCell, CoverageRow

    published = {(i.sku, i.recipe) for i in manifest.images.values()}
    refused = project.ledger.by_keys(refused_render, (w.render_key for w in plan.wanted))
    gathered.renders_refused += len(refused)
    no_photo = {item.sku: item.reasons[0].message for item in gathered.quarantined}
    messages = {(row["sku"], row["recipe"]): row["message"] for row in refused.values()}
    rank = {Verdict.APPROVED: 0, Verdict.REVIEW: 1, Verdict.REJECTED: 2}
    made: dict[tuple[str, str], list[RenderCard]] = defaultdict(list)
    for card in sorted(cards, key=lambda c: rank[c.verdict]):
        made[card.sku, card.recipe].append(card)
    for row in rows:
        cells = []
        for recipe in project.recipes:
            mine = made[row["sku"], recipe.name]
            if (row["sku"], recipe.name) in published and mine:
                cells.append(CoverageCell(recipe=recipe.name, state="published"))
            elif mine:
                why = mine[0].reasons[0].message if mine[0].reasons else ""
                cells.append(CoverageCell(recipe=recipe.name, state=mine[0].verdict.value, why=why))
            else:
                why = messages.get((row["sku"], recipe.name)) or no_photo.get(row["sku"], "not made yet")
                cells.append(CoverageCell(recipe=recipe.name, state="missing", why=why))
        gathered.coverage.append(
            CoverageRow(sku=row["sku"], title=row["attributes"]["title"], category=row["category"], cells=tuple(cells))
        )


def category_reports(project: Project, gathered: Gathered) -> "tuple[CategoryReport, ...]":
    """One section per category: counts of everything, and the renders to show."""
    from publishing.report_data import CategoryReport

    reports = []
    for key, cards in sorted(gathered.cards.items()):
        counts = {verdict: sum(card.verdict == verdict for card in cards) for verdict in Verdict}
        order = {Verdict.REJECTED: 0, Verdict.REVIEW: 1, Verdict.APPROVED: 2}
        shown = sorted(cards, key=lambda c: (order[c.verdict], c.index, c.recipe, c.sku))[:CARDS_PER_CATEGORY]
        style = project.brand_kit.categories.get(key)
        reports.append(
            CategoryReport(
                key=key,
                title=(style.title if style else "") or key,
                products=sum(row.category == key for row in gathered.coverage),
                approved=counts[Verdict.APPROVED],
                review=counts[Verdict.REVIEW],
                rejected=counts[Verdict.REJECTED],
                cards=tuple(sorted(shown, key=lambda c: (c.sku, c.recipe, c.index))),
            )
        )
    return tuple(reports)


def lora_reports(project: Project, thumbnails: "ThumbnailFolder") -> "tuple[LoraReport, ...]":
    """One section per trained LoRA, newest of each category."""
    import sqlalchemy as sa

    from imaging.encode import decode
    from publishing.report_data import CurvePoint, LoraReport

    newest: dict[str, Row] = {}
    for row in project.ledger.rows(sa.select(lora).order_by(lora.c.made_at)):
        newest[row["category"]] = row
    reports = []
    for category, row in sorted(newest.items()):
        facts, style = row["facts"], project.brand_kit.categories.get(category)
        sheet = facts["sample_sheet_digest"]
        reports.append(
            LoraReport(
                category=category,
                title=(style.title if style else "") or category,
                trigger=style.trigger if style else "",
                promoted=row["promoted"],
                note=facts["decision"],
                training_pictures=facts["pictures"],
                steps=facts["steps"],
                train_seconds=row["seconds"],
                palette_nearer_pct=facts.get("palette_nearer_pct"),
                layout_nearer_pct=facts.get("layout_nearer_pct"),
                validation_curve=tuple(CurvePoint(step=int(step), loss=float(loss)) for step, loss in facts["validation_curve"]),
                sheet=thumbnails.add(sheet, partial(_load, project, sheet, decode), long_side_px=1024),
            )
        )
    return tuple(reports)
