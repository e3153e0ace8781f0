"""Event-stream messages, pure. Twin: rust/core/src/eventstream.

A message is a prelude (total length, headers' length, CRC-32 of both), headers, a payload and a
CRC-32 of everything before it, all big-endian:
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html

    header.py  the headers of a message, both ways
    encode.py  writing a message, and the three kinds that a response stream has
    frame.py   where a message begins and ends, and whether its checksums are right
    decode.py  messages out of bytes that arrive in pieces
    lines.py   whole lines out of payloads that are cut anywhere
    reader.py  messages out of a response, as they arrive
    error.py   what cannot be written
"""

from sagewire._pure.eventstream.decode import Decoder, Message
from sagewire._pure.eventstream.encode import encode_error, encode_exception, encode_part
from sagewire._pure.eventstream.lines import Lines
from sagewire._pure.eventstream.reader import Reader

__all__ = [
    "Decoder",
    "Lines",
    "Message",
    "Reader",
    "encode_error",
    "encode_exception",
    "encode_part",
]
