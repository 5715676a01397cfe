"""Which files beside look pictures are masks: `NAME.mask.png` belongs to the picture NAME, whatever the picture's ending.

Names only; what a mask says is in training/look_masks.py.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

MASK_SUFFIX = ".mask.png"


def is_mask(name: str) -> bool:
    """Whether a file beside look pictures is the mask of one."""
    return name.lower().endswith(MASK_SUFFIX)


def mask_of(name: str, names: Iterable[str]) -> str | None:
    """The name of a picture's mask among `names`; None when it has none."""
    wanted = f"{PurePosixPath(name).stem}{MASK_SUFFIX}".lower()
    return next((one for one in names if one.lower() == wanted), None)
