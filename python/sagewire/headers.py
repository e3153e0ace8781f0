"""Which headers pass the service: what the API model supports, and nothing else.

The service hands a model's container only the headers that the API of the operation names, and
hands the caller only those of its answer. Connection headers, cookies, authorization and everything
else stop there. So it is here.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from sagewire._impl import headers as _twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

__all__ = ["filter_request", "filter_response"]


def filter_request(
    headers: "Headers", operation: str = "InvokeEndpoint"
) -> "list[tuple[str, str]]":
    """Keep the request headers that `operation` supports, in their order; drop the rest.

    `headers` is a mapping (anything with `items()`) or an iterable of (name, value) pairs of `str`.
    Names are compared without regard to case and come back as they were given. A name that occurs
    more than once is kept as often as it occurs. Nothing is added, joined, trimmed or decoded.
    `operation` is named as in the API model: `InvokeEndpoint`, `InvokeEndpointAsync` or
    `InvokeEndpointWithResponseStream`.

    >>> filter_request({"Content-Type": "text/csv", "Cookie": "a=b", "ACCEPT": "text/csv"})
    [('Content-Type', 'text/csv'), ('ACCEPT', 'text/csv')]

    Raises `InvalidArgumentError` for an operation that does not exist, and for a name or value,
    kept or not, with a carriage return, a line feed, a NUL or text outside Latin-1; the message
    never shows a value. Raises `TypeError` for anything that is not `str`, `bytes` included: a
    header's bytes are Latin-1 text (`value.decode("latin-1")`).

    >>> from sagewire.exceptions import InvalidArgumentError
    >>> try:
    ...     filter_request([("Accept", "text/csv" + chr(10) + "Cookie: a=b")])
    ... except InvalidArgumentError as error:
    ...     print(error.problem)
    header 0 (Accept): the value has a line feed at position 8
    """
    return _twin.filter_request(_pairs(headers), _operation(operation))


def filter_response(
    headers: "Headers", operation: str = "InvokeEndpoint"
) -> "list[tuple[str, str]]":
    """Keep the response headers that `operation` supports, in their order; drop the rest.

    Takes, returns and raises as `filter_request` does. The service's own headers of an answer
    (`x-amzn-RequestId`, `x-amzn-ErrorType`) are no members of it in the API model and are dropped:
    a container cannot speak for the service.

    >>> filter_response([("content-type", "text/csv"), ("Set-Cookie", "a=b"), ("Date", "...")])
    [('content-type', 'text/csv')]
    """
    return _twin.filter_response(_pairs(headers), _operation(operation))


def _operation(operation: object) -> str:
    if not isinstance(operation, str):
        raise TypeError(f"operation must be str, not {type(operation).__name__}")
    return operation


def _pairs(headers: "Headers") -> "list[tuple[str, str]]":
    """Coerce to what the twins take: a list of pairs of `str`."""
    items = getattr(headers, "items", None)
    source = items() if callable(items) else headers
    if isinstance(source, (str, bytes, bytearray)) or not hasattr(source, "__iter__"):
        raise TypeError(
            "headers must be a mapping or an iterable of (name, value) pairs, "
            f"not {type(headers).__name__}"
        )
    pairs = []
    for number, pair in enumerate(source):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"headers: item {number} must be a pair of a name and a value")
        name, value = pair
        if not isinstance(name, str):
            raise TypeError(
                f"headers: the name of header {number} must be str, not {type(name).__name__}"
            )
        if not isinstance(value, str):
            raise TypeError(
                f"headers: the value of header {number} must be str, not {type(value).__name__}"
            )
        pairs.append((name, value))
    return pairs
