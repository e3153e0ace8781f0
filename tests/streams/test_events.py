"""`EventStream` over messages as they come: boto3's events and errors, and what is in the parts."""

import copy
import itertools
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire import EventStream
from sagewire._impl import eventstream
from sagewire.exceptions import (
    ChecksumMismatch,
    EventStreamError,
    NoInitialResponseError,
    ResponseStreamingError,
)
from sagewire.streams.aio import AsyncEventStream
from sagewire.streams.sse import ServerSentEvent
from tests.support.awaited import EventStream as AwaitedStream
from tests.support.awaited import Turner
from tests.support.frames import exception, message, part

OPERATION = "InvokeEndpointWithResponseStream"


class FedReader:
    """A reader whose bytes arrive in these pieces; `waits` counts how often it was asked."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self._decoder = eventstream.Decoder()
        self.waits = 0
        self.closed = False

    def read(self):
        self.waits += 1
        self._decoder.check()
        for piece in self._pieces:
            if ready := self._decoder.feed(piece):
                return ready
            self._decoder.check()
        self._decoder.finish()
        return []

    def close(self):
        self.closed = True
        self._pieces = iter(())


class FedResponse:
    """As `FedReader`, of bytes that are awaited."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self.waits = 0
        self.closed = False

    async def read_some(self):
        self.waits += 1
        return next(filter(None, self._pieces), b"")

    def close(self):
        self.closed = True
        self._pieces = iter(())

    abandon = close


@pytest.fixture(params=["blocking", "asyncio"], scope="module")
def fed(request):
    """Make a stream of bytes that arrive in these pieces, and what it reads from."""
    turner = Turner()

    def blocking(pieces):
        reader = FedReader(pieces)
        return EventStream(reader, OPERATION), reader

    def awaited(pieces):
        response = FedResponse(pieces)
        return AwaitedStream(turner, AsyncEventStream(response, OPERATION)), response

    yield blocking if request.param == "blocking" else awaited
    turner._loop.close()


@pytest.fixture(scope="module")
def stream(fed):
    return lambda *pieces: fed(pieces)[0]


def events(*payloads):
    return [{"PayloadPart": {"Bytes": payload}} for payload in payloads]


# A model's answer as it is streamed: JSON lines, then server-sent events, in odd parts: several
# lines in a part, a line over several, every kind of line end, characters of two to four bytes.
ANSWER = (
    '{"token": "Gr\u00fc\u00df"}\r\n{"token": "\u20ac"}\n\n{"token": "\U0001f600 \u2028"}\r\n'
    '{"token": "a\\nb"}\r{"done": true}'
).encode()
VALUES = [
    {"token": "Gr\u00fc\u00df"},
    {"token": "\u20ac"},
    {"token": "\U0001f600 \u2028"},
    {"token": "a\nb"},
    {"done": True},
]
SSE = (
    ": a comment\r\nevent: token\r\nid: 1\r\ndata: Gr\u00fc\u00df\r\n\r\n"
    "data: two\ndata:lines \U0001f600\ndata\nretry: 250\nid\n\ndata: \u20ac\r\rother: x\n\n"
    'data: {"last": 1}'
).encode()
SSE_EVENTS = [
    ("Gr\u00fc\u00df", "token", "1", None),
    ("two\nlines \U0001f600\n", "message", "", 250),
    ("\u20ac", "message", "", None),
    ('{"last": 1}', "message", "", None),
]
PARTED = [ANSWER[:7], ANSWER[7:40], b"", ANSWER[40:43], ANSWER[43:90], ANSWER[90:]]
RECORDED = b"".join(map(part, PARTED))


def sse_fields(received):
    return [(str(event), event.event, event.id, event.retry) for event in received]


