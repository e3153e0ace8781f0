"""TLS inside TLS: with an endpoint, through an https proxy. Twin: rust/net/src/transport/stream.rs.

A socket of `ssl` cannot be wrapped once more; this one keeps the inner layer in memory and sends
what it says over the outer one. It is as much of a socket as the transport needs.
"""

import ssl
from contextlib import suppress
from functools import partial

from sagewire._pure.transport.deadline import Deadline
from sagewire._pure.transport.watch import Watch, waited

# What one read of the outer layer asks for: a TLS record.
_RECORD_BYTES = 16_384

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


class NestedTls:
    """A TLS connection that runs over another."""

    __slots__ = ("_incoming", "_limit", "_never_waits", "_outer", "_outgoing", "_sslobj", "_unsent")

    # A step here is several of the outer layer's, and cannot be taken up in the middle.
    may_be_sliced = False

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._limit: float | None = None
        # On a loop, where the outer layer raises instead.
        self._never_waits = outer.gettimeout() == 0
        self._unsent = memoryview(b"")
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        made = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._sslobj = made._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - as SSLSocket's

    def settimeout(self, seconds: "float | None") -> None:
        """Limit each wait of the outer layer."""
        self._limit = seconds

    def do_handshake(self) -> None:
        """Shake hands."""
        self._run(self._sslobj.do_handshake)

    def send(self, data: "Any") -> int:
        """Send some of the data; return how much."""
        self._flush()
        count: int = self._sslobj.write(data)
        # What the outer layer does not take now it takes before anything else.
        with suppress(ssl.SSLWantWriteError):
            self._flush()
        return count

    def recv(self, count: int) -> bytes:
        """Return at most so many bytes, none at the connection's end."""
        buffer = bytearray(count)
        return bytes(buffer[: self.recv_into(buffer)])

    def recv_into(self, buffer: "Any") -> int:
        """Fill some of a buffer; return how much, 0 at the connection's end."""
        try:
            count: int = self._run(lambda: self._sslobj.read(len(buffer), buffer))
        except ssl.SSLZeroReturnError:
            return 0
        except ssl.SSLEOFError:
            return 0  # an end without a goodbye is an end, as for a socket of `ssl`
        return count

    def pending(self) -> int:
        """Return how many bytes are here that nobody has asked for."""
        count: int = self._sslobj.pending() + self._incoming.pending + self._outer.pending()
        return count

    def fileno(self) -> int:
        """Return the descriptor, for waiting."""
        return self._outer.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._outer.close()

    def _run(self, step: "Callable[[], T]") -> "T":
        self._flush()
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._waited(lambda: self._outer.recv(_RECORD_BYTES))
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                self._flush()  # an alert says why
                raise
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._unsent = memoryview(bytes(self._unsent) + self._outgoing.read())
        while self._unsent:
            count: int = self._waited(partial(self._outer.send, self._unsent))
            self._unsent = self._unsent[count:]

    def _waited(self, work: "Callable[[], T]") -> "T":
        if self._never_waits:
            return work()
        return waited(self._outer, work, self._limit, Deadline(None, ""), "", Watch())
