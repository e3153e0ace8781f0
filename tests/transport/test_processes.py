"""Forks and signals: a child leaves its parent's connections alone, and Ctrl-C ends a wait."""

import os
import signal
import threading
import time
import warnings
from contextlib import suppress

import pytest

from sagewire.exceptions import ConnectionClosedError, ReadTimeoutError, ResponseStreamingError
from tests.support.peer import Peer, answer, answers
from tests.transport.conftest import URL

pytestmark = pytest.mark.blocking

OK = answer(b"{}")
HEADERS = [("Host", "x"), ("Content-Length", "0")]
# tests/stress/test_signals.py measures what is promised, in processes that do nothing else.
PROMPTLY_SECONDS = 1.0


def in_child(work):
    """Run `work` in a forked child; its exit status, 0 if it went well."""
    with warnings.catch_warnings():
        # The peer's threads do not come along; the child does not need them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(work() or 0)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def exchange(pool, body=b""):
    headers = [("Host", "x"), ("Content-Length", str(len(body)))]
    return pool.take(URL, 10.0).exchange("POST", "/", headers, body, 10.0)


@pytest.mark.parametrize("tls", [False, True])
def test_a_child_starts_afresh(pools, server_tls, trusting, tls):
    fates = []

    def script(link):
        try:
            answers(OK)(link)
        finally:
            fates.append(link.number)

    with Peer(script, tls=server_tls() if tls else None) as peer:
        settings = {"scheme": "https", "tls": trusting} if tls else {}
        pool = pools(peer, **settings)
        exchange(pool).read()

        def work():
            if pool.snapshot() != (0, 0, 0, 0) and pool.take(URL, 10.0).reused:
                return 2
            exchange(pool).read()
            connection = pool.take(URL, 10.0)
            return 0 if connection.reused else 3

        assert in_child(work) == 0
        # Nothing was said on the parent's connection: it serves on, under TLS as well.
        connection = pool.take(URL, 10.0)
        assert connection.reused
        assert connection.exchange("POST", "/", HEADERS, b"", 10.0).read() == b"{}"
        assert 1 not in fates


def test_a_child_drops_what_its_parent_is_using(pools):
    """A connection and a body that were open at the fork: the parent's go on."""
    go_on = threading.Event()

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        go_on.wait(10)
        link.send(b"two")
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer)
        response = exchange(pool)
        open_things = [response, pool.take(URL, 10.0)]

        def work():
            open_things.pop().close()
            open_things.pop().close()
            return 0 if pool.snapshot()[1:3] == (0, 0) or pool.take(URL, 1.0) else 2

        assert in_child(work) == 0
        go_on.set()
        assert response.read() == b"onetwo"
        assert pool.snapshot() == (2, 1, 1, 0)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("amount", [None, 4])
def test_a_child_is_refused_what_its_parent_waits_for(pools, server_tls, trusting, tls, amount):
    """What has arrived is in both; what is on the wire is the parent's, whoever asks first."""
    go_on = threading.Event()

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        go_on.wait(10)
        link.send(b"two")
        link.stall()

    with Peer(script, tls=server_tls() if tls else None) as peer:
        settings = {"scheme": "https", "tls": trusting} if tls else {}
        pool = pools(peer, **settings)
        response = exchange(pool)
        assert response.read(1) == b"o"

        def work():
            if response.read(2) != b"ne":
                return 2
            try:
                response.read(amount)
            except ResponseStreamingError as error:
                return 0 if "belongs to the parent" in str(error) else 3
            return 4

        go_on.set()
        assert in_child(work) == 0
        assert response.read() == b"netwo"
        assert pool.snapshot() == (1, 0, 1, 0)


class Interrupting:
    """Send this process a signal after a while, and measure how long a block goes on after it."""

    def __init__(self, number, after=0.15):
        self.sent = None
        self._number = number
        self._timer = threading.Timer(after, self._send)

    def _send(self):
        self.sent = time.monotonic()
        signal.pthread_kill(threading.main_thread().ident, self._number)

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_exception):
        self.seconds = time.monotonic() - (self.sent or 0)
        self._timer.join()


def silent(link):
    link.request()
    link.stall()


def test_ctrl_c_while_waiting_for_the_head(pools):
    with Peer(silent) as peer:
        pool = pools(peer)
        with Interrupting(signal.SIGINT) as interrupting, pytest.raises(KeyboardInterrupt):
            exchange(pool)
        assert interrupting.seconds < PROMPTLY_SECONDS
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("amount", [None, 100_000])
def test_ctrl_c_while_reading_the_body(pools, amount):
    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhel")
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer)
        response = exchange(pool)
        with Interrupting(signal.SIGINT) as interrupting, pytest.raises(KeyboardInterrupt):
            response.read(amount)
        assert interrupting.seconds < PROMPTLY_SECONDS
        assert response.read() == b""
        assert pool.snapshot() == (0, 0, 0, 0)


def test_ctrl_c_while_sending(pools):
    def script(link):
        link.head()
        link.peer.left.wait(20)

    with Peer(script) as peer:
        pool = pools(peer)
        with Interrupting(signal.SIGINT) as interrupting, pytest.raises(KeyboardInterrupt):
            exchange(pool, b"x" * 50_000_000)
        assert interrupting.seconds < PROMPTLY_SECONDS
        assert pool.snapshot() == (0, 0, 0, 0)


def test_ctrl_c_in_the_handshake(pools, trusting):
    def script(link):
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        with Interrupting(signal.SIGINT) as interrupting, pytest.raises(KeyboardInterrupt):
            pool.take(URL, None)
        assert interrupting.seconds < PROMPTLY_SECONDS
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_signal_that_is_handled_interrupts_nothing(pools):
    def script(link):
        link.request()
        time.sleep(0.3)
        link.send(OK)
        link.stall()

    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
    try:
        with Peer(script) as peer, Interrupting(signal.SIGUSR1, after=0.1):
            assert exchange(pools(peer)).read() == b"{}"
        assert seen == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_handled_signal_does_not_prolong_the_wait(pools):
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    ticking = threading.Event()

    def tick():
        while not ticking.wait(0.05):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    thread = threading.Thread(target=tick)
    try:
        with Peer(silent) as peer:
            pool = pools(peer, read_timeout=0.4)
            thread.start()
            start = time.monotonic()
            with pytest.raises(ReadTimeoutError):
                exchange(pool)
            assert time.monotonic() - start < 1.0
    finally:
        ticking.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_raises_is_heard(pools):
    class Enough(Exception):
        pass

    def handler(*_):
        raise Enough

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with (
            Peer(silent) as peer,
            Interrupting(signal.SIGUSR1) as interrupting,
            pytest.raises(Enough),
        ):
            exchange(pools(peer))
        assert interrupting.seconds < PROMPTLY_SECONDS
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_other_threads_run_while_one_waits(pools):
    """The wait is detached from the interpreter."""
    with Peer(silent) as peer:
        pool = pools(peer, read_timeout=20)

        def wait():
            with suppress(ConnectionClosedError):
                exchange(pool)

        thread = threading.Thread(target=wait)
        thread.start()
        for _ in range(100):
            time.sleep(0.001)
        # Where it kept the interpreter, this is reached when its time-out has ended it.
        assert thread.is_alive()
    thread.join()
