"""Arguments as callers give them, checked and made into what the twins take."""

import time

from sagewire.exceptions import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any, TypeAlias

    Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
    AnyHeaders: TypeAlias = (
        Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
    )
    Body: TypeAlias = bytes | bytearray | memoryview | str


def header_pairs(headers: "Headers") -> "list[tuple[str, str]]":
    """Return the headers of a request that is to be signed, as pairs."""
    items: Any = getattr(headers, "items", None)
    pairs: Any = headers if items is None else items()
    try:
        return [(name, value) for name, value in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            "headers must be a mapping or an iterable of (name, value) pairs, "
            f"not {type(headers).__name__}"
        ) from None


# What a twin raises for an argument that is no text, or text that has no bytes.
WRONG_TEXT = (TypeError, AttributeError, UnicodeEncodeError)


def require_flag(argument: str, value: object) -> bool:
    """Return a flag; `TypeError` that names the argument for what is neither true nor false."""
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be bool, not {type(value).__name__}")
    return value


def require_texts(method: object, url: object, pairs: "list[tuple[str, str]]") -> None:
    """Raise an error that names the argument that is no text, if one of these is not."""
    require_text("method", method)
    require_text("url", url)
    for number, (name, value) in enumerate(pairs):
        require_text("headers", name, f"the name of header {number}")
        require_text("headers", value, f"the value of header {number} ({name})")


def octet_pairs(headers: "AnyHeaders") -> "list[tuple[bytes, bytes]]":
    """Return the headers of a received request as pairs of bytes."""
    items: Any = getattr(headers, "items", None)
    given: Any = headers if items is None else items()
    try:
        pairs = [(name, value) for name, value in given]
    except (TypeError, ValueError):
        raise TypeError(
            "headers must be a mapping or an iterable of (name, value) pairs, "
            f"not {type(headers).__name__}"
        ) from None
    return [
        (
            octets(f"headers: the name of header {number}", name),
            octets(f"headers: the value of header {number}", value),
        )
        for number, (name, value) in enumerate(pairs)
    ]


def octets(argument: str, value: object) -> bytes:
    """Return the bytes of the wire: text is read as Latin-1, or UTF-8 where that cannot hold it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    raise TypeError(f"{argument} must be str or bytes, not {type(value).__name__}")


def payload_of(body: "Body") -> "bytes | str":
    """Return a body as bytes, or as the text of its hash."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        # What is no hash matches no signature; it only has to have bytes.
        return body if body.isascii() else body.encode("utf-8", "replace").decode()
    # Hashed here, so that a large buffer is never copied.
    import hashlib

    try:
        return hashlib.sha256(body).hexdigest()
    except (TypeError, BufferError):
        raise TypeError(
            f"body must be bytes-like, or str with its hash, not {type(body).__name__}"
        ) from None


def signed_payload(body: "Body") -> "bytes | str":
    """Return a body that is to be signed; raise for text that is neither hash nor fixed word."""
    if isinstance(body, str) and not _is_hash(body):
        raise InvalidArgumentError(
            argument="body",
            problem="it is a str, but neither a hash nor a fixed word",
            allowed="bytes-like, 64 lower-case hex digits, UNSIGNED-PAYLOAD or STREAMING-...",
        )
    return payload_of(body)


def _is_hash(text: str) -> bool:
    if len(text) == 64 and not text.strip("0123456789abcdef"):
        return True
    is_word = not text.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
    return text == "UNSIGNED-PAYLOAD" or (text.startswith("STREAMING-") and is_word)


def bytes_of(argument: str, value: "bytes | bytearray | memoryview") -> bytes:
    """Return the bytes of a buffer."""
    if isinstance(value, bytes):
        return value
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"{argument} must be bytes-like, not {type(value).__name__}") from None


def now_or(at: "datetime | None") -> int:
    """Return the second since 1970 of `at`, or of now."""
    return int(time.time()) if at is None else seconds_of(at, "at")


def seconds_of(moment: "datetime", argument: str) -> int:
    """Return the second since 1970 in which an aware `datetime` lies."""
    from datetime import datetime, timedelta, timezone

    if not isinstance(moment, datetime):
        raise TypeError(f"{argument} must be an aware datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{moment!r} has no time zone",
            allowed="an aware datetime, such as datetime.now(timezone.utc)",
        )
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)


def require_text(argument: str, value: object, part: str = "it") -> None:
    """Raise unless `value` is text that has bytes; its own text is never shown."""
    if not isinstance(value, str):
        name = argument if part == "it" else f"{argument}: {part}"
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{part} has a lone surrogate",
            allowed="text that can be written as UTF-8",
        )


def require_scope_part(argument: str, value: object) -> None:
    """Raise unless `value` can stand in a credential scope."""
    require_text(argument, value)
    if not value or any(c < "!" or c > "~" or c in "/," for c in str(value)):
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{value!r} cannot stand in a credential scope",
            allowed="visible ASCII without slashes and commas, at least one character",
        )
