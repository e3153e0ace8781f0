"""The headers of a message: a name, a type, a value. Twin: rust/core/src/eventstream/header.rs."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Timestamp:
    """Milliseconds since 1970, as a header's value."""

    __slots__ = ("milliseconds",)

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds


def encode_headers(headers: "Iterable[tuple[str, str | bytes | Timestamp]]") -> bytes:
    """Encode headers: bytes as type 6, text as type 7, timestamps as type 8."""
    encoded = []
    for name, value in headers:
        encoded.append(struct.pack(">B", len(name)) + name.encode())
        if isinstance(value, Timestamp):
            encoded.append(struct.pack(">Bq", 8, value.milliseconds))
        elif isinstance(value, str):
            text = value.encode()
            encoded.append(struct.pack(">BH", 7, len(text)) + text)
        else:
            encoded.append(struct.pack(">BH", 6, len(value)) + value)
    return b"".join(encoded)
