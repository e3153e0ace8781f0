"""The pool: reuse, stale connections, many threads, no descriptor left behind."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sagewire._impl import transport
from sagewire.exceptions import BotoCoreError, ConnectionClosedError, EndpointConnectionError
from tests.support.peer import Peer, answer, answers, raw_answer
from tests.transport.conftest import URL

OK = answer(b"{}")


def descriptors():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_keep_alive(call, pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        reused = []
        for _ in range(20):
            connection = pool.take(URL, None)
            reused.append(connection.reused)
            headers = [("Host", "x"), ("Content-Length", "0")]
            assert connection.exchange("POST", "/", headers, b"", None).read() == b"{}"
        assert reused == [False] + [True] * 19
        assert (peer.connections, pool.snapshot()) == (1, (1, 0, 1, 0))


def test_last_in_first_out(pools, call):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        first, second = call(peer, pool=pool), call(peer, pool=pool)
        assert pool.snapshot() == (2, 2, 0, 0)
        first.read()
        second.read()
        assert pool.snapshot() == (2, 0, 2, 0)
        for _ in range(3):
            call(peer, pool=pool).read()
        assert [request.link.number for request in peer.requests] == [1, 2, 2, 2, 2]


@pytest.mark.blocking
def test_never_waits_and_keeps_so_many(pools, call):
    with Peer(answers(OK)) as peer:
        pool = pools(peer, max_idle=2)
        responses = [call(peer, pool=pool) for _ in range(6)]
        assert pool.snapshot() == (6, 6, 0, 0)
        for response in responses:
            response.read()
        assert pool.snapshot() == (2, 0, 2, 0)


def test_a_pool_that_keeps_none(pools, call):
    with Peer(answers(OK)) as peer:
        pool = pools(peer, max_idle=0)
        call(peer, pool=pool).read()
        assert pool.snapshot() == (0, 0, 0, 0)
        call(peer, pool=pool).read()
        assert peer.connections == 2


def test_a_connection_taken_and_not_used(pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        connection = pool.take(URL, None)
        assert pool.snapshot() == (1, 1, 0, 0)
        del connection
        gc.collect()
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_stale_connection_is_replaced_silently(pools, call, then):
    ended = threading.Semaphore(0)

    def script(link):
        link.request()
        link.send(OK)
        link.may_end.acquire(timeout=10)
        link.reset() if then == "reset" else link.close()
        ended.release()

    with Peer(script) as peer:
        pool = pools(peer)
        for number in range(1, 6):
            assert call(peer, pool=pool).read() == b"{}"
            assert (peer.connections, pool.snapshot()) == (number, (1, 0, 1, 0))
            peer.requests[-1].link.may_end.release()
            assert ended.acquire(timeout=10)


def wait_until(condition, seconds=5.0):
    waiting = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come about in time")


def test_all_stale_connections_are_replaced(pools, call):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        for response in [call(peer, pool=pool) for _ in range(5)]:
            response.read()
        assert pool.snapshot() == (5, 0, 5, 0)
    with Peer(answers(OK)) as second, pytest.raises(EndpointConnectionError):
        # All five have ended, and nobody listens any more.
        pool.take(URL, None)
    assert pool.snapshot() == (0, 0, 0, 0)
    assert not second.requests


def test_a_peer_that_talks_out_of_turn_is_dead(pools, call):
    """Bytes in front of the request would be taken for its answer."""
    said = threading.Event()

    def script(link):
        link.request()
        link.send(OK)
        if link.number == 1:
            said.wait(10)
            link.send(answer(b"forged"))
            said.clear()
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer)
        call(peer, pool=pool).read()
        said.set()
        wait_until(lambda: not said.is_set())
        assert call(peer, pool=pool).read() == b"{}"
        assert peer.connections == 2


def test_an_end_after_the_check_is_a_closed_connection(pools, call):
    def script(link):
        link.request()
        link.send(OK)
        link.request()
        link.close()

    with Peer(script) as peer:
        pool = pools(peer)
        call(peer, pool=pool).read()
        connection = pool.take(URL, None)
        assert connection.reused
        with pytest.raises(ConnectionClosedError):
            connection.exchange("POST", "/", [("Host", "x"), ("Content-Length", "0")], b"", None)
        assert pool.snapshot() == (0, 0, 0, 0)


def test_close_drops_idle_connections_and_goes_on(pools, call):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        busy = call(peer, pool=pool)
        call(peer, pool=pool).read()
        assert pool.snapshot() == (2, 1, 1, 0)
        pool.close()
        pool.close()
        assert pool.snapshot() == (1, 1, 0, 0)
        assert busy.read() == b"{}"
        assert call(peer, pool=pool).read() == b"{}"
        assert peer.connections == 2


def test_a_response_outlives_its_pool(call):
    with Peer(answers(OK)) as peer:
        pool = transport.Pool("http", "127.0.0.1", peer.port)
        response = call(peer, pool=pool)
        del pool
        gc.collect()
        assert response.read() == b"{}"


@pytest.mark.blocking
def test_sixteen_threads_share_a_pool(pools):
    """Everyone gets the answer to the own question."""

    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body * 3))

    with Peer(script) as peer:
        pool = pools(peer, max_idle=4)
        errors = []

        def work(name):
            for number in range(60):
                body = f"{name}-{number};".encode()
                headers = [("Host", "x"), ("Content-Length", str(len(body)))]
                connection = pool.take(URL, 10.0)
                got = connection.exchange("POST", "/", headers, body, 10.0).read()
                if got != body * 3:
                    errors.append((body, got))

        with ThreadPoolExecutor(16) as threads:
            for done in [threads.submit(work, name) for name in range(16)]:
                done.result()
        assert errors == []
        assert len(peer.requests) == 16 * 60
        opened, busy, idle, waiting = pool.snapshot()
        assert (busy, waiting) == (0, 0)
        assert opened == idle <= 4


@pytest.mark.blocking
def test_two_threads_do_not_share_a_body(call):
    """The second reader is told, or gets what the first left; never a mixture, never a crash."""
    data = bytes(range(256)) * 4000
    with Peer(answers(answer(data))) as peer:
        response = call(peer)
        got, told = [], []

        def work():
            while True:
                try:
                    piece = response.read(1000)
                except RuntimeError as error:
                    told.append(str(error))
                    continue
                if not piece:
                    return
                got.append(piece)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(told) <= {"another thread is reading this body"}
        assert sorted(b"".join(got)) == sorted(data)


@pytest.mark.blocking
@pytest.mark.parametrize(
    ("raw", "then"),
    [
        (OK, "keep"),
        (OK, "close"),
        (b"", "close"),
        (b"HTTP/1.1 200 OK\r\n", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", "close"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhel", "close"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "close"),
    ],
)
def test_no_descriptor_is_left_behind(call, raw, then):
    before = descriptors()
    with Peer(raw_answer(raw, then=then)) as peer:
        pool = transport.Pool("http", "127.0.0.1", peer.port, read_timeout=5.0)
        with suppress(BotoCoreError):
            call(peer, pool=pool).read()
        with suppress(BotoCoreError):
            call(peer, pool=pool, headers=[("Host", "x\n")])
        pool.close()
    del peer, pool
    assert descriptors() <= before


def test_refused_connections_leave_no_descriptor():
    before = descriptors()
    refused = transport.Pool("http", "127.0.0.1", 1)
    for _ in range(3):
        with pytest.raises(EndpointConnectionError):
            refused.take(URL, None)
    assert descriptors() <= before


def test_a_dropped_pool_leaves_no_descriptor(call):
    before = descriptors()
    with Peer(answers(OK)) as peer:
        pool = transport.Pool("http", "127.0.0.1", peer.port)
        for response in [call(peer, pool=pool) for _ in range(5)]:
            response.read()
        del pool, response
    del peer
    assert descriptors() <= before
