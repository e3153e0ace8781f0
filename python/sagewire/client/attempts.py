"""One call's attempts: take a connection, sign, exchange, judge the answer, wait, try again."""

import os

from sagewire.client.answers import ServiceError, error_body, metadata
from sagewire.client.payload import FilePayload, StreamPayload
from sagewire.exceptions import (
    ConnectionError,  # noqa: A004 - boto3's name
    HTTPClientError,
    InvalidArgumentError,
    ReadTimeoutError,
)
from sagewire.model.runtime import SIGNING_NAME
from sagewire.retries import Failure, ttl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire._impl import sigv4, transport
    from sagewire.client.ambient import Ambient
    from sagewire.client.call import Request
    from sagewire.credentials.sources import Source
    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation
    from sagewire.retries import Legacy, Standard
    from sagewire.sigv4 import Credentials

# Percent-encoded in X-Amzn-Trace-Id are all characters but these.
_TRACE_ID_CHARACTERS = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=;:+&[]{}\"',"
)


class Sender:
    """What all calls of a client share on their way out: pool, signer, retry policy, fixed headers.

    `signature` is `"v4"`, `"s3v4"`, or `None` for no signature.
    """

    __slots__ = (
        "_first_attempt",
        "_in_lambda",
        "_leading",
        "_policy",
        "_pool",
        "_read_timeout",
        "_region",
        "_signer",
        "_source",
        "_user_agent",
        "_warned",
        "ambient",
        "signature",
    )

    def __init__(
        self,
        *,
        pool: "transport.Pool",
        origin: "Origin",
        region: str,
        source: "Source",
        signature: "str | None",
        policy: "Standard | Legacy",
        user_agent: str,
        read_timeout: "float | None",
        ambient: "Ambient",
    ) -> None:
        self.ambient = ambient
        self.signature = signature
        self._pool = pool
        self._region = region
        self._source = source
        self._policy = policy
        self._read_timeout = read_timeout
        self._leading = (("Host", origin.host_header), ("Accept-Encoding", "identity"))
        self._user_agent = ("User-Agent", user_agent)
        self._in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        at_once = f"; max={policy.max_attempts}" if policy.states_max_at_once else ""
        self._first_attempt = ("amz-sdk-request", f"attempt=1{at_once}")
        self._signer: tuple[Credentials, sigv4.Signer] | None = None
        self._warned = False

    def send(self, operation: "Operation", request: "Request") -> "tuple[Any, dict[str, Any]]":
        """Return the response of the attempt that succeeded, and its `ResponseMetadata`.

        Raises the error of the last attempt: `ClientError` or below for an answer, a connection's
        error for none.
        """
        policy = self._policy
        ambient = self.ambient
        identity = ("amz-sdk-invocation-id", ambient.new_id())
        progress = self._first_attempt
        attempt, price = 1, 0
        expiry: str | None = None
        while True:
            answer: ServiceError | None = None
            notes: dict[str, Any] = {}
            try:
                response = self._exchange(request, identity, progress)
            except (ConnectionError, HTTPClientError) as error:
                failure = Failure(error=error)
            else:
                status, headers = response.status, response.headers
                if status < 300:
                    policy.succeeded(price)
                    described = metadata(status, headers)
                    if policy.notes_of_success(attempt):
                        described["MaxAttemptsReached"] = True
                    described["RetryAttempts"] = attempt - 1
                    return response, described
                answer = ServiceError(operation, status, headers, error_body(response))
                failure = Failure(
                    status=status, code=answer.code, modeled=answer.modeled, headers=headers
                )
                expiry = ttl(headers, self._read_timeout) or expiry
            again = policy.wait(failure, attempt, ambient.uniform(), notes)
            if again is None:
                raise self._verdict(failure, answer, notes, attempt)
            self._warn_of_repetition(failure)
            seconds, price = again
            ambient.sleep(seconds)
            if isinstance(request.body, (FilePayload, StreamPayload)):
                request.body.rewind()
                request.length = request.body.length
            attempt += 1
            prefix = f"ttl={expiry}; " if expiry else ""
            progress = (
                "amz-sdk-request",
                f"{prefix}attempt={attempt}; max={policy.max_attempts}",
            )

    def close(self) -> None:
        """Drop the idle connections; the next call opens new ones."""
        self._pool.close()

    def _exchange(
        self,
        request: "Request",
        identity: "tuple[str, str]",
        progress: "tuple[str, str]",
    ) -> "Any":
        body: Any = request.body
        length = request.length
        streamed = isinstance(body, (FilePayload, StreamPayload))
        # Looked up, and a file's hash made, before a connection is held; signed when it is.
        signer = None if self.signature is None else self._current_signer()
        hashed = body.digest() if signer is not None and streamed else body
        connection = self._pool.take(request.url, None)
        try:
            headers = [*self._leading, *request.members, self._user_agent]
            if self._in_lambda:
                _add_trace_id(headers)
            if signer is not None:
                now = int(self.ambient.now())
                headers += signer.sign("POST", request.url, request.members, hashed, now)
            headers += (identity, progress)
            if length is None:
                headers.append(("Transfer-Encoding", "chunked"))
            else:
                headers.append(("Content-Length", str(length)))
            return connection.exchange(
                "POST", request.target, headers, body.pieces() if streamed else body, None
            )
        except (UnicodeEncodeError, InvalidArgumentError):
            connection.close()
            raise _faulty_header(request) from None
        except BaseException:
            # Whatever went wrong, half a request may be on this connection.
            connection.close()
            raise

    def _current_signer(self) -> "sigv4.Signer":
        credentials = self._source.current()
        kept = self._signer
        if kept is not None and kept[0] is credentials:
            return kept[1]
        from sagewire import _impl

        token = credentials.token or None
        if _ends_early(credentials.access_key_id.encode("utf-8", "replace")):
            # Said here, because those below would show the signature.
            raise HTTPClientError(error="Invalid header value of Authorization")
        if token is not None and _ends_early(token.encode("utf-8", "replace")):
            # Said here, because those below would show the value.
            raise HTTPClientError(error="Invalid header value of X-Amz-Security-Token")
        s3 = self.signature == "s3v4"
        signer = _impl.sigv4.Signer(
            credentials.access_key_id,
            credentials.secret_access_key,
            token,
            self._region,
            SIGNING_NAME,
            not s3,  # normalize_path
            not s3,  # double_encode
            s3,  # content_sha256_header
        )
        self._signer = (credentials, signer)
        return signer

    def _warn_of_repetition(self, failure: Failure) -> None:
        if self._warned or not isinstance(failure.error, ReadTimeoutError):
            return
        self._warned = True
        import logging

        logging.getLogger("sagewire").warning(
            "An invocation timed out after %s s without an answer and is sent again: the model may "
            "run it more than once. A longer read_timeout, or retries={'total_max_attempts': 1}, "
            "avoids that. (Said once per client.)",
            self._read_timeout,
        )

    @staticmethod
    def _verdict(
        failure: Failure,
        answer: "ServiceError | None",
        notes: "dict[str, Any]",
        attempt: int,
    ) -> Exception:
        if answer is None:
            assert failure.error is not None  # noqa: S101 - no answer means an error
            return failure.error
        described = answer.response["ResponseMetadata"]
        described.update(notes)
        described["RetryAttempts"] = attempt - 1
        return answer.exception()


def _faulty_header(request: "Request") -> HTTPClientError:
    """Return boto3's error for a value that would end its header early, or is no text at all.

    A line end followed by a space or a tab folds the header and is sent, as boto3 sends it.
    """
    for name, value in request.members:
        try:
            data = value.encode("utf-8")
        except UnicodeEncodeError:
            return HTTPClientError(error=f"Invalid header value {value!a} of {name}")
        if _ends_early(data):
            return HTTPClientError(error=f"Invalid header value {data!r}")
    return HTTPClientError(error="Invalid header value")


def _ends_early(value: bytes) -> bool:
    """Say whether a line end in a header's value is followed by anything but a space or a tab."""
    lines = value.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return any(line[:1] not in (b" ", b"\t") for line in lines[1:])


def _add_trace_id(headers: "list[tuple[str, str]]") -> None:
    """Pass on the trace of the Lambda invocation that this call is made from."""
    trace_id = os.environ.get("_X_AMZN_TRACE_ID")
    if trace_id:
        from sagewire.client.call import percent_encoded

        encoded = percent_encoded(trace_id.encode("utf-8"), _TRACE_ID_CHARACTERS)
        headers.append(("X-Amzn-Trace-Id", encoded))
