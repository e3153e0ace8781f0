"""A connected socket that the loop waits for, plain or under TLS, with what has arrived.

It reads when bytes are wanted, and no earlier: a peer whose answer nobody reads is held back by the
system. Twin: rust/net/src/reactor/channel.rs.
"""

import asyncio
import select
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sagewire._pure.reactor.pace import Pace

# What is read at once, unless more is wanted: lines and events of as much are told in one go.
READ_BYTES = 8_192
# What is written at once.
_WRITTEN_BYTES = 1 << 17


class Channel:
    """One connection: `arrived` is what has come and is not used, `ended` that no more will."""

    __slots__ = ("__weakref__", "_lock", "_loop", "_pace", "_waiter", "arrived", "ended",
                 "socket")  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pace: "Pace", connected: "socket.socket"
    ) -> None:
        self.arrived = bytearray()
        self.ended = False
        self.socket = connected
        # Held by whoever shakes hands in a thread, and by whoever closes the socket.
        self._lock = threading.Lock()
        self._loop = loop
        self._pace = pace
        self._waiter: asyncio.Future[None] | None = None

    async def fill(self, limit: "Callable[[], float | None]", most: int = READ_BYTES) -> None:
        """Wait for more bytes, or the end. Raises `TimeoutError`, and `OSError` as the socket does.

        `limit` gives the seconds that a wait may last.
        """
        while not self.ended:
            while (pause := self._pace.pause()) is not None and not await pause:
                pass  # it is to be asked again
            if self.ended:
                break
            limit()  # a peer that never stops must not outlast the deadline either
            try:
                data = self.socket.recv(most)
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
            return

    async def write(self, data: "bytes | memoryview", limit: "Callable[[], float | None]") -> None:
        """Send it all. Raises as `fill` does."""
        left = memoryview(data)
        while left and not self.ended:
            while (pause := self._pace.pause()) is not None and not await pause:
                pass  # it is to be asked again
            if self.ended:
                break
            try:
                count = self.socket.send(left[:_WRITTEN_BYTES])
            except (BlockingIOError, _WantWriteError):
                await self.wait(True, limit())
            except _WantReadError:
                await self.wait(False, limit())
            except InterruptedError:
                continue
            else:
                left = left[count:]

    async def shake_hands(self, limit: "Callable[[], float | None]") -> None:
        """Take the TLS handshake to its end. Raises as `fill` does.

        Each step is done in one of the loop's threads: to check a chain of certificates, and to
        sign for one of the client's own, takes milliseconds.
        """
        while not self.ended:
            while (pause := self._pace.pause()) is not None and not await pause:
                pass
            try:
                await self._loop.run_in_executor(None, self._shake)
            except _WantReadError:
                await self.wait(False, limit())
            except _WantWriteError:
                await self.wait(True, limit())
            else:
                return

    async def wait(self, writing: bool, seconds: "float | None") -> None:
        """Wait until the socket can be written, or read. Raises `TimeoutError` at the limit."""
        try:
            await self._wait(writing, seconds)
        except TimeoutError:
            # Where a server hangs, many have waited as long.
            while (pause := self._pace.pause()) is not None and not await pause:
                pass
            raise

    async def _wait(self, writing: bool, seconds: "float | None") -> None:
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

    def _shake(self) -> None:
        try:
            with self._lock:
                if not self.ended:
                    self.socket.do_handshake()  # type: ignore[attr-defined]
        finally:
            if self.ended:
                self._close_socket()

    def close(self) -> None:
        """End the connection at once; whoever waits for it is told.

        A step of the handshake that is being done is finished first, and closes it.
        """
        self.ended = True
        descriptor = self.socket.fileno()
        if descriptor < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            if self._waiter is not None:
                _happened(self._waiter)
        self._close_socket()

    def _close_socket(self) -> None:
        # Whoever has the lock looks whether it has ended after letting go of it.
        if self._lock.acquire(blocking=False):
            self.socket.close()
            self._lock.release()

    def forget(self) -> None:
        """Close this process's copy of what belongs to another one; the loop is not its own."""
        self.ended = True
        self.socket.close()


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
