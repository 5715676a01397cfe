"""The judged renders of a cell: measured once, judged by the present rules, verdicts with reasons, rejected ones quarantined.

Carries `brand_gate`, the partitioned blocking check that publishing waits for.
"""

import importlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.attempts import CRASHES, CrashedItem, counted, forget
from assets.brand_kit import brand_kit
from assets.cell_lease import under_lease
from assets.cell_manifest import commit_cell
from assets.cutouts import read_cutout, read_upright_photo
from assets.decisions import decided, decisions_on
from assets.expectation import expectation_of
from assets.generated_variants import generated_variants
from assets.house_rules import OWNERS, reasons_table, rows_table, sheet_metadata
from assets.measurement_rows import keep_cell_table, measurement_rows
from assets.number_values import plotted, total_of
from assets.observed import observed
from assets.partitions import ONE_CELL, cells, split_cell
from assets.planning import WantedRender, gate_of, plan_cell, rules_in_force
from assets.settled import announce
from assets.stored_measurements import known_measurements
from assets.yield_counts import cell_yields
from catalog.failpoint import failpoint
from catalog.placement import Placement
from catalog.preemption import stop_point
from catalog.verdict import Reason, Verdict
from quality.rules import RuleSet
from resources.costs import CostClock, clocked
from resources.ledger import Row
from resources.ledger_tables import judgment, measurement, render
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.settings import utc_now
from resources.tallies import because, saw

if TYPE_CHECKING:
    import numpy as np

    from quality.gate import Judgment
    from quality.measurements import RenderEvidence


def judge_cell(project: Project, category: str, drop: str) -> list[Row]:
    """Judge every render of a cell by the present rules; return one row per wanted and existing render with its verdict.

    Measures only what was not measured by the present measurement version: a changed rule reads no pixels. What the gate says is recorded;
    in the rows that come back, what a person decided about a picture stands in its place.
    """
    plan = plan_cell(project, category, drop)
    made = project.ledger.by_keys(render, (w.render_key for w in plan.wanted))
    rules = {recipe.name: rules_in_force(project, recipe) for recipe in project.recipes}
    present = [w for w in plan.wanted if w.render_key in made]
    gates = {w.render_key: gate_of(project, w, made[w.render_key]["render_digest"]) for w in present}
    known = project.ledger.by_keys(judgment, gates.values())
    todo = [w for w in present if gates[w.render_key] not in known and project.run.covers(w.variant.recipe)]
    announce(project, expectation_of(project, category, plan.lora_digest), {w.variant.sku for w in todo})
    with clocked(project, "judge", category, drop) as clock:
        if todo:
            importlib.import_module("great_expectations")  # its seconds are the process's, not the first render's
            clock.lap(activity="load gate")
        by_recipe: dict[str, list[WantedRender]] = defaultdict(list)
        for wanted in todo:
            by_recipe[wanted.variant.recipe].append(wanted)
        for name, group in by_recipe.items():
            judged = _judge(project, group, made, rules[name], gates, clock)
            failpoint("judging.recipe_judged")
            project.ledger.record(judgment, judged)
            failpoint("judging.recipe_recorded")
            known.update({row["gate_key"]: row for row in judged})
            note_verdicts(name, judged)
    for name, count in Counter(w.variant.recipe for w in present).items():
        saw("judge", "found", recipe=name, count=count - len(by_recipe[name]))
    forget(project, *(f"measure {w.render_key}" for w in todo))  # of workers killed just before forgetting
    people = decisions_on(project, (w.variant.sku for w in present))
    return [
        {**row, **(decided(known[gates[w.render_key]], people, row) or {}), "digital_source_type": w.recipe.digital_source_type}
        for w in present
        if gates[w.render_key] in known  # all of them, unless the run is limited to other recipes
        for row in [made[w.render_key]]
    ]


def note_verdicts(recipe: str, judged: Sequence[Row]) -> None:
    """Tell of verdicts and of the rules that renders broke."""
    for verdict, count in Counter(row["verdict"] for row in judged).items():
        saw("judge", verdict, recipe=recipe, count=count)
    for row in judged:
        for reason in row["reasons"]:
            because("judge", reason["code"], recipe=recipe)


def _judge(
    project: Project, group: Sequence[WantedRender], made: dict[str, Row], rules: RuleSet, gates: dict[str, str], clock: CostClock
) -> list[Row]:
    import pandas as pd

    from quality.gate import judge_table

    measured, crashed = _measure_or_set_aside(project, group, made, clock)
    now = utc_now().replace(tzinfo=None)
    rejected = [_crash_row(made[key], rules, gates[key], message) | {"judged_at": now} for key, message in crashed.items()]
    if not measured:
        return rejected
    frame = pd.DataFrame([{"render_id": key, **measured[key]} for key in sorted(measured)])
    results = judge_table(frame, rules)
    clock.rest()
    found = [judgment_row(result, made[result.render_id], rules, gates[result.render_id]) for result in results]
    return rejected + [row | {"judged_at": now} for row in found]


