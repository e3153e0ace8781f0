"""`StreamingBody` over any source of bytes, against the standard library's own splitting."""

import csv
import gc
import io
import json
import pickle
import weakref

import pytest
from botocore.response import StreamingBody as BotocoreBody
from hypothesis import given
from hypothesis import strategies as st

from sagewire import StreamingBody
from sagewire.exceptions import IncompleteReadError

# What botocore's class has for itself, and `io` for its own subclasses.
PRIVATE = {
    *(
        "_DEFAULT_CHUNK_SIZE",
        "_verify_content_length",
        "__del__",
        "__abstractmethods__",
        "_abc_impl",
    ),
    *("_checkClosed", "_checkReadable", "_checkSeekable", "_checkWritable"),
}


def body(data: bytes, length: int | str | None = None) -> StreamingBody:
    return StreamingBody(io.BytesIO(data), len(data) if length is None else length)  # type: ignore[arg-type]


lines = st.lists(
    st.sampled_from([b"a", b"bb", b"\n", b"\r", b"\r\n", b"\x0b", b"\x1c", b"\xc2\x85"])
).map(b"".join)


@given(data=lines, size=st.integers(1, 6), keepends=st.booleans())
def test_lines_do_not_depend_on_the_size_of_the_pieces(
    data: bytes, size: int, keepends: bool
) -> None:
    assert list(body(data).iter_lines(size, keepends)) == data.splitlines(keepends)


@given(data=lines, size=st.integers(1, 6))
def test_lines_are_botocores(data: bytes, size: int) -> None:
    theirs = BotocoreBody(io.BytesIO(data), len(data))
    assert list(body(data).iter_lines(1024)) == list(theirs.iter_lines(1024))


@given(data=st.binary(max_size=50), size=st.integers(1, 7))
def test_chunks_are_of_exactly_the_size_asked_for(data: bytes, size: int) -> None:
    chunks = list(body(data).iter_chunks(size))
    assert b"".join(chunks) == data
    assert all(len(chunk) == size for chunk in chunks[:-1])


def test_a_long_line_in_small_pieces_is_linear() -> None:
    data = b"x" * 3_000_000 + b"\n"
    assert list(body(data).iter_lines(64)) == [data[:-1]]


def test_reading_in_every_way() -> None:
    stream = body(b"0123456789")
    assert stream.read(0) == b""
    assert stream.read(3) == b"012"
    assert stream.tell() == 3
    buffer = bytearray(2)
    assert stream.readinto(buffer) == 2
    assert bytes(buffer) == b"34"
    assert next(stream) == b"56789"
    assert stream.read() == b""
    assert stream.read(5) == b""
    assert list(stream) == []
    with pytest.raises(StopIteration):
        stream.next()


def test_a_short_body_is_noticed_however_it_is_read() -> None:
    words = r"^5 read, but total bytes expected is 10\.$"
    with pytest.raises(IncompleteReadError, match=words):
        body(b"01234", 10).read()
    stream = body(b"01234", "10")
    assert stream.read(5) == b"01234"
    for _ in range(2):
        with pytest.raises(IncompleteReadError, match=words):
            stream.read(1)
    with pytest.raises(IncompleteReadError, match=words):
        stream.readinto(bytearray(1))
    stream = body(b"01234", 10)
    assert next(stream) == b"01234"
    with pytest.raises(IncompleteReadError, match=words):
        next(stream)


def test_a_length_that_is_no_number_is_boto3s_error() -> None:
    stream = body(b"5", "abc")
    with pytest.raises(ValueError, match=r"invalid literal for int\(\) with base 10: 'abc'"):
        stream.read()


def test_the_io_modules_wrappers_work() -> None:
    assert json.load(body(b'{"a": [1]}')) == {"a": [1]}
    assert io.BufferedReader(body(b"abc\ndef")).readline() == b"abc\n"  # type: ignore[type-var]
    rows = csv.reader(io.TextIOWrapper(body("a,\u00e9\n".encode()), encoding="utf-8"))  # type: ignore[type-var]
    assert list(rows) == [["a", "\u00e9"]]
    assert body(b"a\nb\r\nc").readlines() == [b"a\n", b"b\r\n", b"c"]
    stream = body(b"a\nb")
    assert [stream.readline(), stream.readline(), stream.readline()] == [b"a\n", b"b", b""]


def test_what_a_body_is_not() -> None:
    stream = body(b"x")
    assert (stream.readable(), stream.writable(), stream.seekable()) == (True, False, False)
    assert not stream.isatty()
    for method, arguments in (("seek", (0,)), ("truncate", ()), ("fileno", ())):
        with pytest.raises(io.UnsupportedOperation):
            getattr(stream, method)(*arguments)
    with pytest.raises(AttributeError):
        stream.write(b"")  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        pickle.dumps(stream)


def test_a_body_is_what_programs_take_it_for() -> None:
    class Own(StreamingBody):
        """A program's own, made of what it likes."""

        def __init__(self, text: str) -> None:
            super().__init__(content_length=len(text), raw_stream=io.BytesIO(text.encode()))  # type: ignore[arg-type]
            self.text = text

    for make in (lambda: body(b"a\nb"), lambda: Own("a\nb")):
        made = make()
        assert isinstance(made, io.IOBase)
        assert set(dir(BotocoreBody)) - set(dir(made)) <= PRIVATE
        made.note = made  # type: ignore[union-attr]
        gone = weakref.ref(made)
        assert list(made.iter_lines()) == [b"a", b"b"]
        assert (made.tell(), bool(made)) == (3, True)
        assert made.flush() is None  # type: ignore[func-returns-value]
        made.writelines([])
        with pytest.raises(AttributeError, match="has no attribute 'write'"):
            made.writelines([b"x"])
        del made
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("size", [-1, None, 0, 1, 2, 3, 9])
def test_lines_of_a_size_are_those_of_io(size: int | None) -> None:
    for data in (b"", b"ab\ncd", b"a\r\n\n"):
        expected = io.BytesIO(data)
        stream = body(data)
        for _ in range(3):
            assert stream.readline(size) == expected.readline(size)
    with pytest.raises(TypeError):
        body(b"a").readline("1")  # type: ignore[arg-type]


def test_closing_gives_the_rest_up_but_stays_open_by_name() -> None:
    raw = io.BytesIO(b"abc")
    stream = StreamingBody(raw, 3)  # type: ignore[arg-type]
    with stream as entered:
        assert entered is stream
    assert raw.closed
    assert not stream.closed
    stream.close()
