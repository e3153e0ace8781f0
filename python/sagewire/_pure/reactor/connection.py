"""A request out, a response in, on a loop. Twin: rust/net/src/reactor/conversation.rs."""

import sys

from sagewire._pure.reactor.body import Framing, Read, broken
from sagewire._pure.reactor.head import BadHeadError, HeadScanner, parse, status_of
from sagewire._pure.transport.deadline import READING, SENDING, WAITING, Deadline
from sagewire._pure.transport.head import check_lengths, joined, request_head
from sagewire.exceptions import (
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from sagewire._pure.reactor.channel import Channel
    from sagewire._pure.reactor.pool import Pool
    from sagewire._pure.transport.head import Parser

# A body up to this size is copied behind its head, so that both leave in one write.
_ONE_WRITE_BYTES = 65_536
# The most that is drained of a body that nobody wants.
_DRAIN_BYTES = 65_536


class Connection:
    """A connection that is taken from its pool for one exchange.

    Whoever has it closes it if anything goes wrong, cancellation included.
    """

    __slots__ = ("_channel", "_chunked", "_deadline", "_dialled", "_pool", "_sent", "_url", "limit",
                 "reused")  # fmt: skip

    def __init__(
        self,
        pool: "Pool",
        url: str,
        *,
        channel: "Channel | None" = None,
        dialled: "Coroutine[Any, Any, Channel] | None" = None,
    ) -> None:
        self._pool: Pool | None = pool
        self._url = url
        self._channel = channel
        self._dialled = dialled
        self._chunked = False
        self._sent = True
        self._deadline = Deadline(None, url)
        self.limit = pool.read_timeout
        self.reused = channel is not None

    async def connected(self) -> None:
        """Wait until the connection is there."""
        dialled, self._dialled = self._dialled, None
        if dialled is not None:
            self._channel = await dialled

    async def exchange(
        self,
        method: str,
        target: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | None",
        timeout: "float | None",
    ) -> "Response":
        """Send a request and return its response, the body still to be read.

        The head is written as given, nothing added. `timeout` is what is left of the call's
        deadline in seconds, the body's reading included.
        """
        head = self._head(method, target, headers, timeout)
        if body is not None and len(body) > _ONE_WRITE_BYTES:
            await self._write(head)
            await self._write(body)
        else:
            await self._write(head + (body or b""))
        return await self._receive()

    async def begin(
        self,
        method: str,
        target: str,
        headers: "list[tuple[str, str]]",
        timeout: "float | None",
    ) -> None:
        """Send the head of a request whose body comes in pieces."""
        await self._write(self._head(method, target, headers, timeout))

    async def send_piece(self, piece: bytes, timeout: "float | None") -> None:
        """Send a piece of the body, framed if the head announced chunks."""
        if not isinstance(piece, bytes):
            raise TypeError(f"body: a piece must be bytes, not {type(piece).__name__}")
        self._deadline = Deadline(timeout, self._url)
        if piece and self._sent:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
            await self._write(framed)

    async def finish(self, timeout: "float | None") -> "Response":
        """End the body and return the response."""
        self._deadline = Deadline(timeout, self._url)
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

    def __del__(self) -> None:
        self.close()

    def _head(
        self,
        method: str,
        target: str,
        headers: "list[tuple[str, str]]",
        timeout: "float | None",
    ) -> bytes:
        self._deadline = Deadline(timeout, self._url)
        self._deadline.wait(None, SENDING)
        head, self._chunked = request_head(method, target, headers)
        return head

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
        try:
            parser = parse(await self._final_head())
        except TimeoutError:
            self._deadline.check(WAITING)
            raise ReadTimeoutError(endpoint_url=self._url) from None
        except (BadHeadError, OSError) as error:
            raise self._without_answer(error) from None
        response = Response(self._open(), parser, self._sent, self._deadline, self.limit)
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
        return ConnectionClosedError(endpoint_url=self._url)

    async def _final_head(self) -> bytes:
        channel, deadline = self._open(), self._deadline
        scanner = HeadScanner()
        while True:
            length = scanner.scan(channel.arrived)
            if length is None:
                if channel.ended:
                    raise BadHeadError
                await channel.fill(lambda: deadline.wait(self.limit, WAITING))
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

    __slots__ = ("_channel", "_deadline", "_framing", "_limit", "_pool", "_reading", "_reusable",
                 "headers", "reason", "status", "version")  # fmt: skip

    def __init__(
        self,
        channel: "Channel",
        parser: "Parser",
        sent: bool,
        deadline: Deadline,
        limit: "float | None",
    ) -> None:
        self._pool: Pool | None = None
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
        read = Read(self._framing, amount)
        read.advance(self._channel.arrived)
        self._finish_if_done()
        return bytes(read.out)

    async def read(self, amount: "int | None" = None) -> bytes:
        """Return all that is left, or exactly `amount` bytes unless the body ends; `b""` after it.

        Raises as the blocking response does, and `RuntimeError` while another task reads. Whoever
        gives a read up abandons the response.
        """
        amount = None if amount is None or amount < 0 else amount
        if self._reading:
            raise RuntimeError("another task is reading this body")
        if self._pool is None or amount == 0:
            return b""
        self._reading = True
        try:
            return await self._read(Read(self._framing, amount))
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

    async def _read(self, read: Read) -> bytes:
        channel = self._channel
        while not read.advance(channel.arrived):
            if self._pool is None:
                raise ConnectionClosedError(endpoint_url=None)
            if channel.ended:
                read.at_end()
                self.abandon()
                return bytes(read.out)
            await channel.fill(lambda: self._deadline.wait(self._limit, READING))
        self._finish_if_done()
        return bytes(read.out)

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
