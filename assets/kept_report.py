"""Where the catalog report is kept: in the output folder, and in the store too when that is elsewhere, since a pod's folder goes with it.

It lies in the store and not beside the published pictures: it shows what was rejected.
"""

from pathlib import Path
from typing import Final

from resources.files import side_by_side
from resources.project import Project

REPORT: Final = "report"
MEDIA_TYPES: Final = {".html": "text/html; charset=utf-8", ".json": "application/json", ".webp": "image/webp"}
_PARTS: Final = ("report.html", "summary.json", "report-files/*.webp")


def report_address(project: Project) -> str:
    """Where people find the report: a path or an `s3://` address."""
    if project.store.files.folder is not None:
        return str(project.settings.output_dir / "report.html")
    return project.store.files.address(f"{REPORT}/report.html")


def fetch_report(project: Project) -> None:
    """Bring the former report's thumbnails here, so that only new ones are made; nothing to do where the store is a folder."""
    files, folder = project.store.files, project.settings.output_dir
    if files.folder is not None:
        return
    there = [path for path in files.below(f"{REPORT}/report-files") if not (folder / path.removeprefix(f"{REPORT}/")).is_file()]
    for path, data in zip(there, side_by_side(files.read, there), strict=True):
        if data is not None:
            here = folder / path.removeprefix(f"{REPORT}/")
            here.parent.mkdir(parents=True, exist_ok=True)
            here.write_bytes(data)


def keep_report(project: Project) -> None:
    """Put the report into the store: thumbnails first, the page after them, what no page shows any more goes last."""
    files, folder = project.store.files, project.settings.output_dir
    if files.folder is not None:
        return
    before = set(files.below(REPORT))
    here = {f"{REPORT}/{path.relative_to(folder).as_posix()}": path for pattern in _PARTS for path in folder.glob(pattern)}

    def put(path: str) -> None:
        source: Path = here[path]
        files.write(path, source.read_bytes(), MEDIA_TYPES[source.suffix])

    # A thumbnail is named by what it shows, so one that is there is the right one.
    side_by_side(put, sorted(path for path in here if path.endswith(".webp") and path not in before))
    side_by_side(put, sorted(path for path in here if not path.endswith(".webp")))
    files.remove(sorted(before - here.keys()))
