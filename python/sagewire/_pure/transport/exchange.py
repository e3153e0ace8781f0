"""A request out, a response in. Twin: rust/net/src/transport/exchange.rs.

Three rules differ from boto3's, on purpose, and in both twins: every 1xx is skipped, a connection
that ends inside the head is an error, and bytes after the end of a body end the connection.
"""

import http.client
import operator
import os
import socket
import sys
import threading
from contextlib import suppress
from functools import partial

from sagewire._pure.transport.deadline import READING, SENDING, WAITING, Deadline
from sagewire._pure.transport.head import Parser, begin, check_lengths, joined, request_head
from sagewire._pure.transport.watch import Watch, waited
from sagewire._pure.transport.wire import Buffered, Incoming
from sagewire.exceptions import (
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    from sagewire._pure.transport.pool import Pool
    from sagewire._pure.transport.timing import Timing

    Body: TypeAlias = bytes | bytearray | memoryview | Iterable[bytes] | None

# What is read ahead of the body, and the most that is drained of a body that nobody wants.
_BUFFER_BYTES = 65_536
# A body up to this size is copied behind its head, so that both leave in one write.
_ONE_WRITE_BYTES = 65_536


class _BodyFailedError(Exception):
    """The body's own OSError, kept apart from the socket's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _given(pieces: "Iterator[bytes]") -> "Iterator[bytes]":
    try:
        yield from pieces
    except OSError as error:
        raise _BodyFailedError(error) from None


class Connection:
    """A connection that is taken from its pool for one exchange."""

    __slots__ = ("__weakref__", "_incoming", "_owner", "_pool", "_read_timeout", "_socket",
                 "_taken", "_timing", "_url", "reused")  # fmt: skip

    def __init__(
        self,
        pool: "Pool",
        connected: "socket.socket",
        url: str,
        read_timeout: "float | None",
        timing: "Timing",
        *,
        reused: bool,
    ) -> None:
        self._pool: Pool | None = pool
        self._owner = os.getpid()
        self._socket = connected
        self._url = url
        self._read_timeout = read_timeout
        self._incoming = Incoming(connected)
        self._taken = False
        self._timing = timing
        timing.lap()
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

        def make_head() -> "tuple[bytes, bool]":
            try:
                return request_head(method, target, headers)
            except BaseException:
                self.close()
                raise

        return self._exchange(make_head, body, Deadline(timeout, self._url))

    def _exchange(
        self, make_head: "Callable[[], tuple[bytes, bool]]", body: "Body", deadline: Deadline
    ) -> "Response":
        if self._taken:
            raise RuntimeError("the connection is closed or in use")
        self._taken = True
        incoming = self._incoming
        incoming.deadline = deadline
        incoming.limit = self._read_timeout
        sent = True
        try:
            head, chunked = make_head()
        except BaseException:
            self._give_back()  # if it has not been closed: nothing has been sent
            raise
        try:
            self._send(head, body, chunked)
        except _BodyFailedError as failed:
            self.close()
            raise failed.error from failed.error.__cause__
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

    def _end(self) -> None:
        """End the connection from another thread: whoever waits for it sees its end.

        In a child of a fork it does nothing: the connection is its parent's.
        """
        if self._owner != os.getpid():
            return
        # By another socket on the same connection: the thread that reads keeps its own, and its
        # TLS.
        with suppress(OSError):
            copy = os.dup(self._socket.fileno())
            with socket.socket(fileno=copy) as same:
                same.shutdown(socket.SHUT_RDWR)

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
        for piece in _given(pieces):
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
            send = partial(self._socket.send, left)
            count = waited(self._socket, send, self._read_timeout, deadline, SENDING, Watch())
            left = left[count:]

    def _receive(self, sent: bool) -> "Response":
        incoming = self._incoming
        timing = self._timing
        timing.send = timing.lap()
        buffered = Buffered(incoming, _BUFFER_BYTES)
        incoming.stage = WAITING
        arrived = False
        try:
            arrived = bool(buffered.peek(1))
            timing.first_byte = timing.lap()
            parser = Parser(buffered)
            begin(parser)
            while parser.status < 200:
                parser = Parser(buffered)
                begin(parser)
        except TimeoutError:
            incoming.deadline.check(WAITING)
            raise ReadTimeoutError(endpoint_url=self._url) from None
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise self._without_answer(error, arrived) from None
        incoming.stage = READING
        timing.lap()
        return Response(self, parser, buffered, sent, timing)

    def _without_answer(self, error: Exception, arrived: bool) -> Exception:
        """Return what it means that no answer's head has come."""
        ssl = sys.modules.get("ssl")
        ended = ssl is not None and isinstance(error, ssl.SSLEOFError)
        if ssl is not None and isinstance(error, ssl.SSLError) and not ended:
            # An alert, such as a server's that wants another certificate of ours.
            return SSLError(endpoint_url=self._url, error=str(error))
        closed = ConnectionClosedError(endpoint_url=self._url)
        proxy = None if self._pool is None else self._pool._proxy  # noqa: SLF001 - one thing
        silent = ended or isinstance(error, ConnectionError)
        # Behind a proxy it is the proxy that has ended, as boto3 sees it.
        if proxy is None and self.reused and not arrived:
            return ConnectionClosedError(endpoint_url=self._url, stale=True)
        if proxy is None or not silent:
            return closed
        return proxy._blame(closed)  # noqa: SLF001 - one thing


class Response:
    """An answer whose head has arrived, and whose body arrives as it is asked for."""

    __slots__ = ("_buffered", "_closing", "_connection", "_letting_go", "_one_reader", "_owner",
                 "_parser", "_reusable", "_timing", "headers", "reason", "status",
                 "version")  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        parser: Parser,
        buffered: Buffered,
        sent: bool,
        timing: "Timing",
    ) -> None:
        self._connection: Connection | None = None
        self._owner = os.getpid()
        self._timing = timing
        self._one_reader = threading.Lock()
        self._letting_go = threading.Lock()
        self._closing = False
        self._parser = parser
        self._buffered = buffered
        self.status: int = parser.status
        self.reason: str = parser.reason
        self.version: int = parser.version
        self.headers = joined(parser.headers)
        length = self.headers.get("content-length")
        if length is not None and not parser.chunked:
            check_lengths(length)
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
            return self._taken_by_another()
        try:
            return self._read(amount)
        finally:
            self._timing.body = self._timing.since()
            self._one_reader.release()

    def timing(self) -> "tuple[float, float, float, float, float, float]":
        """Return the seconds of each part: queue, connect, TLS, send, first byte, body so far."""
        return self._timing.parts()

    def _read_some(self) -> bytes:
        """Return what has arrived, waiting only if nothing has; `b""` at the end.

        Raises as `read` does. A connection that ends before the body is an error.
        """
        if not self._one_reader.acquire(blocking=False):
            return self._taken_by_another()
        try:
            return self._read_with(self._parser.read_some)
        finally:
            self._timing.body = self._timing.since()
            self._one_reader.release()

    def _taken_by_another(self) -> bytes:
        """Return the nothing that is left of a body that is being closed, or raise."""
        if self._closing:
            return b""
        raise RuntimeError("another thread is reading this body")

    def _read(self, amount: "int | None") -> bytes:
        if amount == 0:
            return b""
        parser = self._parser
        if amount is None or amount < 0:
            return self._read_with(parser.read)
        data = self._read_with(parser.read, amount)
        if len(data) < amount and self._connection is not None:
            self._drop()  # the connection ended before the body did
        return data

    def _read_with(self, read: "Callable[..., bytes]", *amount: int) -> bytes:
        connection = self._connection
        if connection is None:
            return b""
        parser = self._parser
        try:
            data = read(*amount)
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
        """Give up what is left: read it if all of it is here already, else drop the connection.

        A read that waits for it on another thread ends.
        """
        self._closing = True
        if not self._one_reader.acquire(blocking=False):
            if self._owner == os.getpid():  # else the lock may be held for ever
                with self._letting_go:
                    if self._connection is not None:
                        self._connection._end()  # noqa: SLF001 - one thing
            return
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

    def _let_go(self) -> "Connection | None":
        """Return the connection, which another thread does not find here from now on."""
        with self._letting_go:
            connection, self._connection = self._connection, None
        return connection

    def _drop(self) -> None:
        connection = self._let_go()
        if connection is not None:
            connection.close()

    def _finish(self) -> None:
        """Give the connection back if the next answer can only begin after this one."""
        connection = self._let_go()
        if connection is None:
            return
        connection._incoming.only_what_is_here = True  # noqa: SLF001 - one thing
        incoming = connection._incoming  # noqa: SLF001 - one thing
        more = bool(self._buffered.peek(1)) or incoming.is_pending()
        if self._reusable and not incoming.ended and not more:
            connection._give_back()  # noqa: SLF001 - one thing
        else:
            connection.close()
