"""From an answer's head and body to boto3's dict, or to boto3's exception."""

from sagewire import exceptions
from sagewire.client.results import Result
from sagewire.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from sagewire.model.runtime import ERROR_MEMBERS, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from sagewire.streams.body import StreamingBody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sagewire.model.shapes import Operation

    Bodies = dict[str | None, Callable[[Any, str | None], Any]]

_PIECE_BYTES = 64 * 1024


def metadata(status: int, headers: "dict[str, str]") -> "dict[str, Any]":
    """Return `ResponseMetadata` without its last entries, which the retries write."""
    request_id = headers.get("x-amzn-requestid")
    if request_id is not None:
        return {"RequestId": request_id, "HTTPStatusCode": status, "HTTPHeaders": headers}
    request_id = headers.get("x-amz-request-id")
    if request_id is not None:
        return {
            "RequestId": request_id,
            "HostId": headers.get("x-amz-id-2", ""),
            "HTTPStatusCode": status,
            "HTTPHeaders": headers,
        }
    return {"HTTPStatusCode": status, "HTTPHeaders": headers}


def layout(
    operation: "Operation", ending: "dict[str, Any]", status: int, headers: "Mapping[str, str]"
) -> "tuple[dict[str, Any], list[tuple[str, str]], dict[str, Any], list[tuple[str, str]]]":
    """Return what a success with these headers is, and what of it is taken from headers.

    `ResponseMetadata`, with `ending` at its end; the keys there whose values are headers', each
    with the header's name; the items of the result in their order; the same of them. Another
    answer with headers of the same names differs in nothing but those values.
    """
    described = metadata(status, dict(headers))
    described.update(ending)
    places = {
        "RequestId": "x-amzn-requestid" if "x-amzn-requestid" in headers else "x-amz-request-id",
        "HostId": "x-amz-id-2",
    }
    in_metadata = [
        (key, header) for key, header in places.items() if key in described and header in headers
    ]
    in_result = [pair for pair in operation.response_headers if pair[1] in headers]
    items: dict[str, Any] = {"ResponseMetadata": None}
    items.update((key, headers[header]) for key, header in in_result)
    items["Body"] = None
    return described, in_metadata, items, in_result


def result(
    operation: "Operation",
    response: "Any",
    described: "dict[str, Any]",
    attempts: "tuple[tuple[Any, ...], ...]",
    data: bytes,
    bodies: "Bodies | None" = None,
) -> Result:
    """Return boto3's dict, keys in boto3's order.

    `data` is the body of an operation whose body the call itself reads; `bodies` says what becomes
    of the others, if not what the blocking client's become.
    """
    headers = described["HTTPHeaders"]
    made = Result()
    made["ResponseMetadata"] = described
    for key, header in operation.response_headers:
        if header in headers:
            made[key] = headers[header]
    if operation.body_type == "json":
        # The input is accepted, whatever the body is: an odd one costs its id, not the locations.
        value = _json_object(data).get("InferenceId")
        if value is not None:
            made["InferenceId"] = value
    elif operation.body_type is not None:
        make_body = (bodies or BODIES)[operation.body_type]
        made["Body"] = make_body(response, headers.get("content-length"))
    made._attempts = attempts  # noqa: SLF001 - the two modules make one thing
    made._parts = response.timing  # noqa: SLF001 - as above
    return made


def _event_stream(response: "Any", _content_length: "str | None") -> "Any":
    from sagewire._impl import eventstream
    from sagewire.streams.events import EventStream

    reader = eventstream.Reader(response)
    return EventStream(reader, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM.name)


def _async_streaming_body(response: "Any", content_length: "str | None") -> "Any":
    from sagewire.streams.aio import AsyncStreamingBody

    return AsyncStreamingBody(response, content_length)


def _async_event_stream(response: "Any", _content_length: "str | None") -> "Any":
    from sagewire.streams.aio import AsyncEventStream

    return AsyncEventStream(response, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM.name)


# What becomes of a body that the caller reads, by the type of its member: made of the response and
# its `Content-Length`.
BODIES: "Bodies" = {"blob": StreamingBody, "stream": _event_stream}
AWAITED_BODIES: "Bodies" = {"blob": _async_streaming_body, "stream": _async_event_stream}


def answer_of(ended: "tuple[Any, ...]") -> "Any":
    """Return the answer of an attempt on the short way; raise the error if there was none."""
    *_, response, error = ended
    if error is not None:
        raise error
    return response


def whole_body(response: "Any", url: str) -> bytes:
    """Read the body of an answer that the call itself reads; raise what `broken_off` makes of it.

    As in boto3 a body that is shorter than its `Content-Length` counts as it is.
    """
    pieces = []
    try:
        while piece := response.read(_PIECE_BYTES):
            pieces.append(piece)
    except HTTPClientError as error:
        response.close()
        raise broken_off(error, url) from None
    return b"".join(pieces)


