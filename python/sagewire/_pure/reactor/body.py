"""Where a body ends, and one read of it. Twins: rust/net/src/transport/{body,reading}.rs."""

import http.client

from sagewire.exceptions import ResponseStreamingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.transport.head import Parser

_MOST_LINE_BYTES = 65_536
_BEYOND_COUNTING = (1 << 63) - 1
# Places in chunked framing.
_SIZE, _DATA, _LINE_END, _TRAILER = range(4)


class Framing:
    """How a body is framed, and how far it is read.

    `left` is what is left of a stated length, or of the chunk; `None` for a body that ends with its
    connection.
    """

    __slots__ = ("_place", "chunked", "done", "left")

    def __init__(self, parser: "Parser") -> None:
        self.chunked = bool(parser.chunked)
        self.left: int | None = None if self.chunked else parser.length
        self.done = self.left == 0
        self._place = _SIZE

    def is_here(self, arrived: bytearray, amount: "int | None") -> bool:
        """Say whether reading `amount` bytes needs no wait."""
        if self.chunked or self.left is None:
            return amount == 0
        return len(arrived) >= (self.left if amount is None else min(amount, self.left))

    def ends_with_connection(self) -> bool:
        """Say whether the end of the connection is the end of the body here."""
        if self.done or (not self.chunked and self.left is None) or self._in_trailer:
            self.done = True
        return self.done

    @property
    def _in_trailer(self) -> bool:
        return self.chunked and self._place == _TRAILER


class Read:
    """A read in progress: `out` is what it has so far.

    `before` is what the pieces before have `given()`, of a read that is made in pieces: its errors
    count them.
    """

    __slots__ = ("_amount", "_before", "_framing", "_whole", "out")

    def __init__(
        self, framing: Framing, amount: "int | None", before: "tuple[int, int]" = (0, 0)
    ) -> None:
        self.out = bytearray()
        self._framing = framing
        self._amount = amount
        # Bytes of chunks that were read whole, which is what the error counts.
        self._before, self._whole = before

    def given(self) -> "tuple[int, int]":
        """Return what the next piece of this read has to know."""
        return self._before + len(self.out), self._whole

    def wanted(self) -> "int | None":
        """Return how many bytes are missing; `None` for all there are."""
        return None if self._amount is None else self._amount - len(self.out)

    def advance(self, arrived: bytearray) -> bool:
        """Take what has arrived; return whether the read is finished."""
        framing = self._framing
        while True:
            if len(self.out) == self._amount or framing.done:
                return True
            advanced = self._chunked(arrived) if framing.chunked else self._plain(arrived)
            if not advanced:
                return False

    def some(self, arrived: bytearray) -> bool:
        """Take what has arrived, whatever there is; return whether there is any, or the end.

        Bad framing behind something good is told the next time.
        """
        try:
            finished = self.advance(arrived)
        except ResponseStreamingError:
            if not self.out:
                raise
            finished = True
        return finished or bool(self.out)

    def cut_off(self, stated: "int | None") -> None:
        """Raise `ResponseStreamingError` if the connection's end breaks off what was wanted."""
        framing = self._framing
        if framing.ends_with_connection():
            return
        if framing.chunked:
            raise broken(http.client.IncompleteRead(b""))
        left = framing.left or 0
        raise broken(_CutOffError((stated or left) - left, left))

    def at_end(self) -> None:
        """Raise `ResponseStreamingError` if the connection's end breaks the body off."""
        framing = self._framing
        if framing.ends_with_connection():
            return
        if framing.chunked:
            raise self._broken_chunks()
        if self._amount is None:
            raise broken(_CutOffError(self._before + len(self.out), framing.left or 0))
        # A piece that is short of what was asked for; the caller knows the length.

    def _plain(self, arrived: bytearray) -> bool:
        framing = self._framing
        count = self._take(arrived)
        if framing.left is not None:
            framing.left -= count
            framing.done = framing.left == 0
        return count > 0

    def _chunked(self, arrived: bytearray) -> bool:
        framing = self._framing
        place = framing._place  # noqa: SLF001 - framing and read are one thing
        if place == _DATA:
            count = self._take(arrived)
            assert framing.left is not None  # noqa: S101 - set with the place
            framing.left -= count
            if framing.left == 0:
                self._whole = self._before + len(self.out)
                framing.left = 2
                framing._place = _LINE_END  # noqa: SLF001 - as above
            return count > 0
        if place == _LINE_END:
            # Whatever the two bytes are: http.client does not look at them either.
            count = min(len(arrived), framing.left or 0)
            del arrived[:count]
            framing.left = (framing.left or 0) - count
            if framing.left == 0:
                framing._place = _SIZE  # noqa: SLF001 - as above
            return count > 0
        return self._line(arrived, place)

    def _line(self, arrived: bytearray, place: int) -> bool:
        framing = self._framing
        end = arrived.find(b"\n") + 1
        if (end or len(arrived)) > _MOST_LINE_BYTES:
            what = "chunk size" if place == _SIZE else "trailer line"
            raise broken(http.client.LineTooLong(what))
        if not end:
            return False
        line = bytes(arrived[:end])
        if place == _TRAILER:
            framing.done = line in (b"\r\n", b"\n")
        else:
            try:
                size = int(line.split(b";", 1)[0], 16)
            except ValueError:
                size = -1
            if not 0 <= size < _BEYOND_COUNTING:
                raise self._broken_chunks()
            framing.left = size
            framing._place = _DATA if size else _TRAILER  # noqa: SLF001 - as above
        del arrived[:end]
        return True

    def _take(self, arrived: bytearray) -> int:
        most = len(arrived)
        if self._framing.left is not None:
            most = min(most, self._framing.left)
        if self._amount is not None:
            most = min(most, self._amount - len(self.out))
        with memoryview(arrived) as view:
            self.out += view[:most]
        del arrived[:most]
        return most

    def _broken_chunks(self) -> ResponseStreamingError:
        return broken(_CutOffError(self._whole, None))


class _CutOffError(http.client.IncompleteRead):
    """An incomplete read whose bytes may have been given out already."""

    def __init__(self, count: int, left: "int | None") -> None:
        super().__init__(b"", left)
        self._count = count

    def __repr__(self) -> str:
        more = "" if self.expected is None else f", {self.expected} more expected"
        return f"IncompleteRead({self._count} bytes read{more})"


def broken(error: Exception) -> ResponseStreamingError:
    """Return the error of a body that broke off, in the words of boto3's library."""
    return ResponseStreamingError(error=str((f"Connection broken: {error!r}", error)))
