"""Messages out of bytes: the AWS vectors, botocore as the oracle, limits and errors."""

import base64
import itertools
import pickle
import struct

import botocore.eventstream
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire import exceptions
from sagewire._impl import eventstream
from tests.support import vectors
from tests.support.frames import PART, exception, framed, header, message, part, with_checksums

CASES = vectors.load("eventstream_frames.jsonl")
ABSENT = pytest.mark.skipif(not CASES, reason="recorded vectors are not part of a clone")


def seen(*pieces):
    """Return the messages, and what ended them, of bytes that arrive in these pieces."""
    decoder = eventstream.Decoder()
    out = []
    for piece in pieces:
        out += [
            each if isinstance(each, bytes) else (each.headers, each.payload)
            for each in decoder.feed(piece)
        ]
    try:
        decoder.finish()
    except Exception as error:
        return out, type(error).__name__, str(error)
    return out, None, None


def botocore_sees(data):
    """Return the same of botocore's decoder, plain parts as their payloads."""
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(data)
    out = []
    try:
        for each in buffer:
            kind = each.headers.get(":message-type")
            plain = each.headers.get(":event-type") == "PayloadPart"
            if plain and kind not in ("error", "exception"):
                out.append(each.payload)
            else:
                out.append((each.headers, each.payload))
    except Exception as error:
        return out, type(error).__name__, str(error)
    return out, None, None


@ABSENT
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_vectors(case):
    data = base64.b64decode(case["frame"]["b64"])
    out, error, _ = seen(data)
    assert seen(*(data[place : place + 1] for place in range(len(data)))) == seen(data)
    if case["valid"]:
        assert (out, error) == botocore_sees(data)[:2]
        assert error is None
        assert len(out) == 1
    else:
        assert out == []
        assert issubclass(getattr(exceptions, error), exceptions.ParserError)


names = st.text(min_size=1, max_size=12)
integers = [(2, ">b", 8), (3, ">h", 16), (4, ">i", 32), (5, ">q", 64), (8, ">q", 64)]
values = st.one_of(
    st.sampled_from([(0, b""), (1, b"")]),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.binary(min_size=16, max_size=16).map(lambda raw: (9, raw)),
    *(
        st.integers(-(1 << bits - 1), (1 << bits - 1) - 1).map(
            lambda value, kind=kind, layout=layout: (kind, struct.pack(layout, value))
        )
        for kind, layout, bits in integers
    ),
)
kinds = st.sampled_from([PART, [(":event-type", "PayloadPart")], [], [(":message-type", "error")]])
messages = st.builds(
    lambda kind, more, payload: message([*kind, *more], payload),
    kinds,
    st.lists(st.tuples(names, values), max_size=4),
    st.binary(max_size=60),
)


@given(data=st.lists(messages, max_size=4).map(b"".join))
def test_any_message_is_what_botocore_makes_of_it(data):
    assert seen(data) == botocore_sees(data)


@given(data=st.lists(messages, max_size=4).map(b"".join), cuts=st.lists(st.integers(0, 500)))
def test_the_cuts_do_not_matter(data, cuts):
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert seen(*pieces) == seen(data)


def test_every_cut_of_a_stream():
    frames = [part(b"one"), exception("ModelStreamError"), part(b""), part(b"two" * 30)]
    data = b"".join(frames)
    ends = list(itertools.accumulate(map(len, frames), initial=0))
    whole = seen(data)
    assert len(whole[0]) == 4
    for cut in range(len(data) + 1):
        assert seen(data[:cut], data[cut:]) == whole
        complete = sum(end <= cut for end in ends) - 1
        over = cut - ends[complete]
        words = f"the stream ended inside an event, of which it brought {over} bytes"
        said = f"An error occurred while reading from response stream: {words}"
        error = ("ResponseStreamingError", said) if over else (None, None)
        assert seen(data[:cut]) == (whole[0][:complete], *error)


def test_a_plain_part_is_its_payload_whatever_surrounds_it():
    more = [(":content-type", "application/octet-stream"), ("x", (0, b""))]
    assert seen(message([*more, *PART[::-1]], b"x")) == ([b"x"], None, None)
    assert seen(message([PART[0]], b"x")) == ([b"x"], None, None)
    bytes_type = [(":event-type", b"PayloadPart")]
    assert seen(message(bytes_type, b"x"))[0] == [({":event-type": b"PayloadPart"}, b"x")]


