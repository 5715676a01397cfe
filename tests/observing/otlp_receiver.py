"""An OTLP collector of our own: takes what the real exporter posts over HTTP and gives it back as plain data."""

import gzip
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """Everything that came in: spans, and per metric the last value of each series of each process."""

    url: str = ""
    spans: list = field(default_factory=list)
    resources: list[dict] = field(default_factory=list)
    points: dict[tuple, object] = field(default_factory=dict)
    metrics: dict[str, object] = field(default_factory=dict)
    headers: list[dict] = field(default_factory=list)

    def total(self, name: str, **labels: str) -> float:
        """A counter's sum over all processes, over series with these labels."""
        wanted = set(labels.items())
        return sum(p.as_double or p.as_int for (metric, _, found), p in self.points.items() if metric == name and wanted <= set(found))

    def labels(self, name: str) -> set[str]:
        return {key for (metric, _, found), _ in self.points.items() if metric == name for key, _ in found}

    def take_metrics(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            about = plain(resource.resource.attributes)
            self.resources.append(about)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.metrics[metric.name] = metric
                    for point in getattr(metric, metric.WhichOneof("data")).data_points:
                        key = (metric.name, about["service.instance.id"], tuple(sorted(plain(point.attributes).items())))
                        self.points[key] = point

    def take_spans(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans


def plain(attributes) -> dict:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@contextmanager
def otlp_collector():
    """A collector on a free port of this machine."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            received.headers.append(dict(self.headers))
            (received.take_metrics if self.path == "/v1/metrics" else received.take_spans)(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
