"""`StreamingBody`: the body of a result, read when it is asked for, with boto3's API."""

import io
from operator import index

from sagewire._impl import bodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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

    class _Body(bodies.Body, io.IOBase):
        """What `StreamingBody` is made of, as type checkers are to see it."""
else:
    # By its layout it cannot be an `io.IOBase`: what a call makes each time is native.
    _Body = bodies.Body

_CHUNK_BYTES = 1024


class StreamingBody(_Body):
    """A file-like over the bytes of an answer, as they arrive; an `io.IOBase`.

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

    # As boto3 has it, also after `close`.
    closed = False

    def readline(self, size: "int | None" = -1, /) -> bytes:
        r"""Return the bytes up to the next `\n`, which is kept; at most `size` of them."""
        most = -1 if size is None else index(size)
        line = bytearray()
        while most < 0 or len(line) < most:
            byte = self.read(1)
            line += byte
            if byte in (b"", b"\n"):
                break
        return bytes(line)

    def readlines(self, hint: "int | None" = -1, /) -> "list[bytes]":
        r"""Return the remaining lines, split at `\n` alone, ends kept."""
        return io.BytesIO(self.read()).readlines(hint)

    def __iter__(self) -> "StreamingBody":
        """Iterate over pieces of 1024 bytes (not over lines; that is boto3's choice)."""
        return self

    def __next__(self) -> bytes:
        """Return the next piece of up to 1024 bytes."""
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

    def set_socket_timeout(self, timeout: "float | None") -> None:
        """Set how long, in seconds, each wait for more of this body may take from now on.

        Raises `AttributeError` once some of it has been read and it is at its end or given up.
        """
        try:
            super().set_socket_timeout(timeout)
        except AttributeError:
            # An empty body is over before anybody has read it; boto3's is not, and does not raise.
            if self.tell():
                raise

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def writable(self) -> bool:
        """Return `False`."""
        return False

    def seekable(self) -> bool:
        """Return `False`."""
        return False

    def isatty(self) -> bool:
        """Return `False`."""
        return False

    def flush(self) -> None:
        """Do nothing."""

    def fileno(self) -> int:
        """Raise `io.UnsupportedOperation`, as `seek` and `truncate` do."""
        raise io.UnsupportedOperation("fileno")

    def seek(self, _offset: int, _whence: int = 0, /) -> int:
        """Raise `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("seek")

    def truncate(self, _size: "int | None" = None, /) -> int:
        """Raise `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("truncate")

    def writelines(self, lines: "Iterable[Any]", /) -> None:
        """Raise `AttributeError` unless there is nothing to write."""
        for line in lines:
            self.write(line)

    def __enter__(self) -> "StreamingBody":  # noqa: PYI034 - typing is not imported
        """Return the body itself; leaving the block closes it."""
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __reduce__(self) -> "Any":
        """Raise `TypeError`: what is still on a connection cannot be pickled."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: pickle what read() returns")


io.IOBase.register(StreamingBody)


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
