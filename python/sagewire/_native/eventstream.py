"""Event streams, native: rust/py/src/eventstream.rs over rust/core/src/eventstream.

Its pure twin: _pure/eventstream/.
"""

from sagewire._native._ext import (
    Decoder,
    Lines,
    Message,
    Reader,
    encode_error,
    encode_exception,
    encode_part,
)

__all__ = [
    "Decoder",
    "Lines",
    "Message",
    "Reader",
    "encode_error",
    "encode_exception",
    "encode_part",
]
