"""One accepted socket: heads and bodies in, answers out. RFC 9112. The native twin has hyper."""

import socket
import time

from sagewire._pure.server.head import (
    MAX_HEAD_BYTES,
    BadRequestError,
    Beginning,
    Head,
    body_length,
    parsed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Pairs = list[tuple[str, str]]

RECEIVE_BYTES = 65_536
# What may stand behind the sizes of all chunks of a body.
MAX_EXTENSION_BYTES = 16_384
# HTTP/2's first words (RFC 9113, section 3.4), to which there is no answer in HTTP/1.1.
PREFACE = b"PRI * HTTP/2.0"
# How long a refused body is read for, so that the refusal reaches a caller that is still sending.
LINGER_SECONDS = 2.0
# How long a caller may take nothing of an answer.
SEND_SECONDS = 60.0

# The words of hyper, which answers with them to whatever a test scripts.
REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Payload Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a teapot",
    421: "Misdirected Request",
    422: "Unprocessable Entity",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}


class GoneError(Exception):
    """The peer is gone, or too slow."""


class BodyTooLargeError(Exception):
    """The body is over the limit; part of it may still be on its way."""


class Wire:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, max_body_bytes: int) -> None:
        self._sock = sock
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()

    # In

    def read_head(self, seconds: float) -> "Head | None":
        """Return the next head, or None when the peer ended the connection between two requests."""
        deadline = time.monotonic() + seconds
        beginning = Beginning()
        while True:
            # RFC 9112, section 2.2: empty lines before a request are skipped.
            while self._buffer.startswith((b"\r\n", b"\n")):
                del self._buffer[: self._buffer.index(b"\n") + 1]
            if self._buffer.startswith(PREFACE):
                raise GoneError
            end = beginning.end(self._buffer)
            if end:
                raw = bytes(self._buffer[:end])
                del self._buffer[:end]
                return parsed(raw)
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequestError(431)
            # Nonsense is answered as soon as it shows, not when its head is complete.
            if self._buffer != b"\r":
                beginning.check(self._buffer)
            if not self._receive(deadline):
                if self._buffer:
                    raise GoneError
                return None

    def read_body(self, head: Head, seconds: float) -> bytes:
        """Return the body; `seconds` is how long the peer may pause."""
        length = body_length(head)
        if length is not None and length > self._max_body_bytes:
            raise BodyTooLargeError
        if length != 0 and head.version == 11 and head.has_token("expect", "100-continue"):
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length is not None:
            return self._take(length, seconds)
        return self._read_chunked(seconds)

    def is_open(self) -> bool:
        """Tell whether the peer is still there, while it waits for an answer."""
        try:
            self._sock.settimeout(0)
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def linger(self) -> None:
        """Read and drop what still arrives, for a short while."""
        deadline = time.monotonic() + LINGER_SECONDS
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while self._receive(deadline):
                self._buffer.clear()
        except (GoneError, OSError):
            return

    def _read_chunked(self, seconds: float) -> bytes:
        body = bytearray()
        extensions = 0
        while True:
            digits, _, extension = self._line(seconds).partition(b";")
            digits = digits.rstrip(b" \t")
            extensions += len(extension)
            if not digits or not all(byte in b"0123456789abcdefABCDEF" for byte in digits):
                raise GoneError
            if extensions > MAX_EXTENSION_BYTES or b"\n" in extension:
                raise GoneError
            size = int(digits, 16)
            if size == 0:
                break
            if len(body) + size > self._max_body_bytes:
                raise BodyTooLargeError
            body += self._take(size, seconds)
            if self._take(2, seconds) != b"\r\n":
                raise GoneError
        left = MAX_HEAD_BYTES
        while line := self._line(seconds):
            left -= len(line) + 2
            if left < 0:
                raise GoneError
        return bytes(body)

    def _line(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        searched = 0
        while (end := self._buffer.find(b"\r\n", max(0, searched - 1))) < 0:
            searched = len(self._buffer)
            if searched > MAX_HEAD_BYTES or not self._receive(deadline):
                raise GoneError
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, size: int, seconds: float) -> bytes:
        while len(self._buffer) < size:
            if not self._receive(time.monotonic() + seconds):
                raise GoneError
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _receive(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            raise GoneError
        try:
            self._sock.settimeout(left)
            data = self._sock.recv(RECEIVE_BYTES)
        except OSError:
            raise GoneError from None
        self._buffer += data
        return bool(data)

    # Out

    def write(self, head: "Head | None", status: int, headers: "Pairs", body: bytes) -> None:
        """Send a whole answer."""
        lines = _status_line(head, status)
        lines += [*headers, ("content-length", str(len(body))), ("date", _date())]
        self._send(_encoded(lines) + (b"" if head and head.method == "HEAD" else body))

    def write_parts(
        self, head: Head, status: int, headers: "Pairs", parts: "Iterator[bytes]"
    ) -> None:
        """Send an answer in parts, as they come: chunked, or until the end for HTTP/1.0."""
        chunked = head.version == 11
        lines = [*_status_line(head, status), *headers]
        if chunked:
            lines.append(("transfer-encoding", "chunked"))
        self._send(_encoded([*lines, ("date", _date())]))
        for part in parts:
            if part:
                self._send(b"%X\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            self._send(b"0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            # Anew for each piece, unlike `sendall`: a caller may be slow, but must take something.
            self._sock.settimeout(SEND_SECONDS)
            while left:
                left = left[self._sock.send(left) :]
        except OSError:
            raise GoneError from None


def _status_line(head: "Head | None", status: int) -> "Pairs":
    version = "HTTP/1.0" if head is not None and head.version == 10 else "HTTP/1.1"
    return [("", f"{version} {status} {REASONS.get(status, '<none>')}")]


def _encoded(lines: "Pairs") -> bytes:
    first, *headers = lines
    text = first[1] + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    return text.encode("latin-1")


def _date() -> str:
    from email.utils import formatdate

    return formatdate(usegmt=True)
