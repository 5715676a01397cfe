"""Two or more ways to do the same work, measured in turns on one machine: the clock that all benchmarks against an opponent share.

Each round runs every side once, the order turned around from round to round, so that a machine that slows down slows all of them. CPU time is
the measure on a CPU (wall time is kept beside it), wall time with the device drained on a GPU. Judges no result.
"""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "diffusers", "transformers", "peft", "numpy")
SGEMM_SIDE = 1024
SGEMM_REPEATS = 9


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one side took in one round, in seconds; `load` is the machine's 1-minute load average when it ended."""

    cpu_s: float
    wall_s: float
    load: float


Rounds = list[dict[str, Spent]]
"""Per round: what each side took, by name. The rounds that warm up are not in it."""


def take_turns(
    sides: Mapping[str, Callable[[], Any]],
    repeats: int,
    after_round: Callable[[dict[str, Any]], None] = lambda _: None,
    warm_up: int = 1,
    drain: Callable[[], None] = lambda: None,
) -> Rounds:
    """Run every side `warm_up` + `repeats` times in turns.

    `after_round` sees what each side returned, in rounds that warm up too, and raises if that is not as it should be. `drain` waits for a
    device to finish.
    """
    rounds: Rounds = []
    for number in range(warm_up + repeats):
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        returned, spent = {}, {}
        for name in names:
            drain()
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            returned[name] = sides[name]()
            drain()
            spent[name] = Spent(cpu_s=time.process_time() - cpu_s, wall_s=time.perf_counter() - wall_s, load=os.getloadavg()[0])
        after_round(returned)
        if number >= warm_up:
            rounds.append(spent)
    return rounds


def summary(rounds: Rounds, side: str, items: int, clock: str) -> dict[str, Any]:
    """Seconds per item of one side: median and quartiles by the `clock` ("cpu_s" or "wall_s") that counts, and the other clock's median."""
    per_item = {name: [getattr(spent[side], name) / items for spent in rounds] for name in ("cpu_s", "wall_s")}
    return {
        "seconds_per_item": statistics.median(per_item[clock]),
        "quartiles": quartiles(per_item[clock]),
        "cpu_seconds_per_item": statistics.median(per_item["cpu_s"]),
        "wall_seconds_per_item": statistics.median(per_item["wall_s"]),
    }


def ratio(rounds: Rounds, opponent: str, ours: str, clock: str) -> dict[str, Any]:
    """How many times faster than the opponent: the median over rounds of each round's own ratio, its quartiles and its range."""
    ratios = [getattr(spent[opponent], clock) / getattr(spent[ours], clock) for spent in rounds]
    return {"median": statistics.median(ratios), "quartiles": quartiles(ratios), "lowest": min(ratios), "highest": max(ratios)}


def quartiles(values: list[float]) -> tuple[float, float]:
    """The first and third quartile; twice the value itself where there is only one."""
    if len(values) == 1:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return cuts[0], cuts[2]


def machine(device: str, rounds: Rounds) -> dict[str, Any]:
    """What ran where: versions, processor or GPU, cores, threads, load; `disturbed` when more wanted to run than there are cores."""
    import torch

    cores = os.cpu_count() or 1
    load = max((spent.load for one in rounds for spent in one.values()), default=os.getloadavg()[0])
    facts: dict[str, Any] = {
        "versions": {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "processor": _processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": cores,
        "torch_threads": torch.get_num_threads(),
        "highest_load": round(load, 2),
        "disturbed": load > cores,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    if device == "cpu":
        facts["sgemm_gflops_per_s"] = round(sgemm_flops_per_s() / 1e9, 1)
    else:
        memory_gb = round(torch.cuda.get_device_properties(0).total_memory / 1e9, 1)
        facts |= {"gpu": torch.cuda.get_device_name(), "gpu_memory_gb": memory_gb, "driver": _driver(), "cuda": torch.version.cuda}
        facts |= {"cudnn": torch.backends.cudnn.version(), "capability": torch.cuda.get_device_capability()}
    return facts


def sgemm_flops_per_s() -> float:
    """Floating-point operations per second of a float32 matrix product of 1024 x 1024 in this process, by CPU time (median of nine)."""
    import torch

    left, right, seconds = torch.randn(SGEMM_SIDE, SGEMM_SIDE), torch.randn(SGEMM_SIDE, SGEMM_SIDE), []
    for _ in range(SGEMM_REPEATS + 1):
        start = time.process_time()
        left @ right
        seconds.append(time.process_time() - start)
    return 2 * float(SGEMM_SIDE) ** 3 / statistics.median(seconds[1:])


def note_on(facts: Mapping[str, Any]) -> str:
    """One line below a table: where it was measured, and whether something disturbed it."""
    where = (
        f"{facts['gpu']}, driver {facts.get('driver', 'unknown')}"
        if "gpu" in facts
        else f"{facts['processor']}, {facts['cores']} cores, {facts['torch_threads']} torch thread(s)"
    )
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    disturbed = f" DISTURBED: load {facts['highest_load']} on {facts['cores']} cores." if facts["disturbed"] else ""
    return f"{where}; {versions}; {facts['date']}; load up to {facts['highest_load']}.{disturbed}"


def hush_libraries() -> None:
    """No bars and no hints of diffusers and transformers among the tables; errors still come through."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    for library in (of_diffusers, of_transformers):
        library.set_verbosity_error()
        library.disable_progress_bar()


def no_cuda() -> str | None:
    """Why nothing can be measured on a CUDA device here; None if one is at hand."""
    import torch

    return None if torch.cuda.is_available() else "No CUDA device is at hand: not measured, skipped."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _driver() -> str:
    """The NVIDIA driver's version, or "unknown"."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return asked.stdout.split("\n")[0].strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
