"""`StreamingBody`: the body of a result, read when it is asked for, with boto3's API."""

import io

from sagewire.exceptions import IncompleteReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    class Readable(Protocol):
        """What a body is read from: the response of either transport."""

        def read(self, amount: "int | None" = None, /) -> bytes:
            """Return at most `amount` bytes, all if `None`, `b""` at the end."""

        def readinto(self, buffer: "Any", /) -> int:
            """Fill a buffer and return the number of bytes."""

        def close(self) -> None:
            """Give up what has not been read."""

        def set_timeout(self, seconds: "float | None", /) -> None:
            """Set how long each wait may take."""


_CHUNK_BYTES = 1024
# What a body is made of, for those who make many of them: response, and `Content-Length`.
ATTRIBUTES = ("_raw_stream", "_content_length")


class StreamingBody(io.IOBase):
    """A file-like over the bytes of an answer, as they arrive.

    Read it to its end: then its connection serves the next call. Closing it early, or dropping it,
    gives the connection up unless the rest is small and already here.

    Raises `IncompleteReadError` where the body turns out shorter than its `Content-Length`,
    `ResponseStreamingError` where it breaks off, and `ReadTimeoutError` where nothing arrives for
    `read_timeout` seconds.

    >>> import io
    >>> body = StreamingBody(io.BytesIO(b"a,b"), "3")
    >>> body.read()
    b'a,b'
    """

    _amount_read = 0

    def __init__(self, raw_stream: "Readable", content_length: "str | int | None") -> None:
        self._raw_stream = raw_stream
        self._content_length = content_length

    def read(self, amt: "int | None" = None) -> bytes:
        """Return at most `amt` bytes (all that is left if `None` or negative), `b""` at the end."""
        if amt is None or amt < 0:
            data = self._raw_stream.read()
            read = self._amount_read = self._amount_read + len(data)
            expected = self._content_length
            # Looked at here first: nearly every body is read at once, and is what it should be.
            if expected is not None and read != int(expected):
                self._check_length()
            return data
        data = self._raw_stream.read(amt)
        if data:
            self._amount_read += len(data)
        elif amt:
            self._check_length()
        return data

    def readinto(self, b: "Any") -> int:
        """Read into a writable buffer and return the number of bytes, 0 at the end."""
        count = self._raw_stream.readinto(b)
        if count:
            self._amount_read += count
        elif len(b):
            self._check_length()
        return count

    def readlines(self, hint: "int | None" = -1, /) -> "list[bytes]":
        r"""Return the remaining lines, split at `\n` alone, ends kept."""
        return io.BytesIO(self.read()).readlines(hint)

    def __iter__(self) -> "StreamingBody":
        """Iterate over pieces of 1024 bytes (not over lines; that is boto3's choice)."""
        return self

    def __next__(self) -> bytes:
        piece = self.read(_CHUNK_BYTES)
        if not piece:
            raise StopIteration
        return piece

    next = __next__

    def iter_chunks(self, chunk_size: int = _CHUNK_BYTES) -> "Iterator[bytes]":
        """Yield pieces of exactly `chunk_size` bytes; the last may be shorter."""
        while piece := self.read(chunk_size):
            yield piece

    def iter_lines(
        self, chunk_size: int = _CHUNK_BYTES, keepends: bool = False
    ) -> "Iterator[bytes]":
        r"""Yield lines, ended by `\n`, `\r\n` or `\r`, read in pieces of `chunk_size` bytes.

        The size never changes the result: an end that is cut in two counts once.
        """
        splitter = LineSplitter(keepends)
        for piece in self.iter_chunks(chunk_size):
            yield from splitter.feed(piece)
        yield from splitter.finish()

    def tell(self) -> int:
        """Return the number of bytes read so far."""
        return self._amount_read

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def close(self) -> None:
        """Give the rest up. `closed` stays `False`, as boto3 has it."""
        self._raw_stream.close()

    # The response gives its connection up itself. `io`'s own would close it once more, after every
    # call; this is the cheapest thing that can stand here and does nothing.
    __del__ = io.IOBase.seekable  # type: ignore[assignment]

    def __enter__(self) -> "StreamingBody":  # noqa: PYI034 - typing is not imported
        """Return the body itself; leaving the block closes it."""
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __reduce__(self) -> "Any":
        """Raise `TypeError`: what is still on a connection cannot be pickled."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: pickle what read() returns")

    def set_socket_timeout(self, timeout: "float | None") -> None:
        """Set how long, in seconds, each wait for more of this body may take from now on."""
        self._raw_stream.set_timeout(timeout)

    def _check_length(self) -> None:
        if self._content_length is None:
            return
        expected = int(self._content_length)
        if self._amount_read != expected:
            raise IncompleteReadError(actual_bytes=self._amount_read, expected_bytes=expected)


class LineSplitter:
    r"""Splits pieces into lines, ended by `\n`, `\r\n` or `\r`; an end that is cut counts once."""

    __slots__ = ("_held", "_keepends")

    def __init__(self, keepends: bool) -> None:
        self._keepends = keepends
        self._held: list[bytes] = []  # the pieces of a line whose end has not been seen

    def feed(self, piece: bytes) -> "Iterator[bytes]":
        """Yield the lines that end in a piece."""
        held = self._held
        if held and held[-1].endswith(b"\r") and not piece.startswith(b"\n"):
            yield self._line(held)
            held = []
        first, *others = piece.splitlines(keepends=True)
        held.append(first)
        for line in others:
            yield self._line(held)
            held = [line]
        # A carriage return may be half of an end; a newline is a whole one.
        if held[-1].endswith(b"\n"):
            yield self._line(held)
            held = []
        self._held = held

    def finish(self) -> "Iterator[bytes]":
        """Yield what follows the last end."""
        if self._held:
            yield self._line(self._held)

    def _line(self, pieces: "list[bytes]") -> bytes:
        line = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return line if self._keepends else line.splitlines()[0]
