"""One connection's worth of requests to a service that hands out credentials."""

from sagewire.endpoints import Origin
from sagewire.exceptions import (
    ConnectionClosedError,
    HTTPClientError,
    InvalidArgumentError,
    ResponseStreamingError,
)

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

    Raises the transport's exceptions, those of `sagewire.exceptions`. Nothing is repeated here.
    """

    __slots__ = ("_pool", "origin")

    def __init__(
        self,
        url: str,
        *,
        connect_timeout: "float | None",
        read_timeout: "float | None",
        ca_bundle: "str | None" = None,
    ) -> None:
        from sagewire._impl import transport

        self.origin = Origin(url)
        tls = None
        if self.origin.scheme == "https":
            tls = transport.TlsSettings(True, ca_bundle, None, None)
        self._pool = transport.Pool(
            self.origin.scheme,
            self.origin.host,
            self.origin.port,
            max_idle=1,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            tls=tls,
        )

    def ask(self, method: str, target: str, headers: "Headers", body: "bytes | None") -> Answer:
        """Send a request, with its length if it has a body, and read the answer to its end."""
        connection: Any = self._pool.take(self.origin.url + target, None)
        try:
            head = [("Host", self.origin.host_header), ("Accept-Encoding", "identity"), *headers]
            if body is not None:
                head.append(("Content-Length", str(len(body))))
            response = connection.exchange(method, target, head, body, None)
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
            raise ConnectionClosedError(endpoint_url=self.origin.url + target)
        return Answer(response.status, response.headers, whole)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def __enter__(self) -> "Line":  # noqa: PYI034 - typing is not imported
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
