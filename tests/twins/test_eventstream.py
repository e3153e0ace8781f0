"""The twins of `eventstream` agree on every byte: result, or the exception's class and words."""

import base64
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewire._pure import eventstream as pure
from sagewire._pure import transport as pure_transport
from tests.support import vectors
from tests.support.frames import PART, exception, framed, header, message, part, with_checksums
from tests.support.repeater import Repeater

native = pytest.importorskip("sagewire._native.eventstream", reason="needs the extension module")
native_transport = pytest.importorskip("sagewire._native.transport")

much = settings(max_examples=10 * settings.default.max_examples)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error), str(error), getattr(error, "__dict__", None)


def decoded(twin, pieces):
    decoder = twin.Decoder()
    seen = []
    for piece in pieces:
        ready = decoder.feed(piece)
        seen.append([
            each if isinstance(each, bytes) else (list(each.headers.items()), each.payload)
            for each in ready
        ])  # fmt: skip
        seen.append(outcome(decoder.check))
    seen.append(outcome(decoder.finish))
    return seen


def hold_equal(*pieces):
    expected = decoded(pure, pieces)
    assert decoded(native, pieces) == expected
    return expected


STREAM = part(b"one") + exception("ModelStreamError", b'{"Message":"m"}') + part(b"") + part(b"2")
piece = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=60).map(part),
    st.binary(max_size=60).map(lambda raw: framed(raw, b"p")),
    st.lists(
        st.one_of(
            st.tuples(st.binary(max_size=4), st.integers(0, 11), st.binary(max_size=17)).map(
                lambda made: header(made[0], (made[1], made[2]))
            ),
            st.sampled_from([header(*pair) for pair in PART]),
        ),
        max_size=4,
    ).map(lambda headers: framed(b"".join(headers), b"payload")),
    st.builds(
        lambda total, length: framed(b"12", b"345", total=total, length=length),
        st.integers(0, 40) | st.integers(0, 2**32 - 1),
        st.integers(0, 40) | st.integers(0, 2**32 - 1),
    ),
)


@much
@given(st.lists(piece, max_size=5))
def test_any_bytes(pieces):
    hold_equal(*pieces)


@much
@given(st.lists(piece, max_size=5).map(b"".join), st.lists(st.integers(0, 300), max_size=6))
def test_any_cuts(data, cuts):
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    hold_equal(*(data[a:b] for a, b in itertools.pairwise(places)))


def test_every_cut():
    for cut in range(len(STREAM) + 1):
        hold_equal(STREAM[:cut])
        hold_equal(STREAM[:cut], STREAM[cut:])


@pytest.mark.parametrize("change", [1, 2, 0x10, 0x80, 0xFF])
def test_every_byte_changed_and_let_past_the_checksums(change):
    data = message([*PART, ("n", (4, b"\0\0\0\1")), ("t", "\u00e9")], b"payload")
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
        hold_equal(part(b"x") + changed + part(b"y"))
        hold_equal(part(b"x") + with_checksums(changed) + part(b"y"))


@much
@given(
    st.lists(st.binary(max_size=9) | st.lists(st.sampled_from([b"\n", b"\r", b"a"])).map(b"".join))
)
def test_lines(pieces):
    def split(twin):
        lines = twin.Lines()
        return [lines.feed(piece) for piece in pieces], lines.finish(), lines.finish()

    assert split(native) == split(pure)


@given(st.binary(max_size=200), st.text(max_size=9), st.text(max_size=9))
def test_writing(payload, name, words):
    for function, arguments in (
        ("encode_part", (payload,)),
        ("encode_exception", (name, payload)),
        ("encode_error", (name, words)),
    ):
        expected = outcome(getattr(pure, function), *arguments)
        assert outcome(getattr(native, function), *arguments) == expected


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("encode_part", (bytes(25_165_825),)),
        ("encode_exception", ("x" * 65_536, b"")),
        ("encode_error", ("x", "\u00e9" * 40_000)),
        ("encode_error", ("x" * 65_535, "x" * 65_535)),
    ],
)
def test_what_cannot_be_written(function, arguments):
    expected = outcome(getattr(pure, function), *arguments)
    assert outcome(getattr(native, function), *arguments) == expected
    assert isinstance(expected, tuple)


@pytest.fixture(scope="module")
def repeater():
    made = Repeater()
    yield made
    made.close()


def received(twin, transport, repeater, data):
    """Everything that a reader gives of a raw answer, the batches joined, and the pool after it."""
    repeater.data = data
    pool = transport.Pool("http", "127.0.0.1", repeater.port, read_timeout=10.0)
    head = [("Host", "x"), ("Content-Length", "0")]
    response = outcome(pool.take("http://x", None).exchange, "POST", "/", head, b"", None)
    if isinstance(response, tuple):
        return response
    reader = twin.Reader(response)
    seen = []
    while True:
        ready = outcome(reader.read)
        if not isinstance(ready, list):
            seen.append(ready)
            break
        if not ready:
            break
        seen += [
            each if isinstance(each, bytes) else (list(each.headers.items()), each.payload)
            for each in ready
        ]
    reader.close()
    seen.append(outcome(reader.read))
    pool.close()
    return seen, pool.snapshot()


def hold_answers_equal(repeater, data):
    expected = received(pure, pure_transport, repeater, data)
    assert received(native, native_transport, repeater, data) == expected


def chunked(data, size):
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = [
    HEAD + b"Content-Length: %d\r\n\r\n" % len(STREAM) + STREAM,
    HEAD + b"\r\n" + STREAM,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(STREAM, 11),
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(STREAM, 500),
    b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n12345",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(STREAM) + STREAM + b"\r\nno\r\n",
]


@pytest.mark.parametrize("data", ANSWERS, ids=range(len(ANSWERS)))
def test_answers_that_end_anywhere(repeater, data):
    hold_answers_equal(repeater, data)
    for end in range(17, len(data), 5):
        hold_answers_equal(repeater, data[:end])


RECORDED = sorted(
    {
        base64.b64decode(recorded["b64"])
        for case in vectors.load("responses.jsonl")
        if case["op"] == "invoke_endpoint_with_response_stream"
        for recorded in case.get("server") or ()
        if "b64" in recorded
    }
)


@pytest.mark.skipif(not RECORDED, reason="recorded vectors are not part of a clone")
def test_recorded_answers(repeater):
    for data in RECORDED:
        hold_answers_equal(repeater, data)
