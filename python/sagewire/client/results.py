"""What a call returns beside boto3's dict: how each of its attempts ended.

`Result` is a dict that equals boto3's; what is ours stands in attributes, which no dict shows.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
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


class Result(dict):  # type: ignore[type-arg]
    """boto3's dict of a call, with `attempts`.

    >>> result = Result(ContentType="text/csv")
    >>> result == {"ContentType": "text/csv"}
    True
    >>> result.attempts
    ()
    """

    __slots__ = ("_attempts",)
    _attempts: "tuple[tuple[Any, ...], ...]"

    @classmethod
    def of(cls, items: "dict[str, Any]", attempts: "tuple[tuple[Any, ...], ...]") -> "Result":
        """Return a result of its items and the fields of its attempts."""
        made = cls(items)
        made._attempts = attempts
        return made

    @property
    def attempts(self) -> "tuple[Attempt, ...]":
        """The call's attempts in order; the last one succeeded."""
        # Kept as plain tuples: most callers never ask.
        return tuple(Attempt(*fields) for fields in getattr(self, "_attempts", ()))

    def __reduce__(self) -> "Any":
        return Result.of, (dict(self), getattr(self, "_attempts", ()))
