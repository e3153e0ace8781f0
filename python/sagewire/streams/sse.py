"""Server-sent events out of lines, as the HTML standard has them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, but for the
end: an event that the stream ends in is not thrown away.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(str):
    """The data of one event: its `data:` lines, joined by newlines.

    `event` is its type (`"message"` where none is given), `id` the last id that the stream has
    named (`""` for none yet), `retry` the milliseconds to wait before connecting again, if given.
    """

    __slots__ = ("event", "id", "retry")

    event: str
    id: str
    retry: "int | None"

    @property
    def data(self) -> str:
        """The data as a plain `str`."""
        return str(self)

    def json(self) -> "Any":
        """Return the value that the data is the JSON of. Raises `ValueError` if it is none."""
        from json import loads

        return loads(self)


class Assembler:
    """Collects lines until an event is whole; `done` once one has been `data: [DONE]`."""

    __slots__ = ("_data", "_event", "_first", "_id", "_retry", "done")

    def __init__(self) -> None:
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self._retry: int | None = None
        self._first = True
        self.done = False

    def feed(self, line: bytes) -> "ServerSentEvent | None":
        """Take the next line; return the event that it ends, if it does."""
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self.finish()
        name, _, rest = line.partition(b":")
        value = rest.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            # No blank line is waited for: models end like this, and may leave it out.
            self.done = value == "[DONE]" and not self._data
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if "\0" not in value:
                self._id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self._retry = int(value)
        return None

    def finish(self) -> "ServerSentEvent | None":
        """Return the event that has been collected, if there is one."""
        data, self._data = self._data, []
        kind, self._event = self._event, ""
        retry, self._retry = self._retry, None
        if not data:
            return None
        made = ServerSentEvent("\n".join(data))
        made.event = kind or "message"
        made.id = self._id
        made.retry = retry
        return made
