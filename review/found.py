"""The list of renders to review: in order, filtered, counted; and made from the list before it when few of them changed.

Knows no ledger: who looks for renders is `queue.py`.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from review.items import Filter, Item, Order

FEW: Final = 50
"""Changes up to here mend what a list remembers; with more it is made anew (a tenth of a second of 20,000 renders)."""

MOST_FILTERS: Final = 32
"""Filters whose lists are remembered; a reviewer or two use a handful."""

COUNTED: Final = ("category", "recipe", "reason", "state")

Counts = dict[str, Counter[str]]


def _place(item: Item) -> Order:
    return item.order


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything to review, in the order it is shown; `left` products have not been looked at yet. Never changes but for what it remembers."""

    items: Sequence[Item] = ()
    left: int = 0
    _shown: dict[Filter, list[Item]] = field(default_factory=dict, repr=False, compare=False)
    _counts: dict[Filter, Counts] = field(default_factory=dict, repr=False, compare=False)

    def shown(self, wanted: Filter) -> Sequence[Item]:
        """What a filter takes, in order."""
        known = self._shown.get(wanted)
        if known is None:
            known = [item for item in self.items if wanted.takes(item)]
            _remember(self._shown, wanted, known)
        return known

    def counts(self, wanted: Filter) -> Counts:
        """How many renders each choice of a filter would show, the others left as they are."""
        known = self._counts.get(wanted)
        if known is None:
            known = _counted(self.items, wanted)
            _remember(self._counts, wanted, known)
        return known

    def changed(self, gone: Sequence[Item], came: Sequence[Item], left: int) -> "Found":
        """The list without some of its renders and with others; a render that only changed is among both."""
        if not gone and not came:
            return replace(self, left=left)
        if len(gone) + len(came) > FEW:
            leaving = {id(item) for item in gone}
            staying = [item for item in self.items if id(item) not in leaving]
            return Found(items=sorted([*staying, *came], key=_place), left=left)
        shown = {
            wanted: _mended(known, [*filter(wanted.takes, gone)], [*filter(wanted.takes, came)]) for wanted, known in self._shown.items()
        }
        counts = {wanted: _recounted(known, _counted(gone, wanted), _counted(came, wanted)) for wanted, known in self._counts.items()}
        return Found(items=_mended(self.items, gone, came), left=left, _shown=shown, _counts=counts)


def after(items: Sequence[Item], place: Order) -> Sequence[Item]:
    """What comes behind a place in the queue, whether something stands there or not."""
    return items[bisect_right(items, place, key=_place) :]


def before(items: Sequence[Item], place: Order) -> Sequence[Item]:
    """What comes ahead of a place in the queue."""
    return items[: bisect_left(items, place, key=_place)]


def _remember(known: dict[Filter, Any], wanted: Filter, what: Any) -> None:
    while len(known) >= MOST_FILTERS:
        known.pop(next(iter(known)))
    known[wanted] = what


def _mended(items: Sequence[Item], gone: Sequence[Item], came: Sequence[Item]) -> list[Item]:
    mended = list(items)
    for item in gone:
        del mended[bisect_left(mended, item.order, key=_place)]
    for item in came:
        insort(mended, item, key=_place)
    return mended


def _counted(items: Sequence[Item], wanted: Filter) -> Counts:
    found: Counts = {name: Counter() for name in COUNTED}
    for item in items:
        if replace(wanted, category="").takes(item):
            found["category"][item.made["category"]] += 1
        if replace(wanted, recipe="").takes(item):
            found["recipe"][item.made["recipe"]] += 1
        if replace(wanted, reason="").takes(item):
            found["reason"].update({reason.code for reason in item.reasons})
        if replace(wanted, state="all").takes(item):
            found["state"].update(["all", "open" if item.by is None else "decided"])
    return found


def _recounted(known: Counts, gone: Counts, came: Counts) -> Counts:
    return {name: known[name] + came[name] - gone[name] for name in COUNTED}
