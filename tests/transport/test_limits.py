"""Time-outs and deadlines: which one ends a wait, when, and in which words."""

import itertools
import time

import pytest

from sagewire._impl import transport
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    DeadlineExceededError,
    ReadTimeoutError,
)
from tests.support.deaf import deaf
from tests.support.pauses import thread_clock
from tests.support.peer import Peer, answer, answers
from tests.transport.conftest import URL

LARGE = b"x" * 50_000_000


def stall_after_request(link):
    link.request()
    link.stall()


def stall_at_once(link):
    link.stall()


def stop_reading(link):
    link.head()
    link.peer.left.wait(20)


class Timed:
    """How long a block took, in seconds."""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_exception):
        self.seconds = time.monotonic() - self.start


def deadline_words(seconds, stage):
    return f'Deadline of {seconds} s exceeded while {stage} on endpoint URL: "{URL}"'


@pytest.fixture
def full_port():
    with deaf() as port:
        yield port


def test_no_answer_in_time(call, pools):
    with Peer(stall_after_request) as peer:
        pool = pools(peer, read_timeout=0.2)
        with Timed() as timed, pytest.raises(ReadTimeoutError) as caught:
            call(peer, pool=pool)
        assert str(caught.value) == f'Read timeout on endpoint URL: "{URL}"'
        assert 0.15 < timed.seconds < 2
        assert pool.snapshot() == (0, 0, 0, 0)


def test_half_a_head_in_time(call):
    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nA: 1\r\n")
        link.stall()

    with Peer(script) as peer, pytest.raises(ReadTimeoutError):
        call(peer, read_timeout=0.2)


def test_a_dripping_head_is_waited_for_until_the_deadline(call):
    def script(link):
        link.request()
        for number in itertools.count():
            link.drip(b"X-%d: v\r\n" % number if number else b"HTTP/1.1 200 OK\r\n", pause=0.02)

    with Peer(script) as peer, Timed() as timed, pytest.raises(DeadlineExceededError) as caught:
        call(peer, read_timeout=5.0, timeout=0.3)
    assert str(caught.value) == deadline_words("0.3", "waiting for the answer")
    assert 0.25 < timed.seconds < 2


def test_deadline_while_waiting(call, pools):
    with Peer(stall_after_request) as peer:
        pool = pools(peer, read_timeout=5.0)
        with Timed() as timed, pytest.raises(DeadlineExceededError) as caught:
            call(peer, pool=pool, timeout=0.2)
        assert str(caught.value) == deadline_words("0.2", "waiting for the answer")
        assert isinstance(caught.value, TimeoutError)
        assert 0.15 < timed.seconds < 2
        assert pool.snapshot() == (0, 0, 0, 0)


def test_the_shorter_limit_wins(call):
    with Peer(stall_after_request) as peer:
        with pytest.raises(ReadTimeoutError):
            call(peer, read_timeout=0.1, timeout=5.0)
        with pytest.raises(DeadlineExceededError):
            call(peer, read_timeout=None, timeout=0.1)


@pytest.mark.parametrize("drip", [0, 0.02])
def test_deadline_in_the_body(call, pools, drip):
    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        if drip:
            link.drip(b"x" * 10_000, pause=drip)
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer, read_timeout=5.0)
        response = call(peer, pool=pool, timeout=0.3)
        with Timed() as timed, pytest.raises(DeadlineExceededError) as caught:
            response.read()
        assert str(caught.value) == deadline_words("0.3", "reading the body")
        assert timed.seconds < 2
        assert pool.snapshot() == (0, 0, 0, 0)


