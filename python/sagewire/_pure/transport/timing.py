"""How long each part of an exchange took. Twin: rust/net/src/transport/timing.rs."""

import time


class Timing:
    """The parts of an exchange in seconds, in the order in which they happen; 0 for what did not.

    `queue` waiting for a connection to become free, `connect` the look-up of the name and TCP,
    `tls` its handshake, `send` from the connection in hand to the last byte of the request,
    `first_byte` from there to the first of the answer, `body` from the answer's head to the last
    byte of its body that has been read so far.
    """

    __slots__ = ("_start", "body", "connect", "first_byte", "queue", "send", "tls")

    def __init__(self) -> None:
        self.queue = self.connect = self.tls = self.send = self.first_byte = self.body = 0.0
        self._start = time.monotonic()

    def since(self) -> float:
        """Return how long the part that is under way has taken so far."""
        return time.monotonic() - self._start

    def lap(self) -> float:
        """Return the duration of the part that ends now; the next one begins."""
        start, self._start = self._start, time.monotonic()
        return self._start - start

    def parts(self) -> "tuple[float, float, float, float, float, float]":
        """Return the parts in their order."""
        return self.queue, self.connect, self.tls, self.send, self.first_byte, self.body
