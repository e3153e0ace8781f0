"""Idle connections to one origin. Twin: rust/net/src/transport/pool.rs."""

import os
import select
import threading
import weakref
from contextlib import suppress
from functools import partial

from sagewire._pure.transport.connect import connect
from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire._pure.transport.exchange import Connection
from sagewire._pure.transport.lookup import Resolver
from sagewire._pure.transport.timing import Timing
from sagewire._pure.transport.watch import Watch
from sagewire.exceptions import ConnectionError as NoConnectionError
from sagewire.exceptions import ConnectTimeoutError, HTTPClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sagewire._pure.transport.group import Group
    from sagewire._pure.transport.proxy import Proxy
    from sagewire._pure.transport.tls import TlsSettings


class Pool:
    """Connections to one origin, shared by threads.

    The most recently used idle connection is taken first. A pool never waits: where none is idle,
    it connects. Of those that come back it keeps `max_idle`. After a fork the child starts afresh:
    what it inherited belongs to its parent.
    """

    # The same list for a pool's life, since its finalizer has it.
    _idle: "list[socket.socket]"

    __slots__ = (
        "__weakref__",
        "_busy",
        "_connect_timeout",
        "_host",
        "_idle",
        "_keepalive",
        "_lock",
        "_max_idle",
        "_owner",
        "_port",
        "_proxy",
        "_read_timeout",
        "_resolver",
        "_tls",
    )

    def __init__(
        self,
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
        if not 0 <= port <= 65_535:
            raise OverflowError("port: must be between 0 and 65535")
        if scheme == "https" and tls is None:
            raise ValueError("tls: an https origin needs TlsSettings")
        self._tls = tls if scheme == "https" else None
        self._host = host.strip("[]")
        self._port = port
        self._max_idle = max_idle
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._keepalive = tcp_keepalive
        self._proxy = proxy
        self._idle = []
        # Not `__del__`: of a cycle, the collector may finalize the sockets before their pool.
        weakref.finalize(self, _close_all, self._idle)
        self._start_afresh()

    def take(self, url: str, timeout: "float | None") -> Connection:
        """Return an idle connection that is alive, or a new one.

        `url` is for the words of errors, `timeout` what is left of the call's deadline in seconds.
        """
        return self._take(url, Deadline(timeout, url))

    def _take(self, url: str, deadline: Deadline) -> Connection:
        return self._take_idle(url) or self._take_fresh(url, deadline)

    def _take_idle(self, url: str) -> "Connection | None":
        if self._owner != os.getpid():
            self._start_afresh()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                idle = self._idle.pop()
                self._busy += 1
            if not _is_readable(idle):
                return Connection(self, idle, url, self._read_timeout, Timing(), reused=True)
            # Closed by the server, or talking out of turn.
            idle.close()
            self._release(None)

    def _take_fresh(self, url: str, deadline: Deadline, group: "Group | None" = None) -> Connection:
        with self._lock:
            self._busy += 1
        timing = Timing()
        watch = partial(Watch, group, url)
        try:
            fresh = self._connected(url, deadline, timing, watch)
        except BaseException:
            self._release(None)
            raise
        return Connection(self, fresh, url, self._read_timeout, timing, reused=False)

    def group(self, room: int) -> "Pool":
        """Return the same pool for users whose connections `end` ends.

        Until then the pool keeps connections for as many of them as there is `room`.
        """
        from sagewire._pure.transport.group import Group

        return Group(self, room)

    def end(self) -> None:
        """End the connections that are in use through this group, now and from now on."""
        raise RuntimeError("only a group() of a pool can be ended")

    def close(self) -> None:
        """Drop the idle connections. The pool goes on: the next call connects."""
        if self._owner != os.getpid():
            self._start_afresh()
        with self._lock:
            dropped = self._idle[:]
            self._idle.clear()
        _close_all(dropped)

    def snapshot(self) -> tuple[int, int, int, int]:
        """Return how many connections are open, busy and idle, and how many calls wait for one."""
        if self._owner != os.getpid():
            self._start_afresh()
        with self._lock:
            return self._busy + len(self._idle), self._busy, len(self._idle), 0

    def _connected(
        self, url: str, deadline: Deadline, timing: Timing, watch: "Callable[[], Watch]"
    ) -> "socket.socket":
        """Open a connection: look up, connect, pass the proxy, shake hands.

        The connect time-out holds for the look-up, for each address, and for what is said before
        the first request (tunnel and TLS), each.
        """
        proxy = self._proxy
        if proxy is None:
            dialled = self._dialled(self._host, self._port, deadline, url, watch)
            limit = Countdown(self._connect_timeout)
            return self._secured(dialled, limit, deadline, url, timing, watch)
        try:
            dialled = self._dialled(proxy.host, proxy.port, deadline, url, watch)
            limit = Countdown(self._connect_timeout)
            tls = proxy._tls  # noqa: SLF001 - one thing
            dialled = _under(tls, dialled, proxy.host, limit, deadline, url, watch)
        except (NoConnectionError, HTTPClientError) as error:
            raise proxy._blame(error) from None  # noqa: SLF001 - one thing
        if not proxy.tunnel:
            timing.connect = timing.lap()
            return dialled
        try:
            proxy._open_tunnel(  # noqa: SLF001 - one thing
                dialled, self._host, self._port, limit, deadline, url, watch
            )
        except BaseException:
            dialled.close()
            raise
        return self._secured(dialled, limit, deadline, url, timing, watch)

    def _secured(
        self,
        dialled: "socket.socket",
        limit: Countdown,
        deadline: Deadline,
        url: str,
        timing: Timing,
        watch: "Callable[[], Watch]",
    ) -> "socket.socket":
        """Put the way to the origin under TLS, if it is to be."""
        timing.connect = timing.lap()
        secured = _under(self._tls, dialled, self._host, limit, deadline, url, watch)
        if self._tls is not None:
            timing.tls = timing.lap()
        return secured

    def _dialled(
        self,
        host: str,
        port: int,
        deadline: Deadline,
        url: str,
        watch: "Callable[[], Watch]",
    ) -> "socket.socket":
        try:
            limit = Countdown(self._connect_timeout)
            addresses = self._resolver.resolve(host, port, limit, deadline, url, watch())
            timeout, keepalive = self._connect_timeout, self._keepalive
            return connect(addresses, timeout, deadline, url, watch, keepalive=keepalive)
        except TimeoutError:
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None

    def _trim(self) -> None:
        """Drop idle connections that were kept for a group."""
        with self._lock:
            surplus = max(0, len(self._idle) - self._max_idle)
            dropped = self._idle[:surplus]
            del self._idle[:surplus]
        _close_all(dropped)

    def _release(
        self, connected: "socket.socket | None", owner: "int | None" = None, room: int = 0
    ) -> None:
        """Take a connection back, or note that it is gone (`None`)."""
        if owner not in (None, self._owner):
            return  # taken before a fork, given back after it
        with self._lock:
            self._busy -= 1
            if connected is not None and len(self._idle) < max(self._max_idle, room):
                self._idle.append(connected)
                return
        if connected is not None:
            connected.close()

    def _start_afresh(self) -> None:
        # Closing closes this process's copies only; nothing is said to the peer.
        _close_all(self._idle)
        self._owner = os.getpid()
        # Locks that another thread of the parent held stay locked here for ever.
        self._lock = threading.Lock()
        self._resolver = Resolver()
        self._busy = 0


def _close_all(idle: "list[socket.socket]") -> None:
    # One by one: at the interpreter's end other threads may still take from the list.
    with suppress(IndexError):
        while idle:
            idle.pop().close()


def _under(
    tls: "TlsSettings | None",
    dialled: "socket.socket",
    host: str,
    limit: Countdown,
    deadline: Deadline,
    url: str,
    watch: "Callable[[], Watch]",
) -> "socket.socket":
    if tls is None:
        return dialled
    # The settings are this pool's own, their context made at its first handshake.
    return tls._wrap(dialled, host, limit, deadline, url, watch())  # noqa: SLF001


def _is_readable(idle: "socket.socket") -> bool:
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))