def test_deadline_before_the_body_is_read(call):
    """What is here may be read after the deadline; what is not is not waited for."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"

    def script(link):
        link.request()
        link.send(raw)
        link.stall()

    with Peer(script) as peer:
        response = call(peer, timeout=0.2)
        time.sleep(0.3)
        assert response.read(5) == b"hello"
        start = thread_clock()
        with pytest.raises(DeadlineExceededError):
            response.read(5)
        assert thread_clock() - start < 0.2


def test_deadline_while_sending(call, pools):
    with Peer(stop_reading) as peer:
        pool = pools(peer, read_timeout=5.0)
        with Timed() as timed, pytest.raises(DeadlineExceededError) as caught:
            call(peer, LARGE, pool=pool, timeout=0.3)
        assert str(caught.value) == deadline_words("0.3", "sending the request")
        assert 0.25 < timed.seconds < 3
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_body_that_nobody_takes(call, pools):
    with Peer(stop_reading) as peer:
        pool = pools(peer, read_timeout=0.3)
        with Timed() as timed, pytest.raises(ConnectionClosedError):
            call(peer, LARGE, pool=pool)
        assert 0.25 < timed.seconds < 3
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("seconds", [0, 0.0, -1.0, 1e-9])
def test_a_deadline_that_has_passed(call, pools, seconds):
    with Peer(answers(answer(b"x"))) as peer:
        pool = pools(peer)
        with pytest.raises(DeadlineExceededError) as caught:
            call(peer, pool=pool, timeout=seconds)
        assert str(caught.value) == deadline_words(f"{seconds:g}", "connecting")
        call(peer, pool=pool).read()
        connection = pool.take(URL, None)
        assert connection.reused
        with pytest.raises(DeadlineExceededError, match="sending the request"):
            connection.exchange("POST", "/", [("Host", "x")], b"", seconds)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_limit_of_nothing_is_over_at_once(call, seconds):
    with Peer(stall_after_request) as peer:
        with pytest.raises(ReadTimeoutError):
            call(peer, read_timeout=seconds)
        with pytest.raises(ConnectTimeoutError):
            call(peer, connect_timeout=seconds)


@pytest.mark.parametrize("seconds", [1e6, 1e12, float("inf")])
def test_a_limit_beyond_all_counting_is_none(call, seconds):
    with Peer(answers(answer(b"x"))) as peer:
        settings = {"connect_timeout": seconds, "read_timeout": seconds}
        assert call(peer, timeout=seconds, **settings).read() == b"x"


def test_connect_timeout(full_port):
    pool = transport.Pool("http", "127.0.0.1", full_port, connect_timeout=0.2)
    with Timed() as timed, pytest.raises(ConnectTimeoutError) as caught:
        pool.take(URL, None)
    assert str(caught.value) == f'Connect timeout on endpoint URL: "{URL}"'
    assert 0.15 < timed.seconds < 2
    assert pool.snapshot() == (0, 0, 0, 0)


def test_deadline_while_connecting(full_port):
    pool = transport.Pool("http", "127.0.0.1", full_port, connect_timeout=5.0)
    with Timed() as timed, pytest.raises(DeadlineExceededError) as caught:
        pool.take(URL, 0.2)
    assert str(caught.value) == deadline_words("0.2", "connecting")
    assert 0.15 < timed.seconds < 2


def test_connect_timeout_covers_tls(pools, trusting):
    with Peer(stall_at_once) as peer:
        pool = pools(peer, scheme="https", tls=trusting, connect_timeout=0.2)
        with Timed() as timed, pytest.raises(ConnectTimeoutError):
            pool.take(URL, None)
        assert 0.15 < timed.seconds < 2
        assert pool.snapshot() == (0, 0, 0, 0)


def test_deadline_covers_tls(pools, trusting):
    with Peer(stall_at_once) as peer:
        pool = pools(peer, scheme="https", tls=trusting, connect_timeout=5.0)
        with pytest.raises(DeadlineExceededError) as caught:
            pool.take(URL, 0.2)
        assert str(caught.value) == deadline_words("0.2", "connecting")


def test_limits_of_one_call_are_not_those_of_the_next(call, pools):
    """The connection is the same, its limits are each call's own."""

    def script(link):
        link.request()
        link.send(answer(b"one"))
        link.request()
        time.sleep(0.4)
        link.send(answer(b"two"))
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer, read_timeout=5.0)
        response = call(peer, pool=pool, timeout=0.3)
        response.set_timeout(0.1)
        assert response.read() == b"one"
        assert call(peer, pool=pool).read() == b"two"
        assert peer.connections == 1
