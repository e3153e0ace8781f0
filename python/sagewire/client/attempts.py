"""One call's attempts without waiting: what to send, what an answer means, whether to try again.

A driver does what takes time, and asks a `Call` for everything else. The blocking one is
`client/blocking.py`; one for asyncio differs from it in waiting only:

    call = Call(outgoing, operation, request, options)
    while True:
        while seconds := call.begin():       # the client's own rate: wait so long and ask again
            ... wait
        try:
            signer = outgoing.signer()       # may wait for credentials
            hashed = call.hashed()           # reads a file; bytes are handed through
            ... take a connection; wait at most call.left() seconds, here and below
            ... send outgoing.template(options).head(signer, now, ...), signed now and no earlier,
            ... and call.pieces(); receive the head
            ... where not operation.streams, and for a status from 300 on, read the body
        except (ConnectionError, HTTPClientError) as error:
            seconds = call.failed(error)     # raises if that was the last attempt
        else:
            if status < 300:
                return call.succeeded(...)   # `ResponseMetadata`, and the attempts
            seconds = call.refused(status, headers, body)        # raises, as above
        ... wait so many seconds
        call.again()                         # puts a file back to where it was

`call.abandon(error)` is for an exception of another kind, such as missing credentials: it notes on
it the attempts that were made.
"""

from sagewire.client.answers import ServiceError, metadata
from sagewire.client.results import Attempt
from sagewire.client.views import NO_OPTIONS
from sagewire.exceptions import DeadlineExceededError, ReadTimeoutError, UnseekableStreamError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.client.call import Request
    from sagewire.client.outgoing import Outgoing
    from sagewire.client.views import Options
    from sagewire.model.shapes import Operation
    from sagewire.retries.failure import Failure


# A body up to this size is hashed again for each attempt, in no time, while it is signed.
HASHED_BY_THE_SIGNER_BYTES = 65_536


def is_streamed(body: "Any") -> bool:
    """Say whether a request's body comes in pieces, from a file."""
    return hasattr(body, "pieces")


