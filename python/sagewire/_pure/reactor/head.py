"""Finds the end of a head that arrives piece by piece. Twin: rust/net/src/transport/head.rs.

Reading the head once it is whole is left to `_pure/transport/head.py`, and so to the standard
library.
"""

import http.client
import io

from sagewire._pure.transport.head import Parser, settle

_MOST_LINE_BYTES = 65_536
_MOST_LINES = 100


class BadHeadError(Exception):
    """A head that is none."""


class EndOfConnectionError(BadHeadError):
    """The end of the connection in place of a whole head."""


class HeadScanner:
    """Finds where a head ends, and tells garbage as soon as its first line is here."""

    __slots__ = ("_line_start", "_lines", "_searched")

    def __init__(self) -> None:
        self._line_start = 0
        self._searched = 0
        self._lines = 0

    def scan(self, arrived: bytearray) -> "int | None":
        """Return the length of the head once it is whole. Raises `BadHeadError`."""
        while (found := arrived.find(b"\n", self._searched)) >= 0:
            end = found + 1
            if end - self._line_start > _MOST_LINE_BYTES:
                raise BadHeadError
            line = arrived[self._line_start : end]
            if self._lines == 0:
                status_of(bytes(line))
            elif self._lines > _MOST_LINES:
                raise BadHeadError
            elif len(line) <= 2 and not line.strip(b"\r\n"):
                return end
            self._lines += 1
            self._line_start = self._searched = end
        self._searched = len(arrived)
        if len(arrived) - self._line_start > _MOST_LINE_BYTES:
            raise BadHeadError
        return None


def status_of(head: bytes) -> int:
    """Return the status of a head, of which the first line is enough. Raises `BadHeadError`."""
    return status_and_reason(head)[0]


def status_and_reason(head: bytes) -> "tuple[int, str]":
    """Return the status of a head, and its words. Raises `BadHeadError`."""
    try:
        _, status, reason = Parser(io.BytesIO(head))._read_status()  # noqa: SLF001 - it is ours
    except (http.client.HTTPException, OSError, ValueError):
        raise BadHeadError from None
    return status, reason


def parse(head: bytes) -> Parser:
    """Read a whole head of a final answer. Raises `BadHeadError`."""
    parser = Parser(io.BytesIO(head))
    try:
        parser.begin()
    except (http.client.HTTPException, OSError, ValueError):
        raise BadHeadError from None
    settle(parser)
    return parser
