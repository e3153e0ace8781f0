"""All of a call that needs no I/O: from keyword arguments to a request, and to its head.

The loop over the keywords is also the cheap check: it stops at the first thing that is not plainly
right, and only then the report of `model/report.py` is made.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_TARGETS_KEPT = 256


class Request:
    """One call, ready to be sent any number of times.

    `members` are the headers of the caller's parameters, in the caller's order. `body` is bytes or
    an object with `pieces`; `length` is `None` where only the sending will tell.
    """

    __slots__ = ("body", "length", "members", "target", "url")

    def __init__(
        self,
        target: str,
        url: str,
        members: "list[tuple[str, str]]",
        body: "Any",
        length: "int | None",
    ) -> None:
        self.target = target
        self.url = url
        self.members = members
        self.body = body
        self.length = length


class Targets:
    """The request targets of an operation at an origin, `kept` for the names that are called."""

    __slots__ = ("_absolute", "_origin", "_path", "kept")

    def __init__(self, origin: "Origin", operation: "Operation", *, absolute: bool = False) -> None:
        """Make targets; `absolute` ones, with scheme and host, are for a forwarding proxy."""
        self._absolute = absolute
        self._origin = origin
        self._path = operation.path
        self.kept: dict[str, tuple[str, str]] = {}

    def of(self, endpoint_name: str) -> "tuple[str, str]":
        """Return the target and the whole URL for an endpoint's name."""
        known = self.kept.get(endpoint_name)
        if known is None:
            origin = self._origin
            name = quoted(endpoint_name)
            target = f"{origin.path}/endpoints/{name}/{self._path}{origin.query}"
            url = origin.url + target
            known = (url if self._absolute else target, url)
            if len(self.kept) >= _TARGETS_KEPT:
                self.kept.clear()
            self.kept[endpoint_name] = known
        return known


def quoted(endpoint_name: str) -> str:
    """Percent-encode a name for the path: everything but RFC 3986's unreserved characters.

    >>> quoted("a/b c")
    'a%2Fb%20c'
    """
    return percent_encoded(endpoint_name.encode("utf-8"), UNRESERVED)


def percent_encoded(data: bytes, kept: "frozenset[int]") -> str:
    """Return ASCII text in which every byte but those in `kept` is `%XX`."""
    if kept.issuperset(data):
        return data.decode("ascii")
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in data)


def prepare(
    operation: "Operation",
    targets: Targets,
    parameters: "Mapping[str, Any]",
    *,
    validate: bool,
    signed: bool,
) -> Request:
    """Turn a call's keyword arguments into a request.

    Raises `ParamValidationError` with boto3's report for parameters that do not fit the model, and
    `TypeError`, `OSError` or `ValueError` for a body that cannot be sent.
    """
    headers = operation.text_headers
    nonempty = operation.nonempty
    members = []
    name = body = None
    for key, value in parameters.items():
        header = headers.get(key)
        if header is not None:
            if type(value) is str and (value or key not in nonempty):
                members.append((header, value))
                continue
        elif key == "EndpointName":
            if type(value) is str:
                name = value
                continue
        elif key == "Body" and value is not None:
            body = value
            continue
        return _prepare_carefully(operation, targets, parameters, validate, signed)
    if name is None or (body is None and "Body" in operation.required):
        return _prepare_carefully(operation, targets, parameters, validate, signed)
    if body is None:
        body = b""
    target, url = targets.kept.get(name) or targets.of(name)
    if type(body) is bytes:
        return Request(target, url, members, body, len(body))
    if validate and not isinstance(body, (str, bytearray)) and not hasattr(body, "read"):
        _report(operation, parameters)
    return Request(target, url, members, *sendable(body, signed))


def _prepare_carefully(
    operation: "Operation",
    targets: Targets,
    parameters: "Mapping[str, Any]",
    validate: bool,
    signed: bool,
) -> Request:
    """Prepare what the cheap check did not pass: a subclass of `str`, an integer, or a mistake."""
    if validate:
        _report(operation, parameters)
    members = members_of(operation, parameters)
    target, url = placed(targets, parameters["EndpointName"])
    body = parameters.get("Body")
    return Request(target, url, members, *sendable(b"" if body is None else body, signed))


def _report(operation: "Operation", parameters: "Mapping[str, Any]") -> None:
    from sagewire.model import report

    report.check(operation, parameters)


def members_of(operation: "Operation", parameters: "Mapping[str, Any]") -> "list[tuple[str, str]]":
    """Return the headers of a call's parameters, whatever their types, in the caller's order.

    Raises `KeyError` with the name of an unknown one, as boto3 does without validation.
    """
    known = {member.name: member for member in operation.inputs}
    members = []
    for key, value in parameters.items():
        header = known[key].header
        if header is not None and value is not None:
            members.append((header, str(value)))
    return members


def placed(targets: Targets, name: "Any") -> "tuple[str, str]":
    """Return the target and the whole URL for a name of any type.

    Raises `KeyError` for `None`, which counts as no name, as in boto3 without validation.
    """
    if name is None:
        raise KeyError("EndpointName")
    if isinstance(name, str):
        # A member of an enumeration, for one: its text counts, not what it is printed as.
        return targets.of(str.__str__(name))
    if not isinstance(name, bytes):
        return targets.of(str(name))
    # Bytes are a path segment like any other; they need not be UTF-8.
    segment = percent_encoded(bytes(name), UNRESERVED)
    target, url = (text.replace("%00", segment) for text in targets.of("\0"))
    return target, url


def sendable(body: "Any", signed: bool) -> "tuple[Any, int | None]":
    """Return what to send of a body, and its length, `None` where only the sending will tell."""
    if isinstance(body, str):
        body = body.encode("utf-8")
    elif isinstance(body, bytes):
        # A subclass may say anything about its length; what is there is what is sent.
        body = body if type(body) is bytes else memoryview(body).tobytes()
    else:
        from sagewire.client import payload

        if isinstance(body, bytearray):
            body = payload.of_buffer(body)
        else:
            body = payload.of_object(body, signed=signed)
        if not isinstance(body, bytes):
            return body, body.length
    return body, len(body)
