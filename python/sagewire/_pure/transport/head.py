"""Heads: a request's out, a response's in. Twins: rust/net/src/transport/head.rs and body.rs.

Parsing is the standard library's, which is also what boto3 parses with, made strict where it takes
what the connection's end has cut short for whole.
"""

import http.client
import io
import re

from sagewire._pure.transport.wire import Buffered
from sagewire.exceptions import HTTPClientError

_MOST_LINE_BYTES = 65_536
_MOST_AT_ONCE_BYTES = 65_536
# Stands for all lengths that are too large to be of use; such a length is taken for none.
_BEYOND_COUNTING = (1 << 63) - 1

# http.client's rule: a line end is a fold if white space follows.
_ILLEGAL_VALUE = re.compile(rb"\n(?![ \t])|\r(?![ \t\n])")
_VISIBLE = re.compile(rb"[!-~]+")
_ILLEGAL_NAME = re.compile(rb"[^!-9;-~]")
_FOLD = re.compile(r"\r?\n[ \t]+")


def request_head(method: str, target: str, headers: "list[tuple[str, str]]") -> tuple[bytes, bool]:
    """Return the head's bytes, and whether it announces a chunked body."""
    start = (method.encode(), target.encode())
    fields = [(name.encode(), value.encode()) for name, value in headers]
    for what, part in zip(("method", "target"), start, strict=True):
        check_visible(what, part)
    lines = [b"%b %b HTTP/1.1\r\n" % start]
    chunked = False
    for name, value in fields:
        chunked = chunked or (value == b"chunked" and name.lower() == b"transfer-encoding")
        lines.append(header_line(name, value))
    lines.append(b"\r\n")
    return b"".join(lines), chunked


def check_visible(what: str, text: bytes) -> None:
    """Refuse a method or a target that is no single word."""
    if not _VISIBLE.fullmatch(text):
        raise HTTPClientError(error=f"Invalid request {what} {text!r}")


def header_line(name: bytes, value: bytes) -> bytes:
    """Return a header's line, its end included."""
    if not name or _ILLEGAL_NAME.search(name):
        raise HTTPClientError(error=f"Invalid header name {name!r}")
    if _ILLEGAL_VALUE.search(value):
        raise HTTPClientError(error=f"Invalid header value {value!r}")
    return b"%b: %b\r\n" % (name, value)


class Parser(http.client.HTTPResponse):
    """http.client's parser over a buffer of ours."""

    def __init__(self, incoming: "io.BufferedIOBase") -> None:
        super().__init__(_NoSocket(incoming), method="POST")  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        # The base looks at the version of a final answer only.
        if not version.startswith("HTTP/1.") and version != "HTTP/0.9":
            raise http.client.UnknownProtocol(version)
        return version, status, reason

    def _read_next_chunk_size(self) -> int:
        # The base takes a size that the connection's end has cut short for a size.
        line = self.fp.readline(_MOST_LINE_BYTES + 1)
        if len(line) > _MOST_LINE_BYTES:
            raise http.client.LineTooLong("chunk size")
        size = int(line.split(b";", 1)[0], 16)
        if not line.endswith(b"\n") or not 0 <= size < _BEYOND_COUNTING:
            raise ValueError("no chunk has that size")
        return size

    def read_some(self) -> bytes:
        """Return what has arrived of the body, waiting only if nothing has; `b""` at its end."""
        if self.fp is None:
            return b""
        if self.chunked:
            try:
                return self._read1_chunked(_MOST_AT_ONCE_BYTES)  # type: ignore[attr-defined,no-any-return]
            except http.client.IncompleteRead:
                # As where the base reads chunks to their end: half a line end does not count.
                raise http.client.IncompleteRead(b"") from None
        # The base's read1 does not count what is left, in some versions.
        left = self.length
        data = self.fp.read1(
            _MOST_AT_ONCE_BYTES if left is None else min(left, _MOST_AT_ONCE_BYTES)
        )
        if left is not None:
            if not data:
                # As the base's own, which keeps the bytes that it counts.
                raise http.client.IncompleteRead(_Counted(self._stated() - left), left)  # type: ignore[arg-type]
            self.length = left = left - len(data)
        if left == 0 or not data:
            self._close_conn()  # type: ignore[attr-defined]
        return data

    def _stated(self) -> int:
        return int(self.headers["content-length"])


class _Counted:
    """So many bytes that nobody has kept."""

    __slots__ = ("_count",)

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class _NoSocket:
    """What http.client asks for a file."""

    __slots__ = ("_file",)

    def __init__(self, file: "io.BufferedIOBase") -> None:
        self._file = file

    def makefile(self, _mode: str) -> "io.BufferedIOBase":
        return self._file


def begin(parser: Parser) -> None:
    """Read a head whole: one that the connection's end cuts short is none."""
    file = parser.fp
    assert isinstance(file, Buffered)  # noqa: S101 - it is ours
    lines = _WholeLines(file)
    parser.fp = lines  # type: ignore[assignment]
    parser.begin()
    settle(parser)
    if parser.fp is not None:
        parser.fp = file


def settle(parser: Parser) -> None:
    """Take a length beyond counting for none."""
    if parser.length is not None and parser.length >= _BEYOND_COUNTING:
        parser.length = None
        parser.will_close = True


class _WholeLines:
    """The lines of a head; `http.client` takes the end of the connection for the end of it."""

    __slots__ = ("_begun", "_file")

    def __init__(self, file: Buffered) -> None:
        self._file = file
        self._begun = False

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            if line or self._begun:
                raise http.client.HTTPException("the head is cut short")
            raise http.client.RemoteDisconnected("there is no head")
        self._begun = line not in (b"\r\n", b"\n")
        return line

    def flush(self) -> None:
        """Do nothing: http.client asks for it where a head is given up."""

    def close(self) -> None:
        """Stay open, as the buffer does."""


def joined(message: http.client.HTTPMessage) -> dict[str, str]:
    """Return the headers by lower-case name, repeated ones joined, folds unfolded."""
    headers: dict[str, str] = {}
    for name, value in message.items():
        key = name.lower()
        text = _FOLD.sub(" ", value)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def check_lengths(text: str) -> None:
    """Refuse a length that is stated twice with different numbers (RFC 9112, section 6.3)."""
    try:
        lengths = {_counted(int(part)) for part in text.split(",")}
    except ValueError:
        return
    if len(lengths) > 1:
        raise HTTPClientError(error=f"Content-Length contained multiple unmatching values ({text})")


def _counted(number: int) -> int:
    return max(-_BEYOND_COUNTING, min(number, _BEYOND_COUNTING))
