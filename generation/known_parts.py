"""Keep the parts of products that were found last: ten colorways of one photo look for its material once.

In this process alone, and bounded. Finding a part is part.py's.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from imaging.dominant_region import DominantRegion

MAX_PIXELS = 24_000_000
"""Pixels of all photos whose parts are kept, 5 bytes each: six of 4 MP. The last one stays, however large."""


class KnownParts:
    """Regions by what they were found in (digests of a cut-out and of a mask); the one that was asked for longest ago goes first."""

    def __init__(self, max_pixels: int = MAX_PIXELS) -> None:
        self.max_pixels = max_pixels
        self._regions: OrderedDict[tuple[str, ...], DominantRegion] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], find: Callable[[], DominantRegion]) -> DominantRegion:
        """The region under a key, found now if it is not known; read-only, for others get the same one. Raises what `find` raises."""
        with self._lock:
            if key in self._regions:
                self._regions.move_to_end(key)
                return self._regions[key]
        # Not under the lock: two threads may both find it, which gives the same and costs time only.
        region = find()
        region.mask.setflags(write=False)
        region.border.setflags(write=False)
        with self._lock:
            self._regions[key] = region
            while len(self._regions) > 1 and sum(one.mask.size for one in self._regions.values()) > self.max_pixels:
                self._regions.popitem(last=False)
        return region

    def forget(self) -> None:
        """Know none, as a new process does."""
        with self._lock:
            self._regions.clear()

    def __len__(self) -> int:
        return len(self._regions)


KNOWN = KnownParts()
"""Those of this process."""
