"""The page's small pictures and overlays: made once, kept in a bounded folder of the state, thrown away when nobody asks any more.

A file's name begins with the digest of the picture it shows, so that renders that are no longer in the ledger are found and removed.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from assets.validated_renders import evidence_of
from catalog.errors import PhotoRefused, StoreError
from catalog.keys import digest
from imaging.decode_sandbox import DecodeSandbox
from imaging.encode import ENCODER_VERSION, Pixels, encode_webp
from publishing.atomic_file import write_atomically
from publishing.rendition import shrunk
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import render
from resources.project import Project
from review.items import Item
from review.overlays import OVERLAY_VERSION, OVERLAYS, draw_overlay

FOLDER: Final = "review-pictures"

TILE_PX: Final = 360
"""Long side of a tile: sharp at 180 CSS pixels on a dense screen, 5-12 KB."""

PHOTO_PX: Final = 1200
"""Long side of the source photo beside a render of the usual 1,200 px."""

PHOTO: Final = "-photo-"
"""In the names of source photos' files."""

QUALITY: Final = 76
"""WebP quality; a 360 px tile takes 5-12 KB."""

MAX_BYTES: Final = 512 * 2**20
"""What the folder may hold: some 50,000 tiles. The longest unused go first."""

UNUSED_S: Final = 30 * 86400
"""A picture nobody asked for in a month is thrown away."""

SWEEP_EVERY: Final = 2_000
"""New files between two sweeps."""


class ReviewPictures:
    """Makes and keeps the page's pictures; many threads may ask, each picture is made by one."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._sandbox = DecodeSandbox()
        self._sandbox_lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._made = 0

    def close(self) -> None:
        """End the process that reads photos."""
        self._sandbox.close()

    def tile(self, project: Project, made: Row) -> bytes:
        """A render as a small WebP; `made` is its row."""
        named = f"{made['render_digest']}-tile-{TILE_PX}-{ENCODER_VERSION}.webp"
        return self._kept(project, named, lambda: encode_webp(shrunk(_render(project, made), TILE_PX), quality=QUALITY))

    def photo(self, project: Project, item: Item) -> bytes:
        """The source photo as a WebP. Raises StoreError when it cannot be read any more."""
        named = f"{item.photo_digest}{PHOTO}{PHOTO_PX}-{ENCODER_VERSION}.webp"
        return self._kept(project, named, lambda: encode_webp(shrunk(self._photo(project, item), PHOTO_PX), quality=QUALITY))

    def overlay(self, project: Project, item: Item, name: str) -> bytes:
        """One overlay of a render, in its media type."""
        bounds = [[rule.column, rule.min, rule.max] for rule in item.rules if rule.column in OVERLAYS[name].columns]
        version = digest([item.made["cutout_digest"], item.made["placement"], bounds, OVERLAY_VERSION])[:16]
        named = f"{item.made['render_digest']}-{name}-{version}.{'svg' if name == 'fill' else 'png'}"

        def draw() -> bytes:
            evidence = evidence_of(project, item.made, changes_product=item.changes_product)
            return draw_overlay(name, evidence, item.rules)

        return self._kept(project, named, draw)

    def _kept(self, project: Project, named: str, make: Callable[[], bytes]) -> bytes:
        path = self._folder / named
        try:
            return _used(path)
        except FileNotFoundError:
            pass
        with self._locks[named]:
            if not path.is_file():
                write_atomically(path, make())
                self._made += 1
        self._locks.pop(named, None)
        if self._made >= SWEEP_EVERY:
            self._made = 0
            self.sweep(project)
        return _used(path)

    def _photo(self, project: Project, item: Item) -> Pixels:
        try:
            with self._sandbox_lock:
                return self._sandbox.decode(project.store.get(item.photo_digest), name=item.photo_digest[:12]).pixels_HW3
        except PhotoRefused as refusal:
            raise StoreError(f"The source photo cannot be read any more: {refusal}") from refusal

    def sweep(self, project: Project, *, max_bytes: int = MAX_BYTES) -> int:
        """Remove pictures whose render the ledger does not know, unused ones, and the longest unused above the bound; how many."""
        found = [(path, path.stat()) for path in self._folder.glob("*-*") if path.is_file()]
        known = _known_digests(project, {path.name[:64] for path, _ in found if PHOTO not in path.name})
        now, kept, removed = time.time(), 0, 0
        for path, facts in sorted(found, key=lambda one: -one[1].st_mtime):
            kept += facts.st_size
            gone = PHOTO not in path.name and path.name[:64] not in known
            if gone or now - facts.st_mtime > UNUSED_S or kept > max_bytes:
                path.unlink(missing_ok=True)
                kept, removed = kept - facts.st_size, removed + 1
        return removed


def _used(path: Path) -> bytes:
    """The bytes of a picture that is there; its time of change is when it was last asked for."""
    data = path.read_bytes()
    os.utime(path)
    return data


def _known_digests(project: Project, digests: Iterable[str]) -> set[str]:
    wanted, known = sorted(digests), set[str]()
    for start in range(0, len(wanted), QUERY_CHUNK):
        query = sa.select(render.c.render_digest).where(render.c.render_digest.in_(wanted[start : start + QUERY_CHUNK])).distinct()
        known |= {row["render_digest"] for row in project.ledger.rows(query)}
    return known


def _render(project: Project, made: Row) -> Pixels:
    from imaging.storage_format import decode_rgb

    return decode_rgb(project.store.get(made["render_digest"]))
