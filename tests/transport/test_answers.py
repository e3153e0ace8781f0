"""What a head may look like, and what becomes of one that looks otherwise."""

import pytest

from sagewire.exceptions import ConnectionClosedError, HTTPClientError
from tests.support.peer import Peer, raw_answer
from tests.transport.conftest import URL

CLOSED = f'Connection was closed before we received a valid response from endpoint URL: "{URL}".'


def respond(call, raw, **settings):
    with Peer(raw_answer(raw)) as peer:
        response = call(peer, **settings)
        return response.status, response.reason, response.version, response.headers, response.read()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"HTTP/1.1 200 OK\nA: 1\nContent-Length: 2\n\nhi",
            (200, "OK", 11, {"a": "1", "content-length": "2"}, b"hi"),
        ),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", (200, "", 11, {"content-length": "0"}, b"")),
        (
            b"HTTP/1.1  201   Made  it \r\nContent-Length: 0\r\n\r\n",
            (201, "Made  it", 11, {"content-length": "0"}, b""),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", (200, "OK", 10, {}, b"to the end")),
        (b"HTTP/1.2 200 OK\r\n\r\nto the end", (200, "OK", 11, {}, b"to the end")),
        (b"HTTP/1.1 200 OK\r\n\r\n", (200, "OK", 11, {}, b"")),
        (b"HTTP/1.1 999 Odd\r\n\r\nx", (999, "Odd", 11, {}, b"x")),
        (
            b"HTTP/1.1 200 OK\r\nA: 1\r\nno colon here\r\nContent-Length: 1\r\n\r\nabc",
            (200, "OK", 11, {"a": "1"}, b"abc"),
        ),
        (
            b"HTTP/1.1 200 OK\nSet-Cookie: a\nX: 1\nset-cookie: b\nContent-Length: 0\r\n\r\n",
            (200, "OK", 11, {"set-cookie": "a, b", "x": "1", "content-length": "0"}, b""),
        ),
        (
            b"HTTP/1.1 200 OK\r\nA:  \t one \t \r\nB:\r\nC:x\r\nContent-Length: 0\r\n\r\n",
            (200, "OK", 11, {"a": "one \t ", "b": "", "c": "x", "content-length": "0"}, b""),
        ),
        (
            b"HTTP/1.1 200 OK\r\nA: one\r\n\t two\r\n three\r\nContent-Length: 0\r\n\r\n",
            (200, "OK", 11, {"a": "one two three", "content-length": "0"}, b""),
        ),
        (
            b"HTTP/1.1 200 caf\xe9\r\nA: caf\xe9 \xc3\xa9\r\nContent-Length: 0\r\n\r\n",
            (200, "café", 11, {"a": "café Ã©", "content-length": "0"}, b""),
        ),
        (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", (204, "No", 11, None, b"")),
        (b"HTTP/1.1 304 No\r\n\r\n", (304, "No", 11, {}, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nhi", (200, "OK", 11, None, b"hi")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhi", (200, "OK", 11, None, b"hi")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", (200, "OK", 11, None, b"hello")),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
            (200, "OK", 11, {"content-length": "2, 2"}, b"hi"),
        ),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nContent-Length: 99\r\n\r\n"
                b"2;a=b\r\nhi\r\n0A ; c\r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\n"
            ),
            (200, "OK", 11, None, b"hi0123456789"),
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            (200, "OK", 11, None, b"2\r\nhi\r\n0\r\n\r\n"),
        ),
    ],
)
def test_tolerated(call, raw, expected):
    got = respond(call, raw)
    assert got == tuple(got[at] if want is None else want for at, want in enumerate(expected))


@pytest.mark.parametrize(
    "storm",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    ],
    ids=["100", "102", "103", "101", "storm"],
)
def test_informational_answers_are_skipped(call, storm):
    final = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nhi"
    expected = (200, "OK", 11, {"a": "1", "content-length": "2"}, b"hi")
    assert respond(call, storm + final) == expected


def head_of(lines):
    return b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: v\r\n" % n for n in range(lines)) + b"\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 -200 Low\r\n\r\n",
        b"<html>busy</html>\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\0" * 70_000,
        b"HTTP/1.1 200 " + b"x" * 65_536 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 65_536 + b"\r\n\r\n",
        head_of(101),
    ],
    ids=lambda raw: repr(raw[:30]),
)
@pytest.mark.parametrize("then", ["close", "reset"])
def test_anything_else_is_a_closed_connection(call, pools, raw, then):
    with Peer(raw_answer(raw, then=then)) as peer:
        pool = pools(peer)
        with pytest.raises(ConnectionClosedError) as caught:
            call(peer, pool=pool)
        assert str(caught.value) == CLOSED
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"HTTP/2 200 OK\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\0" * 70_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
        head_of(101)[:-2],
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_garbage_is_told_at_once(call, raw):
    """A peer that talks nonsense and then waits is not waited for."""
    with Peer(raw_answer(raw, then="keep")) as peer, pytest.raises(ConnectionClosedError):
        call(peer, read_timeout=15.0)


def test_a_head_may_be_large(call):
    status, _, _, headers, _ = respond(call, head_of(99))
    assert (status, len(headers)) == (200, 99)
    line = b"A: " + b"x" * (65_536 - 5) + b"\r\n"
    assert len(line) == 65_536
    headers = respond(call, b"HTTP/1.1 200 OK\r\n" + line * 50 + b"\r\n")[3]
    assert len(headers["a"]) == 50 * 65_531 + 49 * 2


@pytest.mark.parametrize("lengths", [(b"1", b"2"), (b"1, 2",), (b"5", b"5", b"6")])
def test_two_lengths_are_refused(call, pools, lengths):
    fields = b"".join(b"Content-Length: %b\r\n" % length for length in lengths)
    with Peer(raw_answer(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhello!")) as peer:
        pool = pools(peer)
        with pytest.raises(HTTPClientError) as caught:
            call(peer, pool=pool)
        text = b", ".join(lengths).decode()
        assert str(caught.value) == (
            "An HTTP Client raised an unhandled exception: "
            f"Content-Length contained multiple unmatching values ({text})"
        )
        assert type(caught.value).__name__ == "HTTPClientError"
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nA: one\r\n two\r\nContent-Length: 5\r\n\r\nhello",
        (
            b"HTTP/1.1 103 Hints\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
            b"2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: 1\r\n\r\n"
        ),
    ],
    ids=["length", "chunked"],
)
def test_byte_by_byte_is_the_same(call, raw):
    def script(link):
        link.request()
        link.drip(raw)
        link.stall()

    with Peer(script) as peer:
        assert call(peer).read() == b"hello"