@pytest.mark.parametrize("kind", ["error", "exception"])
def test_an_error_that_calls_itself_a_part_is_no_part(kind):
    headers = [(":event-type", "PayloadPart"), (":message-type", kind)]
    assert seen(message(headers, b"x"))[0] == [(dict(headers), b"x")]


GOOD = part(b"good")
LONG = b"\x01a\x06\xff\xff" + bytes(65_535)
CHECKSUM = "Checksum mismatch: expected 0x{:08x}, calculated 0x{:08x}"


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (framed(b"", length=131_073), "InvalidHeadersLength",
         "Header length of 131073 exceeded the maximum of 131072"),
        (framed(b"", total=25_165_841), "InvalidPayloadLength",
         "Payload length of 25165825 exceeded the maximum of 25165824"),
        (message([("a", "1"), ("b", "1"), ("a", "2")]), "DuplicateHeader",
         'Duplicate header present: "a"'),
        (GOOD[:8] + b"\0\0\0\0" + GOOD[12:], "ChecksumMismatch", None),
        (GOOD[:-1] + b"\0", "ChecksumMismatch", None),
    ],
    ids=["headers", "payload", "duplicate", "prelude-crc", "message-crc"],
)  # fmt: skip
def test_botocores_errors(data, error, words):
    """Class and words are botocore's, and what came before is given out."""
    out, name, said = seen(GOOD + data)
    assert (out, name, said) == botocore_sees(GOOD + data)
    assert (out, name) == ([b"good"], error)
    assert words in (None, said)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (message([("a", (10, b""))]), "InvalidHeaders",
         'Invalid headers: "a" has the unknown type 10'),
        (message([("a", (255, b""))]), "InvalidHeaders",
         'Invalid headers: "a" has the unknown type 255'),
        (message([(b"\xff", "x")]), "InvalidHeaders", "Invalid headers: a name is not UTF-8"),
        (message([("a", (7, b"\0\x01\xff"))]), "InvalidHeaders",
         'Invalid headers: the value of "a" is not UTF-8'),
        (message([("a", (4, b"\0\0\0"))]), "InvalidHeaders",
         'Invalid headers: they end inside "a"'),
        (message([("a", (7, b"\0"))]), "InvalidHeaders", 'Invalid headers: they end inside "a"'),
        (framed(b"\x01a"), "InvalidHeaders", 'Invalid headers: they end inside "a"'),
        (framed(b"\x00"), "InvalidHeaders", 'Invalid headers: they end inside ""'),
        (framed(b"", b"1234", length=5), "InvalidHeadersLength",
         "Header length of 5 exceeded the maximum of 4"),
        (framed(b"", total=3), "InvalidMessageLength",
         "Message length of 3 is below the minimum of 16"),
        (framed(b"", total=0), "InvalidMessageLength",
         "Message length of 0 is below the minimum of 16"),
        (framed(b"", total=12), "InvalidMessageLength",
         "Message length of 12 is below the minimum of 16"),
    ],
)  # fmt: skip
def test_our_errors(data, error, words):
    """Where botocore lets Python's own errors through, or takes nonsense for a message."""
    assert seen(GOOD + data + GOOD) == ([b"good"], error, words)
    assert botocore_sees(GOOD + data + GOOD)[1:] != (error, words)


def test_what_runs_over_the_end_of_the_headers_is_cut_there_as_in_botocore():
    for value in ((7, b"\0\x50ab"), (6, b"\0\x50ab"), (9, b"ab")):
        data = message([*PART, ("a", value)], b"x")
        assert seen(data) == botocore_sees(data) == ([b"x"], None, None)
        data = message([("a", value)], b"x")
        assert seen(data) == botocore_sees(data)


def test_lengths_are_judged_before_the_message_is_there():
    decoder = eventstream.Decoder()
    assert decoder.feed(framed(b"", total=31_457_280)[:12]) == []
    with pytest.raises(exceptions.InvalidPayloadLength):
        decoder.check()
    decoder = eventstream.Decoder()
    assert decoder.feed(framed(b"", total=25_165_840)[:12]) == []
    decoder.check()


