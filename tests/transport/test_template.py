"""One attempt as a whole: its head, when it is signed, its deadline, how long its parts took."""

import threading
import time

import pytest

from sagewire._impl import sigv4, transport
from sagewire.exceptions import DeadlineExceededError, HTTPClientError, InvalidArgumentError
from tests.support.peer import Peer, answer, answers
from tests.transport.conftest import URL

pytestmark = pytest.mark.blocking

OK = answer(b"{}", headers=[(b"Content-Type", b"application/json")])
AT = 1767323045  # 2026-01-02T03:04:05Z
TARGET = "/endpoints/ep/invocations"
ID = "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"


def made(**changes):
    arguments = {"host": "sagewire.test", "user_agent": "me/1", "extra": [], **changes}
    return transport.Template(*arguments.values())


def signer():
    return sigv4.Signer("AKID", "s", "tok", "us-east-1", "sagemaker", True, True, False)


def attempt(pool, body=b"{}", *, template=None, sign=True, deadline=None, clock=lambda: AT, **more):
    changes = {"members": [("Accept", "a/b")], "payload": body, "length": len(body), **more}
    return (template or made()).attempt(
        pool,
        signer() if sign else None,
        clock,
        URL,
        TARGET,
        changes["members"],
        changes["payload"],
        body,
        changes["length"],
        changes.get("trace_id"),
        ID,
        "attempt=1; max=3",
        deadline,
    )


def test_a_head_is_what_is_sent_in_botos_order(pools):
    with Peer(answers(OK, OK)) as peer:
        pool = pools(peer)
        assert attempt(pool, trace_id="Root=1").read() == b"{}"
        assert attempt(pool, sign=False).read() == b"{}"
    signed, unsigned = peer.requests
    head = made().head(
        signer(), AT, URL, TARGET, [("Accept", "a/b")], b"{}", 2, "Root=1", ID, "attempt=1; max=3"
    )
    assert signed.head + b"\r\n\r\n" == head
    assert signed.line == b"POST /endpoints/ep/invocations HTTP/1.1"
    assert [name for name, _ in signed.headers] == [
        b"Host",
        b"Accept-Encoding",
        b"Accept",
        b"User-Agent",
        b"X-Amzn-Trace-Id",
        b"X-Amz-Date",
        b"X-Amz-Security-Token",
        b"Authorization",
        b"amz-sdk-invocation-id",
        b"amz-sdk-request",
        b"Content-Length",
    ]
    assert signed.header(b"x-amz-date") == b"20260102T030405Z"
    assert [name for name, _ in unsigned.headers] == [
        b"Host",
        b"Accept-Encoding",
        b"Accept",
        b"User-Agent",
        b"amz-sdk-invocation-id",
        b"amz-sdk-request",
        b"Content-Length",
    ]


def test_the_signature_is_the_signers_own(pools):
    with Peer(answers(OK)) as peer:
        attempt(pools(peer), members=[("Accept", "a/b"), ("X-B", " c  d ")]).read()
    expected = signer().sign(
        "POST", URL, [("Accept", "a/b"), ("X-B", " c  d "), ("Host", "sagewire.test")], b"{}", AT
    )
    assert [
        (name.decode(), value.decode())
        for name, value in peer.requests[0].headers
        if name in (b"X-Amz-Date", b"X-Amz-Security-Token", b"Authorization")
    ] == expected


def test_a_hash_in_place_of_the_body_is_signed(pools):
    body = bytes(range(256)) * 1000
    with Peer(answers(OK, OK)) as peer:
        pool = pools(peer)
        attempt(pool, body).read()
        attempt(pool, body, payload=sigv4.sha256_hex(body)).read()
    first, second = (request.header(b"authorization") for request in peer.requests)
    assert first == second
    assert peer.requests[1].body == body


def test_pieces_are_sent_in_chunks_or_by_length(pools):
    with Peer(answers(OK, OK)) as peer:
        pool = pools(peer)
        for length in (None, 3):
            made().attempt(
                pool, None, lambda: AT, URL, TARGET, [], "", iter([b"a", b"", b"bc"]), length, None,
                ID, "attempt=1", None,
            ).read()  # fmt: skip
    assert [request.body for request in peer.requests] == [b"abc", b"abc"]
    assert peer.requests[0].header(b"transfer-encoding") == b"chunked"
    assert peer.requests[1].header(b"content-length") == b"3"


def test_it_is_signed_when_the_connection_is_in_hand(pools, server_tls, trusting):
    """A handshake that takes its time: the clock goes on meanwhile, and is read after it."""
    clock = {"now": AT}
    shaken = threading.Event()
    context = server_tls()

    def script(link):
        clock["now"] = AT + 360
        shaken.set()
        link.start_tls(context)
        answers(OK)(link)

    with Peer(script) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        attempt(pool, clock=lambda: clock["now"]).read()
    assert shaken.is_set()
    assert peer.requests[0].header(b"x-amz-date") == b"20260102T031005Z"


def test_a_refused_head_leaves_no_connection_behind(pools):
    with Peer(answers(OK)) as peer:
        pool = pools(peer)
        with pytest.raises(InvalidArgumentError, match="sets itself"):
            attempt(pool, members=[("Authorization", "x")])
        with pytest.raises(HTTPClientError, match="Invalid header value"):
            attempt(pool, members=[("X-A", "a\nb")], sign=False)
        with pytest.raises(UnicodeEncodeError):
            attempt(pool, members=[("X-A", "\ud800")])
        with pytest.raises(ZeroDivisionError):
            attempt(pool, clock=lambda: 1 / 0)
        assert pool.snapshot()[1] == 0


@pytest.mark.parametrize(
    "template", [{"user_agent": "a\nb"}, {"extra": [("X", "a\nb")]}, {"host": "\r\n"}]
)
def test_a_template_that_cannot_be_sent_is_refused(template):
    with pytest.raises(HTTPClientError, match="Invalid header value"):
        made(**template)


def test_the_deadline_is_told_whole(pools):
    with Peer(lambda link: link.stall()) as peer:
        pool = pools(peer)
        with pytest.raises(DeadlineExceededError) as raised:
            attempt(pool, deadline=(0.05, 3.0))
        assert raised.value.kwargs == {
            "seconds": 3.0,
            "stage": "waiting for the answer",
            "endpoint_url": URL,
        }
        assert pool.snapshot() == (0, 0, 0, 0)


def test_the_deadline_covers_the_body(pools):
    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        link.stall()

    with Peer(script) as peer:
        response = attempt(pools(peer), deadline=(0.3, 2.5))
        with pytest.raises(DeadlineExceededError, match=r"2\.5 s exceeded while reading the body"):
            response.read()


def test_the_parts_of_an_exchange_are_timed(pools, server_tls, trusting):
    context = server_tls()

    def script(link):
        time.sleep(0.05)
        link.start_tls(context)
        for body in (b"12345", b"67890"):
            link.request()
            time.sleep(0.05)
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            time.sleep(0.05)
            link.send(body)

    with Peer(script) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        response = attempt(pool)
        queue, connect, tls, send, first_byte, body = response.timing()
        assert queue == 0
        assert 0 < connect < 5
        assert 0.04 < tls < 5
        assert 0 < send < 5
        assert 0.04 < first_byte < 5
        assert body == 0
        assert response.read() == b"12345"
        assert 0.04 < response.timing()[5] < 5
        again = attempt(pool)
        assert again.timing()[:3] == (0, 0, 0)
        again.read()
