"""The twins of `reactor` agree on every answer, however it is cut, and with the blocking driver."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure import reactor as pure
from sagewire._pure import transport as blocking
from tests.support.reactor_pool import ReactorPool
from tests.support.repeater import Repeater
from tests.twins.test_transport import (
    CORPUS,
    HEADERS,
    RECORDED,
    URL,
    answered,
    lines,
    much,
    outcome,
)

native = pytest.importorskip("sagewire._native.reactor", reason="needs the extension module")


@pytest.fixture(scope="module")
def repeater():
    made = Repeater()
    yield made
    made.close()


@pytest.fixture(scope="module")
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def on_a_loop(twin, loop, repeater, amount):
    """Everything that a caller sees of an answer, step by step."""
    pool = ReactorPool("http", "127.0.0.1", repeater.port, read_timeout=10.0, loop=loop, twin=twin)
    response = outcome(pool.take(URL, None).exchange, "POST", "/", HEADERS, b"{}", None)
    if isinstance(response, tuple):
        seen = response
    else:
        seen = [response.status, response.reason, response.version, list(response.headers.items())]
        for _ in range(1000):
            piece = outcome(response.read, amount)
            seen.append(piece)
            if piece == b"":
                break
        seen.append(outcome(response.read))
        response.close()
    pool.close()
    left = pool.snapshot()
    pool._pool.abandon()
    return seen, left


def hold_equal(repeater, loop, data, amount=None):
    repeater.data = data
    expected = answered(blocking, repeater, amount)
    assert on_a_loop(native, loop, repeater, amount) == expected
    assert on_a_loop(pure, loop, repeater, amount) == expected


@pytest.mark.parametrize("raw", CORPUS, ids=range(len(CORPUS)))
@pytest.mark.parametrize("amount", [None, 3])
def test_cut_at_every_byte(repeater, loop, raw, amount):
    for end in range(len(raw) + 1):
        hold_equal(repeater, loop, raw[:end], amount)


@pytest.mark.skipif(not RECORDED, reason="recorded vectors are not part of a clone")
def test_recorded_answers(repeater, loop):
    for raw in RECORDED:
        for amount in (None, 7):
            hold_equal(repeater, loop, raw, amount)


@much
@given(st.lists(lines, max_size=6), st.binary(max_size=40), st.sampled_from([None, 1, 5]))
def test_any_head_and_body(repeater, loop, fields, body, amount):
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b"", b""])
    hold_equal(repeater, loop, head + body, amount)


def in_pieces(twin, loop, repeater, size):
    """All of an answer's body, read in pieces that are one read, or how that failed."""
    pool = ReactorPool("http", "127.0.0.1", repeater.port, read_timeout=10.0, loop=loop, twin=twin)
    response = outcome(pool.take(URL, None).exchange, "POST", "/", HEADERS, b"{}", None)
    seen = response
    if not isinstance(response, tuple):
        seen = outcome(_all_pieces, pool, response, size)
        response.close()
    pool.close()
    pool._pool.abandon()
    return seen


def _all_pieces(pool, response, size):
    data = b""
    while True:
        piece = pool.run(response._response.read(size, bool(data)))
        data += piece
        if len(piece) < size:
            return data


def whole(repeater):
    pool = blocking.Pool("http", "127.0.0.1", repeater.port, read_timeout=10.0)
    response = outcome(pool.take(URL, None).exchange, "POST", "/", HEADERS, b"{}", None)
    seen = response if isinstance(response, tuple) else outcome(response.read)
    pool.close()
    return seen


CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x\r\nhel\r\n1\r\na\r\n5\r\nworld\r\n0\r\nT:\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_errors_of_a_read_in_pieces_count_all_of_them(repeater, loop, size):
    begins = CHUNKS.index(b"3;x")
    broken = [CHUNKS[:end] for end in range(begins, len(CHUNKS) + 1)]
    broken += [CHUNKS[:place] + b"z" + CHUNKS[place + 1 :] for place in range(begins, len(CHUNKS))]
    for data in broken:
        repeater.data = data
        expected = whole(repeater)
        assert in_pieces(native, loop, repeater, size) == expected
        assert in_pieces(pure, loop, repeater, size) == expected