def test_the_recorded_stream_cut_at_every_byte(stream):
    """However the connection cuts it, the events are the same, and so is all that is in them."""
    assert len(RECORDED) > 400
    for cut in range(len(RECORDED) + 1):
        pieces = RECORDED[:cut], RECORDED[cut:]
        assert list(stream(*pieces)) == events(*PARTED)
        assert list(stream(*pieces).iter_bytes()) == PARTED
        assert list(stream(*pieces).iter_lines()) == ANSWER.splitlines()
        assert list(stream(*pieces).iter_json()) == VALUES
    single = [RECORDED[place : place + 1] for place in range(len(RECORDED))]
    assert list(stream(*single)) == events(*PARTED)
    assert list(stream(*single).iter_json()) == VALUES


def test_a_recorded_stream_that_ends_at_every_byte(stream):
    """What has arrived is given out; a cut is an error unless it is between two events."""
    ends = [0, *itertools.accumulate(len(part(piece)) for piece in PARTED)]
    for cut in range(len(RECORDED) + 1):
        whole = sum(end <= cut for end in ends) - 1
        made = stream(RECORDED[:cut])
        seen = []
        if cut in ends:
            seen.extend(made)
        else:
            with pytest.raises(ResponseStreamingError, match="ended inside an event"):
                seen.extend(made)
        assert seen == events(*PARTED[:whole])
        assert list(made) == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_answer_in_parts_cut_at_every_byte(stream, size):
    """Lines over several parts, several in one, CR LF and characters cut in two."""
    for cut in range(len(ANSWER) + 1):
        parts = [ANSWER[:cut], ANSWER[cut : cut + size], ANSWER[cut + size :]]
        whole = b"".join(map(part, parts))
        assert list(stream(whole).iter_bytes()) == parts
        assert list(stream(whole).iter_lines()) == ANSWER.splitlines()
        assert list(stream(whole).iter_json()) == VALUES
    for cut in range(len(SSE) + 1):
        parts = [SSE[:cut], SSE[cut : cut + size], SSE[cut + size :]]
        received = list(stream(*map(part, parts)).iter_sse())
        assert sse_fields(received) == SSE_EVENTS


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\n\n"])
def test_nothing_is_lost_without_a_last_newline(stream, end):
    def whole(data):
        return stream(part(data + end))

    assert list(whole(b"a\nb").iter_lines()) == (b"a\nb" + end).splitlines()
    assert list(whole(b"1\n2").iter_json()) == [1, 2]
    assert list(whole(b"data: a\n\ndata: b").iter_sse()) == ["a", "b"]


@given(
    data=st.lists(st.sampled_from([b"\n", b"\r", b'{"a": 1}', b"data: x", b"\xc3\xa9"])),
    cuts=st.lists(st.integers(0, 99), max_size=5),
)
def test_the_parts_do_not_matter(stream, data, cuts):
    whole = b"".join(data)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = b"".join(part(whole[a:b]) for a, b in itertools.pairwise(places))
    assert list(stream(parts).iter_lines()) == whole.splitlines()
    assert list(stream(parts).iter_sse()) == list(stream(part(whole)).iter_sse())


def test_each_event_is_given_out_before_the_next_is_waited_for(fed):
    made, reader = fed(part(b"%d\n" % number) for number in range(3))
    for number, line in enumerate(made.iter_lines()):
        assert line == b"%d" % number
        assert reader.waits == number + 1
    assert reader.waits == 4


def test_sse_as_the_standard_has_it(stream):
    for text, expected in (
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"\n\n: x\n\nevent: x\n\n", []),
        (b"data\n\n", [""]),
        (b"data:\ndata:\n\n", ["\n"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"Data: a\ndatab: a\n\n", []),
    ):
        assert list(stream(part(text)).iter_sse()) == expected
    text = b"id: 1\ndata: a\n\ndata: b\n\nid: x\0\nretry: 1x\ndata: c\n\n"
    received = list(stream(part(text)).iter_sse())
    assert sse_fields(received) == [(name, "message", "1", None) for name in "abc"]


def test_an_sse_event_is_its_text(stream):
    [event] = stream(part(b'event: e\ndata: {"a": 1}\n\n')).iter_sse()
    assert event == '{"a": 1}'
    assert event.json() == json.loads(event) == {"a": 1}
    assert type(event.data) is str
    for again in (pickle.loads(pickle.dumps(event)), copy.copy(event)):
        assert type(again) is ServerSentEvent
        assert sse_fields([again]) == sse_fields([event])


