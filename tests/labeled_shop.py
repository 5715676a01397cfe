"""A shop whose packshots were measured without pixels, judged by the real rules, and partly decided about by a person who sees the truth.

Halos are what goes wrong in it: good renders measure about 8 Lab units, bad ones about 13, and the shipped bound of 9 stops many good ones.
"""

import hashlib

import numpy as np
import sqlalchemy as sa

from assets.decisions import decide
from assets.planning import known_cells, plan_cell, rules_in_force
from assets.rejudging import rejudged_cells
from benchmarks.made_up_measurements import made_up_rows
from benchmarks.rejudge import _intake
from quality.columns import MEASUREMENT_VERSION
from resources.ledger_tables import measurement, render
from resources.project import Project
from tests.made_up_work import NOW, made_up
from tests.planned_shop import write_shop

GOOD, BAD = (8.0, 1.3), (13.0, 1.3)
"""Mean and spread of `halo_delta_e`, Lab units."""

BEST_BOUND = 10.5
"""Where the densities of good and bad cross when they are as frequent."""


def truly_bad(sku: str, share: float = 0.4) -> bool:
    """Whether a product's packshot really has a halo: always the same answer."""
    return int(hashlib.sha256(f"halo {sku}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF < share


def write_labeled_shop(folder, *, products=120, share_bad=0.4) -> Project:
    """The shop with measured and judged packshots; nobody has decided yet."""
    project = write_shop(folder, {("bags", "2026-11-01"): products // 2, ("mugs", "2026-11-01"): products - products // 2})
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("recipes: [packshot_white, backdrop]\n", "recipes: [packshot_white]\n"))
    project = Project(project.settings)
    for cell in known_cells(project):
        _intake(project, cell)
        _draw(project, cell, share_bad)
    for _ in rejudged_cells(project, holder="test"):
        pass
    return project


def _draw(project: Project, cell: tuple[str, str], share_bad: float) -> None:
    wanted = plan_cell(project, *cell).wanted
    rows = made_up_rows(rules_in_force(project, wanted[0].recipe), len(wanted), seed=len(cell[0]), broken_share=0.0)
    rng, facts = np.random.default_rng(len(cell[0])), {"measurement_version": MEASUREMENT_VERSION, "seconds": 0.1}
    named = {"placement": {}, "facts": {}, "seconds": 1.0, "made_at": NOW, "category": cell[0], "lora_digest": None}
    drawn, measured = [], []
    for one, columns in zip(wanted, rows, strict=True):
        halo = rng.normal(*(BAD if truly_bad(one.variant.sku, share_bad) else GOOD))
        named_so = {"sku": one.variant.sku, "recipe": one.variant.recipe, "idx": one.variant.index, "cutout_digest": one.cutout_digest}
        drawn.append({"render_key": one.render_key, "render_digest": made_up("render", one.render_key), **named_so, **named})
        measured.append({"render_key": one.render_key, "columns": {**columns, "halo_delta_e": max(0.0, float(halo))}, **facts})
    project.ledger.record(render, drawn)
    project.ledger.record(measurement, measured)


def verdicts(project: Project):
    """(made, judged) of every packshot, by SKU."""
    plans = [plan_cell(project, *cell) for cell in known_cells(project)]
    return {w.variant.sku: plan.judged[w.render_key] for plan in plans for w in plan.wanted}


def review_stopped(project: Project, *, reviewer="ann", share_bad=0.4, at_most=10_000) -> int:
    """Decide about everything the gate stopped, truthfully; how many decisions."""
    done = 0
    for sku, (made, judged) in verdicts(project).items():
        if judged["verdict"] != "approved" and done < at_most:
            decide(project, made, judged, "reject" if truly_bad(sku, share_bad) else "approve", reviewer=reviewer, seen=0)
            done += 1
    return done


def halos(project: Project, column: str = "halo_delta_e") -> dict[str, float]:
    """What was measured, by SKU."""
    query = sa.select(render.c.sku, measurement.c.columns).join(measurement, measurement.c.render_key == render.c.render_key)
    return {row["sku"]: row["columns"][column] for row in project.ledger.rows(query)}
