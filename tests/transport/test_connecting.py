"""Connecting: nobody there, no such name, several addresses."""

import socket

import pytest

from sagewire._impl import transport
from sagewire.exceptions import EndpointConnectionError
from tests.support.peer import Peer, answer, answers
from tests.transport.conftest import URL

WORDS = f'Could not connect to the endpoint URL: "{URL}"'


@pytest.fixture
def free_port():
    """Return a port that nobody listens on, held so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_refused(free_port, host):
    pool = transport.Pool("http", host, free_port)
    with pytest.raises(EndpointConnectionError) as caught:
        pool.take(URL, None)
    assert str(caught.value) == WORDS
    assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "host",
    ["nobody.invalid", "a" * 64 + ".test", "a..b", "", "exa mple", "1.2.3.4.5", "\0", "ex\xe4"],
)
def test_a_name_that_cannot_be_found(host):
    pool = transport.Pool("http", host, 9)
    with pytest.raises(EndpointConnectionError) as caught:
        pool.take(URL, 5.0)
    assert str(caught.value) == WORDS
    assert pool.snapshot() == (0, 0, 0, 0)


def test_the_error_says_why(free_port):
    with pytest.raises(EndpointConnectionError) as caught:
        transport.Pool("http", "127.0.0.1", free_port).take(URL, None)
    assert "refused" in caught.value.kwargs["error"]


def test_every_address_is_tried():
    """`localhost` is ::1 and 127.0.0.1; the peer has the one or the other."""
    addresses = {info[4][0] for info in socket.getaddrinfo("localhost", 80)}
    for host in sorted(addresses & {"::1", "127.0.0.1"}):
        with Peer(answers(answer(b"{}")), host=host) as peer:
            pool = transport.Pool("http", "localhost", peer.port)
            headers = [("Host", "x"), ("Content-Length", "0")]
            assert pool.take(URL, None).exchange("POST", "/", headers, b"", None).read() == b"{}"
            pool.close()


@pytest.mark.parametrize("port", [-1, 65_536, 1 << 40])
def test_a_port_that_is_none(port):
    with pytest.raises((OverflowError, ValueError)):
        transport.Pool("http", "127.0.0.1", port).take(URL, None)


@pytest.mark.blocking
@pytest.mark.parametrize("tcp_keepalive", [True, False])
def test_socket_options(pools, tcp_keepalive):
    """What the peer can see of them: the exchange goes on as before."""
    with Peer(answers(answer(b"{}"))) as peer:
        pool = pools(peer, tcp_keepalive=tcp_keepalive)
        headers = [("Host", "x"), ("Content-Length", "0")]
        assert pool.take(URL, None).exchange("POST", "/", headers, b"", None).read() == b"{}"
        options = our_options(peer.port)
    assert options == {"nodelay": True, "keepalive": tcp_keepalive}


def our_options(port):
    """Read the options of this process's connection to a port, by its descriptor."""
    import os
    from pathlib import Path

    for entry in Path("/proc/self/fd").iterdir():
        try:
            sock = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue
        with sock:
            try:
                if sock.family == socket.AF_UNIX or sock.getpeername()[1] != port:
                    continue
            except OSError:
                continue
            nodelay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            keepalive = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            return {"nodelay": bool(nodelay), "keepalive": bool(keepalive)}
    raise AssertionError("there is no such connection")
