"""One request and its answer, from the route to the model. Twin: rust/net/src/server/exchange.rs.

The order is the service's: is there such an operation, is the body acceptable, is the signature
right, may its maker call that endpoint, is there one, are the members valid; then the model is
asked.
"""

import threading

from sagewire._pure.headers import filter_response
from sagewire._pure.server import errors, frames
from sagewire._pure.server.call import BrokenOffError, PartTimedOutError
from sagewire._pure.server.errors import ServiceError
from sagewire._pure.server.members import Members
from sagewire._pure.server.model import INVOKE_STREAM, Question
from sagewire._pure.server.route import route
from sagewire._pure.server.wire import BodyTooLargeError, GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewire._pure.server.authenticate import Authenticator
    from sagewire._pure.server.call import Answer, Parts
    from sagewire._pure.server.calls import Calls
    from sagewire._pure.server.fleet import Endpoint
    from sagewire._pure.server.head import Head
    from sagewire._pure.server.queue import Queue
    from sagewire._pure.server.script import Script
    from sagewire._pure.server.sessions import Sessions
    from sagewire._pure.server.wire import Wire

    Pairs = list[tuple[str, str]]

INVOKE_ASYNC = "InvokeEndpointAsync"
INVOKED_VARIANT = "x-amzn-invoked-production-variant"
CONTENT_TYPE = "content-type"
# What a stream calls its content's type; `content-type` is the stream's own.
STREAMED_CONTENT_TYPE = "x-amzn-sagemaker-content-type"
# How long a caller may pause in the middle of a body.
BODY_SECONDS = 60.0


