"""`EventStream`: the events of a response stream as they arrive, with boto3's API and a bit more.

`Events` is the half that waits for nothing. A driver adds the waiting: it fills `_pending` with
what its reader returns, and says in `_over` that nothing more will come.
"""

from collections import deque

from sagewire.exceptions import EventStreamError, NoInitialResponseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    from sagewire.streams.sse import ServerSentEvent

    class Message(Protocol):
        """A message that is not a plain part."""

        headers: "dict[str, bool | int | bytes | str]"
        payload: bytes

    class Reader(Protocol):
        """What events are read from: `_impl.eventstream.Reader` over a response."""

        def read(self) -> "list[Any]":
            """Return what has arrived, at least one message; none at the end."""

        def close(self) -> None:
            """Give up what has not been read."""


# Errors that are modeled as events; their own members are told only by an exception message.
_ERROR_EVENTS = frozenset(("ModelStreamError", "InternalStreamFailure"))
_ERROR_TYPES = frozenset(("PayloadPart", *_ERROR_EVENTS))


class Events:
    """The half of an event stream that needs no waiting."""

    __slots__ = ("_lines", "_operation_name", "_over", "_pending", "_splitter")

    def __init__(self, operation_name: str) -> None:
        self._operation_name = operation_name
        # Messages that have arrived: a plain part is its payload.
        self._pending: deque[bytes | Message] = deque()
        self._over = False
        self._splitter: Any = None
        # Lines that have arrived whole, whoever asks for them.
        self._lines: deque[bytes] = deque()

    def _event(self, message: "Message") -> "dict[str, Any] | None":
        """Return a message's event, `None` for one that boto3 skips; raise the error that it is."""
        headers = message.headers
        if headers.get(":message-type") in ("error", "exception"):
            raise self._error(message)
        event_type = headers.get(":event-type")
        return {str(event_type): {}} if event_type in _ERROR_EVENTS else None

    def _error(self, message: "Message") -> EventStreamError:
        headers = message.headers
        code: Any = headers.get(":exception-type")
        members: dict[str, Any] = {}
        if code in _ERROR_TYPES:
            # A part has no members of these names.
            if code in _ERROR_EVENTS:
                members = _json_object(message.payload)
            text = members.get("Message")
            error = {"Code": code, "Message": "" if text is None else text}
        else:
            code = headers.get(":error-code", "")
            error = {"Code": code, "Message": headers.get(":error-message", "")}
        detail = members.get("ErrorCode")
        return EventStreamError({"Error": error}, self._operation_name, detail)

    def _part(self, message: "Message") -> None:
        """Raise the error that a message is, for those who take parts only; skip any other."""
        event = self._event(message)
        if event is not None:
            # boto3 shows it among the events; where only payloads are shown it must not get lost.
            error = {"Code": next(iter(event)), "Message": ""}
            raise EventStreamError({"Error": error}, self._operation_name)

    def _split(self, part: bytes) -> None:
        """Take a part apart into lines."""
        if self._splitter is None:
            from sagewire._impl import eventstream

            self._splitter = eventstream.Lines()
        self._lines.extend(self._splitter.feed(part))

    def _last_line(self) -> "bytes | None":
        """Return the line that the stream ended in, if it ended in one."""
        line: bytes | None = None if self._splitter is None else self._splitter.finish()
        return line

    def _initial(self, message: "bytes | Message | None") -> "Message":
        if message is None or isinstance(message, bytes):
            raise NoInitialResponseError
        if message.headers.get(":event-type") != "initial-response":
            raise NoInitialResponseError
        return message

    def __reduce__(self) -> "Any":
        """Raise `TypeError`: what is still on a connection cannot be pickled."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: pickle what it brings")


class EventStream(Events):
    """The events of a response stream, each as soon as it has arrived.

    Iterating gives boto3's events: `{"PayloadPart": {"Bytes": b"..."}}`. `iter_bytes` gives the
    payloads alone, `iter_lines`, `iter_sse` and `iter_json` what is in them, wherever the parts are
    cut. All of them go on from where another has stopped.

    The connection serves the next call once the stream has been read to its end. Closing the stream
    early, or dropping it, gives the connection up unless the rest is small and already here.

    Raises `EventStreamError` for an error inside the stream; iterating again goes on behind it.
    Each of these ends the stream, once what arrived before has been given out: a `ParserError`
    (`ChecksumMismatch` and others) for what is no event, `ResponseStreamingError` where the stream
    breaks off, or ends inside an event or before its `Content-Length`, `ReadTimeoutError` where
    nothing arrives for `read_timeout` seconds, and `DeadlineExceededError` at the call's deadline.
    """

    __slots__ = ("_reader",)

    def __init__(self, reader: "Reader", operation_name: str) -> None:
        super().__init__(operation_name)
        self._reader = reader

    def __iter__(self) -> "Iterator[dict[str, Any]]":
        """Yield boto3's events."""
        pending = self._pending
        while pending or self._more():
            while pending:
                message = pending.popleft()
                if type(message) is bytes:
                    yield {"PayloadPart": {"Bytes": message}}
                elif event := self._event(message):  # type: ignore[arg-type]
                    yield event

    def iter_bytes(self) -> "Iterator[bytes]":
        """Yield the payload of each part."""
        pending = self._pending
        while pending or self._more():
            while pending:
                message = pending.popleft()
                if type(message) is bytes:
                    yield message
                else:
                    self._part(message)  # type: ignore[arg-type]

    def iter_lines(self) -> "Iterator[bytes]":
        r"""Yield whole lines without their ends (`\n`, `\r\n` or `\r`), and what follows the last.

        A line is given out as soon as its end is here, wherever the parts are cut.
        """
        lines = self._lines
        while lines:
            yield lines.popleft()
        for part in self.iter_bytes():
            self._split(part)
            while lines:
                yield lines.popleft()
        if last := self._last_line():
            yield last

    def iter_sse(self) -> "Iterator[ServerSentEvent]":
        r"""Yield server-sent events up to `data: [DONE]`, which closes the stream.

        An event is the text of its `data:` lines, joined by `\n`; as attributes it has `event`,
        `id` and `retry`. One that the stream ends in counts, whether a blank line follows or not.
        """
        from sagewire.streams.sse import Assembler

        assembler = Assembler()
        for line in self.iter_lines():
            event = assembler.feed(line)
            if event is not None:
                yield event
            elif assembler.done:
                self.close()
                return
        event = assembler.finish()
        if event is not None:
            yield event

    def iter_json(self) -> "Iterator[Any]":
        """Yield the value of each line (JSON Lines); blank lines are skipped.

        Raises `ValueError` for a line that is not JSON; iterating again goes on behind it.
        """
        from json import loads

        for line in self.iter_lines():
            if line and not line.isspace():
                yield loads(line)

    def get_initial_response(self) -> "Message":
        """Return the next message if it is an initial response: it has `headers` and `payload`.

        Raises `NoInitialResponseError` for any other, which is lost then, and at the end.
        """
        has_next = self._pending or self._more()
        return self._initial(self._pending.popleft() if has_next else None)

    def close(self) -> None:
        """Give up what has not arrived. What has is still given out."""
        self._over = True
        self._reader.close()

    def _more(self) -> bool:
        """Wait for more messages; `False` at the end."""
        if self._over:
            return False
        try:
            arrived = self._reader.read()
        except RuntimeError:
            raise  # another thread is reading, and goes on
        except BaseException:
            self._over = True
            self._reader.close()
            raise
        if not arrived:
            self._over = True
            return False
        self._pending.extend(arrived)
        return True


def _json_object(payload: bytes) -> "dict[str, Any]":
    """Return the members of an error's JSON; none where it is no JSON object."""
    if not payload:
        return {}
    import json

    try:
        members = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
