"""What the catalog report costs on a made-up project of `benchmarks/scale_catalog.py`: CPU seconds and peak memory.

    python -m benchmarks.scale_catalog /tmp/scale --products 2500
    python -m benchmarks.catalog_report /tmp/scale

No file lies behind the made-up renders, so that every picture that is read is one small one. One process per measurement: peaks do not fall.
"""

import argparse
import resource
import time
from io import BytesIO
from pathlib import Path
from unittest import mock

from PIL import Image

from assets.catalog_report import write_report
from resources.object_store import ObjectStore
from resources.project import open_project


def peak_mb() -> float:
    """The largest size this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    small = BytesIO()
    Image.new("RGB", (200, 200), "white").save(small, "PNG")
    project = open_project(folder)
    import imaging.storage_format  # noqa: F401 - its libraries are not what is measured
    import publishing.report  # noqa: F401

    before_mb, start_s = peak_mb(), time.process_time()
    read_small = mock.patch.object(ObjectStore, "get", lambda self, name: small.getvalue())
    with read_small, mock.patch("assets.catalog_report.lora_reports", return_value=()):  # no facts of a training are made up
        summary = write_report(project, rendered_now=0, seconds=0.0)
    page_kb = (project.settings.output_dir / "report.html").stat().st_size / 1024
    print(f"{summary.products:,} products, {summary.renders_total:,} renders, {summary.approved:,} approved; page {page_kb:,.0f} KB")
    print(f"{time.process_time() - start_s:.1f} CPU-s; peak {before_mb:.0f} MB before, {peak_mb():.0f} MB after")


if __name__ == "__main__":
    main()
