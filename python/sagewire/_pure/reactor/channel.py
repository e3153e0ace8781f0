"""A connected socket that the loop waits for, plain or under TLS, with what has arrived.

It reads when bytes are wanted, and no earlier: a peer whose answer nobody reads is held back by the
system. Twin: rust/net/src/reactor/channel.rs.
"""

import asyncio
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# What is read or written at once, and how much before others have their turn.
_PIECE_BYTES = 65_536
_SLICE_BYTES = 1 << 18


class Channel:
    """One connection: `arrived` is what has come and is not used, `ended` that no more will."""

    __slots__ = ("__weakref__", "_loop", "_moved", "_waiter", "arrived", "ended", "socket")

    def __init__(self, loop: asyncio.AbstractEventLoop, connected: "socket.socket") -> None:
        self.arrived = bytearray()
        self.ended = False
        self.socket = connected
        self._loop = loop
        self._moved = 0
        self._waiter: asyncio.Future[None] | None = None

    async def fill(self, limit: "Callable[[], float | None]") -> None:
        """Wait for more bytes, or the end. Raises `TimeoutError`, and `OSError` as the socket does.

        `limit` gives the seconds that a wait may last.
        """
        await self._give_way()
        while not self.ended:
            limit()  # a peer that never stops must not outlast the deadline either
            try:
                data = self.socket.recv(_PIECE_BYTES)
            except (BlockingIOError, _WantReadError):
                await self.wait(False, limit())
                continue
            except _WantWriteError:
                await self.wait(True, limit())
                continue
            except InterruptedError:
                continue
            self.arrived += data
            self.ended = not data
            self._moved += len(data)
            return

    async def write(self, data: "bytes | memoryview", limit: "Callable[[], float | None]") -> None:
        """Send it all. Raises as `fill` does."""
        left = memoryview(data)
        while left and not self.ended:
            await self._give_way()
            try:
                count = self.socket.send(left[:_SLICE_BYTES])
            except (BlockingIOError, _WantWriteError):
                await self.wait(True, limit())
            except _WantReadError:
                await self.wait(False, limit())
            except InterruptedError:
                continue
            else:
                left = left[count:]
                self._moved += count

    async def shake_hands(self, limit: "Callable[[], float | None]") -> None:
        """Take the TLS handshake to its end. Raises as `fill` does."""
        while True:
            try:
                self.socket.do_handshake()  # type: ignore[attr-defined]
            except _WantReadError:
                await self.wait(False, limit())
            except _WantWriteError:
                await self.wait(True, limit())
            else:
                return

    async def wait(self, writing: bool, seconds: "float | None") -> None:
        """Wait until the socket can be written, or read. Raises `TimeoutError` at the limit."""
        loop, descriptor = self._loop, self.socket.fileno()
        waiter = self._waiter = loop.create_future()
        (loop.add_writer if writing else loop.add_reader)(descriptor, _happened, waiter)
        alarm = None if seconds is None else loop.call_later(seconds, _expired, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if alarm is not None:
                alarm.cancel()
            # Closed meanwhile, the number may be somebody else's by now.
            if self.socket.fileno() >= 0 and not loop.is_closed():
                (loop.remove_writer if writing else loop.remove_reader)(descriptor)

    def watch(self, happened: "Callable[[], None] | None") -> None:
        """Have an idle connection watched, or not any more."""
        if self.socket.fileno() < 0 or self._loop.is_closed():
            return
        if happened is None:
            self._loop.remove_reader(self.socket.fileno())
        else:
            self._loop.add_reader(self.socket.fileno(), happened)

    def is_quiet(self) -> bool:
        """Say whether the peer of an idle connection is there and silent."""
        if self.ended or self.arrived or self.socket.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0) and not self.has_plaintext()

    def has_plaintext(self) -> bool:
        """Say whether TLS holds bytes that nobody has asked for yet."""
        pending = getattr(self.socket, "pending", None)
        return pending is not None and pending() > 0

    def close(self) -> None:
        """End the connection at once; whoever waits for it is told."""
        self.ended = True
        descriptor = self.socket.fileno()
        if descriptor < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            if self._waiter is not None:
                _happened(self._waiter)
        self.socket.close()

    def forget(self) -> None:
        """Close this process's copy of what belongs to another one; the loop is not its own."""
        self.ended = True
        self.socket.close()

    async def _give_way(self) -> None:
        if self._moved >= _SLICE_BYTES:
            self._moved = 0
            await asyncio.sleep(0)


def _happened(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _expired(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


try:
    from ssl import SSLWantReadError as _WantReadError
    from ssl import SSLWantWriteError as _WantWriteError
except ImportError:  # a Python without TLS never raises them

    class _WantReadError(Exception):  # type: ignore[no-redef]
        """Never raised."""

    class _WantWriteError(Exception):  # type: ignore[no-redef]
        """Never raised."""
