"""What is read of an answer, counted and held against its `Content-Length`.

Twin: rust/py/src/bodies.rs.
"""

from sagewire.exceptions import IncompleteReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Body"]


class Body:
    """A body, read from anything that has bytes."""

    def __init__(self, raw_stream: "Any", content_length: "str | int | None") -> None:
        self._raw_stream = raw_stream
        self._content_length = content_length
        self._amount_read = 0

    def read(self, amt: "int | None" = None) -> bytes:
        """Return at most `amt` bytes (all that is left if `None` or negative), `b""` at the end."""
        if amt is None or amt < 0:
            data: bytes = self._raw_stream.read()
            self._amount_read += len(data)
            self._check_length()
            return data
        data = self._raw_stream.read(amt)
        self._amount_read += len(data)
        if amt and not data:
            self._check_length()
        return data

    def readinto(self, b: "Any") -> int:
        """Read into a writable buffer and return the number of bytes, 0 at the end."""
        count: int = self._raw_stream.readinto(b)
        if count:
            self._amount_read += count
        elif len(b):
            self._check_length()
        return count

    def tell(self) -> int:
        """Return the number of bytes read so far."""
        return self._amount_read

    def close(self) -> None:
        """Give the rest up. `closed` stays `False`, as boto3 has it."""
        self._raw_stream.close()

    def set_socket_timeout(self, timeout: "float | None") -> None:
        """Set how long, in seconds, each wait for more of this body may take from now on."""
        self._raw_stream.set_timeout(timeout)

    def _check_length(self) -> None:
        if self._content_length is None:
            return
        expected = int(self._content_length)
        if self._amount_read != expected:
            raise IncompleteReadError(actual_bytes=self._amount_read, expected_bytes=expected)
