"""What ends a wait besides the peer and the limits. Twin: rust/net/src/transport/watch.rs.

The system ends a wait for a signal that arrives in the middle of it. One that arrives just before,
or on another thread, would go unnoticed until the wait is over. So the main thread, which handles
signals, waits in slices: between two of them the interpreter looks. So does whoever belongs to a
group while there is no connection yet that could be ended.
"""

import threading
import time

from sagewire.exceptions import ConnectionClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeVar

    from sagewire._pure.transport.deadline import Deadline
    from sagewire._pure.transport.group import Group

    T = TypeVar("T")

# The longest that a signal, or the end of a group, goes unnoticed.
_SLICE_SECONDS = 0.05


class Watch:
    """One wait, in slices while there is something to look for."""

    __slots__ = ("_group", "_sliced", "_url")

    def __init__(self, group: "Group | None" = None, url: str = "", *, sliced: bool = True) -> None:
        self._group = group
        self._url = url
        # Whether there is anything to look for is asked after the first slice: most waits are
        # shorter.
        self._sliced = sliced

    def slice(self, left: "float | None") -> "float | None":
        """Return how much to wait at once of what is left."""
        if not self._sliced:
            return left
        return _SLICE_SECONDS if left is None else min(left, _SLICE_SECONDS)

    def look(self, left: "float | None") -> bool:
        """After a slice without an event, say whether anything is left of what it was taken of.

        Raises `ConnectionClosedError` if the group has ended.
        """
        over = left is not None and (not self._sliced or left <= _SLICE_SECONDS)
        if self._group is not None and self._group.is_ended:
            raise ConnectionClosedError(endpoint_url=self._url)
        self._sliced = self._sliced and (self._group is not None or _handles_signals())
        return not over


def waited(
    connected: "socket.socket",
    work: "Callable[[], T]",
    limit: "float | None",
    deadline: "Deadline",
    stage: str,
    watch: Watch,
) -> "T":
    """Return what `work` returns, which waits for the socket, `limit` seconds at most.

    Raises `TimeoutError` at the limit, `DeadlineExceededError` at the deadline.
    """
    if not getattr(connected, "may_be_sliced", True):
        watch = Watch(sliced=False)
    begun = time.monotonic()
    left = deadline.wait(limit, stage)
    while True:
        connected.settimeout(watch.slice(left))
        try:
            return work()
        except TimeoutError:
            if not watch.look(left):
                raise
        gone = time.monotonic() - begun
        left = deadline.wait(None if limit is None else limit - gone, stage)


def _handles_signals() -> bool:
    return threading.get_ident() == threading.main_thread().ident
