"""Keep what was worked out last, in this process alone and bounded in size: ten pictures of one product read its cut-out once."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class RecentlyUsed(Generic[T]):
    """Things by what they were made from; the one that was asked for longest ago goes first. Others get the same one: it must not be changed.

    `size_of` measures a thing, `max_size` is how much is kept in all; the last one stays, however large.
    """

    def __init__(self, max_size: int, size_of: Callable[[T], int]) -> None:
        self.max_size, self.size_of = max_size, size_of
        self._things: OrderedDict[tuple[str, ...], T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The thing under a key, made now if it is not known. Raises what `make` raises."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key]
        # Not under the lock: two threads may both make it, which gives the same and costs time only.
        made = make()
        with self._lock:
            self._things[key] = made
            while len(self._things) > 1 and sum(map(self.size_of, self._things.values())) > self.max_size:
                self._things.popitem(last=False)
        return made

    def forget(self) -> None:
        """Know none, as a new process does."""
        with self._lock:
            self._things.clear()

    def __len__(self) -> int:
        return len(self._things)
