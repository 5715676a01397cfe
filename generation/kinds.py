"""All kinds of recipes by name. What each does is in its own file."""

from collections.abc import Mapping

from generation.backdrop import BACKDROP
from generation.kind import Kind
from generation.packshot import PACKSHOT
from generation.recolor import RECOLOR
from generation.scale_card import SCALE_CARD
from generation.staging import STAGED_SCENE

KINDS: Mapping[str, Kind] = {
    "backdrop": BACKDROP,
    "packshot": PACKSHOT,
    "recolor": RECOLOR,
    "scale_card": SCALE_CARD,
    "staged_scene": STAGED_SCENE,
}
"""Every kind of recipe that exists."""
