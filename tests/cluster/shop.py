"""The project that the cluster tests work on: the tiny shop with one category per test, and the same made quietly on one machine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from orchestration.placement import PLACEMENTS
from tests.tiny_project import BRAND, draw_mug, product_row, write_photo, write_project, write_table

CATEGORIES = ("mugs", "killed", "deleted", "starved", "canceled", "waiting", "twice", "outage")
"""`mugs` goes through the whole pipeline with a LoRA of its own; each of the others is one test's."""

SLOWLY = {"name": "VITRINE_FAILPOINT", "value": ",".join(f"render.group_recorded:sleep:{n}" for n in (1, 2, 3))}
"""Environment of a step that waits two seconds after each of its first three pictures: time to be killed in, on any machine."""

SMALL: dict[str, Any] = {"cpu": 0.05, "memory_gib": 1.5, "scratch_gib": 0.5}
"""What two cores bear. GPUs and shared memory stay as in the table, the latter smaller."""

QUIET = """
import sys
from pathlib import Path
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import plan_cell
from orchestration.running import CategoryTask, refresh, run_category
from resources.project import open_project
from tests.cluster.cells import TODAY, take_in
project = open_project(Path(sys.argv[1]))
refresh(project)
for category in sys.argv[2:]:
    take_in(project, category)
    render_groups(project, category, TODAY, unfinished_groups(project, plan_cell(project, category, TODAY)))
failures = run_category(sys.argv[1], CategoryTask(category="mugs", train=True, drops=(TODAY,)))
assert not failures, failures
"""
"""One machine's run: the first category through the whole pipeline, the others as far as their tests compare."""

COMPARED = ("killed", "deleted", "starved", "twice", "outage")


def write_shop(folder: Path, *, base_model: Path | None = None) -> Path:
    """Write the project: two products in `mugs`, which has looks and so scenes; four in each other category, with a packshot each."""
    write_project(folder, base_model=base_model)
    brand = yaml.safe_load(BRAND)
    plain = brand["categories"]["mugs"]
    brand["categories"] = dict.fromkeys(CATEGORIES, plain)
    (folder / "brand.yaml").write_text(yaml.safe_dump(brand))
    rows = [product_row(sku) for sku in ("MUG-1", "MUG-2")]
    for place, category in enumerate(CATEGORIES[1:]):
        for number in range(4):
            sku = f"{category.upper()}-{number}"
            color = ((40 * place + 30 * number) % 200 + 30, (90 * number) % 200 + 20, (60 * place) % 200 + 25)
            write_photo(folder / "catalog" / "photos" / f"{sku}.jpg", draw_mug(color, seed=10 * place + number))
            rows.append(product_row(sku, category=category))
    write_table(folder, rows)
    return folder


def change_settings(folder: Path, **sections: Any) -> None:
    """Replace sections of the project's settings."""
    file = folder / "vitrine.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | sections, sort_keys=False))


def cluster_section(pods: dict[str, Any], **sizes: dict[str, Any]) -> dict[str, Any]:
    """The `cluster:` section of the test bed; `sizes` change single ops."""
    steps = {op: SMALL | ({"shm_gib": 0.0625} if place.shm_gib else {}) | sizes.get(op, {}) for op, place in PLACEMENTS.items()}
    return {"pods": pods, "node_pools": False, "grace_s": 25, "health_check_s": 3, "lost_delay_s": 1.0, "steps": steps}


def start_quiet_run(project: Path) -> subprocess.Popen[bytes]:
    """The project on one machine, in a process beside; its results are what the cluster's are compared with."""
    command = [sys.executable, "-c", QUIET, str(project), *COMPARED]
    return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])
