"""Where a message begins and ends, and whether its lengths and checksums are right.

Twin: rust/core/src/eventstream/frame.rs.
"""

import struct
import zlib

from sagewire._pure.eventstream.encode import FRAME_BYTES, MAX_PAYLOAD_BYTES
from sagewire._pure.eventstream.header import MAX_HEADERS_BYTES
from sagewire.exceptions import (
    ChecksumMismatch,
    InvalidHeadersLength,
    InvalidMessageLength,
    InvalidPayloadLength,
)

_PRELUDE = struct.Struct(">III")


def find(data: bytearray, start: int) -> "tuple[int, int] | None":
    """Return where headers and message end that begin at `start`; `None` if not all is here.

    The prelude is judged as soon as it is there, the rest once all of it is. The order of the
    checks is botocore's, so that the same error comes first.
    """
    if len(data) - start < _PRELUDE.size:
        return None
    total, headers, expected = _PRELUDE.unpack_from(data, start)
    with memoryview(data) as view:
        prelude = zlib.crc32(view[start : start + 8])
        if prelude != expected:
            raise ChecksumMismatch(expected, prelude)
        if headers > MAX_HEADERS_BYTES:
            raise InvalidHeadersLength(headers)
        payload = total - FRAME_BYTES - headers
        if payload > MAX_PAYLOAD_BYTES:
            raise InvalidPayloadLength(payload)
        if total < 4:
            raise InvalidMessageLength(total)
        end = start + total
        if len(data) < end:
            return None
        (expected,) = struct.unpack_from(">I", data, end - 4)
        calculated = zlib.crc32(view[start + 8 : end - 4], prelude)
    if expected != calculated:
        raise ChecksumMismatch(expected, calculated)
    if total < FRAME_BYTES:
        raise InvalidMessageLength(total)
    if payload < 0:
        raise InvalidHeadersLength(headers, total - FRAME_BYTES)
    return start + _PRELUDE.size + headers, end
