"""Planning at scale: times and memory of `vitrine plan`, of the sensor's tick and of reading the catalog, over a made-up finished project.

    python -m benchmarks.scale_catalog FOLDER --products 1000000       # once; some 20 GB, half an hour
    python -m benchmarks.catalog_scale FOLDER [--repeat 3]

Every number is of a fresh process. Bars: a plan with 1,000 changed products of 1,000,000 x 8 renders <= 30 s and <= 2 GB on 2 cores; the tick
with 1,000 new products <= 1 s. The project is changed step by step and left changed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from benchmarks.scale_catalog import NOW, Scale, attributes_of, made_up
from resources.ledger_tables import change, product
from resources.project import Project, open_project

REPOSITORY = Path(__file__).resolve().parent.parent
CHANGED = 1000
PLAN = ("-m", "orchestration.cli", "plan", "--json")

TICK = """
import json, sys, time
import dagster as dg
from orchestration.definitions import build_defs
from orchestration.sensors import new_and_changed_products
from resources.project import VitrineResource
cursor, folder = sys.argv[1], sys.argv[2]
with dg.DagsterInstance.ephemeral() as instance:
    times = []
    for _ in range(2):  # the code server is warm; its first tick imports
        start, cpu = time.perf_counter(), time.process_time()
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"vitrine": VitrineResource(project_dir=folder)})
        result = new_and_changed_products(context)
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    print(json.dumps({"first_s": times[0][0], "s": times[1][0], "cpu_s": times[1][1], "runs": len(result.run_requests)}))
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One fresh process: wall and CPU seconds, peak memory in MB, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    answer: dict[str, Any]


def measure(folder: Path, *arguments: str) -> Measured:
    """Run Python with some arguments in a project's folder. Raises RuntimeError when it fails."""
    environment = {**os.environ, "VITRINE_PROJECT": str(folder), "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"}
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{arguments} ended with {status}")
    return Measured(wall_s=wall_s, cpu_s=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024, answer=json.loads(said))


def change_products(project: Project, scale: Scale, count: int) -> None:
    """Change products as a refresh of the catalog would: half get other words, a third a new photo, some leave."""
    with project.ledger.writing() as connection:
        full = [number for number in range(scale.products) if scale.is_full(number)]
        for place, number in enumerate(full[:: max(1, len(full) // count)][:count]):
            said = attributes_of(number, scale)
            row = connection.execute(sa.select(product).where(product.c.sku == said["sku"])).mappings().one()
            values: dict[str, Any] = {}
            kind = ("text", "text", "text", "photo", "photo", "withdrawn")[place % 6]
            if kind == "text":
                values = {"attributes": {**row["attributes"], "title": f"{said['title']} anew"}}
            elif kind == "photo":
                values = {"photo_digests": [made_up("new photo", said["sku"])], "drop": "2026-11-20"}
            else:
                values = {"active": False}
            _change(connection, {**row, **values}, kind)


def add_products(project: Project, scale: Scale, count: int) -> int:
    """Add products as a refresh would; the cursor before them."""
    with project.ledger.writing() as connection:
        before = connection.execute(sa.select(sa.func.max(change.c.id))).scalar_one()
        for number in range(scale.products, scale.products + count):
            said = attributes_of(number, scale)
            photo = made_up("photo", said["sku"])
            row = {"sku": said["sku"], "category": said["category"], "drop": "2026-11-20", "attributes": said, "photo_digests": [photo]}
            connection.execute(sa.delete(product).where(product.c.sku == said["sku"]))
            connection.execute(sa.insert(product).values(**row, active=True, revision=0))
            _change(connection, {**row, "active": True}, "new")
    return int(before)


def _change(connection: sa.Connection, row: dict[str, Any], kind: str) -> None:
    entry = {"sku": row["sku"], "category": row["category"], "drop": row["drop"], "kind": kind, "at": NOW}
    revision = connection.execute(sa.insert(change).values(**entry)).inserted_primary_key[0]
    connection.execute(sa.update(product).where(product.c.sku == row["sku"]).values(**{**row, "revision": revision}))


def edit_brand(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the brand kit in place."""
    brand = yaml.safe_load((folder / "brand.yaml").read_text())
    edit(brand)
    (folder / "brand.yaml").write_text(yaml.safe_dump(brand))


def told(name: str, runs: list[Measured]) -> None:
    """One line of the table: medians."""
    cells = [{key: value for key, value in run.answer.items() if key != "cells"} for run in runs]
    totals = runs[0].answer.get("cells")
    if totals is not None:
        names = ("to_screen", "to_render", "to_judge", "to_publish")
        cells = [{"stale_cells": len(totals), **{key: sum(cell[key] for cell in totals) for key in names}}]
    wall_s, cpu_s, peak_mb = (statistics.median(getattr(run, key) for run in runs) for key in ("wall_s", "cpu_s", "peak_mb"))
    spread = f"{min(run.wall_s for run in runs):.1f}-{max(run.wall_s for run in runs):.1f}"
    print(f"| {name} | {wall_s:.1f} ({spread}) | {cpu_s:.1f} | {peak_mb:.0f} | {json.dumps(cells[0])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--categories", type=int, default=100)
    parser.add_argument("--full-every", type=int, default=1, help="as the catalog was made")
    given = parser.parse_args()
    folder, repeat = given.folder.resolve(), given.repeat
    project = open_project(folder)
    count = project.ledger.one(sa.select(sa.func.count().label("n")).select_from(product))
    assert count is not None
    scale = Scale(count["n"], given.categories, given.full_every)

    def plans(name: str) -> None:
        told(name, [measure(folder, *PLAN) for _ in range(repeat)])

    print("| what | wall s, median (range) | CPU s | peak MB | answer |\n|---|---|---|---|---|")
    plans("plan, nothing changed")
    change_products(project, scale, CHANGED)
    plans(f"plan, {CHANGED} products changed")
    cursor = add_products(project, scale, CHANGED)
    told(f"tick, {CHANGED} new products", [measure(folder, "-c", TICK, str(cursor), str(folder)) for _ in range(repeat)])
    edit_brand(folder, lambda brand: brand.update(rules={"packshot_white": {"fill_pct": {"min": 20, "max": 100}}}))
    plans("plan, a rule of one recipe changed")
    every = ("packshot_white", "backdrop", "staged_scene", "recolor")
    edit_brand(folder, lambda brand: brand.update(rules={name: {"file_kb": {"max": 99_000}} for name in every}))
    plans("plan, a rule of every recipe changed")
    edit_brand(folder, lambda brand: brand["categories"]["category-001"].update(scenes=["stone table, blue wall", "moss, dawn"]))
    plans("plan, other scenes for one category")


if __name__ == "__main__":
    main()
