"""Proxies: the way through them, and what is said where there is none."""

import socket

import pytest
import trustme

from sagewire._impl import transport
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    DeadlineExceededError,
    ProxyConnectionError,
    SSLError,
)
from tests.support.peer import Peer, answer, answers
from tests.support.proxy import Proxy
from tests.transport.conftest import URL

OK = answer(b"{}")
HEADERS = [("Host", "runtime.test"), ("Content-Length", "2")]
SHOWN = "http://***:***@proxy.test"
WORDS = f'Failed to connect to proxy URL: "{SHOWN}"'


@pytest.fixture
def through(pools):
    """Make pools for a host behind a proxy."""

    def pool(proxy, *, host="runtime.test", port=443, tunnel=True, tls=None, **settings):
        authorization = settings.pop("authorization", None)
        way = transport.Proxy(
            SHOWN, proxy.host, proxy.port, tunnel, authorization, settings.pop("proxy_tls", None)
        )
        peer = Origin(host, port)
        scheme = "http" if tls is None else "https"
        return pools(peer, scheme=scheme, tls=tls, proxy=way, **settings)

    return pool


class Origin:
    def __init__(self, host, port):
        self.host = host
        self.port = port


def exchange(pool, target="/", timeout=None):
    connection = pool.take(URL, timeout)
    return connection.exchange("POST", target, HEADERS, b"{}", timeout)


def test_a_tunnel(through, server_tls, trusting):
    with (
        Peer(answers(OK), tls=server_tls("runtime.test")) as peer,
        Proxy(route={"runtime.test:443": ("127.0.0.1", peer.port)}) as proxy,
    ):
        pool = through(proxy, tls=trusting, authorization="Basic dTpw")
        for _ in range(3):
            assert exchange(pool).read() == b"{}"
        assert proxy.heads == [
            b"CONNECT runtime.test:443 HTTP/1.0\r\nProxy-Authorization: Basic dTpw"
        ]
        assert pool.snapshot() == (1, 0, 1, 0)
        # What is for the proxy is for the proxy alone.
        assert all(b"roxy" not in request.head for request in peer.requests)


def test_a_tunnel_to_an_ipv6_address(through, server_tls, trusting):
    with (
        Peer(answers(OK), tls=server_tls("::1")) as peer,
        Proxy(route={"[::1]:443": ("127.0.0.1", peer.port)}) as proxy,
    ):
        assert exchange(through(proxy, host="[::1]", tls=trusting)).read() == b"{}"
        assert proxy.heads == [b"CONNECT [::1]:443 HTTP/1.0"]


def test_a_proxy_at_an_ipv6_address(through):
    with Peer(answers(OK)) as peer, Proxy(host="::1") as proxy:
        pool = through(proxy, tunnel=False)
        assert exchange(pool, f"http://127.0.0.1:{peer.port}/x").read() == b"{}"


def test_forwarding(through):
    with Peer(answers(OK)) as peer, Proxy() as proxy:
        pool = through(proxy, port=80, tunnel=False, authorization="Basic dTpw")
        for _ in range(3):
            assert exchange(pool, f"http://127.0.0.1:{peer.port}/x").read() == b"{}"
        assert pool.snapshot() == (1, 0, 1, 0)
        # The header of forwarded requests is the caller's to give.
        start = f"POST http://127.0.0.1:{peer.port}/x HTTP/1.1\r\n".encode()
        assert [head.startswith(start) for head in proxy.heads] == [True] * 3
        assert not any(b"Proxy-Authorization" in head for head in proxy.heads)


@pytest.mark.parametrize("tunnel", [True, False])
@pytest.mark.parametrize("size", [1, 16_384, 3_000_000])
def test_bodies_of_any_size_through_an_https_proxy(through, server_tls, trusting, size, tunnel):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]

    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body))

    tls = server_tls("runtime.test") if tunnel else None
    with (
        Peer(script, tls=tls) as peer,
        Proxy(tls=server_tls(), route={"runtime.test:443": ("127.0.0.1", peer.port)}) as proxy,
    ):
        settings = {"tls": trusting} if tunnel else {}
        pool = through(proxy, tunnel=tunnel, proxy_tls=trusting, **settings)
        headers = [("Host", "x"), ("Content-Length", str(size))]
        target = "/" if tunnel else f"http://127.0.0.1:{peer.port}/"
        for _ in range(2):
            connection = pool.take(URL, None)
            assert connection.exchange("POST", target, headers, body, None).read() == body
        assert (proxy.connections, pool.snapshot()) == (1, (1, 0, 1, 0))


