"""Messages out of bytes that arrive in pieces. Twin: rust/core/src/eventstream/decode.rs."""

from sagewire._pure.eventstream.frame import find
from sagewire._pure.eventstream.header import parse_headers
from sagewire.exceptions import ParserError, ResponseStreamingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.eventstream.header import Value

_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4


class Message:
    """A message that is not a plain part: its headers by name, and its payload."""

    __slots__ = ("headers", "payload")

    def __init__(self, headers: "dict[str, Value]", payload: bytes) -> None:
        self.headers = headers
        self.payload = payload


class Decoder:
    """Takes bytes as they arrive and finds the messages in them.

    A plain `PayloadPart` is given out as its payload alone, anything else as a `Message`. What is
    not a message ends the stream; everything before it is still given out.
    """

    __slots__ = ("_buffer", "_failure", "_part_headers")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failure: ParserError | None = None
        # The headers of the last plain part: most messages of a stream have the same.
        self._part_headers = b""

    def feed(self, data: bytes) -> "list[bytes | Message]":
        """Take more bytes and return the messages that they complete."""
        ready: list[bytes | Message] = []
        if self._failure is not None:
            return ready
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while (found := find(buffer, start)) is not None:
                headers_end, end = found
                ready.append(self._message(start, headers_end, end))
                start = end
        except ParserError as failure:
            self._failure = failure
        del buffer[:start]
        return ready

    def check(self) -> None:
        """Raise what ended the stream, if anything has: a `ParserError`."""
        if self._failure is not None:
            raise self._failure

    def finish(self) -> None:
        """Raise `check`'s error, or `ResponseStreamingError` if a message has only begun."""
        self.check()
        if self._buffer:
            words = (
                f"the stream ended inside an event, of which it brought {len(self._buffer)} bytes"
            )
            raise ResponseStreamingError(error=words)

    def _message(self, start: int, headers_end: int, end: int) -> "bytes | Message":
        encoded = bytes(self._buffer[start + _PRELUDE_BYTES : headers_end])
        payload = bytes(self._buffer[headers_end : end - _CHECKSUM_BYTES])
        if encoded == self._part_headers and encoded:
            return payload
        headers = parse_headers(encoded)
        failed = headers.get(":message-type") in ("error", "exception")
        if headers.get(":event-type") != "PayloadPart" or failed:
            return Message(headers, payload)
        self._part_headers = encoded
        return payload
