"""The long way of a call: with event handlers, or with a signature that the short way has not.

What happens, in which order and with which arguments is boto3's, `client/attempts.py` decides what
it always decides. As there, a driver does what takes time, and asks a `Hooked` for everything else:

    hooked = Hooked(core, meta, operation, parameters, options, make_result)
    answer = hooked.begin()                     # a handler's own, or None
    try:
        while answer is None:
            while seconds := hooked.call.begin():
                ... wait
            hooked.credentials = ...            # asked when it comes to signing; may raise
            request = hooked.request()          # made and signed
            try:
                response = hooked.before_send(request)      # a handler's own, or None
                if response is None:
                    sending = hooked.sending(request)
                    ... send sending.method, .target, .headers, .body to sending.origin, waiting
                    ... at most hooked.call.read_timeout; receive the head
                ... where not operation.streams, and for a status from 300 on, read the body
            except Exception as error:
                seconds = hooked.failed(error)              # raises if that was the last attempt
            else:
                answer, seconds = hooked.received(response, data)
            if answer is None:
                ... wait so many seconds
                hooked.call.again()
    except Exception as error:
        hooked.ended(error)
        raise
    except BaseException:
        hooked.drop()
        raise
    return hooked.result(*answer)               # or raises the service's error
"""

from sagewire import exceptions
from sagewire.client.answers import ServiceError, metadata
from sagewire.client.attempts import Call, is_streamed
from sagewire.client.call import Request, Targets, members_of, placed
from sagewire.client.emitter import first_response
from sagewire.client.messages import AWSRequest, AWSResponse, HeadersDict
from sagewire.client.results import Result
from sagewire.client.sending import Canned, Sending, prepared
from sagewire.client.steps import Steps
from sagewire.config import check_timeout
from sagewire.exceptions import ClientError, DeadlineExceededError, HTTPClientError
from sagewire.model import report
from sagewire.model.runtime import ERRORS, SERVICE_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.client.messages import AWSPreparedRequest
    from sagewire.client.meta import ClientMeta
    from sagewire.client.opening import Core
    from sagewire.client.outgoing import Outgoing
    from sagewire.client.views import Options
    from sagewire.model.shapes import Operation
    from sagewire.retries.failure import Failure
    from sagewire.sigv4 import Credentials

    Answer = tuple[Any, dict[str, Any]]


class Endpoint:
    """What `needs-retry` handlers are told about where the call goes."""

    def __init__(self, host: str) -> None:
        self.host = host

    def __repr__(self) -> str:
        return f"{SERVICE_NAME}({self.host})"


