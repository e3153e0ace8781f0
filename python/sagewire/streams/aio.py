"""What results stream on an event loop: `AsyncStreamingBody` and `AsyncEventStream`.

They have the API of aiobotocore's bodies and streams, and differ from the blocking ones in waiting
only.
"""

import asyncio

from sagewire.exceptions import IncompleteReadError, ResponseStreamingError
from sagewire.streams.body import LineSplitter
from sagewire.streams.events import Events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from sagewire.streams.events import Message
    from sagewire.streams.sse import ServerSentEvent

_CHUNK_BYTES = 1024
# More than this is read in pieces, and copied in a thread.
_READ_AT_ONCE_BYTES = 262_144
# What is split into lines before others have their turn.
_SPLIT_AT_ONCE_BYTES = 8_192


class AsyncStreamingBody:
    """The bytes of an answer, as they arrive, for a task of the loop that made the call.

    Read it to its end: then its connection serves the next call. Closing it early, or dropping it,
    or cancelling a read, gives the connection up unless the rest is small and already here. What is
    not read is not taken off the wire.

    Raises `IncompleteReadError` where the body turns out shorter than its `Content-Length`,
    `ResponseStreamingError` where it breaks off, and `ReadTimeoutError` where nothing arrives for
    `read_timeout` seconds.
    """

    __slots__ = ("_amount_read", "_content_length", "_raw_stream")

    def __init__(self, raw_stream: "Any", content_length: "str | int | None") -> None:
        self._raw_stream = raw_stream
        self._content_length = content_length
        self._amount_read = 0

    async def read(self, amt: "int | None" = None) -> bytes:
        """Return at most `amt` bytes (all that is left if `None` or negative), `b""` at the end."""
        if amt is not None and amt < 0:
            amt = None
        raw = self._raw_stream
        data: bytes | None = raw.read_now(amt)
        if data is None:
            wanted = self._wanted(amt)
            try:
                if wanted is None or wanted > _READ_AT_ONCE_BYTES:
                    return await self._read_large(wanted, amt)
                data = await raw.read(amt)
            except RuntimeError:
                raise  # another task is reading, and goes on
            except BaseException:
                # Given up, or broken: what is left of the answer is nobody's.
                raw.abandon()
                raise
        assert data is not None  # noqa: S101 - the transport's word
        if data:
            self._amount_read += len(data)
            if amt is None:
                self._check_length()
        elif amt != 0:
            self._check_length()
        return data

    def _wanted(self, amt: "int | None") -> "int | None":
        """Return how many bytes a read is to give; `None` where only their end will tell."""
        if self._content_length is None or "transfer-encoding" in self._raw_stream.headers:
            return amt
        try:
            left = int(self._content_length) - self._amount_read
        except ValueError:
            return amt
        return left if amt is None else min(amt, left)

    async def _read_large(self, wanted: "int | None", amt: "int | None") -> bytes:
        """Read so much in pieces, and join them in a thread: megabytes copied would keep the loop.

        Joining bytes lets go of the interpreter.
        """
        raw = self._raw_stream
        pieces: list[bytes] = []
        got = 0
        while wanted is None or got < wanted:
            size = _READ_AT_ONCE_BYTES if wanted is None else min(_READ_AT_ONCE_BYTES, wanted - got)
            piece = raw.read_now(size)
            if piece is None:
                piece = await raw.read(size, got > 0)
            pieces.append(piece)
            got += len(piece)
            if len(piece) < size:
                break  # the end
        if amt is None and wanted is not None and got < wanted:
            cut = f"IncompleteRead({got} bytes read, {wanted - got} more expected)"
            raise ResponseStreamingError(error=f"('Connection broken: {cut}', {cut})")
        self._amount_read += got
        if (got and amt is None) or (not got and amt != 0):
            self._check_length()
        if got <= _READ_AT_ONCE_BYTES:
            return b"".join(pieces)
        return await asyncio.get_running_loop().run_in_executor(None, b"".join, pieces)

    async def readinto(self, b: "Any") -> int:
        """Read into a writable buffer and return the number of bytes, 0 at the end."""
        view = memoryview(b).cast("B")
        if view.readonly:
            raise TypeError("buffer: must be writable")
        got = 0
        while True:
            size = min(len(view) - got, _READ_AT_ONCE_BYTES)
            try:
                data = await self.read(size)
            except IncompleteReadError:
                if got:
                    return got  # the next read says it
                raise
            view[got : got + len(data)] = data
            got += len(data)
            if len(data) < size or got == len(view):
                return got

    async def readlines(self) -> "list[bytes]":
        """Return the remaining lines without their ends, as aiobotocore does."""
        return [line async for line in self.iter_lines()]

    def __aiter__(self) -> "AsyncStreamingBody":
        """Iterate over pieces of 1024 bytes."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        piece = await self.read(_CHUNK_BYTES)
        if not piece:
            raise StopAsyncIteration
        return piece

    anext = __anext__

    async def iter_chunks(self, chunk_size: int = _CHUNK_BYTES) -> "AsyncIterator[bytes]":
        """Yield pieces of exactly `chunk_size` bytes; the last may be shorter."""
        while piece := await self.read(chunk_size):
            yield piece

    async def iter_lines(
        self, chunk_size: int = _CHUNK_BYTES, keepends: bool = False
    ) -> "AsyncIterator[bytes]":
        r"""Yield lines, ended by `\n`, `\r\n` or `\r`, read in pieces of `chunk_size` bytes."""
        splitter = LineSplitter(keepends)
        while piece := await self.read(chunk_size):
            for slice_ in _slices(piece):
                if slice_ is not piece:
                    await asyncio.sleep(0)
                for line in splitter.feed(slice_):
                    yield line
        for line in splitter.finish():
            yield line

    def tell(self) -> int:
        """Return the number of bytes read so far."""
        return self._amount_read

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def close(self) -> None:
        """Give the rest up; a read that another task waits for fails."""
        self._raw_stream.close()

    async def aclose(self) -> None:
        """As `close`."""
        self._raw_stream.close()

    async def __aenter__(self) -> "AsyncStreamingBody":  # noqa: PYI034 - typing is not imported
        """Return the body itself; leaving the block closes it."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._raw_stream.close()

    def __reduce__(self) -> "Any":
        """Raise `TypeError`: what is still on a connection cannot be pickled."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: pickle what read() returns")

    @property
    def raw_stream(self) -> "Any":
        """What the body is read from."""
        return self._raw_stream

    def set_socket_timeout(self, timeout: "float | None") -> None:
        """Set how long, in seconds, each wait for more of this body may take from now on.

        Raises `AttributeError` once some of it has been read and it is at its end or given up.
        """
        try:
            self._raw_stream.set_timeout(timeout)
        except AttributeError:
            # An empty body is over before anybody has read it: nothing is waited for.
            if self._amount_read:
                raise

    def _check_length(self) -> None:
        if self._content_length is None:
            return
        expected = int(self._content_length)
        if self._amount_read != expected:
            raise IncompleteReadError(actual_bytes=self._amount_read, expected_bytes=expected)


class AsyncEventStream(Events):
    """The events of a response stream, each as soon as it has arrived, for a task of the loop.

    `async for` gives boto3's events: `{"PayloadPart": {"Bytes": b"..."}}`. `iter_bytes` gives the
    payloads alone, `iter_lines`, `iter_sse` and `iter_json` what is in them, wherever the parts are
    cut. All of them go on from where another has stopped. What is not asked for is not taken off
    the wire, but for one buffer.

    The connection serves the next call once the stream has been read to its end. Raises as
    `EventStream` does. Cancelling a wait gives the stream up; what had arrived is still given out.
    """

    __slots__ = ("_decoder", "_response", "_unsplit")

    def __init__(self, response: "Any", operation_name: str) -> None:
        from sagewire._impl import eventstream

        super().__init__(operation_name)
        self._response = response
        self._decoder = eventstream.Decoder()
        # What of a part is not yet split into lines, whoever asks for them.
        self._unsplit: bytes | memoryview = b""

    def __iter__(self) -> "Any":
        """Raise `NotImplementedError`, as aiobotocore's does."""
        raise NotImplementedError("Use async-for instead")

    async def __aiter__(self) -> "AsyncIterator[dict[str, Any]]":
        """Yield boto3's events."""
        pending = self._pending
        while pending or await self._more():
            while pending:
                message = pending.popleft()
                if type(message) is bytes:
                    yield {"PayloadPart": {"Bytes": message}}
                elif event := self._event(message):  # type: ignore[arg-type]
                    yield event

    async def iter_bytes(self) -> "AsyncIterator[bytes]":
        """Yield the payload of each part."""
        pending = self._pending
        while pending or await self._more():
            while pending:
                message = pending.popleft()
                if type(message) is bytes:
                    yield message
                else:
                    self._part(message)  # type: ignore[arg-type]

    async def iter_lines(self) -> "AsyncIterator[bytes]":
        r"""Yield whole lines without their ends (`\n`, `\r\n` or `\r`), and what follows the last.

        A line is given out as soon as its end is here, wherever the parts are cut.
        """
        lines = self._lines
        parts = self.iter_bytes()
        while True:
            while lines:
                yield lines.popleft()
            if self._unsplit:
                await asyncio.sleep(0)
            else:
                part = await anext(parts, None)
                if part is None:
                    break
                if len(part) <= _SPLIT_AT_ONCE_BYTES:
                    self._split(part)
                    continue
                self._unsplit = memoryview(part)
            slice_ = bytes(self._unsplit[:_SPLIT_AT_ONCE_BYTES])
            self._unsplit = self._unsplit[_SPLIT_AT_ONCE_BYTES:] or b""
            self._split(slice_)
        if last := self._last_line():
            yield last

    async def iter_sse(self) -> "AsyncIterator[ServerSentEvent]":
        r"""Yield server-sent events up to `data: [DONE]`, which closes the stream.

        An event is the text of its `data:` lines, joined by `\n`; as attributes it has `event`,
        `id` and `retry`. One that the stream ends in counts, whether a blank line follows or not.
        """
        from sagewire.streams.sse import Assembler

        assembler = Assembler()
        async for line in self.iter_lines():
            event = assembler.feed(line)
            if event is not None:
                yield event
            elif assembler.done:
                self.close()
                return
        event = assembler.finish()
        if event is not None:
            yield event

    async def iter_json(self) -> "AsyncIterator[Any]":
        """Yield the value of each line (JSON Lines); blank lines are skipped.

        Raises `ValueError` for a line that is not JSON; iterating again goes on behind it.
        """
        from json import loads

        async for line in self.iter_lines():
            if line and not line.isspace():
                yield loads(line)

    async def get_initial_response(self) -> "Message":
        """Return the next message if it is an initial response: it has `headers` and `payload`.

        Raises `NoInitialResponseError` for any other, which is lost then, and at the end.
        """
        has_next = self._pending or await self._more()
        return self._initial(self._pending.popleft() if has_next else None)

    def close(self) -> None:
        """Give up what has not arrived. What has is still given out."""
        self._over = True
        self._response.close()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    async def __aenter__(self) -> "AsyncEventStream":  # noqa: PYI034 - typing is not imported
        """Return the stream itself; leaving the block closes it."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.close()

    async def _more(self) -> bool:
        """Wait for more messages; `False` at the end."""
        if self._over:
            return False
        response, decoder = self._response, self._decoder
        try:
            decoder.check()
            while True:
                data = await response.read_some()
                if not data:
                    decoder.finish()
                    self._over = True
                    return False
                arrived = decoder.feed(data)
                if arrived:
                    self._pending.extend(arrived)
                    return True
                decoder.check()
        except RuntimeError:
            raise  # another task is reading, and goes on
        except BaseException:
            self._over = True
            response.abandon()
            raise


def _slices(data: bytes) -> "Iterator[bytes]":
    """Yield data as it is if there is little of it, else in pieces."""
    if len(data) <= _SPLIT_AT_ONCE_BYTES:
        yield data
        return
    for start in range(0, len(data), _SPLIT_AT_ONCE_BYTES):
        yield data[start : start + _SPLIT_AT_ONCE_BYTES]
