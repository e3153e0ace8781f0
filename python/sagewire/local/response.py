"""What a handler gives back, and how that becomes a container's answer."""

from sagewire.exceptions import InvalidArgumentError
from sagewire.headers import filter_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    Body: TypeAlias = bytes | bytearray | memoryview | str | Iterator[bytes]
    Result: TypeAlias = Body | tuple[Body, str] | "Response"
    Pairs: TypeAlias = list[tuple[str, str]]

ALLOWED = "bytes, str, (bytes, content_type), a Response, or an iterator of bytes"


class Response:
    """An answer with more than a body and its type.

    `body` is bytes, text (sent as UTF-8) or an iterator of bytes (sent part by part).
    `content_type` is `application/octet-stream`, and for text `text/plain; charset=utf-8`, unless
    given. `custom_attributes` travels back verbatim. `status` is what a container would answer
    with: anything but 200 to 299 becomes the service's `ModelError` with that
    `OriginalStatusCode`. `headers` are more headers (a mapping or pairs), of which the caller sees
    those that the API supports.

    >>> Response("no such row", status=404)
    <Response 404>
    """

    __slots__ = ("_headers", "body", "content_type", "custom_attributes", "status")

    def __init__(
        self,
        body: "Body",
        *,
        content_type: "str | None" = None,
        custom_attributes: "str | None" = None,
        status: int = 200,
        headers: "Mapping[str, str] | Iterable[tuple[str, str]]" = (),
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise InvalidArgumentError(
                argument="status", problem=f"{status!r} is no final status", allowed="200 to 599"
            )
        self.body = body
        self.content_type = content_type
        self.custom_attributes = custom_attributes
        self.status = status
        self._headers = filter_response(headers)

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def to_answer(result: "Result") -> "tuple[int, Pairs, bytes | Iterator[bytes]]":
    """Return a container's answer for a handler's result: status, headers, body.

    Raises `TypeError` for a result that is not one, `InvalidArgumentError` for a header's text.
    """
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], str):
        result = Response(result[0], content_type=result[1])
    if not isinstance(result, Response):
        result = Response(result)
    body, content_type = _body(result.body)
    extra = result._headers  # noqa: SLF001 - the same module
    given = []
    if result.content_type or all(name.lower() != "content-type" for name, _ in extra):
        given.append(("content-type", result.content_type or content_type))
    if result.custom_attributes is not None:
        given.append(("x-amzn-sagemaker-custom-attributes", result.custom_attributes))
    headers = filter_response([*given, *extra])
    for name, value in headers:
        _check_visible(name, value)
    return result.status, headers, body


def _body(body: object) -> "tuple[bytes | Iterator[bytes], str]":
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), "application/octet-stream"
    if hasattr(body, "__next__"):
        return body, "application/octet-stream"  # type: ignore[return-value]
    close = getattr(body, "close", None)
    if callable(close):
        # A coroutine that nobody will await says so when it is dropped, unless it is closed.
        close()
    raise TypeError(f"the handler returned {type(body).__name__}; allowed: {ALLOWED}")


def _check_visible(name: str, value: str) -> None:
    """RFC 9110, section 5.5: no control characters but the tab."""
    for position, character in enumerate(value):
        if (character < " " and character != "\t") or character == "\x7f":
            raise InvalidArgumentError(
                argument="headers",
                problem=f"the value of {name} has a control character at position {position}",
                allowed="visible characters, spaces and tabs",
            )
