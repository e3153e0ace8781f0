"""What a file as `Body` becomes on the wire: length, hash, pieces, and rewinding for a retry.

Text and bytes need none of this. A file is read twice: once for its hash (the signature comes
before the body), once to be sent; both times from where it stood when the call began.
"""

import os

from sagewire.exceptions import BodyChangedError, UnseekableStreamError
from sagewire.model import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HASH_PIECE_BYTES = 1024 * 1024
SEND_PIECE_BYTES = 128 * 1024


def of_object(
    body: "Any", *, signed: bool
) -> "bytes | BufferPayload | FilePayload | StreamPayload":
    """Return what to send for a body that is neither text nor bytes of any kind.

    An object that cannot seek can only be sent unsigned. Raises `TypeError`, `OSError` or
    `ValueError` that name `Body` for objects that cannot be sent at all.
    """
    if not hasattr(body, "read"):
        if report.is_buffer(body):
            return of_buffer(body)
        if hasattr(body, "__next__") and not signed:
            return IteratorPayload(body, None)
        raise TypeError(
            f"Body: expected bytes, bytearray, another buffer, str or a file, "
            f"got {type(body).__name__}"
        )
    if hasattr(body, "__len__") and len(body) == 0:
        return b""
    if not (hasattr(body, "seek") and hasattr(body, "tell")):
        if signed:
            raise TypeError(
                f"Body: {type(body).__name__} has read() but cannot seek, and a signed body is "
                "read twice; pass its bytes, or use an unsigned client"
            )
        return StreamPayload(body, len(body) if hasattr(body, "__len__") else None)
    try:
        start = body.tell()
        end = body.seek(0, os.SEEK_END)
        end = body.tell() if end is None else end  # some file-likes return nothing from seek
        body.seek(start)
        # Nothing is there to be read, unless it is a device, which says that it has no length.
        probe = body.read(1 if end <= start else 0)
        text = isinstance(probe, str)
    except (OSError, TypeError, ValueError) as error:
        import io

        if not signed and isinstance(error, io.UnsupportedOperation):
            return StreamPayload(body, None)
        raise _named(error) from error
    if text:
        if signed:
            raise TypeError("Body: the file gives text; open it in binary mode, or pass a str")
        # Unsigned, boto3 sends text files too. Their length in bytes is known once they are read.
        return bytes(body.read(), "utf-8")
    if probe:
        raise ValueError(
            f"Body: {type(body).__name__} says that it is at its end and gives bytes all the same, "
            "as a device does; pass the bytes"
        )
    return FilePayload(body, start, max(end - start, 0))


def _bytes(piece: "Any") -> bytes:
    """Return what a file's `read` gave as bytes."""
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, (bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"Body: read() gave {type(piece).__name__}; allowed: bytes")


def _named(error: "OSError | TypeError | ValueError") -> "OSError | TypeError | ValueError":
    """Return the same kind of error with words that name the argument."""
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, f"Body: {error.strerror}")
    return type(error)(f"Body: {error}")


def of_buffer(body: "Any") -> "bytes | BufferPayload":
    """Return what to send for anything with the buffer protocol."""
    with memoryview(body) as view:
        # A small one is copied, and so is one whose bytes do not stand in a row.
        if view.nbytes <= SEND_PIECE_BYTES or not view.c_contiguous:
            return view.tobytes()
    return BufferPayload(body)


class BufferPayload:
    """A large array or another object's memory, sent without a copy of the whole of it.

    It is looked at piece by piece and held at no other time: a `bytearray` that an error's
    traceback would hold could not be resized.
    """

    __slots__ = ("_buffer", "_hash", "length")

    def __init__(self, buffer: "Any") -> None:
        self._buffer = buffer
        self._hash: str | None = None
        self.length = memoryview(buffer).nbytes

    def digest(self) -> str:
        """Return the payload's SHA-256 in hex, made once for all attempts."""
        if self._hash is None:
            from hashlib import sha256

            with memoryview(self._buffer) as view, view.cast("B") as flat:
                self._hash = sha256(flat).hexdigest()
        return self._hash

    def pieces(self) -> "Iterator[bytes]":
        """Yield the memory, piece by piece; `BodyChangedError` if it has become another size."""
        for start in range(0, self.length, SEND_PIECE_BYTES):
            with memoryview(self._buffer) as view, view.cast("B") as flat:
                if len(flat) != self.length:
                    raise BodyChangedError(expected_bytes=self.length, actual_bytes=len(flat))
                piece = bytes(flat[start : start + SEND_PIECE_BYTES])
            yield piece

    def rewind(self) -> None:
        """Measure it again; it is where it was."""
        length = memoryview(self._buffer).nbytes
        if length != self.length:
            self.length, self._hash = length, None


