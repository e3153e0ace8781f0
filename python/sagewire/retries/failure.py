"""Why an attempt did not succeed, and what every mode needs to know about that."""

from sagewire.exceptions import DeadlineExceededError, HTTPClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

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

    @property
    def is_throttling(self) -> bool:
        """Whether the service asked for fewer requests: by the error's code, or by a bare 429."""
        return self.has_code(_THROTTLING_CODES) or (self.status == 429 and not self.modeled)

    @property
    def is_the_requests_fault(self) -> bool:
        """Whether trying again cannot help: a malformed header, or a deadline that has passed."""
        kind = getattr(self.error, "_public", None) or type(self.error)
        return kind is HTTPClientError or isinstance(self.error, DeadlineExceededError)
