"""Tensors kept in a device's memory by name, up to so many bytes: what was not asked for longest goes first. Computes nothing itself."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

Tensors = dict[str, Any]


@dataclass(kw_only=True)
class KeptTensors:
    """Tensors of at most `max_bytes`, or of what was asked for last where that alone is more; how often any had to be computed.

    `while_computing` makes what is entered for it.
    """

    max_bytes: int
    while_computing: Callable[[], AbstractContextManager[None]] = nullcontext
    computed: int = 0
    _kept: dict[Hashable, Tensors] = field(default_factory=dict)
    _bytes: int = 0

    def tensors(self, name: Hashable, compute: Callable[[], Tensors]) -> Tensors:
        """The tensors of a name, kept or else computed. Not to be changed by who gets them."""
        found = self._kept.pop(name, None)
        if found is None:
            with self.while_computing():
                found = compute()
            self.computed += 1
            self._bytes += _bytes_of(found)
            while self._kept and self._bytes > self.max_bytes:
                self._bytes -= _bytes_of(self._kept.pop(next(iter(self._kept))))
        self._kept[name] = found  # at the end: the first is what was not asked for longest
        return found

    @property
    def names(self) -> list[Hashable]:
        """What is kept, the longest unasked first."""
        return list(self._kept)

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return self._bytes


def _bytes_of(tensors: Tensors) -> int:
    return sum(int(tensor.nbytes) for tensor in tensors.values())
