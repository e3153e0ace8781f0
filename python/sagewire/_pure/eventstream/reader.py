"""Messages out of a response, as they arrive. Twin: `Reader` in rust/py/src/eventstream.rs."""

from sagewire._pure.eventstream.decode import Decoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.eventstream.decode import Message
    from sagewire._pure.transport import Response


class Reader:
    """The messages in the body of a response."""

    __slots__ = ("_decoder", "_one_reader", "_response")

    def __init__(self, response: "Response") -> None:
        import threading

        self._response = response
        self._decoder = Decoder()
        self._one_reader = threading.Lock()

    def read(self) -> "list[bytes | Message]":
        """Return the messages that have arrived, waiting only if there is none; none at the end.

        A plain `PayloadPart` is its payload alone, anything else a `Message`. Raises a
        `ParserError` for what is no message, `ResponseStreamingError` where the stream breaks off,
        `ReadTimeoutError` and `DeadlineExceededError` where time runs out, and `RuntimeError` while
        another thread reads.
        """
        if not self._one_reader.acquire(blocking=False):
            raise RuntimeError("another thread is reading this stream")
        try:
            decoder = self._decoder
            decoder.check()
            while data := self._response._read_some():  # noqa: SLF001 - one thing
                ready = decoder.feed(data)
                if ready:
                    return ready
                decoder.check()
            decoder.finish()
            return []
        finally:
            self._one_reader.release()

    def close(self) -> None:
        """Give up what is left."""
        self._response.close()
