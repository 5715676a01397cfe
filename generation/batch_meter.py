"""What one batch used: wall and CPU seconds, and on a GPU the seconds between its first and its last kernel and how busy it was.

CPU seconds are the process's, because a drawing has threads of its own, without those of threads that say they do something else. Books nothing;
money is added where prices are known.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_LOCK = threading.Lock()
_BESIDE: dict[int, float] = {}
"""Threads that do something beside the drawing now, with their CPU seconds when they began it."""
_ended = [0.0]
"""CPU seconds of what was done beside the drawing and is over."""


@contextmanager
def beside_the_drawing() -> Iterator[None]:
    """What this thread does within is no part of any batch that is drawn meanwhile. Not to be nested."""
    me = threading.get_ident()
    with _LOCK:
        _BESIDE[me] = time.thread_time()
    try:
        yield
    finally:
        with _LOCK:
            _ended[0] += time.thread_time() - _BESIDE.pop(me)


def _drawing_cpu() -> float:
    """CPU seconds of this process without what was done beside the drawing, up to now."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on macOS: there a piece of work counts when it is over
    with _LOCK:
        under_way = sum(time.clock_gettime(clock_of(thread)) - begun for thread, begun in _BESIDE.items()) if clock_of else 0.0
        return time.process_time() - _ended[0] - under_way


@dataclass
class BatchMeter:
    """Measures from its making to `read()`; on CUDA it waits for the device then."""

    device: str
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=_drawing_cpu)
    _begun: Any = None

    def __post_init__(self) -> None:
        if self.device.startswith("cuda"):
            self._begun = _event()

    def read(self, images: int) -> dict[str, float]:
        """Each image's share: `seconds`, `cpu_seconds`, on a GPU `gpu_seconds`; and the GPU's `utilization_pct`, where its driver tells it."""
        gpu: dict[str, float] = {}
        if self._begun is not None:
            ended = _event()
            ended.synchronize()
            gpu["gpu_seconds"] = self._begun.elapsed_time(ended) / 1000 / images
            gpu |= _utilization(self.device)
        cpu_seconds = max(0.0, _drawing_cpu() - self._cpu)  # clocks of threads and of the process tick apart
        return {"seconds": (time.perf_counter() - self._wall) / images, "cpu_seconds": cpu_seconds / images, **gpu}


def _event() -> Any:
    import torch

    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _utilization(device: str) -> dict[str, float]:
    """Share of the last moments in which kernels ran (NVML); nothing where Python's NVML binding is not installed or does not answer."""
    import torch

    try:
        return {"utilization_pct": float(torch.cuda.utilization(device))}
    except (ModuleNotFoundError, RuntimeError):
        return {}
