"""Plates drawn ahead of their pictures: batches of one size, composed across the products of a shard, handed out by group.

Draws nothing itself and records nothing. Of what fits together, at a fixed batch size a plate's bytes do not depend on its batch (decision 51), so that a batch may
take whatever waits.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.planning import WantedRender
from generation.render import needs_plates

if TYPE_CHECKING:
    from generation.plates import Plate

Group = list[WantedRender]
"""What of one recipe is wanted of one product; recorded together."""

Draw = Callable[[Sequence[WantedRender]], "list[Plate]"]

BATCHES_WAITING = 4
"""Batches' worth of renders that may wait for others that they can be drawn with, before what waits longest is drawn in a batch that is filled up.
Of use only to models whose prompts differ in length: for the others all renders of a lot can be drawn together."""


def with_plates(
    groups: Iterable[Group],
    draw: Draw,
    batch_images: Callable[[Group], int],
    lot: Callable[[Group], Hashable],
    fits: Callable[[Group], Sequence[Hashable]] = lambda group: [None] * len(group),
) -> Iterator[tuple[Group, "list[Plate] | None"]]:
    """Each group with its plates in order, or with None where it needs none; groups are taken only when the next batch needs them.

    A batch is drawn as soon as `batch_images` renders wait that fit together (asked each time: memory may change it), the last ones with what is
    left. Only groups of the same `lot` that follow one another share batches, and of their renders those of which `fits` says the same.
    """
    ahead = _Ahead(draw=draw, batch_images=batch_images)
    for group in groups:
        if not needs_plates(group[0].resolved):
            yield group, None
            continue
        if ahead.waiting and lot(ahead.waiting[0]) != lot(group):
            yield from ahead.draw_all()
        ahead.add(group, fits(group))
        yield from ahead.draw_full_batches()
    yield from ahead.draw_all()


@dataclass(kw_only=True)
class _Ahead:
    """Groups of one lot that wait for plates, in order; `undrawn` are their renders by what fits together."""

    draw: Draw
    batch_images: Callable[[Group], int]
    waiting: list[Group] = field(default_factory=list)
    undrawn: "dict[Hashable, list[WantedRender]]" = field(default_factory=dict)
    drawn: "dict[str, Plate]" = field(default_factory=dict)

    def add(self, group: Group, fits: Sequence[Hashable]) -> None:
        """Let a group wait."""
        self.waiting.append(group)
        for wanted, fit in zip(group, fits, strict=True):
            self.undrawn.setdefault(fit, []).append(wanted)

    def draw_full_batches(self) -> "Iterator[tuple[Group, list[Plate]]]":
        """Draw every batch that is full, and the longest waiting one when too many wait; groups that are complete then."""
        while self.undrawn:
            size = self.batch_images(self.waiting[0])
            full = [fit for fit, those in self.undrawn.items() if len(those) >= size]
            if not full and sum(map(len, self.undrawn.values())) <= BATCHES_WAITING * size:
                return
            yield from self._draw_next(full[0] if full else self._longest_waiting(), size)

    def draw_all(self) -> "Iterator[tuple[Group, list[Plate]]]":
        """Draw everything that waits."""
        while self.undrawn:
            yield from self._draw_next(self._longest_waiting(), self.batch_images(self.waiting[0]))

    def _longest_waiting(self) -> Hashable:
        first = next(w for group in self.waiting for w in group if w.render_key not in self.drawn)
        return next(fit for fit, those in self.undrawn.items() if first in those)

    def _draw_next(self, fit: Hashable, size: int) -> "Iterator[tuple[Group, list[Plate]]]":
        batch, left = self.undrawn[fit][:size], self.undrawn[fit][size:]
        self.drawn.update(zip((w.render_key for w in batch), self.draw(batch), strict=True))
        if left:
            self.undrawn[fit] = left
        else:
            del self.undrawn[fit]
        while self.waiting and all(w.render_key in self.drawn for w in self.waiting[0]):
            group = self.waiting.pop(0)
            yield group, [self.drawn.pop(w.render_key) for w in group]
