"""What judging 10,000 renders again by a changed rule costs: the judging alone, and a whole `vitrine rejudge` with its ledger. CPU-seconds.

    python -m benchmarks.rejudge --rows 10000 --rounds 5

Measurements are made up (`made_up_measurements.py`); rules, Great Expectations, ledger and records are the real ones. The ledger is a new SQLite
in a folder of its own; the shop has two recipes in three cells. Importing and the first suite of the process are not counted.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - its seconds are the import's
import sqlalchemy as sa
import yaml

from assets import rejudging
from assets.photo_keys import cutout_key, screening_key, screening_rules
from assets.planning import known_cells, plan_cell, products_of_cell, rules_in_force
from assets.rejudging import judgment_rows, rejudged_cells
from assets.verdict_changes import VerdictChanges
from benchmarks.made_up_measurements import made_up_rows
from quality.columns import MEASUREMENT_VERSION
from quality.rules import read_rules, shipped_packs
from resources.ledger_tables import cutout, judgment, measurement, render, source_photo
from resources.project import Project, open_project
from tests.made_up_work import NOW, made_up
from tests.planned_shop import write_shop

BAR_S = 2.0
"""Issue 4: 10,000 rows in at most so many CPU-seconds after import."""


def judging(rows: int, recipes: tuple[str, ...]) -> float:
    """CPU-seconds of judging so many stored rows, spread over recipes: from plain rows to rows for the ledger."""
    tables = []
    for number, name in enumerate(recipes):
        rules, count = read_rules(name), rows // len(recipes)
        measured = {made_up(name, n): row for n, row in enumerate(made_up_rows(rules, count, seed=number))}
        tables.append(
            (measured, {key: {"render_key": key, "render_digest": key} for key in measured}, rules, {key: key for key in measured})
        )
    start = time.process_time()
    judged = [judgment_rows(*table) for table in tables]
    spent = time.process_time() - start
    assert sum(map(len, judged)) == rows // len(recipes) * len(recipes)
    return spent


def measured_shop(folder: Path, rows: int) -> Project:
    """A shop with that many measured renders, judged by the shipped rules."""
    products = rows // 2
    cells = {("bags", "2026-11-01"): products // 3, ("hats", "2026-11-01"): products // 3}
    cells["mugs", "2026-11-01"] = products - sum(cells.values())
    project = write_shop(folder, cells)
    for cell in known_cells(project):
        _intake(project, cell)
        _draw_and_measure(project, cell)
    for _ in rejudged_cells(project, holder="benchmark"):
        pass
    return project


def _intake(project: Project, cell: tuple[str, str]) -> None:
    rules, photos, cut = screening_rules(project), [], []
    for row in products_of_cell(project, *cell):
        photo, name = row["photo_digests"][0], row["attributes"]["photos"][0]
        good: dict[str, Any] = {"photo_digest": photo, "accepted": True, "reasons": [], "measurements": {}}
        photos.append({**good, "key": screening_key(photo, name, rules), "thumbnail_digest": None})
        cut.append({**good, "key": cutout_key(photo), "cutout_digest": made_up("cutout", photo), "confidence": 1.0})
    project.ledger.record(source_photo, photos)
    project.ledger.record(cutout, cut)


def _draw_and_measure(project: Project, cell: tuple[str, str]) -> None:
    by_recipe = defaultdict(list)
    for wanted in plan_cell(project, *cell).wanted:
        by_recipe[wanted.variant.recipe].append(wanted)
    for group in by_recipe.values():
        rules = rules_in_force(project, group[0].recipe)
        named = {"placement": {}, "facts": {}, "seconds": 1.0, "made_at": NOW, "category": cell[0], "lora_digest": None}
        drawn = [
            {
                "render_key": w.render_key, "sku": w.variant.sku, "recipe": w.variant.recipe, "idx": w.variant.index,
                "render_digest": made_up("render", w.render_key), "cutout_digest": w.cutout_digest, **named,
            }
            for w in group
        ]  # fmt: skip
        project.ledger.record(render, drawn)
        columns = made_up_rows(rules, len(group), seed=len(cell[0]))
        facts = {"measurement_version": MEASUREMENT_VERSION, "seconds": 0.1}
        project.ledger.record(
            measurement, [{"render_key": w.render_key, "columns": row, **facts} for w, row in zip(group, columns, strict=True)]
        )


def change_rules(project: Project, turn: int) -> Project:
    """The project with other bounds for both recipes, so that every render is judged anew and some 3 in 100 verdicts flip."""
    path = project.settings.path(project.settings.brand_kit)
    brand = yaml.safe_load(path.read_text())
    brand["rules"] = {name: {"fill_pct": {"min": 76.0 + 0.001 * turn, "max": 97}} for name in brand["recipes"]}
    path.write_text(yaml.safe_dump(brand))
    return open_project(project.settings.project_dir)


class _Laps:
    """CPU-seconds of some functions of a module while they are replaced by timed ones."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextlib.contextmanager
    def of(self, home: Any, names: dict[str, str]) -> Any:
        before = {name: getattr(home, name) for name in names}
        for name, label in names.items():
            setattr(home, name, self._timed(before[name], label))
        try:
            yield
        finally:
            for name, function in before.items():
                setattr(home, name, function)

    def _timed(self, function: Any, label: str) -> Any:
        def timed(*args: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **named)
            finally:
                self.seconds[label] += time.process_time() - start

        return timed


PARTS = {
    "plan_cell": "plan the cells",
    "known_measurements": "read measurements",
    "standing_verdicts": "read standing verdicts",
    "_judge": "judge",
    "_record": "write judgments",
}


def whole(project: Project, *, write: bool) -> dict[str, float]:
    """CPU-seconds of a rejudge with everything around it, part by part."""
    laps = _Laps()
    start = time.process_time()
    with laps.of(rejudging, PARTS), laps.of(VerdictChanges, {"add": "compare, and what publication will do"}):
        changes = VerdictChanges(project=project)
        for cell in rejudged_cells(project, holder="benchmark" if write else None):
            changes.add(cell)
    laps.seconds["total"] = time.process_time() - start
    laps.seconds["renders"], laps.seconds["flips"] = changes.judged, changes.flips.total()
    return dict(laps.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--judging-only", action="store_true")
    options = parser.parse_args()
    judging(20, shipped_packs())
    result: dict[str, Any] = {"rows": options.rows, "bar_cpu_s": BAR_S}
    for recipes in (("packshot_white",), ("packshot_white", "backdrop"), shipped_packs()):
        rounds = [judging(options.rows, recipes) for _ in range(options.rounds)]
        result[f"judge, {len(recipes)} recipes"] = {"median": round(statistics.median(rounds), 3), "worst": round(max(rounds), 3)}
    if not options.judging_only:
        with tempfile.TemporaryDirectory() as folder:
            project = measured_shop(Path(folder) / "shop", options.rows)
            for write in (False, True):
                turns = [whole(change_rules(project, 2 * n + write), write=write) for n in range(options.rounds)]
                result["rejudge" if write else "rejudge --dry-run"] = {
                    name: round(statistics.median(turn[name] for turn in turns), 3) for name in turns[0]
                }
            result["judgments"] = project.ledger.one(sa.select(sa.func.count().label("n")).select_from(judgment))["n"]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
