"""The OpenTelemetry SDK behind `telemetry.py`: providers, instruments, and trace ids that follow from run ids.

Imported only when telemetry is on. A run's trace id is its run id, and the span of the run has an id made of it, so that steps in other pods
hang under it without anything being handed to them.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from resources.instruments import INSTRUMENTS, Instrument, Kind
from resources.redaction import redacted
from resources.version import vitrine_version

EXPORT_TIMEOUT_S = 3.0
"""One export; a collector that is down must not hold up a worker."""


class _ChosenIds(IdGenerator):
    """Random ids, except for the one span whose ids were chosen."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.chosen: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return self.chosen[0] if self.chosen else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        return self.chosen[1] if self.chosen else self._random.generate_span_id()


class Sender:
    """Sends spans and metrics to one OTLP endpoint over HTTP. `interval_s`: how often metrics go out while a step runs."""

    def __init__(self, endpoint: str, *, headers: Mapping[str, str], service: str, interval_s: float) -> None:
        base = endpoint.rstrip("/")
        resource = Resource.create({"service.name": service, "service.version": vitrine_version(), "service.instance.id": uuid.uuid4().hex})
        exported = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", headers=dict(headers) or None, timeout=EXPORT_TIMEOUT_S)
        reader = PeriodicExportingMetricReader(
            exported, export_interval_millis=interval_s * 1000, export_timeout_millis=EXPORT_TIMEOUT_S * 1000
        )
        views = [
            View(instrument_name=i.name, aggregation=ExplicitBucketHistogramAggregation(i.buckets))
            for i in INSTRUMENTS
            if i.kind == Kind.HISTOGRAM
        ]
        self._meters = MeterProvider([reader], resource=resource, views=views, shutdown_on_exit=True)
        self._ids = _ChosenIds()
        self._tracers = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=True)
        spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", headers=dict(headers) or None, timeout=EXPORT_TIMEOUT_S)
        self._tracers.add_span_processor(BatchSpanProcessor(spans))
        self._tracer = self._tracers.get_tracer("vitrine", vitrine_version())
        meter = self._meters.get_meter("vitrine", vitrine_version())
        make: dict[Kind, Any] = {Kind.COUNTER: meter.create_counter, Kind.HISTOGRAM: meter.create_histogram, Kind.GAUGE: meter.create_gauge}
        self._instruments = {i.name: make[i.kind](i.name, unit=i.unit, description=i.description) for i in INSTRUMENTS}

    def measure(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        """One value of an instrument."""
        made = self._instruments[instrument.name]
        if instrument.kind == Kind.COUNTER:
            made.add(value, dict(labels))
        elif instrument.kind == Kind.HISTOGRAM:
            made.record(value, dict(labels))
        else:
            made.set(value, dict(labels))

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | float], run_id: str) -> Iterator[None]:
        """A block as a span: below the span around it, else below the run's."""
        inside = trace.get_current_span().get_span_context().is_valid
        context = None if inside or not (ids := _ids_of(run_id)) else trace.set_span_in_context(_remote(ids))
        with self._tracer.start_as_current_span(
            name, context, attributes=dict(attributes), set_status_on_exception=False, record_exception=False
        ) as current:
            try:
                yield
            except BaseException as error:
                current.set_attribute("error.type", type(error).__name__)
                current.set_status(Status(StatusCode.ERROR, redacted(str(error))[:500]))
                raise

    def run_span(self, run_id: str, name: str, start_s: float, end_s: float, error: str, attributes: Mapping[str, str]) -> None:
        """The span of a whole run, its ids made of the run's id."""
        if (ids := _ids_of(run_id)) is None:
            return
        self._ids.chosen = ids
        try:
            made = self._tracer.start_span(name, trace.set_span_in_context(trace.INVALID_SPAN), start_time=int(start_s * 1e9))
        finally:
            self._ids.chosen = None
        made.set_attributes(dict(attributes))
        if error:
            made.set_status(Status(StatusCode.ERROR, redacted(error)[:500]))
        made.end(int(end_s * 1e9))

    def flush(self, timeout_s: float) -> None:
        """Send everything that is waiting. An unreachable collector costs data, never the step."""
        self._meters.force_flush(timeout_s * 1000)
        self._tracers.force_flush(int(timeout_s * 1000))

    def close(self, timeout_s: float) -> None:
        """Send everything and end the threads."""
        self._meters.shutdown(timeout_s * 1000)
        self._tracers.shutdown()


def _ids_of(run_id: str) -> tuple[int, int] | None:
    """Trace id and root span id of a run; None for a run id that is no UUID, as in a test without an instance."""
    try:
        trace_id = uuid.UUID(run_id).int
    except ValueError:
        return None
    return trace_id, int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big")


def _remote(ids: tuple[int, int]) -> trace.NonRecordingSpan:
    return trace.NonRecordingSpan(SpanContext(ids[0], ids[1], is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
