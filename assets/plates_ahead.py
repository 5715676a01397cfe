"""Plates drawn ahead of their pictures: batches of one size, composed across the products of a shard, handed out by group.

Draws nothing itself and records nothing. At a fixed batch size a plate's bytes do not depend on its batch (decision 51), so that a batch may
take whatever waits.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from assets.planning import WantedRender
from generation.render import needs_plates

if TYPE_CHECKING:
    from generation.plates import Plate

Group = list[WantedRender]
"""What of one recipe is wanted of one product; recorded together."""

Draw = Callable[[Sequence[WantedRender]], "list[Plate]"]


def with_plates(
    groups: Iterable[Group], draw: Draw, batch_images: Callable[[Group], int], lot: Callable[[Group], Hashable]
) -> Iterator[tuple[Group, "list[Plate] | None"]]:
    """Each group with its plates in order, or with None where it needs none; groups are taken only when the next batch needs them.

    A batch is drawn as soon as `batch_images` renders wait (asked each time: memory may change it), the last one with what is left. Only groups
    of the same `lot` that follow one another share batches.
    """
    waiting: list[Group] = []
    drawn: dict[str, Plate] = {}

    def undrawn() -> list[WantedRender]:
        return [w for group in waiting for w in group if w.render_key not in drawn]

    def draw_next(batch: Sequence[WantedRender]) -> "Iterator[tuple[Group, list[Plate]]]":
        drawn.update(zip((w.render_key for w in batch), draw(batch), strict=True))
        while waiting and all(w.render_key in drawn for w in waiting[0]):
            group = waiting.pop(0)
            yield group, [drawn.pop(w.render_key) for w in group]

    def draw_all() -> "Iterator[tuple[Group, list[Plate]]]":
        while left := undrawn():
            yield from draw_next(left[: batch_images(waiting[0])])

    for group in groups:
        if not needs_plates(group[0].resolved):
            yield group, None
            continue
        if waiting and lot(waiting[0]) != lot(group):
            yield from draw_all()
        waiting.append(group)
        while waiting and len(batch := undrawn()[: batch_images(waiting[0])]) == batch_images(waiting[0]):
            yield from draw_next(batch)
    yield from draw_all()
