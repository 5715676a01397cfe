"""Spans and metrics of a worker, sent by OTLP when the project asks for it; otherwise every call here does nothing and imports nothing.

Off unless `telemetry:` is in vitrine.yaml or OTEL_EXPORTER_OTLP_ENDPOINT is set. OpenTelemetry itself is in `otlp.py`, imported when it is on.
What is measured is listed in `instruments.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from catalog.preemption import is_preempted
from resources.instruments import Instrument, bounded_category
from resources.settings import Settings, otlp_endpoint, otlp_headers
from resources.work_context import current_work

if TYPE_CHECKING:
    from resources.otlp import Sender

FLUSH_TIMEOUT_S = 3.0
"""How long the end of a step may wait for the collector, for metrics and for spans."""

LAST_FLUSH_TIMEOUT_S = 1.0
"""The same when the machine is being taken away: the process ends within nine seconds, and the item in hand comes first."""

_sender: "Sender | None" = None


def start_telemetry(settings: Settings) -> bool:
    """Turn telemetry on if the settings ask for it, once per process; whether it is on."""
    global _sender  # noqa: PLW0603 - one sender per process, as OpenTelemetry has it
    if _sender is None and (endpoint := otlp_endpoint(settings)):
        from resources.otlp import Sender

        section = settings.telemetry
        _sender = Sender(
            endpoint,
            headers=otlp_headers(settings),
            service=section.service_name if section else "vitrine",
            interval_s=section.interval_s if section else 15.0,
        )
    return _sender is not None


def stop_telemetry() -> None:
    """Send what is left and turn telemetry off."""
    global _sender
    if _sender is not None:
        sender, _sender = _sender, None
        sender.close(FLUSH_TIMEOUT_S)


def flush_telemetry() -> None:
    """Send what is left now: a step's pod may be gone right after."""
    if _sender is not None:
        _sender.flush(LAST_FLUSH_TIMEOUT_S if is_preempted() else FLUSH_TIMEOUT_S)


def measured(instrument: Instrument, value: float, **labels: str) -> None:
    """Add to a counter, or record a value of a histogram or gauge. Labels are those of the instrument, all of them."""
    assert set(labels) == set(instrument.labels), f"{instrument.name} has labels {instrument.labels}, not {tuple(labels)}"
    if _sender is not None:
        if "category" in labels:
            labels["category"] = bounded_category(labels["category"])
        _sender.measure(instrument, value, labels)


@contextmanager
def span(name: str, **attributes: str | float) -> Iterator[None]:
    """A block as a span, with the facts of the work in hand as attributes; an error in it is noted and goes on."""
    if _sender is None:
        yield
        return
    facts = {f"vitrine.{fact}": value for fact, value in current_work().items()}
    with _sender.span(name, facts | {f"vitrine.{key}": value for key, value in attributes.items()}, current_work().get("run_id", "")):
        yield


def run_span(run_id: str, name: str, start_s: float, end_s: float, *, error: str = "", **attributes: str) -> None:
    """The span of a whole run, under which its steps' spans hang; times are Unix seconds. Sent once, when the run has ended."""
    if _sender is not None:
        _sender.run_span(run_id, name, start_s, end_s, error, {f"vitrine.{key}": value for key, value in attributes.items() if value})
