"""A configured address does not reach the inside of the network: seen at the socket, not by the look of the URL."""

import contextlib
import socket
import threading

import pytest

from catalog.errors import SettingsError
from resources import guarded_post
from resources.guarded_post import is_allowed, post
from tests.observing.receivers import http_receiver

INSIDE = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2",
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2002:a9fe:a9fe::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "ff02::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "0.0.0.0",
    "224.0.0.1",
]
URLS = [
    "http://example.com/", "ftp://example.com/", "https://user:pw@example.com/", "https:///nohost", "//example.com/x", "javascript:alert(1)",
    "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/",
    "https://169.254.169.254/latest/meta-data/", "https://localhost/", "https://127.1/", "https://example.com:99999/",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address):
    assert not is_allowed(address, allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_where_clouds_hand_out_credentials_is_refused_even_inside(address):
    assert not is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"])
def test_a_public_address_is_allowed(address):
    assert is_allowed(address, allow_private=False)


@pytest.mark.parametrize("url", URLS)
def test_no_connection_is_made_to_a_refused_address(url, monkeypatch):
    made = []
    monkeypatch.setattr(guarded_post.socket, "create_connection", lambda *a, **k: made.append(a))
    if "example.com" in url:
        monkeypatch.setattr(guarded_post.socket, "getaddrinfo", lambda *a, **k: [(0, 0, 0, "", ("93.184.216.34", 443))])
    with pytest.raises((SettingsError, OSError)):
        post(url, b"{}", {}, allow_private=False)
    assert made == []


def test_a_name_with_one_bad_address_among_good_ones_is_refused(monkeypatch):
    both = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(guarded_post.socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1"):
        post("https://hook.example.com/", b"{}", {}, allow_private=False)


def test_the_connection_goes_to_the_address_that_was_checked_not_to_a_second_answer(monkeypatch):
    """DNS rebinding: a good answer for the check, a bad one for the connection."""
    answers = [[(0, 0, 0, "", ("93.184.216.34", 443))], [(0, 0, 0, "", ("127.0.0.1", 443))]]
    monkeypatch.setattr(guarded_post.socket, "getaddrinfo", lambda *a, **k: answers.pop(0))
    asked = []

    def refuse(address, timeout):
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(guarded_post.socket, "create_connection", refuse)
    with pytest.raises(ConnectionRefusedError):
        post("https://hook.example.com/", b"{}", {}, allow_private=False)
    assert asked == [("93.184.216.34", 443)]


def test_a_redirect_is_an_answer_and_is_not_followed():
    with http_receiver() as inside, http_receiver() as outside:
        outside.answers = [(302, {"Location": inside.url})]
        answer = post(outside.url, b"{}", {}, allow_private=True)
        assert answer.status == 302 and inside.received == []


def test_a_receiver_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(guarded_post, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}", {}, allow_private=True)


def test_a_receiver_that_answers_byte_by_byte_is_given_up(monkeypatch):
    """Each byte came in time, so the tick that told somebody never ended, and nobody else was told anything."""
    monkeypatch.setattr(guarded_post, "WHOLE_S", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not over.wait(0.05):
                    connection.sendall(b"a")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        with pytest.raises(TimeoutError, match="did not end its answer"):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, allow_private=True)
        over.set()
        thread.join()
