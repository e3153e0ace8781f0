"""Connections to one origin for the tasks of one loop. Twin: rust/net/src/reactor/mod.rs."""

import asyncio
import math
import os
import socket

from sagewire._pure.reactor.channel import Channel
from sagewire._pure.reactor.connection import Connection
from sagewire._pure.reactor.head import BadHeadError, HeadScanner, status_and_reason
from sagewire._pure.reactor.pace import Pace
from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire._pure.transport.timing import Timing
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)
from sagewire.exceptions import ConnectionError as NoConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, TypeAlias

    from sagewire._pure.reactor.connection import Response
    from sagewire._pure.sigv4 import Signer
    from sagewire._pure.transport.proxy import Proxy
    from sagewire._pure.transport.shortcut import Shortcut
    from sagewire._pure.transport.template import Template
    from sagewire._pure.transport.tls import TlsSettings

    Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

# How long connections beyond `max_idle` are kept, in case the next burst comes at once.
_GRACE_SECONDS = 1.0
# How many are dropped in one go: each costs a tenth of a millisecond, what the loop does included.
_DROPPED_AT_ONCE = 4


class Pool:
    """Connections to one origin for the tasks of one loop, all on the loop's thread.

    The most recently used idle connection is taken first. A pool never waits: where none is idle,
    it connects. Of those that come back it keeps `max_idle`, and the others for a second longer.
    """

    __slots__ = ("__weakref__", "_busy", "_connect_timeout", "_dialling", "_host", "_idle",
                 "_keepalive", "_max_idle", "_pace", "_port", "_tls", "_trims", "event_loop",
                 "owner", "proxy", "read_timeout")  # fmt: skip

    def __init__(
        self,
        event_loop: asyncio.AbstractEventLoop,
        scheme: str,
        host: str,
        port: int,
        *,
        max_idle: int = 10,
        connect_timeout: "float | None" = 60.0,
        read_timeout: "float | None" = 60.0,
        tls: "TlsSettings | None" = None,
        tcp_keepalive: bool = False,
        proxy: "Proxy | None" = None,
    ) -> None:
        if scheme == "https" and tls is None:
            raise ValueError("tls: an https origin needs TlsSettings")
        self.event_loop = event_loop
        self._tls = tls if scheme == "https" else None
        self._host = host.strip("[]")
        self._port = port
        self.proxy = proxy
        self._max_idle = max_idle
        self._connect_timeout = connect_timeout
        self._keepalive = tcp_keepalive
        self._idle: list[tuple[Channel, float]] = []
        self._busy: set[Channel] = set()
        self._dialling = 0
        self._trims = False
        self._pace = Pace(event_loop)
        self.owner = os.getpid()
        self.read_timeout = read_timeout

    def start(self) -> None:
        """Do nothing: the loop watches each socket."""

    def pause(self) -> "asyncio.Future[bool] | None":
        """Return what to await before a call begins; `None` if the loop has time in this round.

        It gives whether the call may begin then; else this is to be asked again.
        """
        return self._pace.pause()

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

    def attempt(
        self,
        connection: "Connection | None",
        template: "Template",
        signer: "Signer | None",
        at: float,
        url: str,
        target: str,
        members: "list[tuple[str, str]]",
        payload: "bytes | str",
        body: bytes,
        trace_id: "str | None",
        identity: str,
        progress: str,
        deadline: "tuple[float, float] | None",
    ) -> "Coroutine[Any, Any, Response] | None":
        """Return what to await for an attempt over this connection: the response, the body unread.

        Where no connection is given it takes an idle one, and returns `None` if there is none. The
        arguments are those of `Template.head`; `deadline` is as in `Connection.exchange`. What
        cannot be sent is raised here.
        """
        taken = connection or self.take_idle(url)
        if taken is None:
            return None
        try:
            head = template.head(
                signer,
                math.floor(at),
                url,
                target,
                members,
                payload,
                len(body),
                trace_id,
                identity,
                progress,
            )
        except BaseException:
            taken.give_back()
            raise
        return taken.attempt(head, body, deadline)

    def call(
        self,
        shortcut: "Shortcut",
        parameters: "dict[str, Any]",
        timeout: "float | None",
        waited: float = 0.0,
    ) -> "Coroutine[Any, Any, Any] | None":
        """Return what to await for a call over an idle connection: what `Shortcut.invoke` returns.

        Returns `None` if there is no idle connection, or the call is not plain. Of its `timeout`
        it has `waited` for so many seconds.
        """
        return shortcut._begin(self.take_idle, parameters, timeout, waited)  # noqa: SLF001

    def dial(
        self,
        addresses: "list[Address]",
        looked_up: float,
        url: str,
        deadline: "tuple[float, float] | None",
    ) -> Connection:
        """Return a connection to be made over the first of the addresses that answers.

        They are the proxy's where there is one; to look them up took so many seconds. `deadline`
        is what is left of the whole call's, and how long it was. `connected` waits. Each address
        has the whole connect time-out, and so have tunnel and TLS together.
        """
        left, whole = (None, None) if deadline is None else deadline
        timing = Timing()
        timing.connect = looked_up
        dialled = self._dialled(addresses, url, Deadline(left, url, whole), timing)
        self._dialling += 1
        return Connection(self, url, dialled=dialled, timing=timing)

    def close(self) -> bool:
        """Drop idle connections, a few at once; return whether there are none left.

        The pool goes on: the next call connects.
        """
        kept = max(len(self._idle) - _DROPPED_AT_ONCE, 0)
        dropped, self._idle = self._idle[kept:], self._idle[:kept]
        for channel, _ in dropped:
            self._close(channel)
        return not self._idle

    def retire(self) -> bool:
        """As `close`, and keep no connection any more: the client is gone."""
        self._max_idle = 0
        return self.close()

    def abandon(self) -> None:
        """Drop all connections, those in use as well: the loop is over, or another process's."""
        while not self.close():
            pass
        while self._busy:
            self._close(self._busy.pop())

    def snapshot(self) -> tuple[int, int, int, int]:
        """Return how many connections are open, busy and idle, and how many calls wait for one."""
        busy = len(self._busy) + self._dialling
        return busy + len(self._idle), busy, len(self._idle), 0

    def give_back(self, channel: Channel) -> None:
        """Keep a connection for the next call."""
        self._busy.discard(channel)
        if self._max_idle == 0 or self.owner != os.getpid():
            return self._close(channel)
        self._idle.append((channel, self.event_loop.time()))
        channel.watch(lambda: self._hear(channel))
        too_many = len(self._idle) > self._max_idle
        # A loop that is closed has no alarm; its connections go with the pool.
        if too_many and not self._trims and not self.event_loop.is_closed():
            self._trims = True
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
        if self.owner == os.getpid():
            channel.close()
        else:
            channel.forget()

    def _trim(self) -> None:
        now = self.event_loop.time()
        for _ in range(_DROPPED_AT_ONCE):
            if len(self._idle) <= self._max_idle or self._idle[0][1] > now - _GRACE_SECONDS:
                break
            channel, _ = self._idle.pop(0)
            channel.close()
        # One alarm for all of them, however many come back meanwhile.
        self._trims = len(self._idle) > self._max_idle
        if self._trims:
            due = self._idle[0][1] + _GRACE_SECONDS - now
            self.event_loop.call_later(due, self._trim)

    def _hear(self, channel: Channel) -> None:
        """Drop an idle connection that its peer has ended, or talks on out of turn."""
        self._idle = [kept for kept in self._idle if kept[0] is not channel]
        channel.close()

    async def _dialled(
        self, addresses: "list[Address]", url: str, deadline: Deadline, timing: Timing
    ) -> Channel:
        proxy = self.proxy
        if proxy is None:
            channel = await self._tcp(addresses, url, deadline)
            timing.connect += timing.lap()
            if self._tls is not None:
                limit = Countdown(self._connect_timeout)
                await self._secure(channel, self._tls, self._host, url, limit, deadline)
                timing.tls = timing.lap()
        else:
            channel = await self._through(proxy, addresses, url, deadline, timing)
        self._dialling -= 1
        self._busy.add(channel)
        return channel

    async def _through(
        self,
        proxy: "Proxy",
        addresses: "list[Address]",
        url: str,
        deadline: Deadline,
        timing: Timing,
    ) -> Channel:
        tls = proxy._tls  # noqa: SLF001 - one thing
        try:
            channel = await self._tcp(addresses, url, deadline)
            limit = Countdown(self._connect_timeout)
            if tls is not None:
                await self._secure(channel, tls, proxy.host, url, limit, deadline)
        except (NoConnectionError, HTTPClientError) as error:
            raise proxy._blame(error) from None  # noqa: SLF001 - one thing
        timing.connect += timing.lap()
        if not proxy.tunnel:
            return channel
        try:
            await self._tunnel(channel, proxy, url, limit, deadline)
        except BaseException:
            channel.close()
            raise
        timing.connect += timing.lap()
        if self._tls is not None:
            await self._secure(channel, self._tls, self._host, url, limit, deadline)
            timing.tls = timing.lap()
        return channel

    async def _tunnel(
        self, channel: Channel, proxy: "Proxy", url: str, limit: Countdown, deadline: Deadline
    ) -> None:
        def wait() -> "float | None":
            return deadline.wait(limit.left(), CONNECTING)

        scanner = HeadScanner()
        length = status = None
        try:
            await channel.write(proxy._request(self._host, self._port), wait)  # noqa: SLF001
            while length is None and status in (None, 200) and not channel.ended:
                await channel.fill(wait)
                if status is None and (b"\n" in channel.arrived or channel.ended):
                    # A refusal counts whatever follows it: boto3 reads no further.
                    status, reason = status_and_reason(bytes(channel.arrived))
                if status in (None, 200):
                    length = scanner.scan(channel.arrived)
        except TimeoutError:
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        except (BadHeadError, OSError):
            raise ConnectionClosedError(endpoint_url=url) from None
        if status not in (None, 200):
            raise proxy._refused(status, reason)  # noqa: SLF001 - one thing
        if length is None:
            raise ConnectionClosedError(endpoint_url=url)
        channel.arrived.clear()

    async def _tcp(self, addresses: "list[Address]", url: str, deadline: Deadline) -> Channel:
        # Another one may answer; else it is the last one's failure that is reported.
        failure: Exception = EndpointConnectionError(
            endpoint_url=url, error="the name has no address"
        )
        for address in addresses:
            try:
                return await self._plain(address, Countdown(self._connect_timeout), deadline)
            except TimeoutError:
                deadline.check(CONNECTING)
                failure = ConnectTimeoutError(endpoint_url=url)
            except OSError as error:
                failure = EndpointConnectionError(endpoint_url=url, error=str(error))
        raise failure

    async def _plain(self, address: "Address", countdown: Countdown, deadline: Deadline) -> Channel:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        plain = socket.socket(family, socket.SOCK_STREAM)
        channel = Channel(self.event_loop, self._pace, plain)
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
        host: str,
        url: str,
        countdown: Countdown,
        deadline: Deadline,
    ) -> None:
        try:
            # The settings are this pool's own, their context made at its first handshake.
            channel.socket = tls._begun(channel.socket, host)  # noqa: SLF001 - one thing
            await channel.shake_hands(lambda: deadline.wait(countdown.left(), CONNECTING))
        except TimeoutError:
            channel.close()
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
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
