"""Event-stream messages by hand, from the format's description alone."""

import struct
import zlib

PART = [(":event-type", "PayloadPart"), (":message-type", "event")]


def header(name, value):
    """Write a header: text, bytes, or a pair of a type's number and its raw bytes."""
    named = name if isinstance(name, bytes) else name.encode()
    if isinstance(value, tuple):
        kind, raw = value
    elif isinstance(value, str):
        kind, raw = 7, struct.pack(">H", len(value.encode())) + value.encode()
    else:
        kind, raw = 6, struct.pack(">H", len(value)) + value
    return bytes([len(named)]) + named + bytes([kind]) + raw


def framed(headers, payload=b"", *, total=None, length=None):
    """Write a message around encoded headers; `total` and `length` may lie."""
    length = len(headers) if length is None else length
    total = 16 + len(headers) + len(payload) if total is None else total
    prelude = struct.pack(">II", total, length)
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def message(headers, payload=b""):
    """Write a message with headers of `(name, value)`."""
    return framed(b"".join(header(*pair) for pair in headers), payload)


def part(payload):
    return message(PART, payload)


def exception(name, json=b"{}"):
    return message([(":exception-type", name), (":message-type", "exception")], json)


def with_checksums(data):
    """Put the checksums right where there is room for them."""
    if len(data) < 16:
        return data
    data = data[:8] + struct.pack(">I", zlib.crc32(data[:8])) + data[12:-4]
    return data + struct.pack(">I", zlib.crc32(data))
