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

SMALL: dict[str, Any] = {"cpu": 0.05, "memory_gib": 1.5, "scratch_gib": 0.5}
"""What two cores bear. GPUs and shared memory stay as in the table, the latter smaller."""

STEPS = 24
"""Sampler steps: a shard of four products then takes several seconds, enough to be killed within."""

QUIET = """
import sys
from pathlib import Path
from orchestration.running import refresh, run_category, tasks_for
from resources.project import open_project
project = open_project(Path(sys.argv[1]))
refresh(project)
for task in tasks_for(project):
    failures = run_category(sys.argv[1], task)
    assert not failures, failures
"""


def write_shop(folder: Path, *, base_model: Path | None = None) -> Path:
    """Write the project: two products in `mugs`, four drawn ones in each other category."""
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
    change_settings(folder, generation={"steps": STEPS, "guidance": 2.0})
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
    """Everything of the project on one machine, in a process beside; its results are what the cluster's are compared with."""
    return subprocess.Popen(["nice", "-n", "5", sys.executable, "-c", QUIET, str(project)], cwd=Path(__file__).resolve().parents[2])
