"""boto3's `legacy` mode: five attempts, longer waits, no quota."""

from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - boto3's name
    ReadTimeoutError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.retries.adaptive import Limiter
    from sagewire.retries.failure import Failure

_STATUSES = frozenset((429, 500, 502, 503, 504, 509))
_CODES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "RequestThrottledException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
    )
)


class Legacy:
    """boto3's `legacy` mode: waits r * 2^(n-1) seconds before the n-th retry."""

    __slots__ = ("max_attempts",)
    mode = "legacy"
    marks_success = False
    spent = False
    states_max_at_once = False
    limiter: "Limiter | None" = None

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts

    def wait(
        self,
        failure: "Failure",
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

    def _is_retryable(self, failure: "Failure") -> bool:
        if failure.error is not None:
            return isinstance(
                failure.error, (ConnectionError, ConnectionClosedError, ReadTimeoutError)
            )
        return failure.status in _STATUSES or (failure.status == 400 and failure.has_code(_CODES))
