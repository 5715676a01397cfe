"""The catalog report's section of looks: of each category the LoRA in use, how it came into use, and a newer one that is not.

Where none is in use, the newest one is shown as what it is. What became of pictures by LoRA is in `yield_counts.py`.
"""

from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assets.lora_use import BY_PERSON, Use, contests_of, loras_of, uses_of
from assets.planning import promoted_lora
from catalog.sentences import clause, sentence
from resources.ledger import Row
from resources.ledger_tables import lora
from resources.project import Project

if TYPE_CHECKING:
    from imaging.encode import Pixels
    from publishing.report_data import LoraReport
    from publishing.thumbnails import ThumbnailFolder


def lora_reports(project: Project, thumbnails: "ThumbnailFolder") -> "tuple[LoraReport, ...]":
    """One section per category that has a LoRA, trained or imported."""
    query = sa.select(lora.c.category).distinct().order_by(lora.c.category)
    return tuple(_report(project, row["category"], thumbnails) for row in project.ledger.rows(query))


def _report(project: Project, category: str, thumbnails: "ThumbnailFolder") -> "LoraReport":
    from publishing.report_data import CurvePoint, LoraReport

    rows, in_use = loras_of(project, category), promoted_lora(project, category)
    shown = rows[0] if in_use is None else in_use
    reasons = {contest["challenger_key"]: contest["reason"] for contest in reversed(contests_of(project, category))}
    uses, facts, style = uses_of(project, category), shown["facts"], project.brand_kit.categories.get(category)
    origin, sheet = facts.get("origin"), facts.get("sample_sheet_digest")
    return LoraReport(
        category=category,
        title=(style.title if style else "") or category,
        trigger=style.trigger if style else "",
        digest=shown["lora_digest"],
        in_use=in_use is not None,
        note=sentence(_decision(shown, reasons)) if in_use is None else _how_it_came_into_use(shown, uses[-1]),
        challenger="" if in_use is None else _challenger(rows, in_use, uses, reasons),
        imported="" if origin is None else f"Imported from {origin['file']} by {origin['by']}, under {sentence(origin['license'])}",
        training_pictures=facts.get("pictures", 0),
        steps=facts.get("steps", 0),
        train_seconds=shown["seconds"],
        palette_nearer_pct=facts.get("palette_nearer_pct"),
        layout_nearer_pct=facts.get("layout_nearer_pct"),
        validation_curve=tuple(CurvePoint(step=int(step), loss=float(loss)) for step, loss in facts.get("validation_curve", ())),
        sheet=thumbnails.add(sheet, partial(_sheet, project, sheet), long_side_px=1024) if sheet and project.store.has(sheet) else None,
    )


def _sheet(project: Project, digest: str) -> "Pixels":
    from imaging.encode import decode

    return decode(project.store.get(digest))


def _decision(row: Row, reasons: dict[str, str]) -> str:
    return reasons.get(row["key"]) or row["facts"].get("decision", "")


def _how_it_came_into_use(row: Row, use: Use) -> str:
    """Why this one: what a person said goes before what its contest or training told long ago."""
    if use.how in BY_PERSON:
        done = "Promoted" if use.how == "promote" else "Rolled back to"
        return f"{done} by {use.by} on {use.at:%Y-%m-%d}: {clause(use.because)}."
    if use.how == "returned":
        return f"Came back with its look on {use.at:%Y-%m-%d}."
    return sentence(use.because or row["facts"].get("decision", ""))


def _challenger(rows: list[Row], in_use: Row, uses: list[Use], reasons: dict[str, str]) -> str:
    """The newest LoRA of the same base model that is newer than the one in use, and why it is not in its place; '' when there is none."""
    mine = [row for row in rows if row["base_model_digest"] == in_use["base_model_digest"] and row["lora_digest"] != in_use["lora_digest"]]
    newer = next((row for row in mine if row["made_at"] > in_use["made_at"]), None)
    if newer is None:
        return ""
    came = "imported" if "origin" in newer["facts"] else "trained"
    was = any(use.key == newer["key"] for use in uses)
    why = "it was in use before" if was else clause(_decision(newer, reasons))
    return f"LoRA {newer['lora_digest'][:12]}, {came} on {newer['made_at']:%Y-%m-%d}, is newer and not in use{f': {why}' if why else ''}."
