"""Connections to one origin for the tasks of one loop. Twin: rust/net/src/reactor/mod.rs."""

import asyncio
import os
import socket

from sagewire._pure.reactor.channel import Channel
from sagewire._pure.reactor.connection import Connection
from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire.exceptions import ConnectTimeoutError, EndpointConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from sagewire._pure.transport.tls import TlsSettings

    Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

# How long connections beyond `max_idle` are kept, in case the next burst comes at once.
_GRACE_SECONDS = 1.0


class Pool:
    """Connections to one origin for the tasks of one loop, all on the loop's thread.

    The most recently used idle connection is taken first. A pool never waits: where none is idle,
    it connects. Of those that come back it keeps `max_idle`, and the others for a second longer.
    """

    __slots__ = ("__weakref__", "_busy", "_connect_timeout", "_dialling", "_host", "_idle",
                 "_keepalive", "_max_idle", "_owner", "_tls", "event_loop",
                 "read_timeout")  # fmt: skip

    def __init__(
        self,
        event_loop: asyncio.AbstractEventLoop,
        scheme: str,
        host: str,
        *,
        max_idle: int = 10,
        connect_timeout: "float | None" = 60.0,
        read_timeout: "float | None" = 60.0,
        tls: "TlsSettings | None" = None,
        tcp_keepalive: bool = False,
    ) -> None:
        if scheme == "https" and tls is None:
            raise ValueError("tls: an https origin needs TlsSettings")
        self.event_loop = event_loop
        self._tls = tls if scheme == "https" else None
        self._host = host.strip("[]")
        self._max_idle = max_idle
        self._connect_timeout = connect_timeout
        self._keepalive = tcp_keepalive
        self._idle: list[tuple[Channel, float]] = []
        self._busy: set[Channel] = set()
        self._dialling = 0
        self._owner = os.getpid()
        self.read_timeout = read_timeout

    def start(self) -> None:
        """Do nothing: the loop watches each socket."""

    def take_idle(self, url: str) -> "Connection | None":
        """Return an idle connection that is alive, or `None`. `url` is for the words of errors."""
        while self._idle:
            channel, _ = self._idle.pop()
            if channel.is_quiet():
                channel.watch(None)
                self._busy.add(channel)
                return Connection(self, url, channel=channel)
            channel.close()
        return None

    def dial(
        self,
        addresses: "list[Address]",
        url: str,
        timeout: "float | None",
    ) -> Connection:
        """Return a connection to be made to the first of the addresses that answers.

        `timeout` is what is left of the call's deadline. `connected` waits for it. Each address has
        the whole connect time-out, and so have tunnel and TLS together.
        """
        dialled = self._dialled(addresses, url, Deadline(timeout, url))
        self._dialling += 1
        return Connection(self, url, dialled=dialled)

    def close(self) -> None:
        """Drop the idle connections. The pool goes on: the next call connects."""
        dropped, self._idle = self._idle, []
        for channel, _ in dropped:
            self._close(channel)

    def abandon(self) -> None:
        """Drop all connections, those in use as well: the loop is over, or another process's."""
        self.close()
        while self._busy:
            self._close(self._busy.pop())

    def snapshot(self) -> tuple[int, int, int, int]:
        """Return how many connections are open, busy and idle, and how many calls wait for one."""
        busy = len(self._busy) + self._dialling
        return busy + len(self._idle), busy, len(self._idle), 0

    def give_back(self, channel: Channel) -> None:
        """Keep a connection for the next call."""
        self._busy.discard(channel)
        if self._max_idle == 0 or self._owner != os.getpid():
            return self._close(channel)
        self._idle.append((channel, self.event_loop.time()))
        channel.watch(lambda: self._hear(channel))
        if len(self._idle) > self._max_idle:
            self.event_loop.call_later(_GRACE_SECONDS, self._trim)
        return None

    def drop(self, channel: "Channel | None") -> None:
        """Drop a connection in use; `None` for one that was not there yet."""
        if channel is None:
            self._dialling -= 1
        else:
            self._busy.discard(channel)
            self._close(channel)

    def _close(self, channel: Channel) -> None:
        if self._owner == os.getpid():
            channel.close()
        else:
            channel.forget()

    def _trim(self) -> None:
        old = self.event_loop.time() - _GRACE_SECONDS
        while len(self._idle) > self._max_idle and self._idle[0][1] <= old:
            channel, _ = self._idle.pop(0)
            channel.close()

    def _hear(self, channel: Channel) -> None:
        """Drop an idle connection that its peer has ended, or talks on out of turn."""
        self._idle = [kept for kept in self._idle if kept[0] is not channel]
        channel.close()

    async def _dialled(self, addresses: "list[Address]", url: str, deadline: Deadline) -> Channel:
        try:
            channel = await self._connected(addresses, url, deadline)
        except TimeoutError:
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        self._dialling -= 1
        self._busy.add(channel)
        return channel

    async def _connected(self, addresses: "list[Address]", url: str, deadline: Deadline) -> Channel:
        # Another one may answer; else it is the last one's failure that is reported.
        failure: Exception = EndpointConnectionError(
            endpoint_url=url, error="the name has no address"
        )
        for address in addresses:
            try:
                channel = await self._plain(address, Countdown(self._connect_timeout), deadline)
            except TimeoutError as error:
                deadline.check(CONNECTING)
                failure = error
                continue
            except OSError as error:
                failure = EndpointConnectionError(endpoint_url=url, error=str(error))
                continue
            if self._tls is not None:
                limit = Countdown(self._connect_timeout)
                await self._secure(channel, self._tls, url, limit, deadline)
            return channel
        raise failure

    async def _plain(self, address: "Address", countdown: Countdown, deadline: Deadline) -> Channel:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        plain = socket.socket(family, socket.SOCK_STREAM)
        channel = Channel(self.event_loop, plain)
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._keepalive:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                plain.connect(address)
            except BlockingIOError:
                await channel.wait(True, deadline.wait(countdown.left(), CONNECTING))
            _check(plain)
        except BaseException:
            channel.close()
            raise
        return channel

    async def _secure(
        self,
        channel: Channel,
        tls: "TlsSettings",
        url: str,
        countdown: Countdown,
        deadline: Deadline,
    ) -> None:
        try:
            # The settings are this pool's own, their context made at its first handshake.
            channel.socket = tls._begun(channel.socket, self._host)  # noqa: SLF001 - one thing
            await channel.shake_hands(lambda: deadline.wait(countdown.left(), CONNECTING))
        except TimeoutError:
            channel.close()
            raise
        except Exception as error:  # noqa: BLE001 - told apart below
            failure = tls._explained(error, channel.socket, url)  # noqa: SLF001 - one thing
            channel.close()
            raise failure from None
        except BaseException:
            channel.close()
            raise


def _check(connecting: socket.socket) -> None:
    """Raise what became of a connection, if nothing did."""
    number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
