"""The twins of `transport` agree on every answer, however it is cut, and on every request."""

import base64
import inspect
import itertools
import socket
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewire._pure import transport as pure
from tests.support import vectors
from tests.support.peer import Peer, answer, answers
from tests.support.repeater import Repeater

native = pytest.importorskip("sagewire._native.transport", reason="needs the extension module")

TWINS = (pure, native)
URL = "http://sagewire.test/endpoints/ep/invocations"
HEADERS = [("Host", "x"), ("Content-Length", "2")]
# An answer is cheap to try; the profile says how hard to try.
much = settings(
    max_examples=10 * settings.default.max_examples,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def repeater():
    made = Repeater()
    yield made
    made.close()


def outcome(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except Exception as error:
        return type(error), str(error), getattr(error, "kwargs", None)


def answered(twin, repeater, amount):
    """Everything that a caller sees of an answer, step by step."""
    pool = twin.Pool("http", "127.0.0.1", repeater.port, read_timeout=10.0)
    response = outcome(pool.take(URL, None).exchange, "POST", "/", HEADERS, b"{}", None)
    if isinstance(response, tuple):
        return response, pool.snapshot()
    seen = [response.status, response.reason, response.version, list(response.headers.items())]
    for _ in range(1000):
        piece = outcome(response.read, amount)
        seen.append(piece)
        if piece == b"":
            break
    seen.append(outcome(response.read))
    response.close()
    pool.close()
    return seen, pool.snapshot()


def hold_equal(repeater, data, amount=None):
    repeater.data = data
    expected = answered(pure, repeater, amount)
    assert answered(native, repeater, amount) == expected


CORPUS = [
    answer(b"hello", headers=[(b"A", b"1"), (b"a", b"2")]),
    b"HTTP/1.1 200 OK\nA: 1\n  2\n\t3\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 100 C\r\nX: y\r\n\r\nHTTP/1.1 103 H\r\n\r\nHTTP/1.0 200 OK\r\nA:b\r\n\r\nto an end",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n1\r\na\r\n0\r\nT:\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabcd",
    b"HTTP/1.1 204 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
]

RECORDED = sorted(
    {
        base64.b64decode(recorded["b64"])
        for case in vectors.load("responses.jsonl")
        for recorded in case.get("server") or ()
        if "b64" in recorded and len(recorded["b64"]) < 4000
    }
)


@pytest.mark.parametrize("raw", CORPUS, ids=range(len(CORPUS)))
@pytest.mark.parametrize("amount", [None, 3])
def test_cut_at_every_byte(repeater, raw, amount):
    for end in range(len(raw) + 1):
        hold_equal(repeater, raw[:end], amount)


@pytest.mark.parametrize("raw", CORPUS, ids=range(len(CORPUS)))
def test_every_byte_changed(repeater, raw):
    for place, byte in itertools.product(range(len(raw)), b"\r\n :;\x00\xff9-"):
        hold_equal(repeater, raw[:place] + bytes([byte]) + raw[place + 1 :], 4)


@pytest.mark.skipif(not RECORDED, reason="recorded vectors are not part of a clone")
def test_recorded_answers(repeater):
    for raw in RECORDED:
        for amount in (None, 7):
            hold_equal(repeater, raw, amount)


@pytest.mark.skipif(not RECORDED, reason="recorded vectors are not part of a clone")
def test_recorded_answers_cut(repeater):
    for raw in RECORDED:
        for end in range(0, len(raw), 11):
            hold_equal(repeater, raw[:end])


lines = st.sampled_from(
    [
        b"Content-Length: 5",
        b"content-length: 7",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 1_0",
        b"Content-Length:",
        b"Content-Length: -5",
        b"Content-Length: 5,5",
        b"Content-Length: 9999999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked ",
        b"Transfer-Encoding: chunked, gzip",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b" folded",
        b"\tfolded",
        b"no colon",
        b": no name",
        b"A : space",
        b"A:",
        b"A:\xe9",
        b"From x",
        b"From : x",
        b"\xe9: name",
        b"A\rB: x",
        b"A: x\ry",
        b"A: x\x0by",
        b"A: x\x0c",
        b"A: x\x1cy",
        b"A: \x85y",
        b"A: x\x00y",
        b"\x00",
        b"A: " + b"x" * 300,
        b" ",
        b"\t",
    ]
) | st.binary(max_size=12).filter(lambda line: b"\n" not in line)
starts = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.1  200  O K ",
        b"HTTP/1.1 204 x",
        b"HTTP/1.1 304 x",
        b"HTTP/1.1 100 x",
        b"HTTP/1.1 +200 x",
        b"HTTP/1.1 2_00 x",
        b"HTTP/0.9 200 x",
        b"HTTP/1.10 200 x",
        b"HTTP/1. 200 x",
        b"http/1.1 200 x",
        b"HTTP/1.1\x0b200\x0cOK",
        b"HTTP/1.1 \xb2 x",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 0200 x",
        b"HTTP/1.1 200\xa0OK",
        b"HTTP/1.1 200\x85OK\x1d",
    ]
) | st.binary(max_size=20)
bodies = st.sampled_from(
    [
        b"",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhelloXX0\r\nT\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5 ;x\r\nhello\r\n0\r\n",
        b"5_\r\nhello",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"\xb2\r\nab\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFFF\r\nx",
        b"00\r\n\r\n",
        b"-0\r\n\r\n",
        b"5\r\nhello\r\n\r\n",
    ]
) | st.binary(max_size=40)
heads = st.builds(
    lambda start, fields, end: end.join([start, *fields, b"", b""]),
    starts,
    st.lists(lines, max_size=6),
    st.sampled_from([b"\r\n", b"\n"]),
)


