"""The receiving half of a socket, buffered. Twins: rust/net/src/transport/wire.rs and stream.rs."""

import io
import os

from sagewire._pure.transport.deadline import READING, WAITING, Deadline
from sagewire._pure.transport.watch import Watch, waited
from sagewire.exceptions import ResponseStreamingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

# What is reserved at once for a body whose length the peer only claims.
_MOST_RESERVED_BYTES = 1 << 24


def check_process(owner: int) -> None:
    """Refuse a child of a fork what its parent, `owner`, has on the wire of a body."""
    if owner != os.getpid():
        words = "the rest of this body belongs to the parent of this process"
        raise ResponseStreamingError(error=words)


class Incoming(io.RawIOBase):
    """The receiving half of a socket, each wait under its limit."""

    def __init__(self, connected: "socket.socket") -> None:
        super().__init__()
        self.socket = connected
        self.deadline = Deadline(None, "")
        self.limit: float | None = None
        self.stage = WAITING
        self.watch: Callable[[], Watch] = Watch
        self.only_what_is_here = False
        self.ended = False
        self._owner = os.getpid()

    def readable(self) -> bool:
        return True

    def is_pending(self) -> bool:
        """Say whether TLS holds bytes that nobody has asked for yet."""
        pending = getattr(self.socket, "pending", None)
        return pending is not None and pending() > 0

    def readinto(self, buffer: "Any", /) -> int:
        if self.only_what_is_here:
            return 0
        if self.stage == READING:
            check_process(self._owner)
        count = waited(
            self.socket,
            lambda: self.socket.recv_into(buffer),
            self.limit,
            self.deadline,
            self.stage,
            self.watch(),
        )
        self.ended = count == 0
        return count


class Buffered(io.BufferedReader):
    """A buffer that outlives the response that `http.client` closes it for."""

    def read(self, size: "int | None" = -1, /) -> bytes:
        """Read as the base does, without believing in a size before that much has arrived."""
        if size is None or size <= _MOST_RESERVED_BYTES:
            return super().read(size)
        pieces = []
        while piece := super().read(min(size, _MOST_RESERVED_BYTES)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Stay open."""
