"""The rule: what the table names stays, in order; all else goes.

Twin: rust/core/src/headers/filter.rs.

Every header is checked, not only the ones that stay: a line feed in a header that would have been
dropped is still somebody's attempt to smuggle one.
"""

from sagewire._pure.headers.table import REQUEST, RESPONSE
from sagewire.exceptions import InvalidArgumentError

ALLOWED_TEXT = "Latin-1 text without carriage return, line feed and NUL"
# RFC 9110, section 5.6.2: what a header name may consist of. Only such a name is shown in errors.
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
LONGEST_NAME_SHOWN = 64
FORBIDDEN = {"\r": "a carriage return", "\n": "a line feed", "\0": "a NUL"}


def filter_request(headers: "list[tuple[str, str]]", operation: str) -> "list[tuple[str, str]]":
    """Return the headers of a request that `operation` supports."""
    return _filter(headers, _supported(REQUEST, operation))


def filter_response(headers: "list[tuple[str, str]]", operation: str) -> "list[tuple[str, str]]":
    """Return the headers of a response that `operation` supports."""
    return _filter(headers, _supported(RESPONSE, operation))


def _supported(table: "dict[str, frozenset[str]]", operation: str) -> "frozenset[str]":
    names = table.get(operation)
    if names is None:
        raise InvalidArgumentError(
            argument="operation",
            problem=f"{operation!r} is not an operation of SageMaker Runtime",
            allowed=", ".join(table),
        )
    return names


def _filter(
    headers: "list[tuple[str, str]]", supported: "frozenset[str]"
) -> "list[tuple[str, str]]":
    kept = []
    for number, (name, value) in enumerate(headers):
        _check(number, name, "name", name)
        _check(number, name, "value", value)
        if name.lower() in supported:
            kept.append((name, value))
    return kept


def _check(number: int, name: str, part: str, text: str) -> None:
    if not _is_clean(text):
        position, found = _first_problem(text)
        # The value is never shown: it may be a signature, a token or a cookie.
        showable = 0 < len(name) <= LONGEST_NAME_SHOWN and set(name) <= TOKEN
        shown = f" ({name})" if showable else ""
        raise InvalidArgumentError(
            argument="headers",
            problem=f"header {number}{shown}: the {part} has {found} at position {position}",
            allowed=ALLOWED_TEXT,
        )


def _is_clean(text: str) -> bool:
    if "\n" in text or "\r" in text or "\0" in text:
        return False
    return text.isascii() or max(text) <= "\xff"


def _first_problem(text: str) -> "tuple[int, str]":
    return next(
        (position, FORBIDDEN.get(character, "a character outside Latin-1"))
        for position, character in enumerate(text)
        if character in FORBIDDEN or character > "\xff"
    )
