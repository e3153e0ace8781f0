"""Ours: `safe`, the mode for models that must not run twice for one call."""

from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - boto3's name
    ProxyConnectionError,
)
from sagewire.retries.standard import Standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.retries.failure import Failure


class Safe(Standard):
    """`Standard`'s attempts, waits and quota, for attempts that provably never ran.

    That is: no connection was made; or a connection that had served before was closed before any
    byte of an answer, as a server does with one that has been idle for too long; or the service
    refused the request because there were too many.
    """

    __slots__ = ()
    mode = "safe"

    def _is_transient(self, failure: "Failure") -> bool:
        error = failure.error
        if isinstance(error, ConnectionClosedError):
            return bool(error.kwargs.get("stale"))
        # A proxy is also blamed where it ends a connection that the request is already on.
        return isinstance(error, ConnectionError) and not isinstance(error, ProxyConnectionError)
