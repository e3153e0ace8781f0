"""Peers that answer early, go away while the request is on its way, or fall silent."""

import threading
import time

import pytest

from sagewire.exceptions import ConnectionClosedError
from tests.support.peer import Peer, answer
from tests.transport.conftest import URL

LARGE = b"x" * 20_000_000
OVER = pytest.mark.parametrize("over", ["plain", "tls"])
TOO_LARGE = answer(b"too large", status=413, headers=[(b"Connection", b"close")])


@pytest.fixture
def settings(over, server_tls, trusting):
    """Return the peer's TLS, and a pool's settings for it."""
    if over == "plain":
        return None, {}
    return server_tls(), {"scheme": "https", "tls": trusting}


@OVER
@pytest.mark.parametrize("source", ["bytes", "length", "chunked"])
def test_an_early_answer_is_an_answer(call, pools, source, settings):
    """413 while 20 MB are on their way: the server stops reading, and what it said counts."""

    def script(link):
        link.head()
        link.send(TOO_LARGE)
        link.half_close()
        link.ended_by_client()

    headers, body = upload(source)
    tls, more = settings
    with Peer(script, tls=tls) as peer:
        pool = pools(peer, **more)
        response = call(peer, body, pool=pool, headers=headers)
        assert (response.status, response.read()) == (413, b"too large")
        assert pool.snapshot() == (0, 0, 0, 0)


def upload(source):
    headers = [("Host", "x"), ("Content-Length", str(len(LARGE)))]
    body = LARGE
    if source != "bytes":
        body = iter([LARGE[:1_000_000]] * 20)
    if source == "chunked":
        headers[1] = ("Transfer-Encoding", "chunked")
    return headers, body


@OVER
@pytest.mark.parametrize("source", ["bytes", "length", "chunked"])
@pytest.mark.parametrize("then", ["close", "reset"])
def test_an_early_answer_and_a_reset(call, pools, source, then, settings):
    """Writing fails in the middle of the body; what the server had said by then is read first."""

    def script(link):
        link.head()
        link.read_some(100_000)
        link.send(TOO_LARGE)
        # With so much unread, a close is a reset as well.
        link.reset() if then == "reset" else link.close()

    headers, body = upload(source)
    tls, more = settings
    with Peer(script, tls=tls) as peer:
        pool = pools(peer, **more)
        response = call(peer, body, pool=pool, headers=headers)
        assert (response.status, response.read()) == (413, b"too large")
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("then", ["close", "reset"])
def test_the_end_while_the_request_is_on_its_way(call, pools, then):
    def script(link):
        link.head()
        link.reset() if then == "reset" else link.close()

    with Peer(script) as peer:
        pool = pools(peer)
        with pytest.raises(ConnectionClosedError) as caught:
            call(peer, LARGE, pool=pool)
        assert caught.value.kwargs == {"endpoint_url": URL}
        assert pool.snapshot() == (0, 0, 0, 0)


def test_an_answer_before_the_whole_body_keeps_the_connection_if_both_are_done(call, pools):
    def script(link):
        link.head()
        link.send(answer(b"early"))
        link.read_some(len(LARGE))
        link.request()
        link.send(answer(b"second"))
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer)
        assert call(peer, LARGE, pool=pool).read() == b"early"
        assert pool.snapshot() == (1, 0, 1, 0)
        assert call(peer, pool=pool).read() == b"second"
        assert peer.connections == 1


def test_a_half_closed_peer_still_answers(call, pools):
    def script(link):
        link.request()
        link.send(answer(b"last"))
        link.half_close()
        link.stall()

    with Peer(script) as peer:
        pool = pools(peer)
        assert call(peer, pool=pool).read() == b"last"


def test_a_peer_may_read_slowly(call):
    arrived = threading.Event()

    def script(link):
        link.head()
        for _ in range(30):
            link.read_some(100_000)
            time.sleep(0.01)
        arrived.set()
        link.send(answer(b"all of it"))
        link.stall()

    with Peer(script) as peer:
        assert call(peer, b"x" * 3_000_000, read_timeout=5.0).read() == b"all of it"
        assert arrived.is_set()


def test_the_bodys_own_failure_is_not_the_connections() -> None:
    """An OSError of the body comes through as it is: nothing was said about the server."""
    import socket
    import threading

    from sagewire._impl import transport

    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        connection, _ = server.accept()
        with connection:
            while connection.recv(65536):
                pass

    thread = threading.Thread(target=accept)
    thread.start()

    def pieces() -> object:
        yield b"a"
        raise OSError(5, "Input/output error")

    pool = transport.Pool("http", "127.0.0.1", server.getsockname()[1], read_timeout=5.0)
    connection = pool.take("http://test", None)
    headers = [("Host", "test"), ("Content-Length", "2")]
    with pytest.raises(OSError, match="Input/output error"):
        connection.exchange("POST", "/", headers, pieces(), None)
    assert pool.snapshot() == (0, 0, 0, 0)
    thread.join()
    server.close()
