"""The headers of a message: a name, a type, a value. Twin: rust/core/src/eventstream/header.rs."""

import struct

from sagewire._pure.eventstream.error import unwritable_headers
from sagewire.exceptions import DuplicateHeader, InvalidHeaders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Value: TypeAlias = bool | int | bytes | str

# The longest headers of a message, in bytes.
MAX_HEADERS_BYTES = 131_072

# Type -> how a number of that type is read.
_NUMBERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}


class Timestamp:
    """Milliseconds since 1970, as a header's value."""

    __slots__ = ("milliseconds",)

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds


def encode_headers(headers: "Iterable[tuple[str, bytes | str | Timestamp]]") -> bytes:
    """Encode headers: bytes as type 6, text as type 7, timestamps as type 8."""
    encoded = bytearray()
    for name, value in headers:
        named = name.encode()
        if not 0 < len(named) < 256:
            raise unwritable_headers(f"a name has {len(named)} bytes", "names of 1 to 255 bytes")
        encoded += struct.pack(">B", len(named)) + named
        if isinstance(value, Timestamp):
            encoded += struct.pack(">Bq", 8, value.milliseconds)
            continue
        kind, data = (6, value) if isinstance(value, bytes) else (7, value.encode())
        if len(data) > 65_535:
            problem = f"a value has {len(data)} bytes"
            raise unwritable_headers(problem, "values of at most 65535 bytes")
        encoded += struct.pack(">BH", kind, len(data)) + data
    if len(encoded) > MAX_HEADERS_BYTES:
        raise unwritable_headers(f"they have {len(encoded)} bytes", "at most 131072 bytes")
    return bytes(encoded)


def parse_headers(data: bytes) -> "dict[str, Value]":
    """Read headers. Raises `DuplicateHeader` and `InvalidHeaders`.

    As botocore does, a name, a text or bytes that would run beyond the end are cut there; a number
    that is cut is an error. Timestamps are milliseconds since 1970, UUIDs their 16 bytes.
    """
    headers: dict[str, Value] = {}
    place = 0
    while place < len(data):
        begin = place + 1
        place = begin + data[place]
        try:
            name = data[begin:place].decode()
        except UnicodeDecodeError:
            raise InvalidHeaders(problem="a name is not UTF-8") from None
        if place >= len(data):
            raise _cut(name)
        kind = data[place]
        place += 1
        value: Value
        if kind < 2:
            value = kind == 0
        elif kind in _NUMBERS:
            number = _NUMBERS[kind]
            if place + number.size > len(data):
                raise _cut(name)
            value = int(number.unpack_from(data, place)[0])
            place += number.size
        elif kind == 9:
            value = data[place : place + 16]
            place += 16
        elif kind < 9:
            begin = place + 2
            if begin > len(data):
                raise _cut(name)
            place = begin + int.from_bytes(data[place:begin], "big")
            value = data[begin:place]
            if kind == 7:
                value = _text(value, name)
        else:
            raise InvalidHeaders(problem=f'"{name}" has the unknown type {kind}')
        if name in headers:
            raise DuplicateHeader(name)
        headers[name] = value
    return headers


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidHeaders(problem=f'the value of "{name}" is not UTF-8') from None


def _cut(name: str) -> InvalidHeaders:
    return InvalidHeaders(problem=f'they end inside "{name}"')
