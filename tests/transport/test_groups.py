"""Groups of a pool: their connections are ended together, and nobody else's."""

import contextlib
import threading
import time
from types import SimpleNamespace

import pytest

from sagewire._impl import transport
from sagewire.exceptions import ConnectionClosedError, ResponseStreamingError
from tests.support.deaf import deaf
from tests.support.peer import Peer, answer
from tests.support.proxy import Proxy
from tests.transport.conftest import URL

HEAD = [("Host", "x"), ("Content-Length", "2")]
# On an event loop nothing waits on a thread: what is cancelled ends its own connection.
pytestmark = pytest.mark.blocking


def script(link):
    while (request := link.request()) is not None:
        if request.line.startswith(b"POST /stall"):
            return link.stall()
        if request.line.startswith(b"POST /half"):
            link.send(answer(b"half")[:-2])
            return link.stall()
        link.send(answer(b"ok"))
    return None


def exchange(pool, target="/"):
    return pool.take(URL, None).exchange("POST", target, HEAD, b"{}", None)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("target", ["/stall", "/half"])
def test_ending_a_group_ends_what_waits_in_it(pools, server_tls, trusting, target, tls):
    with Peer(script, tls=server_tls() if tls else None) as peer:
        settings = {"scheme": "https", "tls": trusting} if tls else {}
        pool = pools(peer, read_timeout=60.0, **settings)
        group = pool.group(1)
        outcome = []
        answered = threading.Event()

        def work():
            try:
                response = exchange(group, target)
                answered.set()
                response.read()
            except Exception as error:
                outcome.append(error)

        other = exchange(pool)  # in use, and not of the group
        thread = threading.Thread(target=work)
        thread.start()
        while not any(request.line.startswith(b"POST " + target.encode())
                      for request in list(peer.requests)):  # fmt: skip
            time.sleep(0.005)
        if target == "/half":
            assert answered.wait(10)
        group.end()
        thread.join(10)
        assert not thread.is_alive()
        expected = ConnectionClosedError if target == "/stall" else ResponseStreamingError
        assert isinstance(outcome[0], expected)
        assert other.read() == b"ok"
        assert pool.snapshot() == (1, 0, 1, 0)
        assert exchange(pool).read() == b"ok"


@contextlib.contextmanager
def full_queue():
    with deaf() as port:
        yield SimpleNamespace(host="127.0.0.1", port=port)


def stalled_handshake():
    return Peer(lambda link: link.stall())


def stalled_proxy():
    return Proxy(answer="stall")


@pytest.mark.parametrize("way", [full_queue, stalled_handshake, stalled_proxy])
def test_ending_a_group_ends_what_is_on_its_way(pools, trusting, way):
    """A look-up as well: tests/transport/test_lookup.py."""
    with way() as peer:
        settings = {} if way is full_queue else {"scheme": "https", "tls": trusting}
        if way is stalled_proxy:
            settings["proxy"] = transport.Proxy(peer.url, peer.host, peer.port, True, None, None)
        pool = pools(peer, connect_timeout=60.0, **settings)
        group = pool.group(1)
        outcome = []

        def work():
            try:
                group.take(URL, None)
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.05)
        start = time.monotonic()
        group.end()
        thread.join(10)
        assert time.monotonic() - start < 1
        assert outcome, "the way goes on"
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_group_shares_the_pool(pools):
    with Peer(script) as peer:
        pool = pools(peer)
        assert exchange(pool.group(1)).read() == b"ok"
        assert pool.snapshot() == pool.group(1).group(1).snapshot() == (1, 0, 1, 0)
        assert exchange(pool).read() == b"ok"
        assert peer.connections == 1


def test_what_has_been_given_back_is_not_ended(pools):
    with Peer(script) as peer:
        pool = pools(peer)
        group = pool.group(1)
        assert exchange(group).read() == b"ok"
        connection = pool.take(URL, None)
        assert connection.reused
        group.end()
        assert connection.exchange("POST", "/", HEAD, b"{}", None).read() == b"ok"


def test_an_ended_group_begins_nothing(pools):
    with Peer(script) as peer:
        pool = pools(peer)
        group = pool.group(1)
        group.end()
        group.end()
        with pytest.raises(ConnectionClosedError):
            exchange(group)
        assert exchange(pool).read() == b"ok"
        assert pool.snapshot() == (1, 0, 1, 0)


def test_only_a_group_can_be_ended(pools):
    with Peer(script) as peer, pytest.raises(RuntimeError, match="only a group"):
        pools(peer).end()


def test_the_pool_keeps_what_the_group_needs_until_it_is_ended(pools):
    with Peer(script) as peer:
        pool = pools(peer, max_idle=1)
        for room, kept in ((3, 3), (0, 1)):
            group = pool.group(room)
            responses = [exchange(group, "/half") for _ in range(4)]
            assert pool.snapshot()[1] == 4
            for response in responses:
                response.close()
            taken = [group.take(URL, None) for _ in range(4)]
            for connection in taken:
                assert connection.exchange("POST", "/", HEAD, b"{}", None).read() == b"ok"
            assert pool.snapshot() == (kept, 0, kept, 0)
            group.end()
            assert pool.snapshot() == (1, 0, 1, 0)
