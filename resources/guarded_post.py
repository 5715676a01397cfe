"""One HTTP POST to an address somebody configured, without letting it reach where it must not: the inside of the network.

The name is resolved once, every address it has must be allowed, and the connection goes to the address that was checked. No redirects, no
proxy of the environment, bounded time and answer. Knows nothing of what it sends.
"""

import contextlib
import email.utils
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from catalog.errors import SettingsError

TIMEOUT_S = 10.0
"""For each of connecting, sending and reading; Standard Webhooks recommends 15 to 30 in all."""

WHOLE_S = 25.0
"""For everything from the connection to the end of the answer: one that sends a byte every nine seconds never meets TIMEOUT_S."""

MAX_ANSWER_BYTES = 16_384

NEVER = tuple(ipaddress.ip_network(net) for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32"))
"""Link-local addresses and where clouds hand out a machine's credentials: refused even where private networks are allowed."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What came back: the status and the beginning of the body."""

    status: int
    body: str
    retry_after_s: float | None


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> Posted:
    """POST a body. Raises SettingsError for an address that may not be reached, OSError when nothing answers in time."""
    parts = urlsplit(url)
    host, port = _host_and_port(parts, allow_private=allow_private)
    address = _checked_address(host, port, allow_private=allow_private)
    connection = _Pinned(host, port, address, encrypted=parts.scheme == "https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    end = threading.Timer(WHOLE_S, connection.give_up)
    end.daemon = True
    end.start()
    try:
        connection.request("POST", path, body, {**headers, "User-Agent": "vitrine"})
        answer = connection.getresponse()
        text = answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
        if connection.is_given_up:
            raise TimeoutError(f"the receiver did not end its answer within {WHOLE_S:g} s")
        return Posted(status=answer.status, body=text, retry_after_s=_seconds(answer.getheader("Retry-After")))
    except http.client.HTTPException as error:
        raise ConnectionError(f"the receiver does not speak HTTP: {type(error).__name__}") from error
    finally:
        end.cancel()
        connection.close()


def _host_and_port(parts: SplitResult, *, allow_private: bool) -> tuple[str, int]:
    allowed = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in allowed or not parts.hostname:
        raise SettingsError(f"The receiver's address begins with {parts.scheme or 'nothing'!r}; it must be {' or '.join(allowed)}.")
    if parts.username or parts.password:
        raise SettingsError("The receiver's address carries a user name or password; leave them out, notices are signed.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return parts.hostname.encode("idna").decode("ascii"), port
    except (ValueError, UnicodeError) as error:
        raise SettingsError("The receiver's address has no usable host and port.") from error


def _checked_address(host: str, port: int, *, allow_private: bool) -> str:
    """The address to connect to. Each address the name has is checked: one bad one among good ones is how a guard is passed."""
    found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for address in found:
        if not is_allowed(str(address), allow_private=allow_private):
            raise SettingsError(
                f"The receiver's host {host} is at {address}, which is no public address. Set allow_private_network: true for this "
                "receiver if that is meant; link-local addresses are never reached. Nothing was sent."
            )
    return sorted(str(address) for address in found)[0]


def is_allowed(address: str, *, allow_private: bool) -> bool:
    """Whether a receiver may be at this IP address."""
    parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or _nat64(parsed)
        if inner is not None:
            return is_allowed(str(inner), allow_private=allow_private)
    if any(parsed in net for net in NEVER if net.version == parsed.version) or parsed.is_multicast or parsed.is_unspecified:
        return False
    return parsed.is_global or (allow_private and (parsed.is_private or parsed.is_loopback))


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address that speaks to the name: certificate and Host header are the name's."""

    def __init__(self, host: str, port: int, address: str, *, encrypted: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._address, self._encrypted = address, encrypted
        self.default_port = 443 if encrypted else 80
        self.is_given_up = False

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), timeout=TIMEOUT_S)
        if self._encrypted:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def give_up(self) -> None:
        """End the connection under whoever waits for it, from another thread."""
        self.is_given_up, open_socket = True, self.sock
        if open_socket is not None:
            with contextlib.suppress(OSError):  # it has just ended by itself
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


def _seconds(header: str | None) -> float | None:
    """Retry-After as seconds from now: a number or a date."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
