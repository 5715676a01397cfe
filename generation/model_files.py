"""Every file below a model's folder, by its name in it: the one walk that digests, pins and looks for code go by, so that all see the same.

Reads no file.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name within the folder and its path, in order of names; hidden files and folders, which loading never reads, are left out.

    Links to files and to folders are followed, as loading follows them: models that share a text encoder share it by a link. A link that leads
    to a folder it lies in is followed once and no further. What is hidden comes by itself: .DS_Store on a Mac, .ipynb_checkpoints of a notebook.
    """
    found = [(path.relative_to(folder), path) for path in _walked(folder, frozenset())]
    for name, path in sorted(found):
        yield name.as_posix(), path


def _walked(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        return
    with os.scandir(folder) as entries:
        inside = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in inside:
        if entry.is_dir():
            yield from _walked(folder / entry.name, above | {real})
        elif entry.is_file():
            yield folder / entry.name
