"""Reading a large catalog: the first time, and with 1,000 changed rows. Each in a fresh process, with its peak memory.

    python -m benchmarks.catalog_refresh FOLDER --products 1000000

A CSV in a folder; the photos are those of a place that answers at once, so what listing and reading real ones costs comes on top.
"""

import argparse
import csv
import json
import resource
import time
from pathlib import Path

from assets.catalog import refresh_catalog
from benchmarks.catalog_scale import measure
from benchmarks.scale_catalog import Scale, attributes_of, write_settings
from resources.catalog_source import CatalogSource, ReadPhoto
from resources.project import open_project

COLUMNS = "sku title description category color material width_cm depth_cm height_cm price currency photos".split()


class PhotosAtOnce:
    """A place of pictures in which every photo is there, holds its own name, and costs nothing to ask for."""

    name, parallel_reads = "made-up photos", 1

    def as_listed(self):
        return self

    def photo_versions(self, names):
        return dict.fromkeys(names, "1")

    def photo(self, name):
        return ReadPhoto(name.encode(), "1")


def write_table(folder: Path, scale: Scale, changed: int = 0) -> None:
    """Write products.csv, `changed` rows of it with another title."""
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    with (folder / "catalog" / "products.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(scale.products):
            said = attributes_of(number, scale) | {"currency": "USD"}
            said["title"] += " anew" * (changed > 0 and number % max(1, scale.products // changed) == 0)
            writer.writerow([";".join(said[name]) if name == "photos" else said[name] for name in COLUMNS])


def refresh(folder: Path) -> None:
    """Read the catalog in this process and print what it took."""
    project = open_project(folder)
    project.__dict__["source"] = CatalogSource(project.source.table, PhotosAtOnce())
    start, cpu = time.perf_counter(), time.process_time()
    found = refresh_catalog(project)
    took = {"s": round(time.perf_counter() - start, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"products": found["products"], "changes": len(found["changes"]), **took, "peak_mb": peak_mb}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--here", action="store_true", help="read the catalog in this process")
    given = parser.parse_args()
    folder, scale = given.folder.resolve(), Scale(given.products)
    if given.here:
        refresh(folder)
        return
    write_settings(folder, scale)
    for changed in (0, 1000, 0):
        write_table(folder, scale, changed)
        print(json.dumps(measure(folder, "-m", "benchmarks.catalog_refresh", str(folder), "--here").answer), flush=True)


if __name__ == "__main__":
    main()
