"""The table of GPUs (gpus.yaml): how much arithmetic they can do, and what they cost an hour, with sources and dates. Measures nothing."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

GPUS_FILE = Path(__file__).with_name("gpus.yaml")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Row):
    """What an hour costs, lowest and highest found, in US dollars; where, by whose word, and when that was read."""

    kind: Literal["spot", "on demand"]
    usd_per_hour: tuple[float, float]
    where: str = Field(min_length=1)
    source: str = Field(min_length=1)
    date: date

    @model_validator(mode="after")
    def _in_order(self) -> "Price":
        low, high = self.usd_per_hour
        if not 0 < low <= high:
            raise ValueError(f"usd_per_hour runs from {low} to {high}; wanted are two prices above 0, the lower one first")
        return self


class Gpu(_Row):
    """One GPU; `word` is the word by which it is known in the names that drivers give."""

    name: str = Field(min_length=1)
    word: str = Field(min_length=1)
    bf16_tflops: float = Field(gt=0)
    memory_gb: float = Field(gt=0)
    prices: tuple[Price, ...]

    @property
    def usd_per_hour(self) -> tuple[float, float] | None:
        """Lowest and highest of its prices; None without one."""
        numbers = [number for price in self.prices for number in price.usd_per_hour]
        return (min(numbers), max(numbers)) if numbers else None


def read_gpus(path: Path = GPUS_FILE) -> tuple[Gpu, ...]:
    """The table of GPUs. Raises pydantic's ValidationError naming the row and field that does not fit."""
    import yaml

    return TypeAdapter(tuple[Gpu, ...]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))


def find_gpu(device_name: str, gpus: Sequence[Gpu]) -> Gpu | None:
    """The table's row for a driver's name ("NVIDIA H100 80GB HBM3"), by whole words, so that an L40S is no L4; None if it has none."""
    words = re.split(r"[^A-Za-z0-9]+", device_name)
    return next((gpu for gpu in gpus if gpu.word in words), None)


def utilization_pct(flops_per_s: float, device_name: str, gpus: Sequence[Gpu]) -> float | None:
    """Counted operations per second as a share of the maker's figure (MFU), percent; None for a GPU that the table does not know."""
    gpu = find_gpu(device_name, gpus)
    return None if gpu is None else 100 * flops_per_s / (gpu.bf16_tflops * 1e12)


def used_pct(row: Mapping[str, Any], flops_per_item: float, machine: Mapping[str, Any]) -> dict[str, float | None]:
    """How much of the device's arithmetic each side of a report's row used, percent: of the maker's figure on a GPU, of a measured matrix product on
    a CPU; None for a GPU that the table does not know."""
    found = {}
    for side in ("opponent", "ours"):
        flops_per_s = flops_per_item / row[side]["seconds_per_item"]
        if "gpu" in machine:
            found[side] = utilization_pct(flops_per_s, machine["gpu"], read_gpus())
        else:
            found[side] = 100 * flops_per_s / (1e9 * machine["sgemm_gflops_per_s"])
    return found


def usd_per_10000(seconds_per_image: float, usd_per_hour: tuple[float, float]) -> tuple[float, float]:
    """What 10,000 images cost, at the lowest and at the highest price, without loading, idling, retries and judging."""
    hours = 10_000 * seconds_per_image / 3600
    return hours * usd_per_hour[0], hours * usd_per_hour[1]
