"""Connections in use that can be ended together. Twin: rust/net/src/transport/group.rs."""

import threading
import weakref

from sagewire._pure.transport.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

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

    @property
    def is_ended(self) -> bool:
        """Say whether nobody waits for anything of the group any more."""
        return self._ended

    def _take_idle(self, url: str) -> "Connection | None":
        idle = self._pool._take_idle(url)  # noqa: SLF001 - one thing
        return None if idle is None else self._joined(idle)

    def _take_fresh(
        self, url: str, deadline: "Deadline", group: "Group | None" = None
    ) -> "Connection":
        fresh = self._pool._take_fresh(url, deadline, group or self)  # noqa: SLF001 - one thing
        return self._joined(fresh)

    def _joined(self, connection: "Connection") -> "Connection":
        connection._pool = self  # noqa: SLF001 - one thing
        with self._guard:
            self._members.add(connection)
            if self._ended:
                connection._end()  # noqa: SLF001 - one thing
        return connection

    def group(self, room: int) -> Pool:
        return self._pool.group(room)

    def end(self) -> None:
        with self._guard:
            self._ended = True
            for connection in self._members:
                # One that has been given back is not ours any more.
                if connection._pool is self:  # noqa: SLF001 - one thing
                    connection._end()  # noqa: SLF001 - one thing
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
