"""One connection's worth of requests to a service that hands out credentials."""

from sagewire.endpoints import Origin
from sagewire.exceptions import (
    ConnectionClosedError,
    HTTPClientError,
    InvalidArgumentError,
    ResponseStreamingError,
)
from sagewire.proxies import route_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Headers = list[tuple[str, str]]


class Answer:
    """A whole answer. `headers` have lower-case names."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: "dict[str, str]", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Line:
    """Requests to one origin over this library's own transport; a context manager.

    With `proxied`, through the proxy that the environment names for that origin, if it names one.
    Raises the transport's exceptions, those of `sagewire.exceptions`. Nothing is repeated here.
    """

    __slots__ = ("_forwarded", "_pool", "_proxy_headers", "origin")

    def __init__(
        self,
        url: str,
        *,
        connect_timeout: "float | None",
        read_timeout: "float | None",
        ca_bundle: "str | None" = None,
        proxied: bool = False,
    ) -> None:
        from sagewire._impl import transport

        self.origin = Origin(url)
        tls = None
        if self.origin.scheme == "https":
            tls = transport.TlsSettings(True, ca_bundle, None, None)
        proxy, route = None, route_to(self.origin, None, None) if proxied else None
        if route is not None:
            # As for a client's own endpoint: a proxy on the way to a plain one is not verified.
            checked = tls or transport.TlsSettings(False, None, None, None)
            proxy = transport.Proxy(
                route.url,
                route.host,
                route.port,
                route.tunnel,
                route.authorization,
                checked if route.scheme == "https" else None,
            )
        self._forwarded = route is not None and not route.tunnel
        self._proxy_headers: Headers = []
        if self._forwarded and route is not None and route.authorization is not None:
            self._proxy_headers.append(("Proxy-Authorization", route.authorization))
        self._pool = transport.Pool(
            self.origin.scheme,
            self.origin.host,
            self.origin.port,
            max_idle=1,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            tls=tls,
            proxy=proxy,
        )

    def ask(self, method: str, target: str, headers: "Headers", body: "bytes | None") -> Answer:
        """Send a request, with its length if it has a body, and read the answer to its end."""
        url = self.origin.url + target
        connection: Any = self._pool.take(url, None)
        try:
            head = [("Host", self.origin.host_header), ("Accept-Encoding", "identity"), *headers]
            if body is not None:
                head.append(("Content-Length", str(len(body))))
            head += self._proxy_headers
            sent = url if self._forwarded else target
            response = connection.exchange(method, sent, head, body, None)
        except (UnicodeEncodeError, InvalidArgumentError):
            connection.close()
            # In other words than the transport's, which show the value: it may be a token.
            raise HTTPClientError(error="Invalid header value") from None
        except BaseException:
            connection.close()
            raise
        try:
            whole = response.read()
        except ResponseStreamingError:
            response.close()
            whole = None
        length = response.headers.get("content-length")
        if whole is None or (length is not None and length.isdigit() and int(length) != len(whole)):
            # Half a document is none, and whoever asks may try again.
            raise ConnectionClosedError(endpoint_url=url)
        return Answer(response.status, response.headers, whole)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def __enter__(self) -> "Line":  # noqa: PYI034 - typing is not imported
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
