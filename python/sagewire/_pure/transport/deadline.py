"""How long a wait may last, and which limit ended it. Twin: rust/net/src/transport/deadline.rs."""

import time

from sagewire.exceptions import DeadlineExceededError

CONNECTING = "connecting"
SENDING = "sending the request"
WAITING = "waiting for the answer"
READING = "reading the body"

# The system's limits of a single wait: zero would mean "do not wait at all", and more than 24 days
# cannot be counted.
_SHORTEST_WAIT_SECONDS = 1e-6
_LONGEST_WAIT_SECONDS = 2e6


class Deadline:
    """The end of a whole call, if it has one."""

    __slots__ = ("_end", "_seconds", "_url")

    def __init__(self, seconds: "float | None", url: str, whole: "float | None" = None) -> None:
        """`seconds` is what is left; `whole`, for the words of the error, what there was."""
        self._seconds = seconds if whole is None else whole
        self._end = None if seconds is None else time.monotonic() + seconds
        self._url = url

    def wait(self, limit: "float | None", stage: str) -> "float | None":
        """Return how many seconds a wait may last that has a limit of its own.

        Raises `DeadlineExceededError` if no time is left.
        """
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise self._exceeded(stage)
            limit = left if limit is None else min(limit, left)
        if limit is None:
            return None
        return min(max(limit, _SHORTEST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)

    def check(self, stage: str) -> None:
        """Raise `DeadlineExceededError` if it was the deadline that ended a wait."""
        # A wait may end a moment early; what is left then is no time to do anything in.
        if self._end is not None and self._end - time.monotonic() <= 0.001:
            raise self._exceeded(stage)

    def _exceeded(self, stage: str) -> DeadlineExceededError:
        return DeadlineExceededError(seconds=self._seconds, stage=stage, endpoint_url=self._url)


class Countdown:
    """What is left of the connect time-out, which TCP and TLS share."""

    __slots__ = ("_end",)

    def __init__(self, seconds: "float | None") -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> "float | None":
        """Return the seconds left, `None` for no limit. Raises `TimeoutError` at the end."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
