"""The parts of products that were found last: ten colorways of one photo look for its material once. Finding a part is part.py's."""

from collections.abc import Callable

from catalog.recently_used import RecentlyUsed
from imaging.dominant_region import DominantRegion

MAX_PIXELS = 24_000_000
"""Pixels of all photos whose parts are kept, 5 bytes each: six of 4 MP."""

KNOWN: RecentlyUsed[DominantRegion] = RecentlyUsed(MAX_PIXELS, lambda region: region.mask.size)
"""Those of this process, by the digests of a cut-out and of a mask."""


def known_part(key: tuple[str, ...], find: Callable[[], DominantRegion]) -> DominantRegion:
    """The part under a key, found now if it is not known; read-only, for others get the same one. Raises what `find` raises."""

    def found() -> DominantRegion:
        region = find()
        region.mask.setflags(write=False)
        region.border.setflags(write=False)
        return region

    return KNOWN.get(key, found)
