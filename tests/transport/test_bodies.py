"""Reading a body: how much comes, when it ends, and what is said where it breaks off."""

import gc
import queue
import threading
import warnings

import pytest

from sagewire.exceptions import ReadTimeoutError, ResponseStreamingError
from tests.support.peer import Peer, answer, answers, raw_answer

DATA = bytes(range(256)) * 40
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(data, size):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


FRAMINGS = {
    "length": answer(DATA),
    "chunked": CHUNKED + chunks(DATA, 1000),
    "small chunks": CHUNKED + chunks(DATA, 7),
    "one chunk": CHUNKED + chunks(DATA, 1 << 20),
    "to the end": answer(DATA, length=False),
}
framed = pytest.mark.parametrize("raw", FRAMINGS.values(), ids=FRAMINGS.keys())


@framed
def test_read_all(call, raw):
    with Peer(raw_answer(raw)) as peer:
        response = call(peer)
        assert response.read() == DATA
        assert response.read() == b""
        assert response.read(5) == b""


@framed
@pytest.mark.parametrize("amount", [1, 7, 1000, 4096, 10_239, 10_240, 10_241, 1 << 30])
def test_a_piece_is_short_only_at_the_end(call, raw, amount):
    with Peer(raw_answer(raw)) as peer:
        response = call(peer)
        pieces = []
        while piece := response.read(amount):
            pieces.append(piece)
        assert b"".join(pieces) == DATA
        assert {len(piece) for piece in pieces[:-1]} <= {amount}


@framed
def test_read_of_nothing_has_no_effect(call, raw):
    with Peer(raw_answer(raw)) as peer:
        response = call(peer)
        assert response.read(0) == b""
        assert response.read(-1) == DATA
        assert response.read(0) == b""


@framed
def test_readinto(call, raw):
    with Peer(raw_answer(raw)) as peer:
        response = call(peer)
        buffer = bytearray(b"." * 100)
        assert response.readinto(memoryview(buffer)[10:30]) == 20
        assert bytes(buffer) == b"." * 10 + DATA[:20] + b"." * 70
        assert response.readinto(bytearray()) == 0
        rest = bytearray(20_000)
        assert response.readinto(rest) == len(DATA) - 20
        assert rest[: len(DATA) - 20] == DATA[20:]
        assert response.readinto(rest) == 0


def test_readinto_refuses_what_cannot_be_written(call):
    with Peer(answers(answer(b"hello"))) as peer:
        response = call(peer)
        with pytest.raises(TypeError):
            response.readinto(b"constant")
        assert response.read() == b"hello"


