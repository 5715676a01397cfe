"""How far a shard is, in one line every few seconds: images done and to come, seconds per image, time left.

Only tells; what was made is counted by tallies and booked by the clock of costs.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

TELL_EVERY_S = 10.0
"""Seconds between two lines: often enough for somebody who watches, and a few hundred lines in the longest shard."""


@dataclass(kw_only=True)
class ShardProgress:
    """Counts the images of a shard as they are done, whatever became of them. `images` are all it was given; `tell` gets the lines."""

    images: int
    tell: Callable[[str], None] = log.info
    done: int = 0
    found: int = 0
    """Of the done ones, those that another run had made: they say nothing of the pace."""
    _begun: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def add(self, images: int, *, found: bool = False, now: float | None = None) -> None:
        """Count images; tells when it is time, and at the end. `now` is the monotonic clock's, for tests."""
        now = time.monotonic() if now is None else now
        self.done += images
        self.found += images if found else 0
        if now - self._told >= TELL_EVERY_S or (self.done == self.images and self.done > self.found):
            self._told = now
            self.tell(self.line(now))

    def line(self, now: float) -> str:
        """The line: `137 of 512 images, 0.41 s each, 3 min left`."""
        made, told = self.done - self.found, f"{self.done} of {self.images} images"
        if not made:
            return told
        each = (now - self._begun) / made
        left_s = each * (self.images - self.done)
        left = "" if not left_s else f", {left_s / 60:.0f} min left" if left_s >= 90 else f", {left_s:.0f} s left"
        return f"{told}, {each:.2f} s each{left}"
