"""Whole lines out of payloads that are cut anywhere. Twin: rust/core/src/eventstream/lines.rs."""


class Lines:
    r"""Splits at `\n`, `\r\n` and `\r`, nothing else; line ends are not part of the lines.

    A line is given out as soon as its end is here. The `\n` that may follow a `\r` in the next
    piece belongs to the same end.
    """

    __slots__ = ("_after_return", "_held")

    def __init__(self) -> None:
        # The pieces of a line whose end has not arrived.
        self._held: list[bytes] = []
        self._after_return = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece and return the lines that it ends."""
        if self._after_return and data:
            self._after_return = False
            data = data.removeprefix(b"\n")
        lines = data.splitlines()
        if not lines:
            return lines
        self._after_return = data.endswith(b"\r")
        if not (self._after_return or data.endswith(b"\n")):
            rest = lines.pop()
            if lines:
                self._complete(lines)
            self._held.append(rest)
        else:
            self._complete(lines)
        return lines

    def _complete(self, lines: list[bytes]) -> None:
        if self._held:
            self._held.append(lines[0])
            lines[0] = b"".join(self._held)
            self._held = []

    def finish(self) -> "bytes | None":
        """Return the last line, where the stream ended without a line end."""
        last = b"".join(self._held)
        self._held = []
        self._after_return = False
        return last or None