class Reply:
    """What the caller gets. `parts` is None for a body that is whole."""

    __slots__ = ("body", "headers", "parts", "status")

    def __init__(
        self,
        status: int,
        headers: "Pairs",
        body: bytes = b"",
        parts: "Iterator[bytes] | None" = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.parts = parts


class Shared:
    """What all exchanges of a server have in common."""

    def __init__(
        self,
        *,
        region: str,
        endpoints: "dict[str, Endpoint]",
        authenticator: "Authenticator",
        script: "Script",
        sessions: "Sessions",
        calls: "Calls",
        model_timeout: float,
        stream_timeout: float,
        max_body_bytes: int,
        pings: bool,
    ) -> None:
        self.region = region
        self.endpoints = endpoints
        self.authenticator = authenticator
        self.script = script
        self.sessions = sessions
        self.calls = calls
        self.model_timeout = model_timeout
        self.stream_timeout = stream_timeout
        self.max_body_bytes = max_body_bytes
        # Whether it is known how containers are.
        self.pings = pings
        self.queue: Queue | None = None
        # No more requests; and, after a grace, no more waiting.
        self.stopping = False
        self.ended = threading.Event()


class Exchange:
    """One request. Whoever stops the server ends it with `leave`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._parts: Parts | None = None
        self._left = False

    def answer(self, wire: "Wire", head: "Head") -> Reply:
        """Read the request and return what the caller gets, or raise the service's error."""
        shared = self._shared
        operation, name = self._route(wire, head)
        try:
            body = wire.read_body(head, BODY_SECONDS)
        except BodyTooLargeError:
            raise errors.body_too_large(shared.max_body_bytes) from None
        shared.authenticator.check(head, body, operation, name)
        endpoint = shared.endpoints.get(name)
        if endpoint is None:
            raise errors.endpoint_not_found(name)
        given = Members(operation, head.headers)
        self._play_script(name)
        if operation == INVOKE_ASYNC:
            return self._enqueue(endpoint, given, body)
        question = Question(
            shared,
            operation,
            endpoint,
            given,
            body,
            timeout=shared.model_timeout,
            limit=shared.max_body_bytes,
            hold=self._hold,
            wanted=wire.is_open,
        )
        answer, variant = question.ask()
        return self._relayed(answer, operation, name, variant)

    def leave(self) -> None:
        """Stop waiting for the model; what it still gives is dropped."""
        with self._lock:
            self._left = True
            parts, self._parts = self._parts, None
        if parts is not None:
            parts.close()

    def _hold(self, parts: "Parts") -> None:
        with self._lock:
            self._parts = parts
            if not self._left:
                return
        parts.close()

    def _route(self, wire: "Wire", head: "Head") -> "tuple[str, str]":
        """Route, and read the body of what has no route, so that the connection can go on."""
        try:
            return route(head.method, head.target)
        except ServiceError as error:
            if not head.has_token("expect", "100-continue"):
                try:
                    wire.read_body(head, BODY_SECONDS)
                except BodyTooLargeError:
                    error.close = True
            elif head.values("content-length") or head.values("transfer-encoding"):
                error.close = True
            raise

    def _play_script(self, endpoint: str) -> None:
        """Do what a test has asked for."""
        fault = self._shared.script.next(endpoint)
        if fault is None:
            return
        delay, status, code, message, drop = fault
        if self._shared.ended.wait(delay) or drop:
            raise GoneError
        if status:
            raise errors.scripted(endpoint, self._shared.region, status, code, message)

    def _relayed(self, answer: "Answer", operation: str, name: str, variant: str) -> Reply:
        """Return a model's answer as the service gives it to the caller."""
        shared = self._shared
        streams = operation == INVOKE_STREAM
        check_good(answer, name, shared.region, None if streams else shared.max_body_bytes)
        headers = _kept(_as_streamed(answer.headers) if streams else answer.headers, operation)
        headers.append((INVOKED_VARIANT, variant))
        if streams:
            headers.append((CONTENT_TYPE, frames.CONTENT_TYPE))
            return Reply(200, headers, parts=frames.frames(answer, shared.stream_timeout))
        if answer.parts is None:
            return Reply(200, headers, answer.body)
        return Reply(200, headers, parts=self._plain(answer.parts))

    def _plain(self, parts: "Parts") -> "Iterator[bytes]":
        """Return the parts as they are; where they break off, so does the caller's connection."""
        try:
            while (part := parts.next(self._shared.model_timeout)) is not None:
                yield part
        except (BrokenOffError, PartTimedOutError):
            # Without the last chunk the caller sees that the body is not whole.
            raise GoneError from None

    def _enqueue(self, endpoint: "Endpoint", given: "Members", body: bytes) -> Reply:
        queue = self._shared.queue
        if queue is None:
            raise errors.not_asynchronous(endpoint.name)
        output, failure = queue.accept(endpoint, given, body)
        headers = [
            ("content-type", "application/json"),
            ("x-amzn-sagemaker-outputlocation", output),
            ("x-amzn-sagemaker-failurelocation", failure),
        ]
        return Reply(202, headers, errors.json_text({"InferenceId": given.inference_id}))


def check_good(answer: "Answer", name: str, region: str, limit: "int | None") -> None:
    """Raise the service's error for an answer that is an error, or too long."""
    if not 200 <= answer.status < 300:
        message = answer.body.decode("utf-8", "replace")
        raise errors.model_error(name, region, answer.status, message)
    if limit is not None and len(answer.body) > limit:
        raise errors.model_answer_cut(name, region)


def _kept(headers: "Pairs", operation: str) -> "Pairs":
    kept = [(name.lower(), value) for name, value in filter_response(headers, operation)]
    return [(name, value) for name, value in kept if name != INVOKED_VARIANT]


def _as_streamed(headers: "Pairs") -> "Pairs":
    """Return the headers of a streamed answer: the type of the content is a member, the last."""
    types = [value for name, value in headers if name.lower() == CONTENT_TYPE]
    if not types:
        return headers
    others = [pair for pair in headers if pair[0].lower() != STREAMED_CONTENT_TYPE]
    return [*others, (STREAMED_CONTENT_TYPE, types[0])]


def error_headers(error: ServiceError) -> "Pairs":
    """Return the headers that say which error it is."""
    headers = [("content-type", "application/json")]
    if error.code is not None:
        headers.insert(0, ("x-amzn-errortype", error.code))
    if error.status == 405:
        headers.append(("allow", "POST"))
    return headers
