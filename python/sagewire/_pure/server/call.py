"""A call that waits for a Python handler. Twin: the Call of rust/net/src/server/call.rs.

A connection's thread makes it and waits; a worker's thread takes it and answers, either at once
(`answer`) or in parts (`begin`, `send`, `finish` or `abort`). Either side may be gone: the caller,
because it hung up or the time was over; the worker, because its handler never returns.
"""

import contextlib
import queue
import threading
import time

from sagewire._pure.server.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Pairs = list[tuple[str, str]]

    class Parts(Protocol):
        """An answer's body as it comes, from a handler or from a container."""

        def next(self, seconds: float) -> bytes | None:
            """Return the next part within so many seconds, or None after the last one.

            Raises `PartTimedOutError`, or `BrokenOffError` where no more will come.
            """

        def close(self) -> None:
            """Say that nobody wants the rest."""


# How often somebody who waits for a model looks whether its caller is still there. One who only
# says that no more requests will come looks like one who has hung up; a quick answer reaches both.
LOOK_SECONDS = 1.0
# How many parts a handler may be ahead of its caller.
PARTS_AHEAD = 4


class BrokenOffError(Exception):
    """An answer in parts ended before its end; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PartTimedOutError(Exception):
    """The time for a part is over."""


class Answer:
    """What the model said: status, headers, and its body, whole or in parts."""

    __slots__ = ("body", "headers", "parts", "status")

    def __init__(
        self, status: int, headers: "Pairs", body: bytes = b"", parts: "Parts | None" = None
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.parts = parts


class Call:
    """One request on its way to a handler."""

    __slots__ = (
        "_answer",
        "_answered",
        "_gone",
        "_parts",
        "_wanted",
        "body",
        "endpoint_name",
        "headers",
        "operation",
        "variant_name",
    )

    def __init__(
        self,
        endpoint_name: str,
        variant_name: str,
        operation: str,
        headers: "Pairs",
        body: bytes,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.variant_name = variant_name
        self.operation = operation
        self.headers = headers
        self.body = body
        self._answer: Answer | None = None
        self._answered = threading.Event()
        self._gone = False
        self._wanted: Callable[[], bool]
        # None stands for the end.
        self._parts: queue.Queue[bytes | BrokenOffError | None] = queue.Queue(PARTS_AHEAD)

    # The worker's side

    def answer(self, status: int, headers: "Pairs", body: bytes) -> None:
        """Give the whole answer."""
        self._answer = Answer(status, headers, body)
        self._answered.set()

    def begin(self, status: int, headers: "Pairs") -> None:
        """Give the head of an answer whose parts follow."""
        self._answer = Answer(status, headers, parts=self)
        self._answered.set()

    def send(self, part: bytes) -> bool:
        """Give one part, once there is room for it; False when nobody wants it any more."""
        self._put(part)
        return not self._gone

    def finish(self) -> None:
        """Say that all parts were given."""
        self._put(None)

    def abort(self, message: str) -> None:
        """Say, and why, no more parts can be given: they must not be taken for the whole."""
        self._put(BrokenOffError(message))

    def _put(self, part: "bytes | BrokenOffError | None") -> None:
        while not self._gone:
            with contextlib.suppress(queue.Full):
                self._parts.put(part, timeout=0.1)
                return

    # The connection's side

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._gone

    def wait(self, seconds: float, wanted: "Callable[[], bool]") -> "Answer | None":
        """Return the answer, or None when there was none in time.

        `wanted` tells now and then whether somebody still waits for it; if not, it is `close`d.
        Parts that follow are waited for in the same way.
        """
        self._wanted = wanted
        deadline = time.monotonic() + seconds
        while not self._answered.wait(min(LOOK_SECONDS, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                break
            if not wanted():
                self.close()
        return self._answer

    def next(self, seconds: float) -> "bytes | None":
        """Return the next part, or None after the last one. `GoneError` if nobody wants it."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                part = self._parts.get(timeout=min(LOOK_SECONDS, left))
                break
            except queue.Empty:
                if left <= LOOK_SECONDS:
                    raise PartTimedOutError from None
            if not self._wanted():
                raise GoneError
        if isinstance(part, BrokenOffError):
            raise part
        return part

    def close(self) -> None:
        """Stop waiting; what the worker still gives is dropped."""
        self._gone = True
        self._answered.set()
        # A connection that waits for a part is woken, a worker that waits for room goes on.
        while not self._parts.empty():
            self._parts.get_nowait()
        self._parts.put(BrokenOffError("The caller is gone."))
