"""Requests with two ends, or none: what reaches a model is what its signature covers, once."""

import contextlib
import socket

import pytest

from sagewire.local import LocalEndpoint
from tests.support.raw_http import connect, receive_all, signed

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
TAIL = b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def reached():
    return []


@pytest.fixture(scope="module")
def local(reached):
    def echo(request):
        reached.append(request.body)
        return request.body

    with LocalEndpoint({"echo": echo}) as local:
        yield local


def statuses(local, data):
    """Send bytes on a connection, and return the statuses of what comes back until its end."""
    with connect(local) as sock:
        # It may be over before all of it was sent.
        with contextlib.suppress(OSError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        answer = receive_all(sock)
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def changed(local, *headers, body=b"hello", length=False):
    """Return a signed request for `hello` with other headers that say where it ends."""
    head = signed(local, body=b"hello").partition(b"\r\n\r\n")[0]
    if not length:
        head = head.replace(b"\r\nContent-Length: 5", b"")
    return b"\r\n".join([head, *headers]) + b"\r\n\r\n" + body


def test_two_ends_close_the_connection(local, reached):
    """The chunks count (RFC 9112, section 6.1), and what follows them is not looked at."""
    reached.clear()
    chunked = changed(local, b"Transfer-Encoding: chunked", body=CHUNKS, length=True)
    assert statuses(local, chunked + TAIL) == [200]
    assert reached == [b"hello"]
    empty = changed(local, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + TAIL, length=True)
    assert statuses(local, empty) == [403]
    assert reached == [b"hello"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Transfer-Encoding: xchunked", 400),
        (b"Transfer-Encoding: chunked, identity", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
        (b"Transfer-Encoding: \x0bchunked", 400),
        (b"Transfer-Encoding : chunked", 400),
        (b"Content-Length: 5\r\nContent-Length: 6", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: -5", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length: ", 400),
        (b"Content-Length: \xb2", 400),
        (b"Content-Length: 18446744073709551616", 400),
        (b"Content-Length: 18446744073709551615", 431),
        (b"Content-Length: 99999999999", 413),
        (b"Content-Length: 5\r\nX-A: b\r\n folded", 400),
        (b"Content-Length: 5\r\nX-A: a\rb", 400),
    ],
)
def test_an_end_that_cannot_be_is_refused(local, reached, header, status):
    reached.clear()
    assert statuses(local, changed(local, header) + TAIL) == [status]
    assert reached == []


@pytest.mark.parametrize(
    "body",
    [
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 5\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    ],
)
def test_chunks_that_cannot_be_end_the_connection(local, reached, body):
    reached.clear()
    assert statuses(local, changed(local, b"Transfer-Encoding: chunked", body=body)) == []
    assert reached == []


def test_the_same_length_twice_is_one(local, reached):
    reached.clear()
    assert statuses(local, changed(local, b"Content-Length: 5\r\nContent-Length: 5")) == [200]
    assert reached == [b"hello"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        # `a/echo` is no endpoint; nor are the others ways to one.
        ("/endpoints/a%2Fecho/invocations", 400),
        ("/endpoints/echo%00/invocations", 400),
        ("/endpoints/..%2Fecho/invocations", 400),
        ("/endpoints/../echo/invocations", 404),
        ("/endpoints/a/../echo/invocations", 404),
        ("//endpoints/echo/invocations", 404),
        ("/endpoints/echo/invocations/", 404),
        ("/ENDPOINTS/echo/invocations", 404),
    ],
)
def test_names_are_taken_as_they_are(local, reached, path, status):
    reached.clear()
    assert statuses(local, signed(local, path=path)) == [status]
    assert reached == []


def test_an_absolute_target_is_what_its_path_says(local, reached):
    """The signature covers the Host header; an absolute target's authority leads nowhere."""
    reached.clear()
    for authority in (local.url.encode(), b"http://elsewhere:1"):
        data = signed(local, body=b"hello").replace(b"POST /", b"POST " + authority + b"/", 1)
        assert statuses(local, data) == [200]
    other = signed(local, body=b"hello").replace(b"\r\nHost: ", b"\r\nHost: elsewhere", 1)
    assert statuses(local, other) == [403]
    assert reached == [b"hello"] * 2


@pytest.mark.parametrize(
    "data",
    [
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_other_methods_lead_nowhere(local, data):
    assert statuses(local, data) == [404]


def test_no_protocol_is_switched_to(local, reached):
    reached.clear()
    upgrade = (
        b"Content-Length: 5\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__"
    )
    assert statuses(local, changed(local, upgrade)) == [200]
    assert reached == [b"hello"]
    assert statuses(local, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == []
