"""A proxy on the way to the origin, and a tunnel through it. Twin: rust/net/src/transport/proxy.rs.

A tunnel's first answer is read by `http.client`'s rules, made strict as in head.py.
"""

import http.client
from functools import partial

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire._pure.transport.head import Parser
from sagewire._pure.transport.watch import waited
from sagewire._pure.transport.wire import Buffered, Incoming
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from sagewire.exceptions import ConnectionError as NoConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from sagewire._pure.transport.tls import TlsSettings
    from sagewire._pure.transport.watch import Watch

_MOST_LINES = 100
_MOST_LINE_BYTES = 65_536
# Small, so that nothing of what follows the answer is taken.
_BUFFER_BYTES = 1024


class Proxy:
    """A proxy. `url` is for the words of errors, without user and password.

    With `tunnel` the proxy is asked for a tunnel to the origin, with `authorization` as
    `Proxy-Authorization`; else requests name the origin in their target. `tls` is for an https
    proxy.
    """

    __slots__ = ("_authorization", "_tls", "host", "port", "tunnel", "url")

    def __init__(
        self,
        url: str,
        host: str,
        port: int,
        tunnel: bool,
        authorization: "str | None",
        tls: "TlsSettings | None",
    ) -> None:
        self.url = url
        self.host = host.strip("[]")
        self.port = port
        self.tunnel = tunnel
        self._authorization = authorization
        self._tls = tls

    def _blame(self, error: "NoConnectionError | HTTPClientError") -> Exception:
        """Return what went wrong on the way to the proxy, as an error that names the proxy."""
        if isinstance(error, ConnectTimeoutError):
            words = "the connect time-out passed"
        elif isinstance(error, ConnectionClosedError):
            words = "the connection was closed"
        elif isinstance(error, (EndpointConnectionError, SSLError)):
            words = error.kwargs["error"]
        else:
            return error
        return ProxyConnectionError(proxy_url=self.url, error=words)

    def _open_tunnel(
        self,
        connected: "socket.socket",
        host: str,
        port: int,
        limit: Countdown,
        deadline: Deadline,
        url: str,
        watch: "Callable[[], Watch]",
    ) -> None:
        """Have the proxy connect to the origin; what is said from then on is between us and it."""
        try:
            request = memoryview(self._request(host, port))
            while request:
                send = partial(connected.send, request)
                count = waited(connected, send, limit.left(), deadline, CONNECTING, watch())
                request = request[count:]
            parser = Parser(Buffered(_Answer(connected, limit, deadline, watch), _BUFFER_BYTES))
            _, status, reason = parser._read_status()  # noqa: SLF001 - its own, made for this
            if status == http.client.OK:
                return _pass_headers(parser)
        except TimeoutError:
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        except (http.client.HTTPException, OSError, ValueError):
            raise ConnectionClosedError(endpoint_url=url) from None
        raise self._refused(status, reason)

    def _request(self, host: str, port: int) -> bytes:
        """Return what asks for a tunnel to the origin."""
        host = f"[{host}]" if ":" in host else host
        request = f"CONNECT {host}:{port} HTTP/1.0\r\n"
        if self._authorization is not None:
            request += f"Proxy-Authorization: {self._authorization}\r\n"
        return f"{request}\r\n".encode("latin-1")

    def _refused(self, status: int, reason: str) -> ProxyConnectionError:
        words = f"Tunnel connection failed: {status} {reason.strip()}"
        return ProxyConnectionError(proxy_url=self.url, error=words)


class _Answer(Incoming):
    """What the proxy says, within what is left of the connect time-out."""

    def __init__(
        self,
        connected: "socket.socket",
        limit: Countdown,
        deadline: Deadline,
        watch: "Callable[[], Watch]",
    ) -> None:
        super().__init__(connected)
        self.deadline = deadline
        self.stage = CONNECTING
        self.watch = watch
        self._countdown = limit

    def readinto(self, buffer: "Any", /) -> int:
        self.limit = self._countdown.left()
        return super().readinto(buffer)


def _pass_headers(parser: Parser) -> None:
    for _ in range(_MOST_LINES):
        line = parser.fp.readline(_MOST_LINE_BYTES + 1)
        if len(line) > _MOST_LINE_BYTES:
            raise http.client.LineTooLong("header line")
        if line in (b"\r\n", b"\n"):
            return
        if not line.endswith(b"\n"):
            raise http.client.RemoteDisconnected("the head is cut short")
    raise http.client.HTTPException("got more than 100 headers")