def test_a_stale_tunnel_inside_tls_is_replaced(through, server_tls, trusting):
    with (
        Peer(answers(OK, then="close"), tls=server_tls("runtime.test")) as peer,
        Proxy(tls=server_tls(), route={"runtime.test:443": ("127.0.0.1", peer.port)}) as proxy,
    ):
        pool = through(proxy, tls=trusting, proxy_tls=trusting)
        for _ in range(3):
            assert exchange(pool).read() == b"{}"
            peer.join()
            proxy.join()  # the end of the connection has reached us, too
        assert peer.connections == 3


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        (b"HTTP/1.1 407 Sign in\r\n\r\n", ProxyConnectionError, "failed: 407 Sign in"),
        # The rest of a refusal is not waited for.
        (b"HTTP/1.1 502 Bad\r\nA: b", ProxyConnectionError, "failed: 502 Bad"),
        (b"HTTP/1.0 204 No\r\n\r\n", ProxyConnectionError, "failed: 204 No"),
        (b"HTTP/1.0 302 Away\r\n\r\n", ProxyConnectionError, "failed: 302 Away"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ProxyConnectionError, "failed: 100 Continue"),
        (b"SSH-2.0-x\r\n", ConnectionClosedError, None),
        (b"HTTP/1.0 200 OK\r\nA: b", ConnectionClosedError, None),
        (b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 200, ConnectionClosedError, None),
        (b"HTTP/1.0 200 OK\r\nA: " + b"b" * 70_000, ConnectionClosedError, None),
        # Whether an end or a reset arrives first in the handshake is a race.
        (b"HTTP/1.0 200 OK\r\n\r\n", (SSLError, ConnectionClosedError), None),
        ("close", ConnectionClosedError, None),
    ],
)
def test_no_tunnel(through, trusting, said, error, why):
    with Proxy(answer=said) as proxy:
        pool = through(proxy, tls=trusting, authorization="Basic c2VjcmV0")
        with pytest.raises(error) as caught:
            pool.take(URL, None)
        if why is not None:
            assert str(caught.value) == WORDS
            assert why in caught.value.kwargs["error"]
        assert "c2VjcmV0" not in f"{caught.value} {caught.value.kwargs}"
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_tunnel_that_does_not_come(through, trusting):
    with Proxy(answer="stall") as proxy:
        pool = through(proxy, tls=trusting, connect_timeout=0.3)
        with pytest.raises(ConnectTimeoutError):
            pool.take(URL, None)
        pool = through(proxy, tls=trusting)
        with pytest.raises(DeadlineExceededError, match="while connecting"):
            pool.take(URL, 0.3)
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("tunnel", [True, False])
def test_a_proxy_that_is_not_there(through, trusting, tunnel):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = Origin("127.0.0.1", held.getsockname()[1])
        with pytest.raises(ProxyConnectionError) as caught:
            through(nobody, tls=trusting if tunnel else None, tunnel=tunnel).take(URL, None)
    assert str(caught.value) == WORDS
    assert "refused" in caught.value.kwargs["error"]


@pytest.mark.blocking  # for a reactor it is the client that looks names up
def test_a_proxy_whose_name_nobody_knows(through):
    with pytest.raises(ProxyConnectionError) as caught:
        through(Origin("nobody.invalid", 80), tunnel=False).take(URL, None)
    assert str(caught.value) == WORDS


def test_an_https_proxy_that_is_silent(through, trusting):
    with Peer(lambda link: link.stall()) as peer:
        pool = through(peer, tls=trusting, proxy_tls=trusting, connect_timeout=0.3)
        with pytest.raises(ProxyConnectionError) as caught:
            pool.take(URL, None)
    assert "time-out" in caught.value.kwargs["error"]


@pytest.mark.parametrize("trusted", [True, False])
def test_whom_an_https_proxy_has_to_be_vouched_for_by(through, server_tls, trusting, trusted):
    other = trustme.CA()
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.issue_cert("127.0.0.1").configure_cert(context)
    with (
        Peer(answers(OK), tls=server_tls("runtime.test")) as peer,
        Proxy(tls=context, route={"runtime.test:443": ("127.0.0.1", peer.port)}) as proxy,
    ):
        proxy_tls = transport.TlsSettings(False, None, None, None) if trusted else trusting
        pool = through(proxy, tls=trusting, proxy_tls=proxy_tls)
        if trusted:
            assert exchange(pool).read() == b"{}"
            return
        with pytest.raises(ProxyConnectionError) as caught:
            pool.take(URL, None)
        assert "CERTIFICATE_VERIFY_FAILED" in caught.value.kwargs["error"]
        assert not proxy.heads


def test_the_endpoint_behind_a_tunnel_is_not_the_proxys_to_vouch_for(through, server_tls, trusting):
    with (
        Peer(answers(OK), tls=server_tls("other.test")) as peer,
        Proxy(tls=server_tls(), route={"runtime.test:443": ("127.0.0.1", peer.port)}) as proxy,
        pytest.raises(SSLError, match=r"not valid for 'runtime\.test'"),
    ):
        through(proxy, tls=trusting, proxy_tls=trusting).take(URL, None)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", ProxyConnectionError),
        (b"HTTP/1.1 2", ConnectionClosedError),
        (b"garbage\r\n\r\n", ConnectionClosedError),
    ],
)
def test_an_end_without_an_answer_is_the_proxys(through, said, error):
    """As boto3 has it: whoever closes before the first byte of an answer is taken for the proxy."""

    def script(link):
        link.request()
        link.send(said)
        link.close()

    with Peer(script) as peer:
        pool = through(peer, tunnel=False)
        with pytest.raises(error):
            exchange(pool, "http://runtime.test/")
        assert pool.snapshot() == (0, 0, 0, 0)
