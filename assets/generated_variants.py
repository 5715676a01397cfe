"""The renders of a cell: planned, drawn in shards, committed as one manifest.

`plan_shards -> .map(render_shard) -> .collect -> commit_manifest`, one map level only: chained maps lose steps after a pod loss.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import dagster as dg

from assets.attempts import forget
from assets.cell_lease import under_lease
from assets.cell_manifest import commit_cell
from assets.house_rules import OWNERS, SPOT_RETRIES, reasons_table, rows_table, sheet_metadata
from assets.observed import observed
from assets.own_models import unusable
from assets.partitions import ONE_CELL, cells, lora_of_cell, split_cell
from assets.planning import CellPlan, WantedRender, plan_cell
from assets.shard_drawing import attempt_of, render_groups
from catalog.failpoint import failpoint
from resources.ledger import Row
from resources.ledger_tables import refused_render, render
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.tallies import saw


def groups_of(wanted: Sequence[WantedRender]) -> list[list[WantedRender]]:
    """Renders by product and recipe, in the order of their variants; a group's renders are recorded together."""
    ordered = sorted(wanted, key=lambda w: (w.recipe.engine, w.variant.recipe, w.variant.sku, w.variant.index))
    return [list(group) for _, group in groupby(ordered, key=lambda w: (w.recipe.engine, w.variant.recipe, w.variant.sku))]


def unfinished_groups(project: Project, plan: CellPlan, keys: Collection[str] | None = None) -> list[list[WantedRender]]:
    """Groups with at least one render that is not in the ledger, or whose blob is gone; with `keys`, of groups that begin with one of them."""
    groups = [group for group in groups_of(plan.wanted) if keys is None or group[0].render_key in keys]
    missing = {w.render_key for w in plan.to_render}
    made = project.ledger.by_keys(render, (w.render_key for group in groups for w in group if w.render_key not in missing))
    gone = project.store.missing(row["render_digest"] for row in made.values())
    missing |= {key for key, row in made.items() if row["render_digest"] in gone}
    return [group for group in groups if any(w.render_key in missing for w in group)]


def shards_of(groups: Sequence[list[WantedRender]], shard_images: int) -> Iterator[list[list[WantedRender]]]:
    """Groups packed into shards of at most `shard_images` images; a group is never cut."""
    shard: list[list[WantedRender]] = []
    for group in groups:
        if shard and sum(map(len, shard)) + len(group) > shard_images:
            yield shard
            shard = []
        shard.append(group)
    if shard:
        yield shard


def commit_renders(project: Project, category: str, drop: str) -> tuple[str, list[Row], CellPlan]:
    """Write the cell's manifest, naming every render that exists now; return its key, its rows and the plan as it stands."""
    plan = plan_cell(project, category, drop)
    made = project.ledger.by_keys(render, (w.render_key for w in plan.wanted))
    rows = [made[w.render_key] for w in plan.wanted if w.render_key in made]
    named = ("render_key", "sku", "recipe", "idx", "render_digest", "cutout_digest", "lora_digest")
    failpoint("render.before_manifest")
    key = commit_cell(project, "renders", category, drop, {"renders": [{name: row[name] for name in named} for row in rows]})
    failpoint("render.committed")
    open_ones = {w.render_key for w in plan.to_render}
    forget(project, *(attempt_of([w]) for w in plan.wanted if w.render_key not in open_ones))  # of workers killed just before forgetting
    return key, rows, plan