def broken_off(error: HTTPClientError, url: str) -> HTTPClientError:
    """Return the error of a call whose answer broke off in a body that the call itself reads.

    The call has no answer then: the words are those of a connection that gave none.
    """
    if isinstance(error, ReadTimeoutError):
        return ReadTimeoutError(endpoint_url=url)
    if isinstance(error, ResponseStreamingError):
        return ConnectionClosedError(endpoint_url=url)
    return error


def error_body(response: "Any") -> bytes:
    """Read the body of an error; where it breaks off or stalls, what has arrived counts.

    The status says more than a cut body: boto3 loses it to an exception of its HTTP library.
    """
    pieces = []
    try:
        while piece := response.read(_PIECE_BYTES):
            pieces.append(piece)
    except HTTPClientError:
        response.close()
    return b"".join(pieces)


class ServiceError:
    """An error answer, read: boto3's `response` dict and what the retries need of it."""

    __slots__ = ("code", "modeled", "operation", "response")

    def __init__(
        self, operation: "Operation", status: int, headers: "dict[str, str]", body: bytes
    ) -> None:
        self.operation = operation
        self.code: Any = None
        self.response: dict[str, Any]
        described = metadata(status, headers)
        stripped = body.strip()
        if status == 300:
            # boto3 takes it for a success and finds out later; code and message stay unknown.
            self.response = _not_read_as_an_error(operation, described, body)
        elif status >= 500 and (not stripped or stripped.startswith(b"<html>")):
            # An intermediary speaks: no request id, whatever the headers say.
            described = {"HTTPStatusCode": status, "HTTPHeaders": headers}
            self.code = str(status)
            error = {"Code": self.code, "Message": _phrase(status)}
            self.response = {"Error": error, "ResponseMetadata": described}
        else:
            described.pop("HostId", None)
            if "x-amzn-requestid" not in headers:
                described.pop("RequestId", None)
            members = _json_object(body)
            error = _error(status, headers, members)
            self.code = error["Code"]
            self.response = {"Error": error, "ResponseMetadata": described}
            self._add_members(members)
        self.modeled = isinstance(self.code, str) and self.code in operation.errors

    def _add_members(self, members: "Mapping[str, Any]") -> None:
        if not isinstance(self.code, str):
            return
        for name, kind in ERROR_MEMBERS.get(self.code, ()):
            value = members.get(name)
            if value is None:
                continue
            if kind is int:
                try:
                    value = int(value)
                except (TypeError, ValueError, OverflowError):
                    continue
            self.response[name] = value

    def exception(self) -> ClientError:
        """Return the exception to raise: the modeled class of the code, else `ClientError`."""
        cls: type[ClientError] = ClientError
        if isinstance(self.code, str) and self.code in ERROR_MEMBERS:
            cls = getattr(exceptions, self.code)
        return cls(self.response, self.operation.name)


def _not_read_as_an_error(
    operation: "Operation", described: "dict[str, Any]", body: bytes
) -> "dict[str, Any]":
    """Return what a success would have, the body as text."""
    headers = described["HTTPHeaders"]
    response: dict[str, Any] = {"ResponseMetadata": described}
    for key, header in operation.response_headers:
        if header in headers:
            response[key] = headers[header]
    if operation.body_type != "json":
        response["Body"] = _text(body)
    elif (value := _json_object(body).get("InferenceId")) is not None:
        response["InferenceId"] = value
    return response


def _error(
    status: int, headers: "Mapping[str, str]", members: "Mapping[str, Any]"
) -> "dict[str, Any]":
    message = members.get("message", members.get("Message", ""))
    error: dict[str, Any] = {"Message": message, "Code": ""}
    code = members.get("__type", str(status))
    if code is not None:
        error["Code"] = _short(str(code))
        query_error = headers.get("x-amzn-query-error", "").split(";")
        if len(query_error) == 2 and query_error[0]:
            error["QueryErrorCode"] = error["Code"]
            error["Code"], error["Type"] = query_error
    explicit: Any = headers.get("x-amzn-errortype")
    if explicit is None:
        explicit = members.get("code", members.get("Code"))
    if explicit is not None:
        error["Code"] = _short(explicit)
    return error


def _short(code: "Any") -> "Any":
    """Cut `ns#Name:http://...` down to `Name`."""
    if not isinstance(code, str):
        return code
    return code.partition(":")[0].rpartition("#")[2]


def _json_object(body: bytes) -> "Mapping[str, Any]":
    """Return the body's members; a body that is no JSON object counts as the message."""
    if not body:
        return {}
    import json

    try:
        members = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {"message": _text(body)}
    return members if isinstance(members, dict) else {"message": _text(body)}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
