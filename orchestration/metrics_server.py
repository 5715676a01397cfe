"""Serves the gathered numbers to Prometheus over HTTP. Long-lived, light, in the control namespace; see docs/decisions/0014-metrics.md.

Gathering goes on in a thread, each part at its own pace, so that a scrape only writes down what is known and never waits for a database. With
telemetry on, it also sends the span of each run that has ended, under which the spans of its steps hang.
"""

import datetime as dt
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

import dagster as dg

from catalog.errors import SettingsError, StoreError
from orchestration import exported_metrics as m
from orchestration import metrics_snapshot as snapshot
from orchestration.instance import present_instance
from resources.logs import configure_logging
from resources.project import Project
from resources.settings import log_format
from resources.telemetry import flush_telemetry, run_span, start_telemetry
from resources.version import vitrine_version

if TYPE_CHECKING:
    from prometheus_client.core import Metric

log = logging.getLogger("vitrine.metrics")

Gather = Callable[[Project, dg.DagsterInstance], snapshot.Values]

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass
class Part:
    """One part of the metrics: how it is gathered, how often, and what it was last."""

    name: str
    gather: Gather
    every_s: float
    values: snapshot.Values = field(default_factory=dict)
    next_s: float = 0.0
    at_s: float = 0.0
    took_s: float = 0.0
    failures: int = 0

    def refresh(self, project: Project, instance: dg.DagsterInstance) -> None:
        """Gather anew; what was known stays when that fails, and the failure is counted."""
        start = time.monotonic()
        try:
            self.values = self.gather(project, instance)
            self.at_s = time.time()
        except Exception:  # an exporter that ends tells nothing at all; the failure is a metric, and a line of the log
            self.failures += 1
            log.exception("gathering %s failed", self.name)
        self.took_s = time.monotonic() - start
        # A part that takes long is gathered less often: at most a tenth of the time goes into it.
        self.next_s = time.monotonic() + max(self.every_s, 10 * self.took_s)


def all_parts() -> list[Part]:
    """Every part, the quick ones first."""
    return [
        Part("dagster", snapshot.dagster_state, 15),
        Part("work", snapshot.Work(), 15),
        Part("outbox", snapshot.outbox, 15),
        Part("campaigns", snapshot.campaigns, 30),
        Part("budgets", snapshot.budgets, 60),
        Part("failures", snapshot.failures, 60),
        Part("catalog", snapshot.catalog, 300),
        Part("yield", snapshot.yields, 600),
        Part("backlog", snapshot.backlog, 600),
    ]


@dataclass(eq=False)  # a registry keeps it by identity
class Exposition:
    """What Prometheus gets: a collector for prometheus_client's registry."""

    parts: list[Part]

    def collect(self) -> "Iterator[Metric]":
        """Every family of the table, with all values that are known."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        values = {key: value for part in self.parts for key, value in part.values.items()} | self._about_itself()
        for family in m.FAMILIES:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=list(family.labels))
            for (owner, labels), value in values.items():
                if owner is family:
                    metric.add_metric(list(labels), value)
            yield metric

    def _about_itself(self) -> snapshot.Values:
        values: snapshot.Values = {(m.BUILD, (vitrine_version(),)): 1.0}
        for part in self.parts:
            values[m.REFRESH_FAILURES, (part.name,)] = part.failures
            if part.at_s:
                values[m.REFRESHED, (part.name,)] = part.at_s
                values[m.REFRESH_SECONDS, (part.name,)] = part.took_s
        return values


def serve(project: Project, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises SettingsError when the port is taken or the extra `telemetry` is not installed."""
    configure_logging(log_format(project.settings))
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    parts = all_parts()
    with present_instance(project.settings) as instance:
        server = listen(Exposition(parts), host, port)
        tell(f"Metrics: http://{host}:{server.server_port}/metrics")
        try:
            gather_until(stop, parts, project, instance)
        finally:
            server.shutdown()
            server.server_close()


def listen(exposition: Exposition, host: str, port: int):  # noqa: ANN201 - prometheus_client's server class is private
    """Serve an exposition over HTTP in a thread; returns the server."""
    try:
        from prometheus_client import start_http_server
        from prometheus_client.registry import CollectorRegistry
    except ImportError as error:
        raise SettingsError(
            "`vitrine metrics serve` needs prometheus-client: pip install 'vitrine[telemetry]'. Nothing was started."
        ) from error
    registry = CollectorRegistry()
    registry.register(exposition)
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}. Choose another with --port."
        ) from error
    return server


def gather_until(stop: threading.Event, parts: list[Part], project: Project, instance: dg.DagsterInstance) -> None:
    """Gather each part when it is due, until told to stop."""
    traces = TraceEnds() if start_telemetry(project.settings) else None
    while not stop.is_set():
        for part in parts:
            if not stop.is_set() and time.monotonic() >= part.next_s:
                part.refresh(project, instance)
        if traces is not None:
            traces.send(instance)
        stop.wait(1.0)
    flush_telemetry()


@dataclass
class TraceEnds:
    """Sends the span of each run that ended since the last look. Runs of a command send their own."""

    since: float = field(default_factory=time.time)
    sent: set[str] = field(default_factory=set)
    next_s: float = 0.0

    def send(self, instance: dg.DagsterInstance, every_s: float = 15.0) -> None:
        """Look, at most every so often."""
        if time.monotonic() < self.next_s:
            return
        self.next_s, until = time.monotonic() + every_s, time.time()
        after = dt.datetime.fromtimestamp(self.since - 60, dt.UTC)
        try:
            records = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_after=after), limit=1000)
        except (StoreError, dg.DagsterError):
            log.exception("runs that ended cannot be read")
            return
        for record in records:
            run = record.dagster_run
            if run.run_id in self.sent or "vitrine/process" in run.tags or not (record.start_time and record.end_time):
                continue
            failed = "" if run.is_success else f"the run ended as {run.status.value.lower()}"
            run_span(run.run_id, run.job_name, record.start_time, record.end_time, error=failed, cell=run.tags.get("dagster/partition", ""))
        self.sent, self.since = {record.dagster_run.run_id for record in records}, until
