"""What leaves for the peer, byte by byte, and a plain answer back."""

import array

import pytest

from sagewire._impl import transport
from sagewire.exceptions import HTTPClientError
from tests.support.peer import Peer, answer, answers
from tests.transport.conftest import URL

OK = answer(b"{}", headers=[(b"Content-Type", b"application/json")])


def test_head_and_body_leave_as_given(call):
    headers = [
        ("hOsT", "x"),
        ("Content-Length", "3"),
        ("X-B", " caf\xe9 "),
        ("x-b", ""),
        ("A", "1"),
    ]
    with Peer(answers(OK)) as peer:
        assert call(peer, b"abc", headers=headers).read() == b"{}"
        (request,) = peer.requests
    assert request.head == (
        b"POST /invocations HTTP/1.1\r\nhOsT: x\r\nContent-Length: 3\r\n"
        b"X-B:  caf\xc3\xa9 \r\nx-b: \r\nA: 1"
    )
    assert request.body == b"abc"


def test_answer_has_status_reason_version_and_headers(call):
    with Peer(answers(answer(b"hi", status=418, headers=[(b"X-One", b"1")]))) as peer:
        response = call(peer)
        assert (response.status, response.reason, response.version) == (418, "Reason", 11)
        assert response.headers == {"x-one": "1", "content-length": "2"}
        assert list(response.headers) == ["x-one", "content-length"]
        assert response.read() == b"hi"
        # What was said stays said after the body.
        assert (response.status, response.reason, response.version) == (418, "Reason", 11)


@pytest.mark.parametrize(
    "body",
    [
        b"abc",
        bytearray(b"abc"),
        memoryview(b"abc"),
        memoryview(b"aXbXcX")[::2],
        memoryview(array.array("B", b"abc")),
    ],
    ids=["bytes", "bytearray", "memoryview", "strided", "array"],
)
def test_bytes_like_bodies(call, body):
    with Peer(answers(OK)) as peer:
        call(peer, body).read()
        assert peer.requests[0].body == b"abc"


def test_no_body(call):
    with Peer(answers(OK)) as peer:
        call(peer, None, headers=[("Host", "x")]).read()
        assert peer.requests[0].head == b"POST /invocations HTTP/1.1\r\nHost: x"


def test_a_wide_memoryview_is_sent_by_its_bytes(call):
    body = memoryview(array.array("I", [1, 2, 3] * 40_000))
    headers = [("Host", "x"), ("Content-Length", str(body.nbytes))]
    with Peer(answers(OK)) as peer:
        call(peer, body, headers=headers).read()
        assert peer.requests[0].body == bytes(body)


def test_a_large_strided_memoryview(call):
    body = memoryview(bytes(range(256)) * 1000)[::2]
    headers = [("Host", "x"), ("Content-Length", str(body.nbytes))]
    with Peer(answers(OK)) as peer:
        call(peer, body, headers=headers).read()
        assert peer.requests[0].body == body.tobytes()


@pytest.mark.parametrize("size", [0, 1, 1024, 16_384, 65_536, 65_537, 5_000_000])
def test_bodies_of_any_size_arrive_whole(call, size):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    with Peer(answers(OK)) as peer:
        assert call(peer, body).read() == b"{}"
        assert peer.requests[0].body == body


def test_an_iterator_with_a_length(call):
    pieces = iter([b"ab", b"", b"c" * 100_000])
    with Peer(answers(OK)) as peer:
        call(peer, pieces, headers=[("Host", "x"), ("Content-Length", "100002")]).read()
        assert peer.requests[0].body == b"ab" + b"c" * 100_000


def test_an_iterator_in_chunks(call):
    pieces = iter([b"ab", b"", b"c" * 300])
    with Peer(answers(OK)) as peer:
        call(peer, pieces, headers=[("Host", "x"), ("Transfer-Encoding", "chunked")]).read()
        assert peer.requests[0].body == b"ab" + b"c" * 300


def test_an_iterator_that_raises_costs_the_connection(call, pools):
    def pieces():
        yield b"ab"
        raise LookupError("the file is gone")

    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(LookupError, match="the file is gone"):
            call(peer, pieces(), pool=pool, headers=[("Host", "x"), ("Content-Length", "9")])
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("piece", ["text", 5, None])
def test_an_iterator_of_anything_else_is_a_type_error(call, pools, piece):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(TypeError):
            call(peer, iter([piece]), pool=pool, headers=[("Host", "x"), ("Content-Length", "9")])
        assert pool.snapshot() == (0, 0, 0, 0)


