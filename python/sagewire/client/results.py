"""What a call returns beside boto3's dict: how each of its attempts ended.

`Result` is a dict that equals boto3's; what is ours stands in attributes, which no dict shows.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Attempt:
    """One attempt of a call.

    `reason` is why it did not succeed: the service's error code, or the name of the exception's
    class; `None` for the one that succeeded. `status` and `request_id` are `None` where no answer,
    or no id, arrived. `seconds` is the time from its beginning to the answer's head, or to its
    failure.
    """

    __slots__ = ("reason", "request_id", "seconds", "status")

    def __init__(
        self,
        reason: "str | None",
        status: "int | None",
        request_id: "str | None",
        seconds: float,
    ) -> None:
        self.reason = reason
        self.status = status
        self.request_id = request_id
        self.seconds = seconds

    def __repr__(self) -> str:
        return (
            f"Attempt(reason={self.reason!r}, status={self.status!r}, "
            f"request_id={self.request_id!r}, seconds={self.seconds:.6f})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attempt):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> "tuple[Any, ...]":
        return self.reason, self.status, self.request_id, self.seconds


class PoolSnapshot:
    """How many connections there are: `open` in all, `busy`, `idle`; and the calls `waiting`."""

    __slots__ = ("busy", "idle", "open", "waiting")

    def __init__(self, open: int, busy: int, idle: int, waiting: int) -> None:  # noqa: A002 - the name shown
        self.open = open
        self.busy = busy
        self.idle = idle
        self.waiting = waiting

    def __repr__(self) -> str:
        return (
            f"PoolSnapshot(open={self.open}, busy={self.busy}, idle={self.idle}, "
            f"waiting={self.waiting})"
        )


class Timing:
    """How long each part of the attempt that succeeded took, in seconds; 0 for what did not happen.

    `queue` waiting for a connection to become free, `connect` the look-up of the name and TCP,
    `tls` its handshake, `send` from the connection in hand to the last byte of the request,
    `first_byte` from there to the first of the answer, `body` from the answer's head to the last
    byte of its body that has been read so far.
    """

    __slots__ = ("body", "connect", "first_byte", "queue", "send", "tls")

    def __init__(
        self,
        queue: float,
        connect: float,
        tls: float,
        send: float,
        first_byte: float,
        body: float,
    ) -> None:
        self.queue = queue
        self.connect = connect
        self.tls = tls
        self.send = send
        self.first_byte = first_byte
        self.body = body

    def __repr__(self) -> str:
        parts = ("queue", "connect", "tls", "send", "first_byte", "body")
        return f"Timing({', '.join(f'{part}={getattr(self, part):.6f}' for part in parts)})"


class Result(dict):  # type: ignore[type-arg]
    """boto3's dict of a call, with `attempts` and `timing`.

    It keeps what the timing is read from: the connection of a `Body` that was taken out of it, and
    then dropped before its end, is given up when both are gone, or when the body is closed.

    >>> result = Result(ContentType="text/csv")
    >>> result == {"ContentType": "text/csv"}
    True
    >>> result.attempts
    ()
    """

    __slots__ = ("_attempts", "_parts", "_request_id", "_response")
    _attempts: "tuple[tuple[Any, ...], ...]"
    _parts: "Callable[[], tuple[float, ...]]"
    # In place of the two: of a call whose only attempt brought it.
    _request_id: "str | None"
    _response: "Any"

    @classmethod
    def of(
        cls,
        items: "dict[str, Any]",
        attempts: "tuple[tuple[Any, ...], ...]",
        parts: "tuple[float, ...] | None",
    ) -> "Result":
        """Return a result as it was: items, fields of its attempts, parts in seconds."""
        made = cls(items)
        made._attempts = attempts
        if parts is not None:
            made._parts = lambda: parts
        return made

    @property
    def attempts(self) -> "tuple[Attempt, ...]":
        """The call's attempts in order; the last one succeeded."""
        # Kept as plain tuples, or not even made: most callers never ask.
        return tuple(Attempt(*fields) for fields in self._fields())

    @property
    def timing(self) -> "Timing | None":
        """How long the parts of the last attempt took; `None` for a dict that no call made."""
        seconds = self._seconds()
        return None if seconds is None else Timing(*seconds)

    def _fields(self) -> "tuple[tuple[Any, ...], ...]":
        response = getattr(self, "_response", None)
        if response is None:
            return getattr(self, "_attempts", ())
        *before_the_body, _ = response.timing()
        return ((None, response.status, self._request_id, sum(before_the_body)),)

    def _seconds(self) -> "tuple[float, ...] | None":
        response = getattr(self, "_response", None)
        parts = getattr(self, "_parts", None) if response is None else response.timing
        return None if parts is None else parts()

    def __reduce__(self) -> "Any":
        return Result.of, (dict(self), self._fields(), self._seconds())