@pytest.mark.parametrize("amount", [None, 100, 16_384, 16_385, 100_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body(call, amount, framing):
    data = b"".join(b"%07d." % number for number in range(300_000))
    raw = answer(data) if framing == "length" else CHUNKED + chunks(data, 50_000)
    with Peer(answers(raw)) as peer:
        response = call(peer)
        pieces = []
        while piece := response.read(amount):
            pieces.append(piece)
        assert b"".join(pieces) == data
        assert {len(piece) for piece in pieces[:-1]} <= {amount}


def test_what_is_not_asked_for_is_not_waited_for(call):
    """Five bytes are here and five are read, whatever the rest is up to."""

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        link.stall()

    with Peer(script) as peer:
        response = call(peer, read_timeout=15.0)
        assert response.read(5) == b"hello"
        response.close()


STREAMING = "An error occurred while reading from response stream: "


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            (
                "('Connection broken: IncompleteRead(5 bytes read, 5 more expected)', "
                "IncompleteRead(5 bytes read, 5 more expected))"
            ),
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
            (
                "('Connection broken: IncompleteRead(0 bytes read, 99999999999999 more expected)', "
                "IncompleteRead(0 bytes read, 99999999999999 more expected))"
            ),
        ),
        (
            CHUNKED + b"5\r\nhello\r\n",
            "('Connection broken: IncompleteRead(5 bytes read)', IncompleteRead(5 bytes read))",
        ),
        (CHUNKED + b"5\r\nhel", None),
        (CHUNKED + b"5\r\nhello", None),
        (CHUNKED, None),
        (CHUNKED + b"5", None),
        (CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n", None),
        (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", None),
        (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", None),
        (CHUNKED + b"5;" + b"x" * 70_000, None),
        (CHUNKED + b"0\r\nA: " + b"x" * 70_000, None),
    ],
    ids=lambda value: repr(value[-30:]) if isinstance(value, bytes) else "",
)
def test_broken_bodies(call, pools, raw, words):
    with Peer(raw_answer(raw)) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        with pytest.raises(ResponseStreamingError) as caught:
            response.read()
        assert str(caught.value).startswith(STREAMING + "(")
        if words is not None:
            assert str(caught.value) == STREAMING + words
        assert response.read() == b""
        assert pool.snapshot() == (0, 0, 0, 0)


def test_cut_after_the_last_chunk_is_whole(call, pools):
    with Peer(raw_answer(CHUNKED + b"5\r\nhello\r\n0\r\n")) as peer:
        pool = pools(peer)
        assert call(peer, pool=pool).read() == b"hello"
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_cut_body_in_pieces_ends_short(call, pools):
    """The caller knows the length and says so: `StreamingBody` raises `IncompleteReadError`."""
    with Peer(raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        assert [response.read(3) for _ in range(4)] == [b"hel", b"lo", b"", b""]
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_cut_chunked_body_in_pieces_raises_once(call, pools):
    with Peer(raw_answer(CHUNKED + b"5\r\nhello\r\n")) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        assert response.read(3) == b"hel"
        with pytest.raises(ResponseStreamingError, match="IncompleteRead"):
            response.read(3)
        assert response.read(3) == b""
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("amount", [None, 1000])
@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", CHUNKED + b"a\r\n", b"HTTP/1.0 200 OK\n\n"],
)
def test_reset_in_the_body(call, pools, head, amount):
    gone = threading.Event()

    def script(link):
        link.request()
        link.send(head + b"hel")
        gone.wait(10)
        link.reset()

    with Peer(script) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        assert response.read(3) == b"hel"
        gone.set()
        with pytest.raises(ResponseStreamingError) as caught:
            response.read(amount)
        assert str(caught.value) == STREAMING + (
            "(\"Connection broken: ConnectionResetError(104, 'Connection reset by peer')\", "
            "ConnectionResetError(104, 'Connection reset by peer'))"
        )
        assert response.read() == b""
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("amount", [None, 1000])
def test_a_stalled_body(call, pools, amount):
    with Peer(raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", then="keep")) as peer:
        pool = pools(peer, read_timeout=0.2)
        response = call(peer, pool=pool)
        with pytest.raises(ReadTimeoutError) as caught:
            response.read(amount)
        assert str(caught.value) == 'Read timeout on endpoint URL: "None"'
        assert response.read() == b""
        assert pool.snapshot() == (0, 0, 0, 0)


def test_set_timeout(call):
    with Peer(raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", then="keep")) as peer:
        response = call(peer, read_timeout=60.0)
        response.set_timeout(0.05)
        with pytest.raises(ReadTimeoutError):
            response.read()
        with pytest.raises(AttributeError, match="the body has been read"):
            response.set_timeout(1.0)


def test_set_timeout_after_the_body(call):
    with Peer(answers(answer(b"x"))) as peer:
        response = call(peer)
        response.set_timeout(None)
        response.read()
        with pytest.raises(AttributeError, match="the body has been read"):
            response.set_timeout(1.0)


def test_a_drip_never_times_out(call):
    """The read time-out is for each wait, not for the body."""

    def script(link):
        link.request()
        link.drip(answer(b"0123456789"), pause=0.02)

    with Peer(script) as peer:
        assert call(peer, read_timeout=0.5).read() == b"0123456789"


# What is left unread


def script_of_two(first):
    def script(link):
        link.request()
        link.send(first)
        if link.request() is not None:
            link.send(answer(b"second"))
            link.stall()

    return script


@pytest.mark.parametrize("end", ["close", "drop"])
@pytest.mark.parametrize("read", [0, 5])
def test_a_small_rest_that_is_here_is_drained(call, pools, end, read):
    with Peer(script_of_two(answer(b"x" * 500))) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        assert len(response.read(read)) == read
        if end == "close":
            response.close()
        del response
        gc.collect()
        assert pool.snapshot() == (1, 0, 1, 0)
        assert call(peer, pool=pool).read() == b"second"
        assert peer.connections == 1


@pytest.mark.parametrize("end", ["close", "drop"])
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel",
        CHUNKED + b"9\r\nhel",
        CHUNKED + b"3\r\nhel\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhel",
    ],
)
def test_a_rest_that_is_not_here_is_not_waited_for(call, pools, head, end):
    fates = queue.Queue()

    def script(link):
        link.request()
        link.send(head)
        fates.put(link.ended_by_client())

    with Peer(script) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        response.read(3)
        if end == "close":
            response.close()
            assert response.read() == b""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            del response
            gc.collect()
        assert told == []
        assert pool.snapshot() == (0, 0, 0, 0)
        assert fates.get(timeout=10) == "closed"


def test_a_large_rest_costs_the_connection(call, pools):
    with Peer(raw_answer(answer(b"x" * 10_000_000), then="keep")) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        response.read(1)
        response.close()
        response.close()
        assert pool.snapshot() == (0, 0, 0, 0)


# When the connection comes back


@pytest.mark.parametrize(
    ("raw", "reads"),
    [
        (answer(b"hello"), [5]),
        (answer(b"hello"), [2, 3]),
        (answer(b"hello"), [None]),
        (answer(b"hello"), [6]),
        (answer(b""), []),
        (b"HTTP/1.1 204 None\r\n\r\n", []),
        (b"HTTP/1.1 304 None\r\n\r\n", []),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", [None]),
        (CHUNKED + b"5\r\nhello\r\n0\r\nT: 1\r\n\r\n", [6]),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", [None]),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_comes_back_exactly_at_the_end(call, pools, raw, reads):
    with Peer(script_of_two(raw)) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        for amount in reads:
            assert pool.snapshot() == (1, 1, 0, 0)
            response.read(amount)
        assert pool.snapshot() == (1, 0, 1, 0)
        assert call(peer, pool=pool).read() == b"second"
        assert peer.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nCONNECTION: Close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\n",
        answer(b"hi") + b"more than was said",
        answer(b"") + b"\r\n",
        CHUNKED + b"2\r\nhi\r\n0\r\n\r\nmore",
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_never_comes_back(call, pools, raw):
    with Peer(raw_answer(raw, then="keep")) as peer:
        pool = pools(peer)
        response = call(peer, pool=pool)
        assert response.read() in (b"hi", b"")
        assert pool.snapshot() == (0, 0, 0, 0)
