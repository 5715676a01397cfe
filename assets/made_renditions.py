"""The files of one publication, each encoded once: what a channel's pack judged is, byte for byte, what is delivered.

Encoding is `publishing/rendition.py`. Keeps a bounded number of bytes in memory; what finds no room is encoded again when it is delivered.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.published_images import Candidate
    from publishing.rendition import Rendition

KEPT_BYTES = 256 * 2**20
"""Held between judging and delivering: some 600 files of 2000 px, more than a day's drop of most categories."""


class MadeRenditions:
    """Renditions by publish key."""

    def __init__(self, make: "Callable[[Candidate], Rendition]", keep_bytes: int = KEPT_BYTES) -> None:
        self._make, self._room = make, keep_bytes
        self._kept: dict[str, Rendition] = {}

    def for_judging(self, one: "Candidate") -> bytes:
        """The bytes of a candidate's file to come; kept for its delivery if there is room."""
        made = self._kept.get(one.publish_key)
        if made is None:
            made = self._make(one)
            if len(made.data) <= self._room:
                self._kept[one.publish_key] = made
                self._room -= len(made.data)
        return made.data

    def for_delivery(self, one: "Candidate") -> "Rendition":
        """A candidate's file, the one that was judged if it was kept; it is kept no longer."""
        made = self._kept.pop(one.publish_key, None)
        if made is None:
            return self._make(one)
        self._room += len(made.data)
        return made

    def keep_only(self, publish_keys: "set[str]") -> None:
        """Let go of files that will not be delivered."""
        for key in self._kept.keys() - publish_keys:
            self._room += len(self._kept.pop(key).data)