def test_the_largest_message_goes_through_in_pieces():
    payload = b"\xa5" * 25_165_824
    data = part(payload)
    decoder = eventstream.Decoder()
    out = []
    for place in range(0, len(data), 1_000_003):
        out += decoder.feed(data[place : place + 1_000_003])
    decoder.finish()
    assert out == [payload]


def test_nothing_is_taken_after_a_failure():
    decoder = eventstream.Decoder()
    assert decoder.feed(GOOD + b"\0" * 12) == [b"good"]
    for _ in range(2):
        with pytest.raises(exceptions.ChecksumMismatch):
            decoder.check()
        assert decoder.feed(GOOD) == []
    with pytest.raises(exceptions.ChecksumMismatch):
        decoder.finish()


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_a_changed_byte_anywhere_is_noticed(change):
    data = message([*PART, ("n", (4, b"\0\0\0\1"))], b"payload")
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
        out, error, _ = seen(changed)
        assert out == []
        assert error is not None
        # Past the checksums, whatever comes is a message or one of our errors.
        _, error, _ = seen(with_checksums(changed))
        assert error is None or hasattr(exceptions, error)


def test_the_errors_are_botocores_too_and_pickle():
    for data, name in (
        (b"\0" * 12, "ChecksumMismatch"),
        (message([("a", "1"), ("a", "1")]), "DuplicateHeader"),
        (framed(b"", length=131_073), "InvalidHeadersLength"),
        (framed(b"", total=31_457_280), "InvalidPayloadLength"),
        (framed(b"\x01a\x0a"), "InvalidHeaders"),
    ):
        decoder = eventstream.Decoder()
        decoder.feed(data)
        theirs = getattr(botocore.eventstream, name, botocore.eventstream.ParserError)
        with pytest.raises(theirs) as raised:
            decoder.check()
        assert isinstance(raised.value, getattr(exceptions, name))
        again = pickle.loads(pickle.dumps(raised.value))
        assert (type(again), str(again)) == (type(raised.value), str(raised.value))
        assert vars(again) == vars(raised.value)


def test_a_decoder_wants_bytes():
    with pytest.raises(TypeError):
        eventstream.Decoder().feed("text")


def test_headers_of_every_type():
    data = message(
        [("t", (0, b"")), ("f", (1, b"")), ("l", (5, b"\xff" * 8)), ("u", (9, b"0123456789abcdef"))]
    )
    [(headers, _)] = seen(data)[0]
    assert headers == {"t": True, "f": False, "l": -1, "u": b"0123456789abcdef"}
    assert list(map(type, headers.values())) == [bool, bool, int, bytes]


@pytest.mark.parametrize("payload", [b"", b"x" * 64, bytes(range(256))])
def test_what_is_written_is_read_by_botocore(payload):
    assert botocore_sees(eventstream.encode_part(payload)) == ([payload], None, None)
    made = eventstream.encode_exception("ModelStreamError", b'{"Message": "m"}')
    made += eventstream.encode_error("code", "w\u00f6rds")
    [(first, json), (second, empty)] = botocore_sees(made)[0]
    assert first == {
        ":exception-type": "ModelStreamError",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert second == {
        ":error-code": "code",
        ":error-message": "w\u00f6rds",
        ":message-type": "error",
    }
    assert (json, empty) == (b'{"Message": "m"}', b"")


def test_a_part_is_the_services_byte_for_byte():
    wanted = (
        b"\0\0\0o\0\0\0Yl\xf7\xd6\xa5\x0b:event-type\x07\0\x0bPayloadPart\r:content-type\x07\0\x18"
        b"application/octet-stream\r:message-type\x07\0\x05eventhello \x90\x1b\xe2\xb4"
    )
    assert eventstream.encode_part(b"hello ") == wanted


def test_what_cannot_be_written():
    refused = exceptions.InvalidArgumentError
    with pytest.raises(refused, match=r"^payload: it has 25165825 bytes; allowed: at most 251"):
        eventstream.encode_part(bytes(25_165_825))
    words = r"^headers: a value has 65536 bytes; allowed: values of at most 65535 bytes$"
    with pytest.raises(refused, match=words):
        eventstream.encode_exception("x" * 65_536, b"")
    with pytest.raises(refused, match=words):
        eventstream.encode_error("x", "\u00e9" * 32_768)
    assert header("a", "b") == b"\x01a\x07\0\x01b"
