"""The instruments a worker measures itself with: name, unit, kind and labels of each, in one table.

Names and units follow OpenTelemetry (lower case, dots, UCUM units); `prometheus_name` is what a collector makes of them. Labels are bounded:
categories, recipes, outcomes, reason codes, ops. Never a product, a render key or a run: those are on spans and log lines.
"""

from dataclasses import dataclass
from enum import StrEnum

from catalog.keys import digest


class Kind(StrEnum):
    """How values add up: counters rise, histograms are distributions, gauges are the last value."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


UNIT_WORDS = {"s": "seconds", "By": "bytes"}
"""Units as Prometheus writes them at the end of a name. Units in braces, as `{image}`, are comments and are not written."""

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
BYTES = tuple(2**n * 1024**2 for n in range(6, 18))
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One instrument. `buckets` are the upper bounds of a histogram."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    description: str
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """The metric's name after OTLP came into Prometheus: dots to underscores, the unit in words, `_total` for counters."""
        name = self.name.replace(".", "_")
        word = UNIT_WORDS.get(self.unit, "")
        if word and not name.endswith(f"_{word}"):
            name = f"{name}_{word}"
        return f"{name}_total" if self.kind == Kind.COUNTER else name

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series Prometheus stores for it."""
        name = self.prometheus_name
        return (f"{name}_bucket", f"{name}_sum", f"{name}_count") if self.kind == Kind.HISTOGRAM else (name,)


ITEMS = Instrument(
    name="vitrine.items",
    kind=Kind.COUNTER,
    unit="{item}",
    labels=("activity", "category", "recipe", "outcome"),
    description="Items that came out of an activity: made, found (made before), refused, approved, review, rejected.",
)
REASONS = Instrument(
    name="vitrine.reasons",
    kind=Kind.COUNTER,
    unit="{reason}",
    labels=("activity", "recipe", "reason"),
    description="Reasons why photos were refused, cut-outs doubted, and renders sent to review or rejected.",
)
WORKER_TIME = Instrument(
    name="vitrine.worker.time",
    kind=Kind.COUNTER,
    unit="s",
    labels=("activity", "category", "device"),
    description="Worker seconds by activity; with device cuda these are GPU seconds.",
)
COST = Instrument(
    name="vitrine.cost.usd",
    kind=Kind.COUNTER,
    unit="{USD}",
    labels=("activity", "category"),
    description="Money by activity, worker seconds times the hour's price of the settings.",
)
RENDER_TIME = Instrument(
    name="vitrine.render.duration",
    kind=Kind.HISTOGRAM,
    unit="s",
    labels=("recipe", "device"),
    description="Seconds per render, as its group took divided by its images.",
    buckets=SECONDS,
)
BATCH_SIZE = Instrument(
    name="vitrine.batch.images",
    kind=Kind.HISTOGRAM,
    unit="{image}",
    labels=("recipe",),
    description="Images of a recipe drawn in one batch, across products.",
    buckets=IMAGES,
)
TRAINING_LOSS = Instrument(
    name="vitrine.training.loss",
    kind=Kind.GAUGE,
    unit="1",
    labels=("category", "part"),
    description="Loss of the LoRA in training, of its last batch (part train) and on held-out pictures (part held_out).",
)
TRAINING_STEPS = Instrument(
    name="vitrine.training.steps",
    kind=Kind.COUNTER,
    unit="{step}",
    labels=("category",),
    description="Optimizer steps taken.",
)
STEP_TIME = Instrument(
    name="vitrine.step.duration",
    kind=Kind.HISTOGRAM,
    unit="s",
    labels=("op", "outcome"),
    description="Wall time of Dagster steps.",
    buckets=SECONDS,
)
STEP_RETRIES = Instrument(
    name="vitrine.step.retries",
    kind=Kind.COUNTER,
    unit="{attempt}",
    labels=("op",),
    description="Attempts of a step after its first.",
)
STEP_MEMORY = Instrument(
    name="vitrine.step.memory.peak",
    kind=Kind.HISTOGRAM,
    unit="By",
    labels=("op",),
    description="Peak resident memory of a step, the largest child process included.",
    buckets=BYTES,
)
STEP_GPU_MEMORY = Instrument(
    name="vitrine.step.gpu.memory.peak",
    kind=Kind.HISTOGRAM,
    unit="By",
    labels=("op",),
    description="Peak GPU memory that PyTorch reserved in a step.",
    buckets=BYTES,
)

INSTRUMENTS = (
    ITEMS, REASONS, WORKER_TIME, COST, RENDER_TIME, BATCH_SIZE, TRAINING_LOSS, TRAINING_STEPS, STEP_TIME, STEP_RETRIES, STEP_MEMORY,
    STEP_GPU_MEMORY,
)  # fmt: skip

MAX_CATEGORIES = 200
"""Categories beyond this many share a few labels per process: a metric's cardinality stays bounded whatever the catalog holds."""

_seen_categories: set[str] = set()


def bounded_category(category: str) -> str:
    """The category as a label: itself for the first 200 seen by this process, then one of eight `other-N`."""
    if category in _seen_categories or len(_seen_categories) < MAX_CATEGORIES:
        _seen_categories.add(category)
        return category
    return f"other-{int(digest(category)[:4], 16) % 8}"
