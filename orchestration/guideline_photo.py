"""Find a good photo of the catalog to show photographers what is asked of them; changes nothing, and needs no ledger."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from catalog.errors import CatalogError, SettingsError
from imaging.decode_sandbox import DecodeSandbox
from quality.screening import Screening, ScreeningRules, screen_photo
from resources.project import Project

LOOKED_AT = 16
"""Photos of the catalog looked at, spread over the table; each costs about 0.3 CPU-s."""
ENOUGH = 4
"""Good ones among which the clearest is chosen."""
IDEAL_SHARE = 0.3
"""Of the picture covered by the product: large enough to see, small enough for air around it."""


def example_photo(project: Project, rules: ScreeningRules, photo: Path | None) -> npt.NDArray[np.uint8] | None:
    """A photo that passes the rules without a remark: `photo`, else one of the catalog's; None when the catalog has none.

    Raises SettingsError when `photo` cannot be read or is not good.
    """
    with DecodeSandbox() as sandbox:
        if photo is not None:
            return _given(photo, rules, sandbox)
        good: list[Screening] = []
        for name in _names(project):
            read = project.source.pictures.photo(name)
            screening = None if read is None else screen_photo(read.data, name, rules, decode=sandbox.decode)
            if screening is not None and screening.accepted and not screening.warnings:
                good.append(screening)
            if len(good) == ENOUGH:
                break
    best = max(good, key=_clearness, default=None)
    return None if best is None or best.photo is None else best.photo.pixels_HW3


def _given(path: Path, rules: ScreeningRules, sandbox: DecodeSandbox) -> npt.NDArray[np.uint8]:
    if not path.is_file():
        raise SettingsError(f"There is no photo {path}. Name one that exists, or leave --photo out. Nothing was written.")
    screening = screen_photo(path.read_bytes(), path.name, rules, decode=sandbox.decode)
    if screening.photo is None or not screening.accepted:
        raise SettingsError(
            f"{path} breaks the rules itself: {screening.reasons[0].message} Choose another photo as the example. Nothing was written."
        )
    return screening.photo.pixels_HW3


def _names(project: Project) -> list[str]:
    """Names of photos from all parts of the table; the first photo of each row."""
    try:
        column = project.source.table.read().frame["photos"]
    except KeyError as error:
        raise CatalogError(
            f"{project.source.table.name} has no column `photos`. Name a photo with --photo. Nothing was written."
        ) from error
    names = [str(value).split(";")[0].split("|")[0].strip() for value in column if isinstance(value, str) and value.strip()]
    unique = list(dict.fromkeys(names))
    return unique[:: max(1, len(unique) // LOOKED_AT)][:LOOKED_AT]


def _clearness(screening: Screening) -> float:
    """Higher for one sharp product that fills a good part of the frame."""
    measured = screening.measurements
    return -abs(measured["product_share"] - IDEAL_SHARE) + measured["edge_finest_ratio"]
