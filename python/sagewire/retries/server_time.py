"""What an answer's `Date` says: until when an answer is waited for, and how far off we are.

A request that is signed more than a few minutes off the service's clock is refused. boto3 gives up
then; here the answer teaches the clock's offset.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Codes that are about the clock and nothing else, and codes that may be.
_SKEWED = frozenset(("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"))
_PERHAPS_SKEWED = frozenset(
    ("InvalidSignatureException", "SignatureDoesNotMatch", "InvalidSignature", "AuthFailure")
)
# So far off, in seconds, a clock is at fault. The service allows five minutes.
_LEAST_IF_SAID = 10
_LEAST_IF_GUESSED = 240


def server_time(headers: "Mapping[str, str]") -> "int | None":
    """Return the seconds since 1970 of an answer's `Date`; `None` if there is no readable one."""
    date = headers.get("date")
    if date is None:
        return None
    import calendar
    import time

    try:
        return calendar.timegm(time.strptime(date, "%a, %d %b %Y %H:%M:%S %Z"))
    except (ValueError, OverflowError):
        return None


def ttl(headers: "Mapping[str, str]", read_timeout: "float | None") -> "str | None":
    """Return when the next attempt's answer is no longer waited for, by the server's clock.

    `None` if the answer has no readable `Date` or a read may take for ever.
    """
    if read_timeout is None:
        return None
    # The client's clock cancels out: now + read timeout + (server's date - now).
    sent = server_time(headers)
    if sent is None:
        return None
    import time

    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(sent + read_timeout))


def offset_taught(code: "Any", headers: "Mapping[str, str]", signed_at: float) -> "float | None":
    """Return how many seconds a refusal says that `signed_at` is behind; `None` if it is not why.

    >>> skewed = {"date": "Fri, 02 Jan 2026 03:14:05 GMT"}
    >>> offset_taught("InvalidSignatureException", skewed, 1767323045)
    600
    """
    if not isinstance(code, str) or code not in _SKEWED | _PERHAPS_SKEWED:
        return None
    theirs = server_time(headers)
    if theirs is None:
        return None
    offset = theirs - signed_at
    least = _LEAST_IF_SAID if code in _SKEWED else _LEAST_IF_GUESSED
    return offset if abs(offset) >= least else None
