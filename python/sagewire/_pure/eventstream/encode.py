"""Writing a message, and the three kinds of a response stream.

Twin: rust/core/src/eventstream/encode.rs.
"""

import struct
import zlib

from sagewire._pure.eventstream.error import unwritable_payload
from sagewire._pure.eventstream.header import encode_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewire._pure.eventstream.header import Timestamp

# The longest payload of a message, in bytes.
MAX_PAYLOAD_BYTES = 25_165_824
# Two lengths, their checksum, and the message's own.
FRAME_BYTES = 16


def encode_message(
    headers: "Sequence[tuple[str, bytes | str | Timestamp]]", payload: bytes
) -> bytes:
    """Return a whole message. Raises `InvalidArgumentError` for what does not fit into one."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise unwritable_payload(len(payload))
    encoded = encode_headers(headers)
    prelude = struct.pack(">II", FRAME_BYTES + len(encoded) + len(payload), len(encoded))
    message = b"".join((prelude, struct.pack(">I", zlib.crc32(prelude)), encoded, payload))
    return message + struct.pack(">I", zlib.crc32(message))


def encode_part(payload: bytes) -> bytes:
    """Return a piece of the model's answer, as the service sends it."""
    headers = (
        (":event-type", "PayloadPart"),
        (":content-type", "application/octet-stream"),
        (":message-type", "event"),
    )
    return encode_message(headers, payload)


def encode_exception(name: str, json: bytes) -> bytes:
    """Return a modeled error: `ModelStreamError` or `InternalStreamFailure`, and its JSON."""
    headers = (
        (":exception-type", name),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    )
    return encode_message(headers, json)


def encode_error(code: str, message: str) -> bytes:
    """Return an error that is not modeled."""
    headers = ((":error-code", code), (":error-message", message), (":message-type", "error"))
    return encode_message(headers, b"")
