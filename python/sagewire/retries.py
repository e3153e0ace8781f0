"""When an attempt is repeated, after how long, and what that costs: boto3's modes.

`standard` (the default): three attempts, short waits, a quota per client that stops storms.
`legacy`: five attempts, longer waits, no quota. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html

A policy gets the random number as an argument and never sleeps: the client does.
"""

from _thread import allocate_lock

from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - boto3's name
    DeadlineExceededError,
    HTTPClientError,
    ReadTimeoutError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    Policy: TypeAlias = "Standard | Legacy"

_TRANSIENT_CODES = frozenset(
    ("RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete")
)
_TRANSIENT_STATUSES = frozenset((500, 502, 503, 504))
_THROTTLING_CODES = frozenset(
    (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    )
)
_LEGACY_STATUSES = frozenset((429, 500, 502, 503, 504, 509))
_LEGACY_CODES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "RequestThrottledException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
    )
)


class Failure:
    """Why an attempt did not succeed: an answer of the service, or an exception on the way.

    `modeled` says that the answer's code is one of the operation's modeled errors.
    """

    __slots__ = ("code", "error", "headers", "modeled", "status")

    def __init__(
        self,
        *,
        status: "int | None" = None,
        code: "Any" = None,
        modeled: bool = False,
        headers: "Mapping[str, str] | None" = None,
        error: "Exception | None" = None,
    ) -> None:
        self.status = status
        self.code = code
        self.modeled = modeled
        self.headers = headers
        self.error = error

    def has_code(self, codes: "frozenset[str]") -> bool:
        """Say whether the answer's code is one of `codes`; a code may be any JSON value."""
        return isinstance(self.code, str) and self.code in codes


def _is_fault_of_the_request(error: "Exception | None") -> bool:
    """Say whether trying again cannot help: a malformed header, or a deadline that has passed."""
    kind = getattr(error, "_public", None) or type(error)
    return kind is HTTPClientError or isinstance(error, DeadlineExceededError)


class Standard:
    """boto3's `standard` mode.

    Waits r * min(0.05 * 2^(n-1), 20) seconds before the n-th retry, 1 in place of 0.05 after
    throttling; `x-amz-retry-after` (milliseconds) can raise that by up to 5 seconds.
    """

    __slots__ = ("_lock", "_quota", "max_attempts")
    mode = "standard"
    states_max_at_once = True  # `max=` stands in `amz-sdk-request` from the first attempt
    _CAPACITY = 500

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self._quota = self._CAPACITY
        self._lock = allocate_lock()

    def wait(
        self,
        failure: Failure,
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
        throttled = self._is_throttling(failure)
        if not (throttled or self._is_transient(failure)):
            return None
        price = 5 if throttled else 14
        with self._lock:
            if price > self._quota:
                notes["RetryQuotaReached"] = True
                return None
            self._quota -= price
        seconds = chance * min((1 if throttled else 0.05) * 2 ** (attempt - 1), 20)
        asked = _retry_after(failure.headers)
        if asked is not None:
            seconds = max(seconds, min(asked, seconds + 5))
        return seconds, price

    def succeeded(self, price: int) -> None:
        """Give back what the last retry took; 1 where there was none."""
        if self._quota == self._CAPACITY:
            return
        with self._lock:
            self._quota = min(self._CAPACITY, self._quota + (price or 1))

    def notes_of_success(self, attempt: int, max_attempts: int) -> bool:
        """Say whether boto3 marks even a success as the last attempt."""
        return attempt >= max_attempts

    def _is_transient(self, failure: Failure) -> bool:
        if failure.error is not None:
            return isinstance(
                failure.error, (ConnectionError, HTTPClientError)
            ) and not _is_fault_of_the_request(failure.error)
        return failure.status in _TRANSIENT_STATUSES or failure.has_code(_TRANSIENT_CODES)

    def _is_throttling(self, failure: Failure) -> bool:
        return failure.has_code(_THROTTLING_CODES) or (
            failure.status == 429 and not failure.modeled
        )

    def __reduce__(self) -> "Any":
        return type(self), (self.max_attempts,)


class Legacy:
    """boto3's `legacy` mode: waits r * 2^(n-1) seconds before the n-th retry."""

    __slots__ = ("max_attempts",)
    mode = "legacy"
    states_max_at_once = False

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts

    def wait(
        self,
        failure: Failure,
        attempt: int,
        max_attempts: int,
        chance: float,
        notes: "dict[str, Any]",
    ) -> "tuple[float, int] | None":
        """As `Standard.wait`; nothing has a price."""
        if not self._is_retryable(failure):
            return None
        if attempt >= max_attempts:
            notes["MaxAttemptsReached"] = True
            return None
        return chance * 2 ** (attempt - 1), 0

    def succeeded(self, price: int) -> None:
        """Nothing was taken, nothing is given back."""

    def notes_of_success(self, attempt: int, max_attempts: int) -> bool:  # noqa: ARG002 - never
        """As `Standard.notes_of_success`: never."""
        return False

    def _is_retryable(self, failure: Failure) -> bool:
        if failure.error is not None:
            return isinstance(
                failure.error, (ConnectionError, ConnectionClosedError, ReadTimeoutError)
            )
        return failure.status in _LEGACY_STATUSES or (
            failure.status == 400 and failure.has_code(_LEGACY_CODES)
        )

    def __reduce__(self) -> "Any":
        return type(self), (self.max_attempts,)


def policy(mode: str, max_attempts: int) -> "Policy":
    """Return a new policy, with a quota of its own where the mode has one."""
    return Legacy(max_attempts) if mode == "legacy" else Standard(max_attempts)


def ttl(headers: "Mapping[str, str]", read_timeout: "float | None") -> "str | None":
    """Return when the next attempt's answer is no longer waited for, by the server's clock.

    `None` if the answer has no readable `Date` or a read may take for ever.
    """
    date = headers.get("date")
    if date is None or read_timeout is None:
        return None
    import calendar
    import time

    try:
        # The client's clock cancels out: now + read timeout + (server's date - now).
        server_time = calendar.timegm(time.strptime(date, "%a, %d %b %Y %H:%M:%S %Z"))
    except (ValueError, OverflowError):
        return None
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(server_time + read_timeout))


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