@much
@given(raw=st.builds(bytes.__add__, heads, bodies), amount=st.sampled_from([None, 1, 4, 100]))
def test_answers_made_up(repeater, raw, amount):
    hold_equal(repeater, raw, amount)


@much
@given(raw=st.binary(max_size=200))
def test_any_bytes(repeater, raw):
    hold_equal(repeater, raw)


texts = st.text(max_size=6) | st.text("aé\r\n\t \0\ud800'\"\\:", max_size=6)


def asked(twin, repeater, method, target, headers, body):
    repeater.request = b""
    pool = twin.Pool("http", "127.0.0.1", repeater.port, read_timeout=10.0)
    got = outcome(pool.take(URL, None).exchange, method, target, headers, body, None)
    return (got if isinstance(got, tuple) else got.read()), repeater.request, pool.snapshot()


@much
@given(
    method=st.just("POST") | texts,
    target=st.just("/") | texts,
    headers=st.lists(st.tuples(st.just("X-A") | texts, texts), max_size=3),
    body=st.sampled_from([b"", b"{}", bytearray(b"{}"), memoryview(b"{}"), None, "text", 5]),
)
def test_requests(repeater, method, target, headers, body):
    repeater.data = answer(b"ok")
    expected = asked(pure, repeater, method, target, headers, body)
    assert asked(native, repeater, method, target, headers, body) == expected


@pytest.mark.parametrize("amount", ["5", 1.5, b""])
def test_amounts_of_another_type(repeater, amount):
    repeater.data = answer(b"hello")
    for twin in TWINS:
        pool = twin.Pool("http", "127.0.0.1", repeater.port)
        response = pool.take(URL, None).exchange("POST", "/", HEADERS, b"{}", None)
        with pytest.raises(TypeError):
            response.read(amount)
        assert response.read() == b"hello"


def test_same_names():
    assert native.__all__ == pure.__all__
    for name in pure.__all__:
        theirs, ours = getattr(native, name), getattr(pure, name)
        assert public(theirs) == public(ours), name


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


@given(random=st.binary(max_size=100))
def test_same_identities(random):
    expected = pure.identities(random)
    assert native.identities(random) == expected
    assert len(expected) == len(random) // 16
    for number, text in enumerate(expected):
        known = uuid.UUID(bytes=random[16 * number :][:16], version=4)
        assert text == str(known)


CLASSES = [name for name in pure.__all__ if isinstance(getattr(pure, name), type)]


@pytest.mark.parametrize("name", CLASSES)
def test_same_signatures(name):
    """By names, kinds and defaults; what only the pool makes has no constructor to compare."""
    theirs, ours = getattr(native, name), getattr(pure, name)
    compared = 0
    for method in sorted(public(ours)):
        function = inspect.getattr_static(ours, method)
        if inspect.isfunction(function):
            assert shape(getattr(theirs, method)) == shape(function), f"{name}.{method}"
            compared += 1
    if name in ("Pool", "Proxy", "Template", "TlsSettings"):
        assert shape(theirs) == shape(ours), name
    assert compared or name == "Proxy"


def shape(function):
    parameters = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters if each.name != "self"]


def test_same_words_where_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        seen = [outcome(twin.Pool("http", "127.0.0.1", port).take, URL, None)[:2] for twin in TWINS]
    assert seen[0] == seen[1]


def test_same_bytes_for_streamed_bodies():
    sent = []
    for twin in TWINS:
        for headers in (
            [("Host", "x"), ("Content-Length", "6")],
            [("Host", "x"), ("Transfer-Encoding", "chunked")],
        ):
            with Peer(answers(answer(b"{}"))) as peer:
                pool = twin.Pool("http", "127.0.0.1", peer.port)
                body = iter([b"ab", b"", b"cdef"])
                pool.take(URL, None).exchange("POST", "/", headers, body, None).read()
                pool.close()
                sent.append((peer.requests[0].head, peer.requests[0].body))
    assert sent[:2] == sent[2:]
