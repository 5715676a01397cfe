"""Receivers of our own for notices: an HTTP server whose answers a test chooses, and a real SMTP server."""

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hook:
    """What was posted, and what is answered: a status and headers; the last one for all further requests."""

    url: str = ""
    answers: list[tuple[int, dict]] = field(default_factory=lambda: [(204, {})])
    received: list[tuple[dict, bytes]] = field(default_factory=list)


@contextmanager
def http_receiver():
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status, headers = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


class Mailbox:
    """Takes mail for an aiosmtpd server; `refuse` makes it answer with a temporary error."""

    def __init__(self):
        self.mails, self.refuse = [], False

    async def handle_DATA(self, _server, _session, envelope):
        if self.refuse:
            return "451 try again later"
        self.mails.append(envelope)
        return "250 OK"


@contextmanager
def smtp_server():
    from aiosmtpd.controller import Controller

    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller cannot choose a port itself
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
