"""How many pictures fit into one batch: the wanted number, or half as often as the device ran out of memory; remembered for a while.

Remembers for this process, and in a file where one is given, so that the next worker on this machine begins where the last one arrived. What was
found may have been a neighbor's doing, so it is believed for some days only, and only where it was found.
"""

import datetime as dt
import functools
import importlib.metadata
import json
import logging
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.errors import ModelError

log = logging.getLogger(__name__)

BELIEVED_DAYS = 7
"""After so many days the wanted size is tried again. When it still does not fit, that costs the attempts until it does, seconds of a week; a smaller
batch that nothing asks for any more costs a fifth of all drawing (docs/how-to/engine.md)."""

_FITTING: dict[str, "_Found"] = {}
"""Largest batch that is left to be tried, by what was drawn on what."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """So many images fitted, on a day, on a machine (see `_where`)."""

    images: int
    on: dt.date
    where: str

    def holds(self, where: str) -> bool:
        """Whether it is to be believed here and today; a day in the future is a clock's that was set right since."""
        return self.where == where and 0 <= (_today() - self.on).days < BELIEVED_DAYS

    @property
    def as_stored(self) -> dict[str, Any]:
        """As plain data."""
        return {"images": self.images, "on": self.on.isoformat(), "where": self.where}


@dataclass(frozen=True, kw_only=True)
class BatchSize:
    """The batch size of one kind of work: `wanted` images, at most what its memory was found to hold."""

    wanted: int
    model_digest: str
    device: str
    picture: str
    """What is drawn, in words: its size, and what else takes memory."""
    guided: bool
    """Guided steps hold every picture twice."""
    file: Path | None = None
    memory: str | None = None
    """How the base model lies in it, where somebody said so: "resident" or "staged"."""

    @property
    def images(self) -> int:
        """Images per batch now."""
        where = _where(self.device)
        for found in (_FITTING.get(self._key), self._read().get(self._key)):
            if found is not None and found.holds(where):
                _FITTING[self._key] = found
                return min(self.wanted, found.images)
        return self.wanted

    def halve(self, reason: str) -> int:
        """Remember that a batch of the present size did not fit; the new size. Raises ModelError when a single picture does not fit."""
        images = self.images
        if images == 1:
            raise ModelError(
                f"One picture of {self.picture} alone does not fit into the memory of {self.device}: {reason.splitlines()[0][:200]} "
                "Nothing of this batch was kept. Use a machine with more memory, or a smaller base model."
            )
        found = _Found(images=images // 2, on=_today(), where=_where(self.device))
        _FITTING[self._key] = found
        log.warning("out of memory on %s: from now on %d images a batch, not %d", self.device, images // 2, images)
        if self.file is not None:
            self._write({**self._read(), self._key: found})
        return found.images

    @property
    def _key(self) -> str:
        where = " ".join(filter(None, (self.device, self.memory)))
        return f"{self.model_digest[:16]} {where} {self.picture} {'guided' if self.guided else 'unguided'} of {self.wanted}"

    def _read(self) -> dict[str, _Found]:
        """What the file says; nothing when there is none or it is damaged: it is then found out anew."""
        try:
            stored = json.loads(self.file.read_text()) if self.file is not None else {}
        except (OSError, ValueError):
            return {}
        read = {key: _found(one) for key, one in stored.items()} if isinstance(stored, dict) else {}
        return {key: one for key, one in read.items() if one is not None}

    def _write(self, sizes: dict[str, _Found]) -> None:
        assert self.file is not None
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f"{self.file.name}.{os.getpid()}.part")  # two workers may find out at once
        part.write_text(json.dumps({key: one.as_stored for key, one in sizes.items()}, indent=1, sort_keys=True))
        part.replace(self.file)


def _found(stored: Any) -> _Found | None:
    """One entry of the file; None for one that says nothing, such as the bare numbers of before."""
    try:
        found = _Found(images=stored["images"], on=dt.date.fromisoformat(stored["on"]), where=stored["where"])
    except (TypeError, KeyError, ValueError):
        return None
    return found if isinstance(found.images, int) and found.images >= 1 else None


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


@functools.cache
def _where(device: str) -> str:
    """What decides how much fits beside the model: torch, and a GPU with its memory and driver, or the machine's memory."""
    version = f"torch {importlib.metadata.version('torch')}"
    if not device.startswith("cuda"):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return f"{version}, {platform.machine()}, {pages >> 20} MiB"
    import torch

    gpu = torch.cuda.get_device_properties(device)
    return f"{version}, {gpu.name}, {gpu.total_memory >> 20} MiB, {_driver()}"


def _driver(said_by: Path = Path("/proc/driver/nvidia/version")) -> str:
    """The GPU driver's version in its own words; where the system does not say (not Linux), its absence."""
    try:
        return said_by.read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return "driver unknown"


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