@pytest.mark.parametrize("end", [b"\n\n", b"\n", b"\r"])
def test_sse_ends_at_done_and_closes_the_stream(fed, end):
    made, reader = fed([part(b"data: a\n\n"), part(b"data: [DONE]" + end), part(b"data: b\n\n")])
    assert list(made.iter_sse()) == ["a"]
    assert reader.closed
    assert list(made) == []


def test_done_may_be_the_last_thing_without_a_newline(stream):
    assert list(stream(part(b"data: a\n\ndata: [DONE]")).iter_sse()) == ["a"]
    assert list(stream(part(b"data: a\ndata: [DONE]\n\ndata: [DONE]\n")).iter_sse()) == [
        "a\n[DONE]"
    ]


def test_json_that_is_none_is_told_and_passed(stream):
    made = stream(part(b'1\n \n{"a"\n[2]'), part(b"\n3"))
    values = made.iter_json()
    assert next(values) == 1
    with pytest.raises(ValueError, match="Expecting"):
        next(values)
    assert list(made.iter_json()) == [[2], 3]


def test_iterating_again_goes_on_where_another_stopped(stream):
    made = stream(part(b"a\nb\nc"), part(b"d\ne\n"), part(b"f\ng"))
    assert next(made.iter_lines()) == b"a"
    assert next(iter(made.iter_lines())) == b"b"
    assert next(made.iter_lines()) == b"cd"
    assert list(itertools.islice(made, 1)) == events(b"f\ng")
    assert list(made.iter_lines()) == [b"e"]
    assert list(made) == list(made.iter_bytes()) == list(made.iter_lines()) == []


@pytest.mark.parametrize("way", ["iter_lines", "iter_json", "iter_sse"])
def test_nothing_of_a_long_part_is_lost_where_another_stopped(stream, way):
    """However it is split: each line has an iteration of its own, and the last goes on."""
    texts = [b"%06d" % (number + 100_000) for number in range(6001)]
    form = b"data: %b\n\n" if way == "iter_sse" else b"%b\n"
    made = stream(part(b"".join(form % text for text in texts[:-1])) + part(form % texts[-1]))
    seen = [next(getattr(made, way)()) for _ in range(3000)]
    seen.extend(getattr(made, way)())
    kind = {"iter_lines": bytes, "iter_json": int, "iter_sse": bytes.decode}[way]
    assert seen == [kind(text) for text in texts]


def test_json_that_is_none_in_a_long_part_is_passed(stream):
    made = stream(part(b"oops\n" + b"1\n" * 9000), part(b"2\n"))
    with pytest.raises(ValueError, match="Expecting"):
        list(made.iter_json())
    assert list(made.iter_json()) == [1] * 9000 + [2]


MODEL_ERROR = exception("ModelStreamError", b'{"Message": "m", "ErrorCode": "Broken"}')
WORDS = f"An error occurred (ModelStreamError) when calling the {OPERATION} operation: m"


@pytest.mark.parametrize("how", ["__iter__", "iter_bytes", "iter_lines", "iter_json", "iter_sse"])
def test_an_error_inside_the_stream(stream, how):
    made = stream(part(b"1\n") + MODEL_ERROR + part(b"2\n"))
    seen = []
    with pytest.raises(EventStreamError) as raised:
        seen.extend(getattr(made, how)())
    assert str(raised.value) == WORDS
    assert raised.value.response == {"Error": {"Code": "ModelStreamError", "Message": "m"}}
    assert raised.value.operation_name == OPERATION
    assert raised.value.error_code == "Broken"
    assert len(seen) == (how != "iter_sse")
    assert len(list(getattr(made, how)())) == (how != "iter_sse")


def test_an_error_pickles_with_its_code(stream):
    with pytest.raises(EventStreamError) as raised:
        list(stream(MODEL_ERROR))
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.response, again.error_code) == (
        WORDS,
        raised.value.response,
        "Broken",
    )
    assert EventStreamError({"Error": {}}, "x").error_code is None