class FilePayload:
    """A seekable file from `start` on, `length` bytes of it."""

    __slots__ = ("_file", "_hash", "_start", "length")

    def __init__(self, file: "Any", start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._hash: str | None = None
        self.length = length

    def digest(self) -> str:
        """Return the payload's SHA-256 in hex and put the file back to where it was.

        Made once for all attempts, unless the file's length changes between two.
        """
        if self._hash is not None:
            return self._hash
        from hashlib import sha256

        hashed = sha256()
        for piece in self.pieces(HASH_PIECE_BYTES):
            hashed.update(piece)
        self._file.seek(self._start)
        self._hash = hashed.hexdigest()
        return self._hash

    def pieces(self, size: int = SEND_PIECE_BYTES) -> "Iterator[bytes]":
        """Yield exactly `length` bytes.

        Raises `BodyChangedError` before the last ones if the file has become shorter or longer.
        """
        left = self.length
        while left:
            try:
                piece = _bytes(self._file.read(min(size, left)))
                left -= len(piece)
                more = b"" if left or not piece else self._file.read(1)
            except (OSError, ValueError) as error:
                raise _named(error) from error
            if not piece or more:
                sent = self.length - left
                actual = sent if not piece else self.length + self._rest()
                raise BodyChangedError(expected_bytes=self.length, actual_bytes=actual)
            yield piece

    def _rest(self) -> int:
        end = self._file.seek(0, os.SEEK_END)
        return int((self._file.tell() if end is None else end) - self._start - self.length)

    def rewind(self) -> None:
        """Put the file back to where the call found it, and measure it again.

        boto3 goes to the file's very beginning and sends bytes that the caller had skipped.
        """
        try:
            end = self._file.seek(0, os.SEEK_END)
            end = self._file.tell() if end is None else end
            self._file.seek(self._start)
        except (OSError, ValueError):
            raise UnseekableStreamError(stream_object=self._file) from None
        length = max(end - self._start, 0)
        if length != self.length:
            self.length, self._hash = length, None


class StreamPayload:
    """Something that can be read once: chunked if its length is not known."""

    __slots__ = ("_stream", "length")

    def __init__(self, stream: "Any", length: "int | None") -> None:
        self._stream = stream
        self.length = length

    def pieces(self) -> "Iterator[bytes]":
        """Yield what the object gives; `BodyChangedError` if that is not what it announced."""
        sent = 0
        while True:
            try:
                piece = self._stream.read(SEND_PIECE_BYTES)
            except (OSError, ValueError) as error:
                raise _named(error) from error
            piece = piece.encode("utf-8") if isinstance(piece, str) else _bytes(piece)
            if not piece:
                break
            sent += len(piece)
            if self.length is not None and sent > self.length:
                raise BodyChangedError(expected_bytes=self.length, actual_bytes=sent)
            yield piece
        if self.length is not None and sent < self.length:
            raise BodyChangedError(expected_bytes=self.length, actual_bytes=sent)

    def rewind(self) -> None:
        """Raise `UnseekableStreamError`: what has been read cannot be sent again."""
        raise UnseekableStreamError(stream_object=self._stream)


class IteratorPayload(StreamPayload):
    """An iterator's pieces, bytes or text sent as UTF-8: a chunk each."""

    __slots__ = ()

    def pieces(self) -> "Iterator[bytes]":
        """Yield what there is; `TypeError` that names `Body` for a piece of another kind."""
        for piece in self._stream:
            if isinstance(piece, str):
                data = piece.encode("utf-8")
            elif isinstance(piece, (bytes, bytearray, memoryview)):
                data = bytes(piece)
            else:
                raise TypeError(f"Body: a piece is {type(piece).__name__}; allowed: bytes and text")
            if data:  # an empty chunk would be the last one
                yield data
