"""A proxy between the code and an S3 server that misbehaves as told: real requests, real connections, seeded faults."""

import http.client
import random
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from catalog.errors import StoreError
from resources.bucket_files import BucketFiles, Patience
from resources.catalog_settings import S3Place
from resources.s3_access import open_s3, s3_address

QUICK = Patience(deadline_s=20.0, first_wait_s=0.002, longest_wait_s=0.02)


def bucket_files(bucket, endpoint, prefix="made", patience=QUICK):
    """A prefix of a test bucket, asked through an endpoint."""
    place = S3Place(kind="s3", bucket=bucket.name, prefix=prefix, endpoint=endpoint, region="us-east-1")
    return BucketFiles(open_s3(place, error_class=StoreError, unchanged="Nothing was changed."), s3_address(place), patience)


PASSED_ON = ("connection", "transfer-encoding", "content-length", "keep-alive")


class FaultyS3:
    """What the proxy does to requests. Each fault has a probability (0..1), or is asked for once through `next_faults`.

    `lose`: the request is carried out and its answer is lost. `fail`: 500 or 503, nothing is done. `corrupt`: one byte of a GET's body is
    flipped. `next_faults` takes "lose", "corrupt", "cut" (half the body of an answer) or a status code; they come before the dice.
    """

    def __init__(self, target: str, seed: int = 0) -> None:
        self.target = urlsplit(target)
        self.fail = self.lose = self.corrupt = 0.0
        self.next_faults: list = []
        self.requests: list[tuple[str, str]] = []
        self.injected = 0
        self.before = None
        """Called with (method, path) before a request is passed on."""
        self._dice, self._lock = random.Random(seed), threading.Lock()

    def draw(self, method, path):
        """The fault of this request, or None."""
        with self._lock:
            self.requests.append((method, path))
            if self.next_faults:
                fault = self.next_faults.pop(0)
            elif self._dice.random() < self.fail:
                fault = self._dice.choice([500, 503])
            elif self._dice.random() < self.lose:
                fault = "lose"
            elif method == "GET" and self._dice.random() < self.corrupt:
                fault = "corrupt"
            else:
                fault = None
            self.injected += fault is not None
            return fault

    def count(self, method, part=""):
        """Requests of a method whose path contains `part`."""
        return sum(m == method and part in p for m, p in self.requests)


@contextmanager
def faulty_s3(target):
    """A running proxy in front of `target`; gives (address, FaultyS3)."""
    faults = FaultyS3(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fault = faults.draw(self.command, self.path)
            if faults.before is not None:
                faults.before(self.command, self.path)
            if isinstance(fault, int):
                self.answer(fault, [], b"<Error><Code>SlowDown</Code></Error>")
                return
            upstream = http.client.HTTPConnection(faults.target.hostname, faults.target.port, timeout=60)
            upstream.request(self.command, self.path, body, dict(self.headers))
            reply = upstream.getresponse()
            data, headers = reply.read(), [(k, v) for k, v in reply.getheaders() if k.lower() not in PASSED_ON]
            length = reply.getheader("content-length")
            upstream.close()
            if fault == "lose":
                self.close_connection = True
                self.connection.close()
                return
            if fault == "corrupt" and data and "?" not in self.path:  # a file, not a listing
                middle = len(data) // 2
                data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            self.answer(reply.status, headers, data, length, cut=fault == "cut")

        def answer(self, status, headers, data, length=None, cut=False):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", length if self.command == "HEAD" and length else str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            """A connection that `before` broke, or that the other side left."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        server.server_close()
