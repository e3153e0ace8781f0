"""Writing a message. Twin: rust/core/src/eventstream/encode.rs."""

import struct
import zlib

from sagewire._pure.eventstream.header import encode_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewire._pure.eventstream.header import Timestamp

# The longest payload of a message, in bytes.
MAX_PAYLOAD_BYTES = 25_165_824

# Lengths and checksums around headers and payload: two lengths, two checksums of 4 bytes each.
_FRAME_BYTES = 16


def encode_message(
    headers: "Sequence[tuple[str, str | bytes | Timestamp]]", payload: bytes
) -> bytes:
    """Return a whole message; the payload is at most `MAX_PAYLOAD_BYTES` long."""
    encoded = encode_headers(headers)
    prelude = struct.pack(">II", _FRAME_BYTES + len(encoded) + len(payload), len(encoded))
    message = b"".join((prelude, struct.pack(">I", zlib.crc32(prelude)), encoded, payload))
    return message + struct.pack(">I", zlib.crc32(message))