@pytest.mark.parametrize("body", ["text", 5, 1.5, object()])
def test_a_body_of_anything_else_is_a_type_error(call, pools, body):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(TypeError):
            call(peer, body, pool=pool, headers=[("Host", "x"), ("Content-Length", "4")])
        assert pool.snapshot() == (0, 0, 0, 0)
        assert not peer.requests


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb", r"b'a\nb'"),
        ("a\rb", r"b'a\rb'"),
        ("a\r\nX: y", r"b'a\r\nX: y'"),
        ("a\r\n", r"b'a\r\n'"),
        ("it's\n", r'''b"it's\n"'''),
        ("\xe9\n", r"b'\xc3\xa9\n'"),
        ("a\r\n\r\n b", r"b'a\r\n\r\n b'"),
    ],
)
def test_a_value_that_would_end_its_header_is_refused(call, pools, value, shown):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(HTTPClientError) as caught:
            call(peer, pool=pool, headers=[("Host", "x"), ("X-A", value)])
        assert str(caught.value) == (
            f"An HTTP Client raised an unhandled exception: Invalid header value {shown}"
        )
        assert not peer.requests


def test_a_fold_is_sent(call):
    headers = [("Host", "x"), ("X-A", "a\r\n b\n\tc"), ("Content-Length", "2")]
    with Peer(answers(OK)) as peer:
        call(peer, headers=headers).read()
        assert b"X-A: a\r\n b\n\tc\r\n" in peer.requests[0].head + b"\r\n"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "\xe9", "a\0"])
def test_a_name_that_is_none_is_refused(call, name):
    with Peer(answers(OK)) as peer:
        with pytest.raises(HTTPClientError, match="Invalid header name"):
            call(peer, headers=[("Host", "x"), (name, "v")])
        assert not peer.requests


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/\xe9", "/a\0", "", "/a\x7f"])
def test_a_target_that_would_end_the_line_is_refused(pools, target):
    with Peer(answers(OK)) as peer:
        connection = pools(peer).take(URL, None)
        with pytest.raises(HTTPClientError, match="Invalid request target"):
            connection.exchange("POST", target, [("Host", "x")], b"", None)
        assert not peer.requests


@pytest.mark.blocking  # a template, which makes a reactor's heads, has a method of its own
@pytest.mark.parametrize("method", ["", "PO ST", "POST\r\n", "P\xd6ST"])
def test_a_method_that_is_none_is_refused(pools, method):
    with Peer(answers(OK)) as peer:
        connection = pools(peer).take(URL, None)
        with pytest.raises(HTTPClientError, match="Invalid"):
            connection.exchange(method, "/", [("Host", "x")], b"", None)
        assert not peer.requests


def test_a_refused_head_costs_no_connection_slot(call, pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(HTTPClientError):
            call(peer, pool=pool, headers=[("Host", "x\n")])
        assert pool.snapshot()[1] == 0
        assert call(peer, pool=pool).read() == b"{}"


def test_a_connection_serves_one_exchange(pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        connection = pool.take(URL, None)
        headers = [("Host", "x"), ("Content-Length", "0")]
        connection.exchange("POST", "/", headers, b"", None).read()
        with pytest.raises(RuntimeError, match="closed or in use"):
            connection.exchange("POST", "/", headers, b"", None)
        assert len(peer.requests) == 1


def test_a_closed_connection_serves_none(pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        connection = pool.take(URL, None)
        connection.close()
        connection.close()
        assert pool.snapshot() == (0, 0, 0, 0)
        with pytest.raises(RuntimeError, match="closed or in use"):
            connection.exchange("POST", "/", [("Host", "x")], b"", None)


def test_an_https_origin_needs_settings():
    with pytest.raises(ValueError, match="tls: an https origin needs TlsSettings"):
        transport.Pool("https", "127.0.0.1", 1)


def test_ipv6(call):
    with Peer(answers(OK), host="::1") as peer:
        assert call(peer).read() == b"{}"


def test_ipv6_in_brackets():
    with Peer(answers(OK), host="::1") as peer:
        pool = transport.Pool("http", "[::1]", peer.port)
        headers = [("Host", "x"), ("Content-Length", "0")]
        assert pool.take(URL, None).exchange("POST", "/", headers, b"", None).read() == b"{}"
        pool.close()
