"""A request out, a response in. Twins: rust/net/src/transport/exchange.rs, head.rs and body.rs.

Parsing is the standard library's, which is also what boto3 parses with. Three rules differ, on
purpose, and in both twins: every 1xx is skipped, a connection that ends inside the head is an
error, and bytes after the end of a body end the connection.
"""

import http.client
import io
import operator
import os
import re
import threading
from contextlib import suppress

from sagewire._pure.transport.deadline import READING, SENDING, WAITING, Deadline
from sagewire.exceptions import (
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from sagewire._pure.transport.pool import Pool

    Body: TypeAlias = bytes | bytearray | memoryview | Iterable[bytes] | None

# What is read ahead of the body, and the most that is drained of a body that nobody wants.
_BUFFER_BYTES = 65_536
# What is reserved at once for a body whose length the peer only claims.
_MOST_RESERVED_BYTES = 1 << 24
_MOST_LINE_BYTES = 65_536
# Stands for all lengths that are too large to be of use; such a length is taken for none.
_BEYOND_COUNTING = (1 << 63) - 1
# A body up to this size is copied behind its head, so that both leave in one write.
_ONE_WRITE_BYTES = 65_536

# http.client's rule: a line end is a fold if white space follows.
_ILLEGAL_VALUE = re.compile(rb"\n(?![ \t])|\r(?![ \t\n])")
_VISIBLE = re.compile(rb"[!-~]+")
_ILLEGAL_NAME = re.compile(rb"[^!-9;-~]")
_FOLD = re.compile(r"\r?\n[ \t]+")


class _Incoming(io.RawIOBase):
    """The receiving half of a socket, each wait under its limit."""

    def __init__(self, connected: "socket.socket") -> None:
        super().__init__()
        self.socket = connected
        self.deadline = Deadline(None, "")
        self.limit: float | None = None
        self.stage = WAITING
        self.only_what_is_here = False
        self.ended = False

    def readable(self) -> bool:
        return True

    def is_pending(self) -> bool:
        """Say whether TLS holds bytes that nobody has asked for yet."""
        pending = getattr(self.socket, "pending", None)
        return pending is not None and pending() > 0

    def readinto(self, buffer: "Any", /) -> int:
        if self.only_what_is_here:
            return 0
        self.socket.settimeout(self.deadline.wait(self.limit, self.stage))
        count = self.socket.recv_into(buffer)
        self.ended = count == 0
        return count


class _Buffered(io.BufferedReader):
    """A buffer that outlives the response that `http.client` closes it for."""

    def read(self, size: "int | None" = -1, /) -> bytes:
        """Read as the base does, without believing in a size before that much has arrived."""
        if size is None or size <= _MOST_RESERVED_BYTES:
            return super().read(size)
        pieces = []
        while piece := super().read(min(size, _MOST_RESERVED_BYTES)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Stay open."""


class _Parser(http.client.HTTPResponse):
    """http.client's parser over a buffer of ours."""

    def __init__(self, incoming: _Buffered) -> None:
        super().__init__(_NoSocket(incoming), method="POST")  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        # The base looks at the version of a final answer only.
        if not version.startswith("HTTP/1.") and version != "HTTP/0.9":
            raise http.client.UnknownProtocol(version)
        return version, status, reason

    def _read_next_chunk_size(self) -> int:
        # The base takes a size that the connection's end has cut short for a size.
        line = self.fp.readline(_MOST_LINE_BYTES + 1)
        if len(line) > _MOST_LINE_BYTES:
            raise http.client.LineTooLong("chunk size")
        size = int(line.split(b";", 1)[0], 16)
        if not line.endswith(b"\n") or not 0 <= size < _BEYOND_COUNTING:
            raise ValueError("no chunk has that size")
        return size


class _NoSocket:
    """What http.client asks for a file."""

    __slots__ = ("_file",)

    def __init__(self, file: _Buffered) -> None:
        self._file = file

    def makefile(self, _mode: str) -> _Buffered:
        return self._file


class Connection:
    """A connection that is taken from its pool for one exchange."""

    __slots__ = ("_incoming", "_owner", "_pool", "_read_timeout", "_socket", "_taken", "_url",
                 "reused")  # fmt: skip

    def __init__(
        self,
        pool: "Pool",
        connected: "socket.socket",
        url: str,
        read_timeout: "float | None",
        *,
        reused: bool,
    ) -> None:
        self._pool: Pool | None = pool
        self._owner = os.getpid()
        self._socket = connected
        self._url = url
        self._read_timeout = read_timeout
        self._incoming = _Incoming(connected)
        self._taken = False
        self.reused = reused

    def exchange(
        self,
        method: str,
        target: str,
        headers: "list[tuple[str, str]]",
        body: "Body",
        timeout: "float | None",
    ) -> "Response":
        """Send a request and return its response, the body still to be read.

        The head is written as given, nothing added. `body` is bytes-like, `None`, or an iterable of
        pieces, which are framed if the headers say `Transfer-Encoding: chunked`. `timeout` is what
        is left of the call's deadline in seconds, the body's reading included.
        """
        if self._taken:
            raise RuntimeError("the connection is closed or in use")
        self._taken = True
        incoming = self._incoming
        incoming.deadline = Deadline(timeout, self._url)
        incoming.limit = self._read_timeout
        sent = True
        try:
            head, chunked = _head(method, target, headers)
            self._send(head, body, chunked)
        except TimeoutError:
            self.close()
            incoming.deadline.check(SENDING)
            raise ConnectionClosedError(endpoint_url=self._url) from None
        except OSError:
            # The server may have said why before it closed: that is an answer, not a lost one.
            sent = False
        except BaseException:
            self.close()
            raise
        try:
            return self._receive(sent)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection."""
        self._taken = True
        pool, self._pool = self._pool, None
        if pool is not None:
            self._socket.close()
            pool._release(None, self._owner)  # noqa: SLF001 - pool and connection are one thing

    def __del__(self) -> None:
        if getattr(self, "_pool", None) is not None:
            self.close()

    def _give_back(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._release(self._socket, self._owner)  # noqa: SLF001 - as above

    def _send(self, head: bytes, body: "Body", chunked: bool) -> None:
        if body is None:
            return self._write(head)
        if isinstance(body, str):
            raise TypeError("body: must be bytes, an iterable of bytes, or None, not str")
        if isinstance(body, (bytes, bytearray, memoryview)):
            if isinstance(body, memoryview) and not body.c_contiguous:
                body = body.tobytes()
            if len(body) <= _ONE_WRITE_BYTES:
                return self._write(head + bytes(body))
            self._write(head)
            return self._write(body)
        pieces = iter(body)
        self._write(head)
        for piece in pieces:
            if not isinstance(piece, bytes):
                raise TypeError(f"body: a piece must be bytes, not {type(piece).__name__}")
            if chunked and piece:
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            elif piece:
                self._write(piece)
        if chunked:
            self._write(b"0\r\n\r\n")
        return None

    def _write(self, data: "bytes | bytearray | memoryview") -> None:
        left = memoryview(data).cast("B")
        deadline = self._incoming.deadline
        while left:
            self._socket.settimeout(deadline.wait(self._read_timeout, SENDING))
            left = left[self._socket.send(left) :]

    def _receive(self, sent: bool) -> "Response":
        incoming = self._incoming
        buffered = _Buffered(incoming, _BUFFER_BYTES)
        incoming.stage = WAITING
        try:
            parser = _Parser(buffered)
            _begin(parser)
            while parser.status < 200:
                parser = _Parser(buffered)
                _begin(parser)
        except TimeoutError:
            incoming.deadline.check(WAITING)
            raise ReadTimeoutError(endpoint_url=self._url) from None
        except (http.client.HTTPException, OSError, ValueError):
            raise ConnectionClosedError(endpoint_url=self._url) from None
        incoming.stage = READING
        return Response(self, parser, buffered, sent)


def _begin(parser: _Parser) -> None:
    """Read a head whole: one that the connection's end cuts short is none."""
    file = parser.fp
    assert isinstance(file, _Buffered)  # noqa: S101 - it is ours
    lines = _WholeLines(file)
    parser.fp = lines  # type: ignore[assignment]
    parser.begin()
    if parser.length is not None and parser.length >= _BEYOND_COUNTING:
        parser.length = None
        parser.will_close = True
    if parser.fp is not None:
        parser.fp = file


class _WholeLines:
    """The lines of a head; `http.client` takes the end of the connection for the end of it."""

    __slots__ = ("_file",)

    def __init__(self, file: _Buffered) -> None:
        self._file = file

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            raise http.client.RemoteDisconnected("the head is cut short")
        return line

    def close(self) -> None:
        """Stay open, as the buffer does."""


class Response:
    """An answer whose head has arrived, and whose body arrives as it is asked for."""

    __slots__ = ("_buffered", "_connection", "_one_reader", "_parser", "_reusable", "headers",
                 "reason", "status", "version")  # fmt: skip

    def __init__(
        self, connection: Connection, parser: _Parser, buffered: _Buffered, sent: bool
    ) -> None:
        self._connection: Connection | None = None
        self._one_reader = threading.Lock()
        self._parser = parser
        self._buffered = buffered
        self.status: int = parser.status
        self.reason: str = parser.reason
        self.version: int = parser.version
        self.headers = _joined(parser.headers)
        length = self.headers.get("content-length")
        if length is not None and not parser.chunked:
            _check_lengths(length)
        bodiless = self.status in (204, 304)
        self._connection = connection
        # The bytes of a body that must not be there would be taken for the next answer.
        unexpected = bodiless and length not in (None, "0")
        self._reusable = sent and not parser.will_close and not unexpected
        if parser.length == 0:
            self._finish()

    def read(self, amount: "int | None" = None) -> bytes:
        """Return all that is left, or exactly `amount` bytes unless the body ends; `b""` after it.

        Raises `ResponseStreamingError` where the connection breaks, or, for all that is left, ends
        before the body does; `ReadTimeoutError` and `DeadlineExceededError` where time runs out;
        `RuntimeError` while another thread reads.
        """
        if amount is not None:
            amount = operator.index(amount)
        if not self._one_reader.acquire(blocking=False):
            raise RuntimeError("another thread is reading this body")
        try:
            return self._read(amount)
        finally:
            self._one_reader.release()

    def _read(self, amount: "int | None") -> bytes:
        connection = self._connection
        if connection is None or amount == 0:
            return b""
        parser = self._parser
        try:
            data = parser.read() if amount is None or amount < 0 else parser.read(amount)
        except TimeoutError:
            self._drop()
            connection._incoming.deadline.check(READING)  # noqa: SLF001 - one thing
            raise ReadTimeoutError(endpoint_url=None) from None
        except (http.client.HTTPException, OSError) as error:
            self._drop()
            text = str((f"Connection broken: {error!r}", error))
            raise ResponseStreamingError(error=text) from None
        except BaseException:
            self._drop()
            raise
        if parser.isclosed():
            if parser.length:
                self._reusable = False  # the connection ended before the body did
            self._finish()
        return data

    def readinto(self, buffer: "Any") -> int:
        """Fill `buffer` unless the body ends, and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError("buffer: must be writable")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def set_timeout(self, seconds: "float | None") -> None:
        """Set how long, in seconds, each wait for more of the body may take."""
        if self._connection is None:
            raise AttributeError("the body has been read: there is no connection to wait for")
        self._connection._incoming.limit = seconds  # noqa: SLF001 - one thing

    def close(self) -> None:
        """Give up what is left: read it if all of it is here already, else drop the connection."""
        if not self._one_reader.acquire(blocking=False):
            return  # another thread is reading, and will come to the end
        try:
            connection = self._connection
            if connection is None:
                return
            connection._incoming.only_what_is_here = True  # noqa: SLF001 - one thing
            # Where not all of it is here, the attempt has dropped the connection.
            with suppress(ResponseStreamingError):
                self._read(None)
        finally:
            self._one_reader.release()

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _finish(self) -> None:
        """Give the connection back if the next answer can only begin after this one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection._incoming.only_what_is_here = True  # noqa: SLF001 - one thing
        incoming = connection._incoming  # noqa: SLF001 - one thing
        more = bool(self._buffered.peek(1)) or incoming.is_pending()
        if self._reusable and not incoming.ended and not more:
            connection._give_back()  # noqa: SLF001 - one thing
        else:
            connection.close()


def _head(method: str, target: str, headers: "list[tuple[str, str]]") -> tuple[bytes, bool]:
    """Return the head's bytes, and whether it announces a chunked body."""
    start = (method.encode(), target.encode())
    fields = [(name.encode(), value.encode()) for name, value in headers]
    for what, part in zip(("method", "target"), start, strict=True):
        if not _VISIBLE.fullmatch(part):
            raise HTTPClientError(error=f"Invalid request {what} {part!r}")
    lines = [b"%b %b HTTP/1.1" % start]
    chunked = False
    for name, value in fields:
        if not name or _ILLEGAL_NAME.search(name):
            raise HTTPClientError(error=f"Invalid header name {name!r}")
        if _ILLEGAL_VALUE.search(value):
            raise HTTPClientError(error=f"Invalid header value {value!r}")
        chunked = chunked or (value == b"chunked" and name.lower() == b"transfer-encoding")
        lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n", chunked


def _joined(message: http.client.HTTPMessage) -> dict[str, str]:
    """Return the headers by lower-case name, repeated ones joined, folds unfolded."""
    headers: dict[str, str] = {}
    for name, value in message.items():
        key = name.lower()
        text = _FOLD.sub(" ", value)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _check_lengths(text: str) -> None:
    """Refuse a length that is stated twice with different numbers (RFC 9112, section 6.3)."""
    try:
        lengths = {_counted(int(part)) for part in text.split(",")}
    except ValueError:
        return
    if len(lengths) > 1:
        raise HTTPClientError(error=f"Content-Length contained multiple unmatching values ({text})")


def _counted(number: int) -> int:
    return max(-_BEYOND_COUNTING, min(number, _BEYOND_COUNTING))
