"""What `vitrine drift` costs on a ledger of a million judgments, in CPU-seconds, and whether it sees a planted jump.

    python -m benchmarks.drift --renders 1000000

Rows are made up: four recipes, twenty categories, two LoRAs per category, five weeks; measurements of every render with `--measured`, else of those
that are read (a million rows of measurements take minutes to write). One category is rejected ten points more often in the last week.
"""

import argparse
import datetime as dt
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from assets import drift
from assets.planning import rules_in_force
from benchmarks.made_up_measurements import made_up_rows
from quality.columns import MEASUREMENT_VERSION
from quality.drift import MIN_POINTS
from resources.ledger_tables import judgment, lora, measurement, render
from resources.project import Project, open_project
from tests.made_up_work import BRAND, Shop, made_up

END = dt.datetime(2026, 11, 21, 12)
DAYS = 35
CATEGORIES = [f"category-{number:02}" for number in range(20)]
BATCH = 20_000


def fill(
    project: Project, renders: int, *, measured: bool, seed: int = 0, end: dt.datetime = END, categories: list[str] = CATEGORIES
) -> None:
    """Write the rows; a share of 8 % is rejected and 10 % for review, 18 % rejected of the first category in the last week."""
    rng, recipes = np.random.default_rng(seed), project.recipes
    rules = {recipe.name: rules_in_force(project, recipe) for recipe in recipes}
    part = min(1.0, drift.COLUMN_RENDERS / (renders / 5))
    limit = f"{int(part * 16**12):012x}" if part < 1 else "g"
    with project.ledger.engine.begin() as connection:
        for category in categories:
            for number in range(2):
                row = {"key": made_up("lora", category, number), "category": category, "lora_digest": made_up("file", category, number)}
                facts = {"base_model_digest": "", "data_digest": "", "facts": {}, "seconds": 1.0, "promoted": True}
                connection.execute(sa.insert(lora).values(**row, **facts, made_at=end - dt.timedelta(days=60 - 40 * number)))
        for start in range(0, renders, BATCH):
            count = min(BATCH, renders - start)
            age, where, luck = rng.random(count) * DAYS, rng.integers(0, len(categories), count), rng.random(count)
            drawn, judged, columns = [], [], []
            for i in range(count):
                recipe, category = recipes[(start + i) % len(recipes)], categories[where[i]]
                key, made_at = made_up("render", seed, start + i), end - dt.timedelta(days=float(age[i]))
                lora_digest = made_up("file", category, int(age[i] < 20)) if recipe.engine == "diffusion" else None
                named = {"render_key": key, "render_digest": made_up("pixels", key)}
                drawn.append(
                    {
                        **named, "sku": f"SKU-{(start + i) // 8}", "category": category, "recipe": recipe.name, "idx": 0, "cutout_digest": key,
                        "lora_digest": lora_digest, "placement": {"x": 1, "y": 2, "scale": 0.5}, "facts": {}, "seconds": 1.0, "made_at": made_at,
                    }
                )  # fmt: skip
                rejected = 0.18 if category == categories[0] and age[i] < 7 else 0.08
                verdict = "rejected" if luck[i] < rejected else "review" if luck[i] < rejected + 0.1 else "approved"
                judged.append(
                    {
                        **named, "gate_key": made_up("gate", key), "rules_digest": rules[recipe.name].digest, "verdict": verdict,
                        "reasons": [], "judged_at": made_at + dt.timedelta(minutes=5),
                    }
                )  # fmt: skip
                if measured or key < limit:
                    columns.append((key, recipe.name))
            connection.execute(sa.insert(render), drawn)
            connection.execute(sa.insert(judgment), judged)
            for recipe in recipes:
                keys = [key for key, name in columns if name == recipe.name]
                rows = made_up_rows(rules[recipe.name], len(keys), seed=start)
                facts = {"measurement_version": MEASUREMENT_VERSION, "seconds": 0.1}
                if keys:
                    connection.execute(
                        sa.insert(measurement), [{"render_key": key, "columns": row, **facts} for key, row in zip(keys, rows, strict=True)]
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renders", type=int, default=1_000_000)
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--folder", type=Path, help="Keep the ledger there, and use the one that is there.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.folder or Path(folder) / "shop"
        if not (home / "brand.yaml").exists():
            categories = {name: {"trigger": f"{name} look", "scenes": ["oak table"], "backdrops": ["#e8c39a"]} for name in CATEGORIES}
            fill(Shop(home, brand={**BRAND, "categories": categories}).open(), options.renders, measured=options.measured)
        project = open_project(home)
        result: dict[str, object] = {
            "renders": options.renders,
            "ledger_mib": round((home / ".vitrine/ledger.sqlite").stat().st_size / 2**20),
        }
        windows = drift.windows_until(END)
        drift.find_drift(project, drift.windows_until(END - dt.timedelta(days=9_999)))  # imports
        for name, with_columns in (("shares", False), ("shares and measurements", True)):
            start = time.process_time()
            found = drift.find_drift(project, windows, with_columns=with_columns)
            result[f"{name}, CPU-s"] = round(time.process_time() - start, 2)
        result |= {"shares compared": len(found.shares), "measurements compared": len(found.columns)}
        result["moved"] = [f"{m.kind} {m.name} {m.measure} {m.difference:+.3f}" for m in found.moved(MIN_POINTS)]
        result["measurements moved"] = len(found.moved_columns)
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
