"""A project as it would be after its catalog was read, for a quote before the first run: everything in a folder that is deleted afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.planning import known_cells
from resources.project import Project
from resources.store_settings import FolderStore


@contextmanager
def as_if_read(project: Project) -> Iterator[tuple[Project, bool]]:
    """The project itself and False when its catalog was read before; else one with a catalog read for the occasion, and True.

    Raises CatalogError when the catalog cannot be read.
    """
    if known_cells(project):
        yield project, False
        return
    from assets.catalog import refresh_catalog

    with tempfile.TemporaryDirectory(prefix="vitrine-quote-") as folder:
        looked_at = Project(
            project.settings.model_copy(update={"state": Path(folder), "ledger": None, "store": FolderStore()}), run=project.run
        )
        refresh_catalog(looked_at)
        yield looked_at, True
