"""What a photo's screening and cut-out are called in the ledger, and which cut-out of a photo holds today.

Screens and cuts out nothing itself: source_photos.py and cutouts.py do.
"""

from collections.abc import Iterable

from assets.attempts import CRASHES
from assets.further_photos import mask_key
from catalog.keys import digest
from catalog.photo_roles import MASKS, PhotoRole
from imaging.cutout import CUTOUT_VERSION
from quality.screening import SCREENING_VERSION, ScreeningRules
from resources.ledger import Row
from resources.ledger_tables import cutout
from resources.project import Project


def screening_key(photo_digest: str, name: str, rules: ScreeningRules) -> str:
    """Name of one screening: the photo's bytes, what its name claims it is, the rules, the screening code's version."""
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    named = {"kind": "screening", "photo": photo_digest, "suffix": suffix, "version": SCREENING_VERSION}
    return digest({**named, "rules": rules.model_dump(mode="json")})


def further_key(role: PhotoRole, photo_digest: str, name: str, rules: ScreeningRules) -> str:
    """Name of the screening of a photo beside the main one; masks are looked at otherwise."""
    return mask_key(photo_digest) if role in MASKS else screening_key(photo_digest, name, rules)


def cutout_key(photo_digest: str) -> str:
    """Name of one cut-out: the photo and the cut-out code's version."""
    return digest({"kind": "cutout", "photo": photo_digest, "version": CUTOUT_VERSION})


def second_cutout_key(project: Project, photo_digest: str) -> str | None:
    """Name of the cut-out that the installed model makes of a photo in doubt: the photo, the code's versions, the weights; None without a model."""
    model = project.cutout_model
    if model is None:
        return None
    return digest({"kind": "cutout", "photo": photo_digest, "version": CUTOUT_VERSION, "neural": model.identity})


def cutouts_of(project: Project, photo_digests: Iterable[str]) -> dict[str, Row]:
    """The cut-outs that hold today, by photo: the classical one, or the installed model's where that one is in doubt.

    A photo that is not cut out yet, or in doubt and not shown to the installed model yet, is left out: its cut-out is to be made.
    """
    photos = list(dict.fromkeys(photo_digests))
    first = project.ledger.by_keys(cutout, map(cutout_key, photos))
    found = {photo: first[cutout_key(photo)] for photo in photos if cutout_key(photo) in first}
    doubtful = {photo: key for photo, row in found.items() if in_doubt(row) and (key := second_cutout_key(project, photo))}
    second = project.ledger.by_keys(cutout, doubtful.values())
    for photo, key in doubtful.items():
        if key in second:
            found[photo] = second[key]
        else:
            del found[photo]
    return found


def in_doubt(row: Row) -> bool:
    """Whether another way may cut this photo out: refused, and not because workers died over it."""
    return not row["accepted"] and CRASHES not in row["reasons"]


def screening_rules(project: Project) -> ScreeningRules:
    """The project's screening rules: the shipped ones with its overrides."""
    from catalog.recipe import parse_model

    return parse_model(ScreeningRules, project.settings.screening, "vitrine.yaml: screening")
