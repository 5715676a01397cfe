"""What further photos of a product show, told by how their file names end: `TEE-1-inside.jpg`, `TEE-1_back.jpg`, `TEE-1-mannequin.png`.

A source needs no column for it: the names stand in `photos`, whether rows come from a file or a database. The first photo is always the main one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

PhotoRole = Literal["inside", "back", "mannequin"]
"""`inside`: the inside of a garment's back. `back`: the product from behind. `mannequin`: no photo but a mask, white where the main photo shows
its mannequin."""

ENDINGS: dict[PhotoRole, str] = {
    "inside": r"inside|inner|inside[-_ ]?back|inner[-_ ]?back|back[-_ ]inside",
    "back": r"back|rear",
    "mannequin": r"mannequin|mannequin[-_ ]?mask",
}
"""Last words of a file's name without its suffix, after `-`, `_` or a space, in any case. `back-inside` is an inside: it is asked first."""

MASKS: frozenset[PhotoRole] = frozenset({"mannequin"})
"""Roles of pictures that are drawn, not photographed: neither screened as photos nor cut out."""


@dataclass(frozen=True, kw_only=True)
class FurtherPhoto:
    """A photo beside the main one that recipes may use: digests of its bytes and of its cut-out ('' for a mask), or why it cannot be used."""

    photo_digest: str
    cutout_digest: str = ""
    refused: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As it enters a resolved recipe, and so the render key."""
        found = {"photo": self.photo_digest, "cutout": self.cutout_digest} if self.cutout_digest else {"photo": self.photo_digest}
        return {**found, "refused": list(self.refused)} if self.refused else found


def photos_by_role(names: Sequence[str]) -> dict[PhotoRole, int]:
    """Places of a product's further photos by what their names tell; the first of a role counts, others tell nothing."""
    found: dict[PhotoRole, int] = {}
    for place, name in enumerate(names[1:], 1):
        stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
        role = next((role for role, words in ENDINGS.items() if re.search(rf"[-_ ](?:{words})$", stem)), None)
        if role is not None:
            found.setdefault(role, place)
    return found
