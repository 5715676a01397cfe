"""The measurement table of cells: one row per render with what was measured and what became of it; a Parquet file per cell, and one of all.

A cell's file lies beside its gate page, under a name that stays; it is written when the verdicts stand and says which manifest it belongs to. The
ledger is the truth: the export of all cells reads it, not these files. Types and meanings are `quality/measurement_table.py`.
"""

import datetime as dt
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from assets.planning import CellPlan, WantedRender, known_cells, plan_cell
from assets.stored_measurements import known_measurements
from catalog.keys import gate_key
from catalog.preemption import stop_point
from quality.measurement_table import MEDIA_TYPE, WRITING, measurement_schema, measurement_table, parquet_bytes
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import OF_RENDERS, judgment, lora
from resources.project import Project
from resources.written_files import file_to_write


def measurement_rows(project: Project, plan: CellPlan, recipes: Collection[str] | None = None) -> list[dict[str, Any]]:
    """A row per render of a cell that is wanted and exists, of these recipes (None: all); as `measurement_table` takes them."""
    made = [w for w in plan.wanted if w.render_key in plan.judged and (recipes is None or w.variant.recipe in recipes)]
    keys = [wanted.render_key for wanted in made]
    measured, first, versions = known_measurements(project, keys), _first_judged(project, made), _lora_versions(project, plan.category)
    return [
        {
            **measured.get(wanted.render_key, {}),
            **_named(wanted, plan, plan.judged[wanted.render_key][0], versions),
            **_judged(plan.judged[wanted.render_key][1]),
            "measurement_version": project.measurement_version if wanted.render_key in measured else None,
            "measured_at": first.get(wanted.render_key) if wanted.render_key in measured else None,
        }
        for wanted in made
    ]


def _named(wanted: WantedRender, plan: CellPlan, made: Row, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "render_key": wanted.render_key,
        "render_id": wanted.variant.name,
        "sku": wanted.variant.sku,
        "category": plan.category,
        "drop": plan.drop,
        "recipe": wanted.variant.recipe,
        "idx": wanted.variant.index,
        "seed": wanted.variant.seed,
        "render_digest": made["render_digest"],
        "lora_digest": made["lora_digest"],
        "lora_version": versions.get(made["lora_digest"] or ""),
    }


def _judged(row: Row | None) -> dict[str, Any]:
    if row is None:
        return {}
    return {
        "rules_digest": row["rules_digest"],
        "gate_verdict": row.get("gate_verdict", row["verdict"]),
        "standing_verdict": row["verdict"],
        "reasons": [reason["code"] for reason in row["reasons"]],
    }


def _first_judged(project: Project, made: Sequence[WantedRender]) -> dict[str, dt.datetime]:
    """By render key, when the measurements of the present version were first judged, whatever the rules were then.

    The product's size counts as it is today or where no rule asked for it: judgments by another size are those of another product.
    """
    sizes = {wanted.render_key: wanted.product.size_cm for wanted in made}
    render_keys = list(sizes)
    names = ("gate_key", "render_key", "render_digest", "rules_digest", "judged_at")
    first: dict[str, dt.datetime] = {}
    for start in range(0, len(render_keys), QUERY_CHUNK):
        mine = judgment.c.render_key.in_(render_keys[start : start + QUERY_CHUNK])
        query = sa.select(*(judgment.c[name] for name in names)).where(mine, OF_RENDERS).order_by(judgment.c.judged_at)
        for row in project.ledger.rows(query):
            by = {
                "render_digest": row["render_digest"],
                "rules_digest": row["rules_digest"],
                "measurement_version": project.measurement_version,
            }
            if row["gate_key"] in (gate_key(**by), gate_key(**by, size_cm=sizes[row["render_key"]])):
                first.setdefault(row["render_key"], row["judged_at"])
    return first


def _lora_versions(project: Project, category: str) -> dict[str, str]:
    """Key of the training by digest of the LoRA; the first one where two trainings gave the same file."""
    query = sa.select(lora.c.key, lora.c.lora_digest).where(lora.c.category == category).order_by(lora.c.made_at.desc(), lora.c.key)
    return {row["lora_digest"]: row["key"] for row in project.ledger.rows(query)}


def keep_cell_table(project: Project, category: str, drop: str, rows: Sequence[dict[str, Any]], manifest_key: str) -> str:
    """Write a cell's table in place of the former one; where it is, as a path or `s3://` address.

    `rows` are `measurement_rows` of all its recipes. `manifest_key` names the verdicts it belongs to, and stands in the file's metadata: a reader can tell a table that a killed worker did not
    get to renew.
    """
    table = measurement_table(rows, measurement_schema(category=category, drop=drop, manifest=manifest_key))
    return project.store.put_page(f"measurements/{category}/{drop}.parquet", parquet_bytes(table), MEDIA_TYPE)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote: renders, cells with renders, renders without a verdict by the rules in force."""

    renders: int
    cells: int
    not_judged: int
    size_bytes: int

    def as_dict(self) -> dict[str, int]:
        """Plain data for JSON."""
        return asdict(self)


def export_measurements(
    project: Project, out: Path, categories: Collection[str] | None = None, recipes: Collection[str] | None = None
) -> Exported:
    """Write the measurements of all cells into one Parquet file, a row group per cell, holding one cell at a time.

    The file appears whole or not at all. Raises SettingsError when it cannot lie there.
    """
    import pyarrow.parquet as pq

    file_to_write(out)
    part, schema = out.with_name(f".{out.name}.{os.getpid()}.part"), measurement_schema()
    renders = cells = not_judged = 0
    try:
        with pq.ParquetWriter(part, schema, **WRITING) as writer:
            for category, drop in known_cells(project, categories):
                stop_point()
                rows = measurement_rows(project, plan_cell(project, category, drop), recipes)
                if not rows:
                    continue
                writer.write_table(measurement_table(rows, schema), row_group_size=len(rows))
                renders, cells = renders + len(rows), cells + 1
                not_judged += sum("gate_verdict" not in row for row in rows)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return Exported(renders=renders, cells=cells, not_judged=not_judged, size_bytes=out.stat().st_size)
