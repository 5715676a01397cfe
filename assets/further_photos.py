"""Photos of a product beside its main one that a recipe of the project uses: which those are, and whether a mask is one.

What no recipe uses is neither screened, kept nor cut out. Where they are used, they enter the render key; see planning.py.
"""

from typing import TYPE_CHECKING

from catalog.errors import PhotoRefused
from catalog.keys import digest
from catalog.photo_roles import MASKS, PhotoRole, photos_by_role
from catalog.verdict import Reason
from generation.kinds import KINDS
from resources.ledger import Row
from resources.project import Project

if TYPE_CHECKING:
    from quality.screening import Decoder

MASK_VERSION = "1"


def roles_used(project: Project) -> frozenset[PhotoRole]:
    """Roles of further photos that the project's recipes use."""
    return frozenset[PhotoRole]().union(*(KINDS[recipe.kind].photos for recipe in project.recipes))


def further_named(project: Project, row: Row) -> dict[PhotoRole, tuple[str, str]]:
    """Digest and name by role of a product row's further photos that a recipe uses and that are there."""
    used = roles_used(project)
    if not used:
        return {}
    names, digests = row["attributes"]["photos"], row["photo_digests"]
    return {role: (digests[at], names[at]) for role, at in photos_by_role(names).items() if role in used and digests[at]}


def mask_key(photo_digest: str) -> str:
    """Name of one look at a mask: its bytes and the version of the look."""
    return digest({"kind": "mask", "photo": photo_digest, "version": MASK_VERSION})


def screened_mask(data: bytes, name: str, decode: "Decoder") -> Reason | None:
    """Why a file is no mask; None for one that is black and white, with some of both."""
    try:
        levels = decode(data, name=name).pixels_HW3.mean(axis=2)
    except PhotoRefused as refusal:
        return Reason(code=refusal.code, message=str(refusal))
    white = float((levels >= 128).mean())
    gray = float(((levels > 40) & (levels < 215)).mean())
    if not 0 < white < 1 or gray > 0.1:
        return Reason(
            code="not_a_mask",
            message=f"{name} is no mask: {white:.0%} of it is white and {gray:.0%} gray. White where the mannequin is, black elsewhere is needed.",
        )
    return None


__all__ = ["MASKS", "further_named", "mask_key", "roles_used", "screened_mask"]
