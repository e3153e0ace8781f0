"""boto3's `standard` mode, the default: three attempts, short waits, a quota per client.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from _thread import allocate_lock

from sagewire.exceptions import (
    ConnectionError,  # noqa: A004 - boto3's name
    HTTPClientError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.retries.adaptive import Limiter
    from sagewire.retries.failure import Failure

_TRANSIENT_CODES = frozenset(
    ("RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete")
)
_TRANSIENT_STATUSES = frozenset((500, 502, 503, 504))


class Standard:
    """boto3's `standard` mode.

    Waits r * min(0.05 * 2^(n-1), 20) seconds before the n-th retry, 1 in place of 0.05 after
    throttling; `x-amz-retry-after` (milliseconds) can raise that by up to 5 seconds.
    """

    __slots__ = ("_lock", "_quota", "max_attempts", "spent")
    mode = "standard"
    limiter: "Limiter | None" = None  # of the client's rate: adaptive.py has one
    marks_success = True  # boto3 notes it even of a success that it was the last attempt
    states_max_at_once = True  # `max=` stands in `amz-sdk-request` from the first attempt
    _CAPACITY = 500

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self._quota = self._CAPACITY
        self.spent = False  # whether a success has something to give back
        self._lock = allocate_lock()

    def wait(
        self,
        failure: "Failure",
        attempt: int,
        max_attempts: int,
        chance: float,
        notes: "dict[str, Any]",
    ) -> "tuple[float, int] | None":
        """Return the seconds to wait before the next attempt and its price, `None` for no retry.

        What belongs into `ResponseMetadata` is written into `notes`.
        """
        if attempt >= max_attempts:
            notes["MaxAttemptsReached"] = True
            return None
        throttled = failure.is_throttling
        if not (throttled or self._is_transient(failure)):
            return None
        price = 5 if throttled else 14
        with self._lock:
            if price > self._quota:
                notes["RetryQuotaReached"] = True
                return None
            self._quota -= price
            self.spent = True
        seconds = chance * min((1 if throttled else 0.05) * 2 ** (attempt - 1), 20)
        asked = _retry_after(failure.headers)
        if asked is not None:
            seconds = max(seconds, min(asked, seconds + 5))
        return seconds, price

    def succeeded(self, price: int) -> None:
        """Give back what the last retry took; 1 where there was none."""
        with self._lock:
            self._quota = min(self._CAPACITY, self._quota + (price or 1))
            self.spent = self._quota < self._CAPACITY

    def _is_transient(self, failure: "Failure") -> bool:
        if failure.error is not None:
            return (
                isinstance(failure.error, (ConnectionError, HTTPClientError))
                and not failure.is_the_requests_fault
            )
        return failure.status in _TRANSIENT_STATUSES or failure.has_code(_TRANSIENT_CODES)


def _retry_after(headers: "Mapping[str, str] | None") -> "float | None":
    """Return the seconds that `x-amz-retry-after` asks for, `None` if it is absent or bad."""
    text = None if headers is None else headers.get("x-amz-retry-after")
    if text is None:
        return None
    try:
        milliseconds = int(text)
    except ValueError:
        return None
    return milliseconds / 1000 if milliseconds >= 0 else None
