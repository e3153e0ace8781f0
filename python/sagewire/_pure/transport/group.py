"""Connections in use that can be ended together. Twin: rust/net/src/transport/group.rs."""

import os
import socket
import threading
import weakref
from contextlib import suppress

from sagewire._pure.transport.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.transport.deadline import Deadline
    from sagewire._pure.transport.exchange import Connection


class Group(Pool):
    """A pool for those whose connections are ended together; it keeps none itself."""

    __slots__ = ("_ended", "_guard", "_members", "_pool", "_room")

    def __init__(self, pool: Pool, room: int) -> None:
        self._pool = pool
        self._room = room
        self._proxy = pool._proxy  # noqa: SLF001 - one thing
        self._guard = threading.Lock()
        self._members: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._ended = False

    def _take(self, url: str, deadline: "Deadline") -> "Connection":
        connection = self._pool._take(url, deadline)  # noqa: SLF001 - one thing
        connection._pool = self  # noqa: SLF001 - one thing
        with self._guard:
            self._members.add(connection)
            if self._ended:
                _end(connection)
        return connection

    def group(self, room: int) -> Pool:
        return self._pool.group(room)

    def end(self) -> None:
        with self._guard:
            self._ended = True
            for connection in self._members:
                # One that has been given back is not ours any more.
                if connection._pool is self:  # noqa: SLF001 - one thing
                    _end(connection)
        self._pool._trim()  # noqa: SLF001 - one thing

    def close(self) -> None:
        self._pool.close()

    def snapshot(self) -> tuple[int, int, int, int]:
        return self._pool.snapshot()

    def _release(
        self, connected: "socket.socket | None", owner: "int | None" = None, room: int = 0
    ) -> None:
        with self._guard:
            # Whoever is ending the group has ended this connection, or left it alone.
            room = 0 if self._ended else max(room, self._room)
        self._pool._release(connected, owner, room)  # noqa: SLF001 - one thing


def _end(connection: "Connection") -> None:
    # By another socket on the same connection: the thread that reads keeps its own, and its TLS.
    with suppress(OSError):
        copy = os.dup(connection._socket.fileno())  # noqa: SLF001 - one thing
        with socket.socket(fileno=copy) as same:
            same.shutdown(socket.SHUT_RDWR)
