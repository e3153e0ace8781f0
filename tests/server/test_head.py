"""The pure reader of heads, which sees them arrive byte by byte; the native one is hyper's."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure.server.head import BadRequestError, Beginning

pieces = st.sampled_from(
    [
        b"POST",
        b" ",
        b"/",
        b"HTTP/1.1",
        b"\r\n",
        b"\n",
        b"\r",
        b"A",
        b":",
        b"b",
        b"\x00",
        b"\xff",
        b"{",
    ]
) | st.binary(max_size=3)


def seen(beginning, arrived):
    """Return where the head ends, or that it cannot become one."""
    end = beginning.end(arrived)
    if not end:
        try:
            beginning.check(arrived)
        except BadRequestError as error:
            return f"refused with {error.status}"
    return end


@given(st.lists(pieces, max_size=20), st.data())
def test_it_does_not_matter_in_which_pieces_it_arrives(parts, data):
    whole = b"POST / HTTP/1.1\r\n" * data.draw(st.booleans()) + b"".join(parts)
    beginning, arrived = Beginning(), bytearray()
    while len(arrived) < len(whole):
        arrived += whole[len(arrived) :][: data.draw(st.integers(1, 5))]
        # A lone carriage return may be half of an empty line before the head, which is skipped.
        if arrived[:1] in (b"\r", b"\n"):
            return
        judged = seen(beginning, arrived)
        assert judged == seen(Beginning(), arrived)
        if judged:
            return


@pytest.mark.parametrize("line", [b"A: " + b"b" * 70 + b"\r\n", b"b"], ids=["lines", "one line"])
def test_each_byte_is_looked_at_once(line):
    """Four times as much takes four times as long, not sixteen times."""

    def milliseconds(count):
        head = b"POST / HTTP/1.1\r\nA: " + line * (count // len(line))
        beginning, arrived = Beginning(), bytearray()
        began = time.thread_time()
        for byte in head:
            arrived.append(byte)
            assert seen(beginning, arrived) == 0
        return (time.thread_time() - began) * 1e3

    ratio = min(milliseconds(48_000) for _ in range(3)) / min(
        milliseconds(12_000) for _ in range(3)
    )
    assert ratio < 8
