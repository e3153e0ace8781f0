"""Whole lines out of pieces that are cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._impl import eventstream


def split(*pieces):
    lines = eventstream.Lines()
    out = []
    for piece in pieces:
        out += lines.feed(piece)
    last = lines.finish()
    assert lines.finish() is None
    return out if last is None else [*out, last]


TEXT = "a\nb\r\nc\r\r\nd\n\n\u00e9\u2028\x0b\x0c\x1c\x85e".encode()


def test_each_end_ends_one_line_and_nothing_else_does():
    wanted = [b"a", b"b", b"c", b"", b"d", b"", "\u00e9\u2028\x0b\x0c\x1c\x85e".encode()]
    assert split(TEXT) == wanted
    for cut in range(len(TEXT) + 1):
        assert split(TEXT[:cut], TEXT[cut:]) == wanted
        assert split(TEXT[:cut], b"", TEXT[cut:]) == wanted


@given(st.lists(st.lists(st.sampled_from([b"\n", b"\r", b"x", b"\xc3"])).map(b"".join)))
def test_the_cuts_do_not_matter(pieces):
    whole = b"".join(pieces)
    assert split(*pieces) == split(whole) == whole.splitlines()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_comes_as_soon_as_its_end_is_here(end):
    lines = eventstream.Lines()
    assert lines.feed(b"a") == []
    assert lines.feed(b"b" + end[:1]) == [b"ab"]
    assert lines.feed(end[1:] + b"c") == []
    assert lines.finish() == b"c"


def test_nothing_has_no_lines():
    assert split() == split(b"") == split(b"", b"") == []
    assert split(b"\n") == [b""]


def test_a_long_line_in_small_pieces_is_linear():
    lines = eventstream.Lines()
    for _ in range(50_000):
        assert lines.feed(b"x" * 64) == []
    assert lines.feed(b"\n") == [b"x" * 3_200_000]