def render_sheet(project: Project, rows: Sequence[Row]) -> bytes | None:
    """A contact sheet of a cell's renders, at most 16; None when there is none."""
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.storage_format import decode_rgb

    step = max(1, len(rows) // 16)
    tiles = [
        Tile(pixels_HW3=decode_rgb(project.store.get(row["render_digest"])), label=f"{row['sku']}\n{row['recipe']} {row['idx']}")
        for row in rows[::step][:16]
    ]
    return contact_sheet(tiles, columns=4, tile_px=160) if tiles else None


@dg.op(
    ins={"cutouts": dg.In(dg.Nothing), "lora": dg.In(dg.Nothing), "brand": dg.In(dg.Nothing)},
    out=dg.DynamicOut(list),
    description="What the cell still needs, cut into shards of whole groups.",
)
@under_lease()
@observed
def plan_shards(context: dg.OpExecutionContext, vitrine: VitrineResource):  # noqa: ANN201 - dagster infers from the out
    """Plan the cell and hand out shards: lists of render keys."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    plan = plan_cell(project, category, drop)
    groups = [g for g in unfinished_groups(project, plan) if project.run.covers(g[0].variant.recipe)]
    made = Counter(w.variant.recipe for w in plan.wanted if project.run.covers(w.variant.recipe))
    made.subtract(Counter(w.variant.recipe for group in groups for w in group))
    for recipe, count in made.items():
        saw("render", "found", recipe=recipe, count=count)
    context.log.info(f"{category}|{drop}: {sum(map(len, groups))} renders to make in {len(groups)} groups")
    for number, shard in enumerate(shards_of(groups, project.settings.generation.shard_images)):
        yield dg.DynamicOutput([w.render_key for group in shard for w in group], mapping_key=f"shard_{number:04d}")


@dg.op(pool="gpu-infer", retry_policy=SPOT_RETRIES, description="One model load, one LoRA, up to 512 images; skips what exists.")
@preemptible
@under_lease(shared=True)
@observed
def render_shard(context: dg.OpExecutionContext, vitrine: VitrineResource, keys: list) -> dict:
    """Draw one shard's renders that are still missing."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    mine = set(keys)
    groups = unfinished_groups(project, plan_cell(project, category, drop), mine)
    return render_groups(project, category, drop, groups, context.log.info)


def _unusable(project: Project, shards: Sequence[Row]) -> Row:
    """Recipes that were left out because the model that they alone need cannot be used, and why; nothing where there are none."""
    found = {recipe.name: str(error) for recipe in project.recipes if (error := unusable(project, recipe))}
    for shard in shards:
        found |= shard.get("unusable", {})
    rows = [{"recipe": recipe, "why": why} for recipe, why in sorted(found.items())]
    return {"recipes_not_made": rows_table(rows, ("recipe", "why"))} if rows else {}


@dg.op(description="Name every render of the cell in a manifest, written last.")
@preemptible
@under_lease()
@observed
def commit_manifest(context: dg.OpExecutionContext, vitrine: VitrineResource, shards: list) -> dg.Output[str]:
    """Commit the cell: its manifest is the data version downstream assets see."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    key, rows, plan = commit_renders(project, category, drop)
    refused = project.ledger.by_keys(refused_render, (w.render_key for w in plan.wanted))
    return dg.Output(
        key,
        data_version=dg.DataVersion(key),
        metadata={
            "renders": len(rows),
            "rendered_now": sum(shard["rendered"] for shard in shards),
            "refused_by_recipe": len(refused),
            "seconds_per_render": round(sum(row["seconds"] for row in rows) / len(rows), 2) if rows else 0.0,
            **sheet_metadata(render_sheet(project, rows)),
            **_unusable(project, shards),
            "still_missing": reasons_table(plan.why),
        },
    )


@dg.graph_asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    group_name="generation",
    owners=OWNERS,
    kinds={"pytorch", "opencv"},
    code_version="1",
    ins={
        "cutouts": dg.AssetIn("cutouts", dagster_type=dg.Nothing),
        "lora": dg.AssetIn("category_lora", partition_mapping=lora_of_cell, dagster_type=dg.Nothing),
        "brand": dg.AssetIn("brand_kit", dagster_type=dg.Nothing),
    },
)
def generated_variants(cutouts, lora, brand):  # noqa: ANN001, ANN201 - graph inputs carry no data
    """Every recipe's renders for every product of the cell, made once per render key; only what is missing is drawn.

    Staged scenes are drawn with the category's LoRA in use; the product's own pixels are put back untouched at full resolution.
    """
    return commit_manifest(plan_shards(cutouts=cutouts, lora=lora, brand=brand).map(render_shard).collect())
