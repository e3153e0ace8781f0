"""Event-stream messages, pure. Twin: rust/core/src/eventstream.

A message is a prelude (total length, headers' length, CRC-32 of both), headers, a payload and a
CRC-32 of everything before it, all big-endian:
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

from sagewire._pure.eventstream.encode import MAX_PAYLOAD_BYTES, encode_message
from sagewire._pure.eventstream.header import Timestamp, encode_headers

__all__ = ["MAX_PAYLOAD_BYTES", "Timestamp", "encode_headers", "encode_message"]
