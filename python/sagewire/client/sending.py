"""From a request that handlers have seen to what goes to the wire, and a handler's own answer.

What is checked here the short way need not check, since it makes all of its headers itself.
"""

from sagewire._impl import sigv4
from sagewire.client.attempts import is_streamed
from sagewire.client.call import sendable
from sagewire.client.messages import AWSPreparedRequest, HeadersDict
from sagewire.client.outgoing import ends_early
from sagewire.client.payload import FilePayload
from sagewire.client.signing import sent_headers
from sagewire.endpoints import Origin
from sagewire.exceptions import HTTPClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sagewire.client.messages import AWSRequest
    from sagewire.proxies import ProxyRoute

_SECRET = frozenset(("authorization", "x-amz-security-token"))
_TOKEN = frozenset(  # RFC 9110, section 5.6.2
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
)


class Payloads:
    """The body of a call's requests: bytes as they are, a file from where the call found it."""

    __slots__ = ("_file", "_hash", "_hashed", "_payload")

    def __init__(self) -> None:
        self._file: Any = None
        self._payload: Any = None
        self._hashed: bytes | None = None
        self._hash = ""

    def hash_ahead(self, data: bytes) -> None:
        """Keep the SHA-256 of a body for when it is asked for."""
        self._hash, self._hashed = sigv4.sha256_hex(data), data

    def to_sign(self, data: "Any") -> "bytes | str":
        """Return what a signature covers of a body: bytes, or their hash."""
        payload = self.of(data, hashed=True)
        if payload is self._hashed:
            return self._hash
        return payload.digest() if is_streamed(payload) else payload  # type: ignore[no-any-return]

    def of(self, data: "Any", *, hashed: bool = False) -> "Any":
        """Return what to send of a body; `hashed` if a signature covers it.

        Raises `TypeError`, `OSError` or `ValueError` for one that cannot be sent, or not so.
        """
        if not hasattr(data, "read"):
            return sendable(b"" if data is None else data, signed=hashed)[0]
        if data is not self._file or (hashed and not isinstance(self._payload, FilePayload)):
            self._payload = sendable(data, signed=hashed)[0]
            self._file = data
        return self._payload


def prepared(request: "AWSRequest", payloads: Payloads) -> AWSPreparedRequest:
    """Return a request as `before-send` handlers get it: framed, its headers bytes."""
    headers = HeadersDict((name, text.encode("utf-8")) for name, text in sent_headers(request))
    url = request.url
    if request.params:
        from urllib.parse import urlencode

        url += ("&" if "?" in url else "?") + urlencode(request.params, doseq=True)
    framed = "Transfer-Encoding" in headers or "Content-Length" in headers
    if not framed and request.method not in ("GET", "HEAD", "OPTIONS"):
        payload = payloads.of(request.body)
        length = payload.length if is_streamed(payload) else len(payload)
        if length is None:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(length)
    return AWSPreparedRequest(
        method=request.method,
        url=url,
        headers=headers,
        body=request.body,
        stream_output=request.stream_output,
        context=request.context,
    )


class Sending:
    """What goes to the wire of a request, and where to.

    `payload` is what `body` comes from. Raises `HTTPClientError` for a header that cannot be sent,
    or a URL of another scheme than http and https, and `ValueError` for one without a port number.
    """

    __slots__ = ("headers", "method", "origin", "payload", "target", "url")

    def __init__(self, request: AWSPreparedRequest, payloads: Payloads) -> None:
        self.origin = Origin(request.url)
        self.method = request.method
        self.url = request.url
        path = request.url.partition("://")[2].partition("#")[0].partition("?")[0]
        slash = "/" if path.endswith("/") or not self.origin.path else ""
        self.target = f"{self.origin.path}{slash}{self.origin.query}"
        given = [(name, _text(name, value)) for name, value in request.headers.items()]
        first = (("Host", self.origin.host_header), ("Accept-Encoding", "identity"))
        self.headers = [pair for pair in first if pair[0] not in request.headers] + given
        self.payload = payloads.of(request.body)

    def through(self, proxy: "ProxyRoute | None") -> None:
        """Make it fit for a proxy that is given the requests themselves."""
        if proxy is None or proxy.tunnel:
            return
        self.target = self.origin.url + self.target
        if proxy.authorization is not None:
            self.headers.append(("Proxy-Authorization", proxy.authorization))

    @property
    def body(self) -> "bytes | Iterable[bytes]":
        """The bytes, or the pieces of a file."""
        payload: Any = self.payload
        return payload.pieces() if is_streamed(payload) else payload  # type: ignore[no-any-return]


def _text(name: "Any", value: "Any") -> str:
    if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
        raise HTTPClientError(error=f"Invalid header name {name!r}")
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    shown = f"of {name}" if name.lower() in _SECRET else repr(data)
    if ends_early(data):
        raise HTTPClientError(error=f"Invalid header value {shown}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPClientError(error=f"Invalid header value {shown}: it is not UTF-8") from None


class Canned:
    """A handler's answer in the shape of a connection's: it is all there."""

    def __init__(self, answer: "Any") -> None:
        self.answer = answer
        self.status: int = answer.status_code
        self.headers = {name.lower(): str(value) for name, value in answer.headers.items()}
        self._data = memoryview(answer.content)

    def read(self, amount: "int | None" = None) -> bytes:
        """Return what is left, or at most `amount` bytes of it."""
        end = len(self._data) if amount is None else amount
        data, self._data = self._data[:end], self._data[end:]
        return bytes(data)

    def read_now(self, amount: "int | None" = None) -> bytes:
        """As `read`: nothing is waited for."""
        return self.read(amount)

    async def read_some(self) -> bytes:
        """Return what is left."""
        return self.read()

    def readinto(self, buffer: "Any") -> int:
        """Fill a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def timing(self) -> "tuple[float, ...]":
        """Nothing has taken any time."""
        return (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def set_timeout(self, seconds: "float | None") -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Drop what is left."""
        self._data = memoryview(b"")

    abandon = close