def test_a_line_that_an_error_interrupts_is_not_lost(stream):
    made = stream(part(b"a\nb") + MODEL_ERROR)
    lines = made.iter_lines()
    assert next(lines) == b"a"
    with pytest.raises(EventStreamError):
        next(lines)
    assert list(made.iter_lines()) == [b"b"]


@pytest.mark.parametrize(
    ("headers", "payload", "code", "words"),
    [
        ([(":exception-type", "InternalStreamFailure")], b'{"message": "x"}',
         "InternalStreamFailure", ""),
        ([(":exception-type", "ModelStreamError")], b'{"Message": 5}', "ModelStreamError", 5),
        ([(":exception-type", "ModelStreamError")], b"\xff", "ModelStreamError", ""),
        ([(":exception-type", "ModelStreamError")], b"null", "ModelStreamError", ""),
        ([(":exception-type", "ModelStreamError")], b"[" * 100_000, "ModelStreamError", ""),
        ([(":exception-type", "Other"), (":error-code", "c")], b"", "c", ""),
        ([(":error-code", "c"), (":error-message", "m")], b"", "c", "m"),
        ([(":exception-type", b"ModelStreamError")], b'{"Message": "m"}', "", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["exception", "error"])
def test_codes_and_messages(stream, headers, payload, code, words, kind):
    made = stream(message([*headers, (":message-type", kind)], payload))
    with pytest.raises(EventStreamError) as raised:
        list(made)
    assert raised.value.response == {"Error": {"Code": code, "Message": words}}


def test_an_event_named_as_an_error_is_shown_and_in_parts_raised(stream):
    named = message([(":event-type", "InternalStreamFailure"), (":message-type", "event")], b"{}")
    assert list(stream(named)) == [{"InternalStreamFailure": {}}]
    with pytest.raises(EventStreamError, match=r"\(InternalStreamFailure\)"):
        list(stream(named).iter_bytes())


def test_what_boto3_skips_is_skipped(stream):
    other = message([(":event-type", "payloadPart")], b"x") + message([], b"y")
    initial = message([(":event-type", "initial-response")], b"{}")
    assert list(stream(initial + other + part(b"z"))) == events(b"z")
    assert list(stream(initial + other + part(b"z")).iter_bytes()) == [b"z"]


def test_what_is_no_event_ends_the_stream_after_what_came_before(fed):
    made, reader = fed([part(b"a\nb") + b"\0" * 16 + part(b"c")])
    lines = made.iter_lines()
    assert next(lines) == b"a"
    with pytest.raises(ChecksumMismatch):
        next(lines)
    assert list(made) == []
    assert reader.closed


def test_the_initial_response(stream):
    initial = message([(":event-type", "initial-response"), ("a", "b")], b"{}")
    made = stream(initial, part(b"x"))
    first = made.get_initial_response()
    assert first.headers == {":event-type": "initial-response", "a": "b"}
    assert first.payload == b"{}"
    assert list(made) == events(b"x")
    made = stream(part(b"x") + MODEL_ERROR, part(b"y"))
    for _ in range(2):
        with pytest.raises(NoInitialResponseError) as raised:
            made.get_initial_response()
        assert str(raised.value) == "First event was not of the initial-response type"
    assert list(made) == events(b"y")
    with pytest.raises(NoInitialResponseError):
        made.get_initial_response()


def test_closing_gives_out_what_has_arrived(stream):
    made = stream(part(b"a") + part(b"b"), part(b"c"))
    assert next(iter(made)) == events(b"a")[0]
    made.close()
    assert list(made) == events(b"b")
    made.close()


def test_what_a_stream_is_not(stream):
    made = stream(part(b"x"))
    with pytest.raises(TypeError, match="'EventStream' object is not an iterator"):
        next(made)
    for name in ("read", "next", "__enter__", "__len__"):
        assert not hasattr(made, name)
    with pytest.raises(TypeError, match=r"cannot pickle '(Async)?EventStream' object"):
        pickle.dumps(made)
