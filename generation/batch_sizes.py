"""How many pictures fit into one batch: the wanted number, or half as often as the device ran out of memory; remembered.

Remembers for this process, and in a file where one is given, so that the next worker on this machine begins where the last one arrived.
"""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import ModelError

log = logging.getLogger(__name__)

_FITTING: dict[str, int] = {}
"""Largest batch that is left to be tried, by what was drawn on what."""


@dataclass(frozen=True, kw_only=True)
class BatchSize:
    """The batch size of one kind of work: `wanted` images, at most what its memory was found to hold."""

    wanted: int
    model_digest: str
    device: str
    size_px: int
    guided: bool
    """Guided steps hold every picture twice."""
    file: Path | None = None
    memory: str | None = None
    """How the base model lies in it, where somebody said so: "resident" or "staged"."""

    @property
    def images(self) -> int:
        """Images per batch now."""
        if self._key not in _FITTING:
            _FITTING[self._key] = min(self.wanted, self._read().get(self._key, self.wanted))
        return _FITTING[self._key]

    def halve(self, reason: str) -> int:
        """Remember that a batch of the present size did not fit; the new size. Raises ModelError when a single picture does not fit."""
        if self.images == 1:
            raise ModelError(
                f"One picture of {self.size_px} px alone does not fit into the memory of {self.device}: {reason.splitlines()[0][:200]} "
                "Nothing of this batch was kept. Use a machine with more memory, or a smaller base model."
            )
        _FITTING[self._key] = self.images // 2
        log.warning("out of memory on %s: from now on %d images a batch, not %d", self.device, self.images, self.images * 2)
        if self.file is not None:
            self._write({**self._read(), self._key: self.images})
        return self.images

    @property
    def _key(self) -> str:
        where = " ".join(filter(None, (self.device, self.memory)))
        return f"{self.model_digest[:16]} {where} {self.size_px}px {'guided' if self.guided else 'unguided'} of {self.wanted}"

    def _read(self) -> dict[str, int]:
        """What the file says; nothing when there is none or it is damaged: it is then found out anew."""
        try:
            found = json.loads(self.file.read_text()) if self.file is not None else {}
        except (OSError, ValueError):
            return {}
        return {key: size for key, size in found.items() if isinstance(size, int) and size >= 1} if isinstance(found, dict) else {}

    def _write(self, sizes: dict[str, int]) -> None:
        assert self.file is not None
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f"{self.file.name}.{os.getpid()}.part")  # two workers may find out at once
        part.write_text(json.dumps(sizes, indent=1, sort_keys=True))
        part.replace(self.file)


OUT_OF_MEMORY_WORDS = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""How plain RuntimeErrors say that memory did not suffice: torch's on a CPU, the driver's, and those of libraries that allocate by themselves."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY_WORDS)
