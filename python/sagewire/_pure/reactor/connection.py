"""A request out, a response in, on a loop. Twin: rust/net/src/reactor/conversation.rs."""

import sys
from functools import partial

from sagewire._pure.reactor.body import Framing, Read, broken
from sagewire._pure.reactor.channel import READ_BYTES
from sagewire._pure.reactor.head import (
    BadHeadError,
    EndOfConnectionError,
    HeadScanner,
    parse,
    status_of,
)
from sagewire._pure.transport.deadline import READING, SENDING, WAITING, Deadline
from sagewire._pure.transport.head import check_lengths, joined
from sagewire._pure.transport.timing import Timing
from sagewire._pure.transport.wire import check_process
from sagewire.exceptions import (
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from sagewire._pure.reactor.channel import Channel
    from sagewire._pure.reactor.pool import Pool
    from sagewire._pure.transport.head import Parser

# A body up to this size is copied behind its head, so that both leave in one write.
_ONE_WRITE_BYTES = 65_536
# What is read at once of a body, if so much is wanted of it.
_MUCH_BYTES = 65_536
# The most that is drained of a body that nobody wants.
_DRAIN_BYTES = 65_536


class Connection:
    """A connection that is taken from its pool for one exchange.

    Whoever has it closes it if anything goes wrong, cancellation included.
    """

    __slots__ = ("_channel", "_chunked", "_deadline", "_dialled", "_heard", "_pool", "_sent",
                 "_timing", "_url", "limit", "reused")  # fmt: skip

    def __init__(
        self,
        pool: "Pool",
        url: str,
        *,
        channel: "Channel | None" = None,
        dialled: "Coroutine[Any, Any, Channel] | None" = None,
        timing: "Timing | None" = None,
    ) -> None:
        self._pool: Pool | None = pool
        self._url = url
        self._channel = channel
        self._dialled = dialled
        self._chunked = False
        self._sent = True
        self._heard = False
        self._timing = timing or Timing()
        self._deadline = Deadline(None, url)
        self.limit = pool.read_timeout
        self.reused = channel is not None

    async def connected(self) -> None:
        """Wait until the connection is there."""
        dialled, self._dialled = self._dialled, None
        if dialled is not None:
            try:
                self._channel = await dialled
            except BaseException:
                self.close()  # its place in the pool is free again, whoever keeps the error
                raise

    async def exchange(
        self, head: bytes, body: bytes, deadline: "tuple[float, float] | None"
    ) -> "Response":
        """Send a request and return its response, the body still to be read.

        `deadline` is what is left of the whole call's deadline, the body's reading included, and
        how long it was, in seconds.
        """
        self._start(deadline)
        if len(body) > _ONE_WRITE_BYTES:
            await self._write(head)
            await self._write(body)
        else:
            await self._write(head + body)
        return await self._receive()

    async def attempt(
        self, head: bytes, body: bytes, deadline: "tuple[float, float] | None"
    ) -> "Response":
        """As `exchange`; whatever goes wrong ends the connection, cancellation included."""
        try:
            return await self.exchange(head, body, deadline)
        except BaseException:
            self.close()
            raise

    async def begin(
        self, head: bytes, chunked: bool, deadline: "tuple[float, float] | None"
    ) -> None:
        """Send the head of a request whose body comes in pieces, in chunks or by its length."""
        self._start(deadline)
        self._chunked = chunked
        await self._write(head)

    async def send_piece(self, piece: bytes) -> None:
        """Send a piece of the body."""
        if not isinstance(piece, bytes):
            raise TypeError(f"body: a piece must be bytes, not {type(piece).__name__}")
        if piece and self._sent:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
            await self._write(framed)

    async def finish(self) -> "Response":
        """End the body and return the response."""
        if self._chunked and self._sent:
            await self._write(b"0\r\n\r\n")
        return await self._receive()

    def close(self) -> None:
        """Drop the connection at once, whatever is in progress on it."""
        pool, self._pool = self._pool, None
        if self._dialled is not None:
            self._dialled.close()
        if pool is not None:
            pool.drop(self._channel)

    def give_back(self) -> None:
        """Go back to the pool: nothing has been sent."""
        if self._channel is not None and self._pool is not None:
            pool, self._pool = self._pool, None
            pool.give_back(self._channel)

    def __del__(self) -> None:
        self.close()

    def _start(self, deadline: "tuple[float, float] | None") -> None:
        left, whole = (None, None) if deadline is None else deadline
        self._deadline = Deadline(left, self._url, whole)
        try:
            self._deadline.wait(None, SENDING)
        except BaseException:
            self.give_back()
            raise
        self._timing.lap()

    async def _write(self, data: bytes) -> None:
        deadline = self._deadline
        try:
            await self._open().write(data, lambda: deadline.wait(self.limit, SENDING))
        except TimeoutError:
            deadline.check(SENDING)
            raise ConnectionClosedError(endpoint_url=self._url) from None
        except OSError:
            # The server may have said why before it closed: that is an answer, not a lost one.
            self._sent = False

    async def _receive(self) -> "Response":
        self._timing.send = self._timing.lap()
        try:
            parser = parse(await self._final_head())
        except TimeoutError:
            self._deadline.check(WAITING)
            raise ReadTimeoutError(endpoint_url=self._url) from None
        except (BadHeadError, OSError) as error:
            raise self._without_answer(error) from None
        timing, self._timing = self._timing, Timing()
        timing.first_byte = timing.lap()
        response = Response(self._open(), parser, self._sent, self._deadline, self.limit, timing)
        pool, self._pool = self._pool, None
        response.take_over(pool)
        return response

    def _without_answer(self, error: Exception) -> Exception:
        """Return what it means that no answer's head has come."""
        ssl = sys.modules.get("ssl")
        ended = ssl is not None and isinstance(error, ssl.SSLEOFError)
        if ssl is not None and isinstance(error, ssl.SSLError) and not ended:
            # An alert, such as a server's that wants another certificate of ours.
            return SSLError(endpoint_url=self._url, error=str(error))
        closed = ConnectionClosedError(endpoint_url=self._url)
        proxy = None if self._pool is None else self._pool.proxy
        if proxy is None and self.reused and not self._heard:
            return ConnectionClosedError(endpoint_url=self._url, stale=True)
        # Behind a proxy it is the proxy that has ended, as boto3 sees it.
        if proxy is None or not (ended or isinstance(error, (EndOfConnectionError, OSError))):
            return closed
        return proxy._blame(closed)  # noqa: SLF001 - one thing

    async def _final_head(self) -> bytes:
        channel, deadline = self._open(), self._deadline
        scanner = HeadScanner()
        while True:
            length = scanner.scan(channel.arrived)
            if length is None:
                if channel.ended:
                    raise BadHeadError if channel.arrived else EndOfConnectionError
                await channel.fill(lambda: deadline.wait(self.limit, WAITING))
                self._heard = self._heard or bool(channel.arrived)
                continue
            head = bytes(channel.arrived[:length])
            del channel.arrived[:length]
            if status_of(head) >= 200:
                return head
            scanner = HeadScanner()

    def _open(self) -> "Channel":
        if self._channel is None or self._pool is None:
            raise ConnectionClosedError(endpoint_url=self._url)
        return self._channel


class Response:
    """An answer whose head has arrived, and whose body arrives as it is asked for."""

    __slots__ = ("_channel", "_deadline", "_framing", "_given", "_limit", "_pool", "_reading",
                 "_reusable", "_stated", "_timing", "headers", "reason", "status",
                 "version")  # fmt: skip

    def __init__(
        self,
        channel: "Channel",
        parser: "Parser",
        sent: bool,
        deadline: Deadline,
        limit: "float | None",
        timing: "Timing",
    ) -> None:
        self._pool: Pool | None = None
        self._timing = timing
        self.status: int = parser.status
        self.reason: str = parser.reason
        self.version: int = parser.version
        self.headers = joined(parser.headers)
        length = self.headers.get("content-length")
        if length is not None and not parser.chunked:
            check_lengths(length)
        # The bytes of a body that must not be there would be taken for the next answer.
        unexpected = self.status in (204, 304) and length not in (None, "0")
        self._reusable = sent and not parser.will_close and not unexpected
        self._framing = Framing(parser)
        self._stated = parser.length
        self._given = (0, 0)
        self._channel = channel
        self._deadline = deadline
        self._limit = limit
        self._reading = False

    def take_over(self, pool: "Pool | None") -> None:
        """Have the connection from now on, and all duties to its pool."""
        self._pool = pool
        self._finish_if_done()

    def read_now(self, amount: "int | None" = None) -> "bytes | None":
        """Return what `read` would give if it need not wait, else `None`."""
        amount = None if amount is None or amount < 0 else amount
        if self._pool is None or amount == 0:
            return b""
        if self._reading or not self._framing.is_here(self._channel.arrived, amount):
            return None
        read = Read(self._framing, amount, self._given)
        read.advance(self._channel.arrived)
        self._given = read.given()
        self._timing.body = self._timing.since()
        self._finish_if_done()
        return bytes(read.out)

    async def read(self, amount: "int | None" = None, goes_on: bool = False) -> bytes:
        """Return all that is left, or exactly `amount` bytes unless the body ends; `b""` after it.

        `goes_on` is for a read that is made in pieces: its errors count those before.
        Raises as the blocking response does, and `RuntimeError` while another task reads. Whoever
        gives a read up abandons the response.
        """
        amount = None if amount is None or amount < 0 else amount
        if amount == 0:
            return b""
        read = Read(self._framing, amount, self._given if goes_on else (0, 0))
        most = _MUCH_BYTES if amount is None else max(READ_BYTES, min(amount, _MUCH_BYTES))
        return await self._awaited(read, read.advance, read.at_end, most)

    async def read_some(self) -> bytes:
        """Return whatever arrives next, `b""` at the end alone. Raises as `read` does.

        A connection that ends before the body is an error.
        """
        read = Read(self._framing, None)
        at_end = partial(read.cut_off, self._stated)
        return await self._awaited(read, read.some, at_end, READ_BYTES)

    async def _awaited(
        self,
        read: Read,
        advance: "Callable[[bytearray], bool]",
        at_end: "Callable[[], None]",
        most: int,
    ) -> bytes:
        if self._reading:
            raise RuntimeError("another task is reading this body")
        if self._pool is None:
            return b""
        self._reading = True
        try:
            return await self._read(read, advance, at_end, most)
        except TimeoutError:
            self.abandon()
            self._deadline.check(READING)
            raise ReadTimeoutError(endpoint_url=None) from None
        except OSError as error:
            self.abandon()
            raise broken(error) from None
        except BaseException:
            self.abandon()
            raise
        finally:
            self._reading = False
            self._timing.body = self._timing.since()

    async def _read(
        self,
        read: Read,
        advance: "Callable[[bytearray], bool]",
        at_end: "Callable[[], None]",
        most: int,
    ) -> bytes:
        channel = self._channel
        while not advance(channel.arrived):
            if self._pool is None:
                raise ConnectionClosedError(endpoint_url=None)
            check_process(self._pool.owner)
            if channel.ended:
                at_end()
                self.abandon()
                return bytes(read.out)
            await channel.fill(lambda: self._deadline.wait(self._limit, READING), most)
        self._given = read.given()
        self._finish_if_done()
        return bytes(read.out)

    def timing(self) -> "tuple[float, float, float, float, float, float]":
        """Return how long each part took, in seconds."""
        return self._timing.parts()

    def set_timeout(self, seconds: "float | None") -> None:
        """Set how long, in seconds, each wait for more of the body may take."""
        if self._pool is None:
            raise AttributeError("the body has been read: there is no connection to wait for")
        self._limit = seconds

    def close(self) -> None:
        """Give up what is left: use it up if all of it is here, else drop the connection.

        A read that another task waits for fails.
        """
        if self._pool is None:
            return
        if not self._reading and self._is_all_here():
            self._finish_if_done()
        self.abandon()

    def abandon(self) -> None:
        """Drop the connection at once: the read that was waited for is not wanted any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.drop(self._channel)

    def __del__(self) -> None:
        if getattr(self, "_pool", None) is not None:
            self.close()

    def _is_all_here(self) -> bool:
        arrived = self._channel.arrived
        if len(arrived) > _DRAIN_BYTES:
            return False
        try:
            return Read(self._framing, None).advance(arrived)
        except ResponseStreamingError:
            return False

    def _finish_if_done(self) -> None:
        """Give the connection back if the next answer can only begin after this one."""
        if not self._framing.done:
            return
        pool, self._pool = self._pool, None
        if pool is None:
            return
        channel = self._channel
        if self._reusable and not (channel.ended or channel.arrived or channel.has_plaintext()):
            pool.give_back(channel)
        else:
            pool.drop(channel)
