"""What one batch used: wall and CPU seconds, and on a GPU the seconds between its first and its last kernel and how busy it was.

Books nothing; money is added where prices are known.
"""

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class BatchMeter:
    """Measures from its making to `read()`; on CUDA it waits for the device then."""

    device: str
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)
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
        return {"seconds": (time.perf_counter() - self._wall) / images, "cpu_seconds": (time.process_time() - self._cpu) / images, **gpu}


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