class Hooked(Steps):
    """One call on its long way. It never waits.

    `credentials` is asked when it comes to signing; `call` counts the attempts. `make_result` is
    `answers.result`, or the asyncio client's.
    """

    def __init__(
        self,
        core: "Core",
        meta: "ClientMeta",
        operation: "Operation",
        parameters: "dict[str, Any]",
        options: "Options",
        make_result: "Callable[..., Result]",
    ) -> None:
        outgoing = (core.sender or core.open()).outgoing
        context = {
            "client_region": meta.region_name,
            "client_config": meta.config,
            "has_streaming_input": True,
            "auth_type": None,
            "unsigned_payload": None,
            "auth_options": ["aws.auth#sigv4"],
        }
        super().__init__(core, meta, operation, parameters, options, context)
        self._outgoing = outgoing
        self._make_result = make_result
        self._made: dict[str, Any] = {}
        self._response: Answer | None = None
        self._error: Exception | None = None
        self._attempts: tuple[Any, ...] = ()
        self._raw: Any = None
        self._own_retry: Callable[[], float | None] = _never
        self.credentials: Callable[[], Credentials] = outgoing.source.current
        self.call = _Attempts(self, outgoing, operation, options)

    def begin(self) -> "Answer | None":
        """Turn the parameters into a request; return a handler's answer in place of sending it."""
        operation = self._operation
        origin = self.provide().origin
        assert origin is not None  # noqa: S101 - else the settings' refusal is raised before
        targets = Targets(origin, operation)
        parameters = self.parameters
        if self._core.settings.validate:
            report.check(operation, parameters)
        target, url = placed(targets, parameters["EndpointName"])
        headers = dict(members_of(operation, parameters))
        headers["User-Agent"] = self._core.settings.user_agent()
        extra = self._options.extra_headers
        if extra:
            names = self._options.extra_names
            headers = {name: text for name, text in headers.items() if name.lower() not in names}
            headers.update(extra)
        body = parameters.get("Body")
        if isinstance(body, str):
            body = body.encode("utf-8")
        self._made = {
            "url_path": target.partition("?")[0],
            "query_string": {},
            "method": "POST",
            "headers": headers,
            "body": b"" if body is None else body,
            "url": url,
            "context": self._context,
        }
        _, answer = self._meta.events.emit_until_response(
            self._event("before-call"),
            own=self,
            model=self._model,
            params=self._made,
            request_signer=self._signer,
            context=self._context,
        )
        return answer  # type: ignore[no-any-return]

    def has_much_to_hash(self, limit: int) -> bool:
        """Say whether a signature's hash is one of more bytes than so many."""
        body = self._made["body"]
        return type(body) is bytes and len(body) > limit

    def hash_ahead(self) -> None:
        """Hash the body before it comes to signing: for a thread that may take its time."""
        self._payloads.hash_ahead(self._made["body"])

    def result(self, http: "Any", parsed: "dict[str, Any]") -> Result:
        """Return what the caller gets of an answer; raise the service's error."""
        try:
            self._emit(
                "after-call",
                http_response=http,
                parsed=parsed,
                model=self._model,
                context=self._context,
            )
        except BaseException:
            self.drop()
            raise
        if http.status_code >= 300:
            code = self._context.get("error_code_override")
            code = code or parsed.get("Error", {}).get("Code")
            known = isinstance(code, str) and code in ERRORS
            kind = getattr(exceptions, code) if known else ClientError
            raise self.call.abandon(kind(parsed, self._operation.name))
        return parsed if isinstance(parsed, Result) else Result.of(parsed, (), None)

    def ended(self, error: Exception) -> None:
        """Tell the handlers that the call has no answer."""
        self.drop()
        self.call.abandon(error)
        self._emit("after-call-error", exception=error, context=self._context)

    # An attempt.

    def request(self) -> "AWSPreparedRequest":
        """Make the request of an attempt and sign it."""
        call, context = self.call, self._context
        context["retries"] = {
            "attempt": call.attempt,
            "invocation-id": call.identity,
            "max": call.max_attempts,
        }
        request = AWSRequest(
            method=self._made["method"],
            url=self._made["url"],
            headers=self._made["headers"].items(),
            data=self._made["body"],
            context=self._made["context"],
            stream_output=self._operation.streams,
        )
        self._emit("request-created", request=request, operation_name=self._operation.name)
        return prepared(request, self._payloads)

    def before_send(self, request: "AWSPreparedRequest") -> "Canned | None":
        """Return the answer that a handler gives in place of the service's."""
        answer = first_response(self._emit("before-send", request=request))
        return None if answer is None else Canned(answer)

    def sending(self, request: "AWSPreparedRequest") -> Sending:
        """Return what goes to the wire of a request."""
        sending = Sending(request, self._payloads)
        timeout = self._context.get("read_timeout")
        if timeout is not None:
            try:
                check_timeout("read", timeout)
            except ValueError as error:
                raise HTTPClientError(error=error) from None
            self.call.read_timeout = timeout
        payload = sending.payload
        length = payload.length if is_streamed(payload) else len(payload)
        if length is not None and length > self._operation.body_limit:
            self._outgoing.warn_of_size(self._operation, length)
        told = self.call.request
        told.url, told.target, told.body = sending.url, sending.target, sending.payload
        return sending

    def failed(self, error: Exception) -> float:
        """Return the seconds to wait after an attempt without an answer; raise after the last."""
        self._response, self._error = None, error
        self._emit_received(None, None)
        if isinstance(error, DeadlineExceededError):
            # The connection knows what was left for it; the caller knows what was given.
            error = self.call.exceeded(error.kwargs["stage"])
        return self.call.failed(error)

    def received(self, response: "Any", data: bytes) -> "tuple[Answer | None, float]":
        """Return the call's answer, or the seconds to wait before the next attempt.

        `data` is the body where it is not streamed, and that of an error.
        """
        self._raw = response
        operation = self._operation
        status, headers = response.status, response.headers
        streamed = operation.streams and status < 300
        parsed: Any = None
        seen_body: Any = data
        if streamed:
            parsed = self._make_result(operation, response, metadata(status, headers), (), data)
            seen_body = parsed["Body"]
        if isinstance(response, Canned):
            http = response.answer
        else:
            content = None if streamed else data
            http = AWSResponse(self.call.request.url, status, headers, response, content)
        seen = self._described(status, headers, seen_body)
        more: dict[str, Any] = {}
        self._emit(
            "before-parse",
            operation_model=self._model,
            response_dict=seen,
            customized_response_dict=more,
        )
        status, body = seen["status_code"], seen["body"]
        headers = {name.lower(): value for name, value in seen["headers"].items()}
        answer: ServiceError | None = None
        if status >= 300:
            data = body if isinstance(body, bytes) else body.read()
            answer = ServiceError(operation, status, headers, data)
            parsed = answer.response
        elif not streamed:
            parsed = self._make_result(operation, response, metadata(status, headers), (), body)
        else:
            _reread(parsed, operation, metadata(status, headers))
            parsed["Body"] = body
        parsed.update(more)
        self._response, self._error = (http, parsed), None
        self._emit_received(self._described(status, headers, body), parsed)
        if answer is not None:
            seconds = self.call.judged(answer, status, headers)
        else:
            seconds = self.needs_retry(_never)
        if seconds is not None:
            self.drop()
            return None, seconds
        if answer is None:
            described, self._attempts = self.call.succeeded(status, headers)
            parsed["ResponseMetadata"].update(described)
            parsed._attempts = self._attempts  # noqa: SLF001 - the two modules make one thing
        return (http, parsed), 0.0

    def needs_retry(self, own: "Callable[[], float | None]") -> "float | None":
        """Return the seconds to wait before the next attempt, `None` for none.

        `own` is what the retry mode says; it is asked in its place among the handlers.
        """
        self._own_retry = own
        responses = self._emit(
            "needs-retry",
            response=self._response,
            endpoint=Endpoint(self._meta.endpoint_url),
            operation=self._model,
            attempts=self.call.attempt,
            caught_exception=self._error,
            request_dict=self._made,
        )
        seconds = first_response(responses)
        return None if seconds is None or seconds is False else float(seconds)

    # Own steps among the handlers; the others are in `client/steps.py`.

    def add_trace_id(self, params: "dict[str, Any]", **_kwargs: "Any") -> None:
        """Pass on the trace of the Lambda invocation that this call is made from."""
        traced = self._outgoing.trace_id()
        if traced is not None and "X-Amzn-Trace-Id" not in params["headers"]:
            params["headers"]["X-Amzn-Trace-Id"] = traced

    def add_retry_headers(self, request: AWSRequest, **_kwargs: "Any") -> None:
        """Say which attempt of which call this is."""
        request.headers["amz-sdk-invocation-id"] = self.call.identity
        request.headers["amz-sdk-request"] = self.call.progress

    def wants_retry(self, **_kwargs: "Any") -> "float | None":
        """Say what the retry mode says."""
        return self._own_retry()

    def drop(self) -> None:
        """Close a response that nobody will read."""
        response, self._raw = self._raw, None
        if response is not None:
            response.close()

    def _described(self, status: int, headers: "Any", body: "Any") -> "dict[str, Any]":
        return {
            "headers": HeadersDict(headers),
            "status_code": status,
            "context": {"operation_name": self._operation.name},
            "body": body,
        }

    def _emit_received(self, response_dict: "Any", parsed: "Any") -> None:
        self._emit(
            "response-received",
            response_dict=response_dict,
            parsed_response=parsed,
            context=self._context,
            exception=self._error,
        )


class _Attempts(Call):
    """A call's attempts, with handlers asked whether there is to be another."""

    __slots__ = ("_hooked",)

    def __init__(
        self, hooked: Hooked, outgoing: "Outgoing", operation: "Operation", options: "Options"
    ) -> None:
        super().__init__(outgoing, operation, Request("", "", [], b"", 0), options)
        self._hooked = hooked

    def pause_after(self, failure: "Failure", notes: "dict[str, Any]") -> "float | None":
        return self._hooked.needs_retry(lambda: Call.pause_after(self, failure, notes))


def _never() -> None:
    """Want no other attempt."""


def _reread(parsed: Result, operation: "Operation", described: "dict[str, Any]") -> None:
    """Read the members of a result anew from headers that a handler may have changed."""
    headers = described["HTTPHeaders"]
    parsed["ResponseMetadata"] = described
    for key, header in operation.response_headers:
        if header in headers:
            parsed[key] = headers[header]
        else:
            parsed.pop(key, None)