def judgment_row(result: "Judgment", row: Row, rules: RuleSet, gate: str) -> Row:
    """What the ledger keeps of a judgment of one render under its gate key, without the time."""
    return {
        "gate_key": gate,
        "render_key": row["render_key"],
        "render_digest": row["render_digest"],
        "rules_digest": rules.digest,
        "verdict": str(result.verdict),
        "reasons": [reason.as_dict() for reason in result.reasons],
    }


def _measure_or_set_aside(
    project: Project, group: Sequence[WantedRender], made: dict[str, Row], clock: CostClock
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Measurements of one recipe's renders, and why of those over which workers died each time."""
    recipe, measured, crashed = group[0].variant.recipe, known_measurements(project, [wanted.render_key for wanted in group]), {}
    if measured:
        clock.lap(len(measured), recipe=recipe, activity="judge again")
    for wanted in group:
        if wanted.render_key in measured:
            continue
        try:
            measured[wanted.render_key] = _measured(project, wanted, made[wanted.render_key])
        except CrashedItem as error:
            crashed[wanted.render_key] = str(error)
        clock.lap(recipe=recipe)
    return measured, crashed


def _crash_row(row: Row, rules: RuleSet, gate: str, message: str) -> Row:
    """The verdict on a render that cannot be measured: rejected, because whatever is unmeasured is."""
    return {
        "gate_key": gate,
        "render_key": row["render_key"],
        "render_digest": row["render_digest"],
        "rules_digest": rules.digest,
        "verdict": str(Verdict.REJECTED),
        "reasons": [Reason(code=CRASHES, message=message, severity="critical").as_dict()],
    }


def _measured(project: Project, wanted: WantedRender, row: Row) -> dict[str, Any]:
    stop_point()
    with counted(project, f"measure {wanted.render_key}", f"measuring {wanted.variant.name}"):
        return _measure_and_record(project, wanted, row)


def _measure_and_record(project: Project, wanted: WantedRender, row: Row) -> dict[str, Any]:
    from quality.proportions import compare_with_size

    start = utc_now()
    columns = measure_one(project, wanted, row)
    failpoint("judging.measured")
    project.ledger.record(
        measurement,
        {
            "render_key": wanted.render_key,
            "measurement_version": project.measurement_version,
            "columns": columns,
            "seconds": (utc_now() - start).total_seconds(),
        },
    )
    failpoint("judging.measurement_recorded")
    columns = dict(columns)
    compare_with_size(columns, wanted.product.size_cm)
    return columns


def measure_one(project: Project, wanted: WantedRender, row: Row) -> dict[str, Any]:
    """Measure one stored render against its own cut-out, placed anew: the gate does not believe the renderer.

    What the catalog says of the product is no part of it: it may change, and is compared when the render is judged.
    """
    from quality.measurements import measure_render

    known = evidence_of(project, row, changes_product=wanted.recipe.changes_product)
    return measure_render(replace(known, weights=project.weights))


def evidence_of(project: Project, row: Row, *, changes_product: bool) -> "RenderEvidence":
    """What is known about one stored render itself: its pixels and, placed anew, its cut-out."""
    from imaging.storage_format import decode_rgb
    from quality.measurements import RenderEvidence
    from quality.placed_product import placed_companion, placed_product

    data = project.store.get(row["render_digest"])
    resolved, placement = row["facts"].get("resolved", {}), Placement(**row["placement"])
    shown = resolved.get("back", {}).get("cutout", row["cutout_digest"])  # seen from behind, it is another photo's product
    cutout = read_cutout(project, shown)
    product_rgb_HW3, product_alpha_HW = placed_product(*cutout, placement, row["facts"])
    return RenderEvidence(
        pixels_HW3=decode_rgb(data),
        product_rgb_HW3=product_rgb_HW3,
        product_alpha_HW=product_alpha_HW,
        photo=_corrected_photo(project, row["facts"], cutout[1]),
        mannequin_HW=_placed_mask(project, resolved, placement),
        expected_HW3=None,
        # The front product of a pair is as photographed; what has another color stands beside it and is measured by itself.
        changes_product=changes_product and "companion" not in row["facts"],
        facts=row["facts"],
        file_bytes=len(data),
        file_format="PNG",
        icc="sRGB",
        companion=placed_companion(*cutout, row["facts"]),
    )


def _corrected_photo(project: Project, facts: dict[str, Any], alpha_HW: "np.ndarray") -> "tuple[np.ndarray, np.ndarray] | None":
    """The photo and its alpha where a render says that it took the color of the light out; None for others, and where the store has lost the photo."""
    digest = facts.get("photo_digest")
    witness = facts.get("enhanced", {}).get("white_balance", {}).get("witness", "none")
    if witness == "none" or digest is None or project.store.missing([digest]):
        return None
    return read_upright_photo(project, digest), alpha_HW


def _placed_mask(project: Project, resolved: dict[str, Any], placement: Placement) -> "np.ndarray | None":
    """The mask of the mannequin that the catalog has beside the photo, in the frame; None without one."""
    from imaging.placing import place

    if "mannequin" not in resolved:
        return None
    mask_HW3 = read_upright_photo(project, resolved["mannequin"]["photo"])
    return place(mask_HW3, mask_HW3[..., 0], placement)[1]


SHEET_TILES = 16


def verdict_sheet(project: Project, rows: Sequence[Row]) -> bytes | None:
    """A contact sheet with verdict frames, at most 16: rejected first, then review, then a spread of the approved."""
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.storage_format import decode_rgb

    order = {Verdict.REJECTED: 0, Verdict.REVIEW: 1, Verdict.APPROVED: 2}
    ordered = sorted(rows, key=lambda row: (order[Verdict(row["verdict"])], row["sku"], row["recipe"], row["idx"]))
    doubtful = [row for row in ordered if row["verdict"] != Verdict.APPROVED][:SHEET_TILES]
    approved, room = ordered[len(doubtful) :], SHEET_TILES - len(doubtful)
    chosen = [*doubtful, *(approved[number * len(approved) // room] for number in range(min(room, len(approved))))]
    tiles = [
        Tile(
            pixels_HW3=decode_rgb(project.store.get(row["render_digest"])),
            label=f"{row['sku']} {row['reasons'][0]['code'] if row['reasons'] else ''}\n{row['recipe']} {row['idx']}",
            verdict=Verdict(row["verdict"]),
        )
        for row in chosen
    ]
    return contact_sheet(tiles, columns=4, tile_px=160) if tiles else None


def _write_manifest(project: Project, category: str, drop: str, rows: Sequence[Row]) -> str:
    named = ("render_key", "gate_key", "render_digest", "rules_digest", "verdict", "reasons")
    failpoint("judging.before_manifest")
    key = commit_cell(project, "judgments", category, drop, {"judgments": [{name: row[name] for name in named} for row in rows]})
    failpoint("judging.committed")
    return key


def _gate_page(project: Project, category: str, drop: str, rows: Sequence[Row], measured: Sequence[Row], run: str = "") -> dg.MetadataValue:
    """The cell's gate page as a file beside the manifests; the check links to it. `measured`: the rows of its measurement table."""
    from quality.gate_page import cell_page

    page = cell_page(f"{category} | {drop}", rows, [rules_in_force(project, recipe) for recipe in project.recipes], measured, run=run)
    return dg.MetadataValue.path(project.store.put_page(f"gate/{category}/{drop}.html", page.encode(), "text/html; charset=utf-8"))


@dg.asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    deps=[generated_variants, brand_kit],
    group_name="quality",
    owners=OWNERS,
    kinds={"greatexpectations"},
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "brand_gate",
            asset="validated_renders",
            partitions_def=cells,
            blocking=True,
            description="Every render of the cell is judged, and enough of them are approved.",
        )
    ],
)
@preemptible
@under_lease()
@observed
def validated_renders(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """Every render with its verdict: approved, for review, or rejected and quarantined with the reason in words.

    A render is measured once, against its own cut-out; a changed rule judges the stored measurements again and renders nothing. The check
    `brand_gate` holds back the publication of a cell in which too few are approved.
    """
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    rows = judge_cell(project, category, drop)
    counts = Counter(row["verdict"] for row in rows)
    approved_share = counts[Verdict.APPROVED] / len(rows) if rows else 1.0
    required = project.settings.gate.min_approved_share
    quarantined = [
        {"sku": r["sku"], "recipe": f"{r['recipe']} {r['idx']}", "why": "; ".join(x["message"] for x in r["reasons"])}
        for r in rows
        if r["verdict"] == Verdict.REJECTED
    ]
    numbers = {"renders": len(rows), **{str(v): counts[v] for v in Verdict}, "approved_share": round(approved_share, 4)}
    recipes = cell_yields(project, rows)
    key = _write_manifest(project, category, drop, rows)
    measured = measurement_rows(project, plan_cell(project, category, drop))  # of all recipes, whichever the run is limited to
    page = _gate_page(project, category, drop, rows, measured, context.run.run_id)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            **numbers,
            **plotted(total_of(recipes), recipe=recipes),
            **sheet_metadata(verdict_sheet(project, rows)),
            "reasons": reasons_table(Counter(x["code"] for row in rows for x in row["reasons"])),
            "quarantine": rows_table(quarantined, ("sku", "recipe", "why")),
            "measurements": dg.MetadataValue.path(keep_cell_table(project, category, drop, measured, key)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="brand_gate",
                passed=approved_share >= required,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={**numbers, "required_share": required, "page": page},
            )
        ],
    )
