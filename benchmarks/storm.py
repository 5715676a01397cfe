"""A storm: workers are killed all the time while a cell is drawn, judged and published; then everything must be as if nothing had been.

    python -m benchmarks.storm                     500 renders, 60 kills
    python -m benchmarks.storm --renders 60 --kills 6 --seed 3

Workers are real processes with the rules of Kubernetes Jobs (process_jobs.py). 40 % of kills are SIGTERM and SIGKILL 15 s later, as before a
machine is taken away; 60 % are SIGKILL at once. Which worker and when comes from the seed. What is compared: every render and verdict, every
published byte, against the same project produced without a storm. Waste is counted as what I11 bounds: seconds that a killed worker had spent on
the item in hand, over the seconds that all items took. Starting processes again is given beside it: it is the price of a machine, not of work lost.
"""

import argparse
import dataclasses
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from assets.planning import known_cells
from benchmarks.process_jobs import ProcessJobs
from orchestration.instance import open_instance
from orchestration.stale import cell_need
from resources.ledger_tables import attempt, judgment, measurement, publication, refused_render, render, spend
from resources.project import open_project
from resources.settings import PROJECT_VARIABLE, utc_now
from tests.crash.stages import COLORWAYS, LENIENT, RECIPES
from tests.tiny_project import draw_mug, product_row, small_recipe, write_photo, write_project, write_table

NOTICE_S = 15.0
"""Between SIGTERM and SIGKILL, as on Google's ordinary pods."""

SIGTERM_SHARE = 0.4

SIDE_PX = 300
RENDERS_PER_PRODUCT = 4
"""One packshot, one recolor, two scenes."""

ACTIVITIES = ("render", "judge", "publish")


@dataclasses.dataclass(kw_only=True)
class Killed:
    """One kill: whom, how, and the seconds that the worker had spent on the item in its hands (0: none)."""

    step: str
    how: str
    lost_s: float
    ended_in_s: float


