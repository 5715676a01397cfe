"""What a step uses: wall and CPU time, peak memory of the process, of its children and of its pod, peak GPU memory.

Linux only in what it reads; on another system peaks are those of the whole process so far. Recommending numbers from it is
`orchestration/resource_report.py`.
"""

import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROC = Path("/proc/self")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a step used. Bytes; None where it cannot be known or there is none."""

    wall_s: float
    cpu_s: float
    rss_peak_bytes: int
    child_rss_peak_bytes: int
    cgroup_peak_bytes: int | None
    gpu_allocated_peak_bytes: int | None
    gpu_reserved_peak_bytes: int | None

    @property
    def memory_peak_bytes(self) -> int:
        """Process and largest child together: what the step needs when both are at their peak at once."""
        return self.rss_peak_bytes + self.child_rss_peak_bytes


@dataclass
class StepMeter:
    """Measures from its making to `read()`."""

    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default=0.0)

    def __post_init__(self) -> None:
        self._cpu = _cpu_seconds()
        _reset_rss_peak()
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()

    def read(self) -> Usage:
        """What was used until now."""
        cuda = _cuda()
        return Usage(
            wall_s=time.perf_counter() - self._wall,
            cpu_s=_cpu_seconds() - self._cpu,
            rss_peak_bytes=_rss_peak_bytes(),
            child_rss_peak_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS_UNIT,
            cgroup_peak_bytes=_cgroup_peak_bytes(),
            gpu_allocated_peak_bytes=cuda.max_memory_allocated() if cuda else None,
            gpu_reserved_peak_bytes=cuda.max_memory_reserved() if cuda else None,
        )


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Unit of `ru_maxrss`: bytes on macOS, KiB on Linux."""


def _cpu_seconds() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _reset_rss_peak() -> None:
    """Start the peak anew: steps of one machine share a process, and each is to have its own."""
    try:
        (PROC / "clear_refs").write_text("5")
    except OSError:
        return  # no Linux, or not allowed: the peak is then that of the process so far, never too low


def _rss_peak_bytes() -> int:
    try:
        for line in (PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def _cgroup_peak_bytes(root: Path = CGROUP) -> int | None:
    """Peak of the pod, file cache included; None without a memory limit, because then the group is no pod of ours."""
    for limit, peak in (("memory.max", "memory.peak"), ("memory/memory.limit_in_bytes", "memory/memory.max_usage_in_bytes")):
        try:
            bound = (root / limit).read_text().strip()
            if bound != "max" and int(bound) < 2**60:
                return int((root / peak).read_text())
        except (OSError, ValueError):
            continue
    return None


def _cuda() -> Any:
    """torch.cuda, if this process has loaded torch and uses a GPU; measuring must not load a model library."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return torch.cuda if torch.cuda.is_available() and torch.cuda.is_initialized() else None