class Call:
    """One call: its request, its attempts so far, and what comes next. It never waits.

    `identity` and `progress` are the values of `amz-sdk-invocation-id` and `amz-sdk-request`;
    `read_timeout` is the client's, unless an event handler has set another.
    """

    __slots__ = (
        "_corrected",
        "_deadline",
        "_expiry",
        "_hash",
        "_history",
        "_outgoing",
        "_price",
        "_started",
        "attempt",
        "identity",
        "max_attempts",
        "operation",
        "options",
        "progress",
        "read_timeout",
        "request",
    )

    def __init__(
        self,
        outgoing: "Outgoing",
        operation: "Operation",
        request: "Request",
        options: "Options" = NO_OPTIONS,
    ) -> None:
        policy = outgoing.policy
        ambient = outgoing.ambient
        self._outgoing = outgoing
        self.operation = operation
        self.request = request
        self.options = options
        self.max_attempts = options.max_attempts or policy.max_attempts
        self.read_timeout = outgoing.read_timeout
        if request.length is not None and request.length > operation.body_limit:
            outgoing.warn_of_size(operation, request.length)
        self.identity = ambient.new_id()
        self.attempt = 1
        self.progress = (
            f"attempt=1; max={self.max_attempts}" if policy.states_max_at_once else "attempt=1"
        )
        self._hash: str | None = None
        self._corrected = False
        self._price = 0
        self._expiry: str | None = None
        self._history: tuple[tuple[Any, ...], ...] = ()
        self._started = ambient.monotonic()
        self._deadline = None if options.timeout is None else self._started + options.timeout

    def take_over(self, identity: str, seconds: float) -> None:
        """Go on with a call whose first attempt, of this id, began so many seconds ago."""
        self.identity = identity
        self.began_before(seconds)

    def began_before(self, seconds: float) -> None:
        """Count the seconds that the call had taken before this was made."""
        self._started -= seconds
        if self._deadline is not None:
            self._deadline -= seconds

    def begin(self) -> float:
        """Begin an attempt and return 0; or return how many seconds to wait before asking again."""
        now = self._started = self._outgoing.ambient.monotonic()
        limiter = self._outgoing.policy.limiter
        if limiter is None:
            return 0.0
        return self._affordable(limiter.take(now), None)

    def left(self) -> "tuple[float, float] | None":
        """Return what is left of the call's deadline, and how long it was, in seconds.

        `None` if it has none. Raises `DeadlineExceededError` if nothing is left.
        """
        if self._deadline is None:
            return None
        left = self._deadline - self._outgoing.ambient.monotonic()
        if left <= 0:
            raise self.exceeded("waiting to be sent")
        assert self.options.timeout is not None  # noqa: S101 - else there is no deadline
        return left, self.options.timeout

    def hashed(self) -> "Any":
        """Return what the signature covers of the body: the bytes, or their SHA-256 in hex.

        Made here of a file, which is read for it, and of a body so large that its hash is kept for
        the next attempt.
        """
        request = self.request
        body: Any = request.body
        if type(body) is bytes and len(body) <= HASHED_BY_THE_SIGNER_BYTES:
            return body
        if self._outgoing.signature is None:
            return b""
        if is_streamed(body):
            return body.digest()
        if self._hash is None:
            from sagewire._impl import sigv4

            self._hash = sigv4.sha256_hex(body)
        return self._hash

    def pieces(self) -> "Any":
        """Return the body to send: bytes, or an iterator over the pieces of a file."""
        body: Any = self.request.body
        return body if type(body) is bytes else body.pieces()

    def succeeded(
        self, status: int, headers: "dict[str, str]"
    ) -> "tuple[dict[str, Any], tuple[tuple[Any, ...], ...]]":
        """Return a success's `ResponseMetadata`, and the fields of all attempts."""
        outgoing = self._outgoing
        policy = outgoing.policy
        attempt = self.attempt
        now = outgoing.ambient.monotonic()
        if policy.spent:
            policy.succeeded(self._price)
        if policy.limiter is not None:
            policy.limiter.heard(now, throttled=False)
        described = metadata(status, headers)
        if policy.marks_success and attempt >= self.max_attempts:
            described["MaxAttemptsReached"] = True
        described["RetryAttempts"] = attempt - 1
        ended = (None, status, described.get("RequestId"), now - self._started)
        return described, (*self._history, ended)

    def refused(self, status: int, headers: "dict[str, str]", body: bytes) -> float:
        """Return how many seconds to wait before the next attempt, after an answer from 300 on.

        Raises the service's error if there is to be none.
        """
        answer = ServiceError(self.operation, status, headers, body)
        seconds = self.judged(answer, status, headers)
        if seconds is None:
            raise self.abandon(answer.exception())
        return seconds

    def judged(
        self, answer: ServiceError, status: int, headers: "dict[str, str]"
    ) -> "float | None":
        """Return how many seconds to wait after a service's error; `None` for no next attempt."""
        from sagewire.retries.failure import Failure
        from sagewire.retries.server_time import ttl

        failure = Failure(status=status, code=answer.code, modeled=answer.modeled, headers=headers)
        described = answer.response["ResponseMetadata"]
        self._note(str(answer.code), status, described.get("RequestId"))
        self._expiry = ttl(headers, self.read_timeout) or self._expiry
        notes: dict[str, Any] = {}
        seconds = self.pause_after(failure, notes)
        if self._has_learnt_the_time(answer.code, headers):
            seconds = 0.0
        if seconds is None:
            described.update(notes)
            described["RetryAttempts"] = self.attempt - 1
            return None
        return self._affordable(seconds, None)

    def failed(self, error: Exception) -> float:
        """Return how many seconds to wait before the next attempt, after a failed connection.

        Raises the error if there is to be none.
        """
        from sagewire.retries.failure import Failure

        self._note(type(error).__name__, None, None)
        seconds = self.pause_after(Failure(error=error), {})
        if seconds is None:
            raise self.abandon(error)
        self._warn_of_repetition(error)
        return self._affordable(seconds, error)

    def again(self) -> None:
        """Turn to the next attempt. A file is put back to where the call found it.

        Raises `UnseekableStreamError` where that cannot be.
        """
        request = self.request
        body: Any = request.body
        if is_streamed(body):
            try:
                body.rewind()
            except UnseekableStreamError as error:
                self.abandon(error)
                raise
            request.length = body.length
        self.attempt += 1
        self._started = self._outgoing.ambient.monotonic()
        prefix = f"ttl={self._expiry}; " if self._expiry else ""
        self.progress = f"{prefix}attempt={self.attempt}; max={self.max_attempts}"

    def abandon(self, error: "Any") -> "Any":
        """Return an error that ends the call, with the attempts noted on it."""
        if hasattr(error, "attempts"):
            error.attempts = tuple(Attempt(*fields) for fields in self._history)
        return error

    def _note(self, reason: str, status: "int | None", request_id: "str | None") -> None:
        seconds = self._outgoing.ambient.monotonic() - self._started
        self._history = (*self._history, (reason, status, request_id, seconds))

    def pause_after(self, failure: "Failure", notes: "dict[str, Any]") -> "float | None":
        """Return the seconds to wait before the next attempt; `None`, with notes, for none."""
        outgoing = self._outgoing
        if outgoing.policy.limiter is not None:
            outgoing.policy.limiter.heard(
                outgoing.ambient.monotonic(), throttled=failure.is_throttling
            )
        again = outgoing.policy.wait(
            failure, self.attempt, self.max_attempts, outgoing.ambient.uniform(), notes
        )
        if again is None:
            return None
        seconds, self._price = again
        if outgoing.policy.spent:
            outgoing.ambient.on_change()
        return seconds

    def _has_learnt_the_time(self, code: "Any", headers: "Mapping[str, str]") -> bool:
        """Say whether a refusal taught the service's clock, and the call may be signed for it.

        Once a call: a second refusal has another reason.
        """
        from sagewire.retries.server_time import offset_taught

        outgoing = self._outgoing
        taught = offset_taught(code, headers, outgoing.ambient.service_time())
        if taught is None or self._corrected or outgoing.signature is None:
            return False
        self._corrected = True
        outgoing.ambient.offset += taught
        return self.attempt < self.max_attempts

    def _affordable(self, seconds: float, cause: "Exception | None") -> float:
        """Return the seconds of a wait if the deadline leaves time to send anything after it."""
        if self._deadline is not None and seconds:
            left = self._deadline - self._outgoing.ambient.monotonic()
            if left <= seconds:
                raise self.abandon(self.exceeded("waiting to try again")) from cause
        return seconds

    def exceeded(self, stage: str) -> DeadlineExceededError:
        """Return the error that says at which stage the deadline of the whole call has passed."""
        return DeadlineExceededError(
            seconds=self.options.timeout, stage=stage, endpoint_url=self.request.url
        )

    def _warn_of_repetition(self, error: Exception) -> None:
        outgoing = self._outgoing
        if outgoing.warned or not isinstance(error, ReadTimeoutError):
            return
        outgoing.warned = True
        import logging

        logging.getLogger("sagewire").warning(
            "An invocation timed out after %s s without an answer and is sent again: the model may "
            "run it more than once. A longer read_timeout, or retries={'total_max_attempts': 1}, "
            "avoids that. (Said once per client.)",
            self.read_timeout,
        )