def write_shop(folder: Path, renders: int, shard_images: int) -> Path:
    """A project with as many products as give `renders`, their photos taken in and their LoRA trained."""
    from assets.catalog import refresh_catalog
    from assets.category_lora import train_category
    from assets.cutouts import commit_cutouts, cut_out_cell
    from assets.source_photos import commit_photos, screen_cell

    skus = tuple(f"MUG-{number:03}" for number in range(renders // RENDERS_PER_PRODUCT))
    write_project(folder, skus=skus[:2])
    for path in (folder / "recipes").glob("*.yaml"):
        path.unlink()
    for name in RECIPES:
        text = small_recipe(name, SIDE_PX)
        (folder / "recipes" / f"{name}.yaml").write_text(
            text.replace("variants: 4", "variants: 2") if name == "staged_scene" else text.replace("variants: 2", "variants: 1")
        )
    brand, settings = folder / "brand.yaml", folder / "vitrine.yaml"
    text = brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white, recolor, staged_scene]")
    brand.write_text(text.replace("  staged_scene: {}\n", "".join(f"  {recipe}: {LENIENT}\n" for recipe in RECIPES)) + COLORWAYS)
    settings.write_text(settings.read_text().replace("guidance: 2.0}", f"guidance: 2.0, shard_images: {shard_images}}}"))
    colors = [(178, 62, 50), (46, 92, 140), (92, 120, 70), (200, 150, 40), (120, 60, 130)]
    for number, sku in enumerate(skus):
        write_photo(folder / "catalog" / "photos" / f"{sku}.jpg", draw_mug(colors[number % 5], seed=number, side_px=420))
    write_table(folder, [product_row(sku) for sku in skus])
    project = open_project(folder)
    refresh_catalog(project)
    for category, drop in known_cells(project):
        commit_photos(project, category, drop, screen_cell(project, category, drop))
        commit_cutouts(project, category, drop, cut_out_cell(project, category, drop))
    train_category(project, "mugs")
    return folder


def produce(folder: Path) -> float:
    """Run the cell's job until it succeeds, as a reconciler would begin a failed run again; worker seconds it took."""
    os.environ[PROJECT_VARIABLE] = str(folder)
    ProcessJobs.pods.clear()
    project = open_project(folder)
    ((category, drop),) = known_cells(project)
    job = dg.reconstructable(_job())
    with open_instance(project.settings) as instance:
        instance.add_dynamic_partitions("category", [category])
        for _ in range(10):
            tags = {"dagster/partition": f"{category}|{drop}", **_dimensions(category, drop)}
            with dg.execute_job(job, instance=instance, tags=tags, raise_on_error=False) as result:
                if result.success:
                    break
        else:
            raise SystemExit("the cell failed ten times; see workers.log")
    ProcessJobs.alive()
    return sum((pod.ended or time.monotonic()) - pod.began for pod in ProcessJobs.pods)


def _job():
    from benchmarks.process_jobs import produce_cell

    return produce_cell


def _dimensions(category: str, drop: str) -> dict[str, str]:
    return {"dagster/partition/category": category, "dagster/partition/drop": drop}


class Storm(threading.Thread):
    """Kills a random living worker each time the work has come as far as the seed says, until it has killed enough."""

    def __init__(self, folder: Path, kills: int, items: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.project, self.chance = open_project(folder), random.Random(seed)
        # By progress and not by the clock: on a slow machine the clock would kill workers that have not begun, and nothing would be lost.
        self.moments = sorted(self.chance.uniform(0.01, 0.97) * items for _ in range(kills))
        self.killed: list[Killed] = []
        self.over = threading.Event()

    def run(self) -> None:
        waiting: list[threading.Thread] = []
        while self.moments and not self.over.wait(0.1):
            if self._progress() < self.moments[0] or not (alive := ProcessJobs.alive()):
                continue
            self.moments.pop(0)
            self.over.wait(self.chance.uniform(0.0, 1.0))  # anywhere in the item in hand
            pod = self.chance.choice(alive)
            if self.chance.random() < SIGTERM_SHARE:
                waiting.append(threading.Thread(target=self._take_away, args=(pod,)))
                waiting[-1].start()
            else:
                lost_s = self._in_hand_s(pod.process.pid)
                pod.process.kill()
                pod.process.wait()
                self.killed.append(Killed(step=pod.step, how="SIGKILL", lost_s=lost_s, ended_in_s=0.0))
        for thread in waiting:
            thread.join()

    def _progress(self) -> int:
        counted = (sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in (render, measurement))
        row = self.project.ledger.one(sa.select(sum(counted, start=sa.literal(0)).label("n")))
        return int(row["n"]) if row else 0

    def _take_away(self, pod) -> None:
        start = time.monotonic()
        pod.process.terminate()
        try:
            pod.process.wait(NOTICE_S)
            ended, lost_s = time.monotonic() - start, 0.0
        except Exception:  # noqa: BLE001 - it did not end in time, so it is killed
            ended, lost_s = NOTICE_S, self._in_hand_s(pod.process.pid)
            pod.process.kill()
        self.killed.append(Killed(step=pod.step, how="SIGTERM", lost_s=lost_s, ended_in_s=round(ended, 2)))

    def _in_hand_s(self, pid: int) -> float:
        now = utc_now().replace(tzinfo=None)
        rows = self.project.ledger.rows(sa.select(attempt).where(attempt.c.worker == f"{socket.gethostname()}/{pid}"))
        return sum((now - row["at"]).total_seconds() for row in rows)


def outputs(folder: Path) -> dict[str, object]:
    """Everything that counts: renders, refusals, verdicts, publications, and the bytes of the published folder."""
    import hashlib

    ledger = open_project(folder).ledger
    shown = folder / "out" / "published"
    manifest = json.loads((shown / "manifest.json").read_bytes())
    return {
        "renders": {row["render_key"]: row["render_digest"] for row in ledger.rows(sa.select(render))},
        "refused": sorted(row["render_key"] for row in ledger.rows(sa.select(refused_render))),
        "verdicts": {row["gate_key"]: row["verdict"] for row in ledger.rows(sa.select(judgment))},
        "publications": sorted(row["publish_key"] for row in ledger.rows(sa.select(publication))),
        "manifest": manifest["images"],
        "files": {str(p.relative_to(shown)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(shown.rglob("*.jpg"))},
    }


def booked_s(folder: Path) -> float:
    """Seconds that the items took, as they were booked."""
    rows = open_project(folder).ledger.rows(sa.select(spend).where(spend.c.activity.in_(ACTIVITIES)))
    return sum(row["seconds"] for row in rows)


def booked_items(folder: Path) -> dict[str, int]:
    """Items by activity: more than there are would be double work."""
    rows = open_project(folder).ledger.rows(sa.select(spend).where(spend.c.activity.in_(ACTIVITIES)))
    return {name: sum(row["item_count"] for row in rows if row["activity"] == name) for name in ACTIVITIES}


def storm(place: Path, *, renders: int, kills: int, seed: int, shard_images: int) -> dict[str, object]:
    """The shop produced twice, quietly and in the storm; what differs, and what the storm cost."""
    shop = write_shop(place / "shop", renders, shard_images)
    quiet, stormy = (Path(shutil.copytree(shop, place / name, symlinks=True)) for name in ("quiet", "stormy"))
    quiet_workers_s = produce(quiet)
    wind = Storm(stormy, kills, 2 * len(outputs(quiet)["renders"]), seed)
    wind.start()
    storm_workers_s = produce(stormy)
    wind.over.set()
    wind.join(NOTICE_S + 5)
    wanted, found = outputs(quiet), outputs(stormy)
    ((category, drop),) = known_cells(open_project(stormy))
    need = cell_need(open_project(stormy), category, drop)
    lost_s, useful_s = sum(one.lost_s for one in wind.killed), booked_s(stormy)
    items, quiet_items = booked_items(stormy), booked_items(quiet)
    return {
        "renders": len(wanted["renders"]),
        "seed": seed,
        "kills": {how: sum(one.how == how for one in wind.killed) for how in ("SIGTERM", "SIGKILL")},
        "not_terminal": need.renders + need.judgments + need.to_publish,
        "lost": sum(len(set(map(str, wanted[name])) - set(map(str, found[name]))) for name in wanted),
        "double": sum(max(0, items[name] - quiet_items[name]) for name in items),
        "outputs_equal": wanted == found,
        "attempts_left": len(open_project(stormy).ledger.rows(sa.select(attempt))),
        "useful_s": round(useful_s, 1),
        "lost_s": round(lost_s, 1),
        "waste": round(lost_s / useful_s, 4),
        "slowest_end_after_sigterm_s": max((one.ended_in_s for one in wind.killed), default=0.0),
        "worker_s": {"quiet": round(quiet_workers_s, 1), "storm": round(storm_workers_s, 1)},
        "killed_steps": sorted({one.step.partition("[")[0] for one in wind.killed}),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--renders", type=int, default=500)
    asked.add_argument("--kills", type=int, default=60)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--shard-images", type=int, default=32)
    asked.add_argument("--place", type=Path, help="keep the projects in this folder")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="vitrine-storm-") as temporary:
        place = options.place or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        result = storm(
            place,
            renders=options.renders,
            kills=options.kills,
            seed=options.seed,
            shard_images=options.shard_images,
        )
    print(json.dumps(result, indent=1))
    sound = result["outputs_equal"] and not (result["lost"] or result["double"] or result["not_terminal"])
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
