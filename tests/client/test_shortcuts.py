"""The short way of a call: when it is taken, and what ends it."""

import gc
import os
import weakref
from typing import Any

import pytest

import sagewire
from sagewire.client import sync
from tests.support.capture import CaptureServer

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
ERROR_500 = b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}"


def made(server: CaptureServer, **arguments: Any) -> Any:
    client = sagewire.client(endpoint_url=server.url, **{**KEYS, **arguments})
    client._ambient.sleep = lambda _seconds: None
    return client


def call(client: Any, **more: Any) -> Any:
    result = client.invoke_endpoint(**{"EndpointName": "ep", "Body": b"x", **more})
    assert result["Body"].read() == b"{}"
    return result


class Long:
    """Counts the calls that go the long way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        prepare = sync.prepare

        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            return prepare(*arguments, **options)

        monkeypatch.setattr(sync, "prepare", counted)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> Long:
    return Long(monkeypatch)


def test_an_ordinary_call_is_one_crossing(server: CaptureServer, long: Long) -> None:
    with made(server) as client:
        first = call(client)
        for body in (b"x", "x", bytearray(b"x")):
            again = call(client, ContentType="text/csv", Body=body)
            assert list(again) == list(first)
            assert again["ResponseMetadata"] == first["ResponseMetadata"]
        client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")["Body"].close()
        client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")["Body"].close()
        assert long.calls == 2
    ids = [request.header("amz-sdk-invocation-id") for request in server.requests]
    assert len(set(ids)) == len(ids) == 6


@pytest.mark.parametrize(
    "unusual",
    [{"EndpointName": "other"}, {"Body": memoryview(b"x")}, {"Body": bytes(65_537)}],
    ids=["a new name", "a memoryview", "a body whose hash is kept"],
)
def test_what_is_not_plain_goes_the_long_way(
    server: CaptureServer, long: Long, unusual: dict[str, Any]
) -> None:
    with made(server) as client:
        call(client)
        call(client, **unusual)
        assert long.calls == 2
        call(client)
        assert long.calls == 2
    assert len(server.requests) == 3


def test_a_handler_hears_of_the_next_call(server: CaptureServer) -> None:
    heard: list[str] = []
    with made(server) as client:
        call(client)
        client.meta.events.register(
            "before-send", lambda **event: heard.append(event["event_name"])
        )
        call(client)
    assert heard == ["before-send.sagemaker-runtime.InvokeEndpoint"]


def test_a_learnt_offset_holds_from_the_next_call_on(server: CaptureServer) -> None:
    with made(server) as client:
        client._ambient.now = lambda: 1767323045.0
        call(client)
        client._ambient.offset += 60
        call(client)
    dates = [request.header("x-amz-date") for request in server.requests]
    assert dates == ["20260102T030405Z", "20260102T030505Z"]


def test_a_client_that_has_learnt_the_time_goes_when_it_is_dropped(server: CaptureServer) -> None:
    def clock() -> float:
        return 1767323045.0

    client = made(server)
    client._ambient.now = clock
    client._ambient.offset += 60
    call(client)
    assert client._book
    gone = weakref.ref(clock)
    del client, clock
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "names",
    [
        [f"x-{number}" for number in range(64)],
        [f"x-{number}" for number in range(90)],
        ["x-twice"] * 70,
        ["content-type", "x-amzn-requestid", "x-twice", "x-twice"],
    ],
    ids=["64", "90", "one name 70 times", "repeats"],
)
def test_odd_headers_are_those_of_the_long_way(
    clean_environment: pytest.MonkeyPatch, long: Long, names: list[str]
) -> None:
    def head(value: str) -> bytes:
        lines = [f"{name}: {value}{place}" for place, name in enumerate(names)]
        more = [f"Content-Type: text/{value}", f"x-amzn-RequestId: {value}", "Content-Length: 2"]
        return "\r\n".join(["HTTP/1.1 200 OK", *lines, *more, "", "{}"]).encode()

    with CaptureServer([head("a"), head("b"), head("b")]) as server:
        client = made(server)
        call(client)
        short = call(client)
        assert long.calls == 1
        client.meta.events.register("before-send", lambda **_event: None)
        hooked = call(client)
    for result in (short, hooked):
        del result["Body"]
    assert list(short.items()) == list(hooked.items())


def test_a_first_attempt_that_fails_is_the_first_of_its_call(
    clean_environment: pytest.MonkeyPatch, long: Long
) -> None:
    ok = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 7\r\nContent-Length: 2\r\n\r\n{}"
    with CaptureServer([ok, ERROR_500, ok, {"then": "close"}, ok]) as server:
        client = made(server)
        call(client)
        for reason in ("500", "ConnectionClosedError"):
            result = call(client)
            assert [attempt.reason for attempt in result.attempts] == [reason, None]
            assert result["ResponseMetadata"]["RetryAttempts"] == 1
        told = [
            (request.header("amz-sdk-invocation-id"), request.header("amz-sdk-request"))
            for request in server.requests[1:]
        ]
    assert [progress for _, progress in told] == ["attempt=1; max=3", "attempt=2; max=3"] * 2
    assert told[0][0] == told[1][0] != told[2][0] == told[3][0]


def test_calls_that_give_back_what_retries_took_go_the_long_way(
    clean_environment: pytest.MonkeyPatch, long: Long
) -> None:
    with CaptureServer([ERROR_500] * 3) as server:
        client = made(server)
        with pytest.raises(sagewire.exceptions.ClientError):
            call(client)
        policy = client._core.sender.outgoing.policy
        taken = 500 - policy._quota
        assert taken == 2 * 14
        for _ in range(taken + 3):
            call(client)
        assert long.calls == 1 + taken + 1
        assert policy._quota == 500


def test_views_have_ways_of_their_own_and_share_them(server: CaptureServer, long: Long) -> None:
    with made(server) as client:
        for _ in range(2):
            call(client.with_options(max_attempts=1, extra_headers={"x-team": "a"}))
            call(client.with_options(timeout=5))
            call(client)
    assert long.calls == 2
    assert [request.header("x-team") for request in server.requests] == ["a", None, None] * 2
    progress = [request.header("amz-sdk-request") for request in server.requests]
    assert progress == ["attempt=1; max=1", "attempt=1; max=3", "attempt=1; max=3"] * 2


def test_many_views_keep_no_more_than_their_ways(server: CaptureServer, long: Long) -> None:
    with made(server) as client:
        view = client.with_options(extra_headers={"x-number": "-1"})
        call(view)
        for number in range(200):
            client.with_options(extra_headers={"x-number": str(number)})
        assert len(client._core.books) <= 64
        call(view)
        call(view)
    assert long.calls == 2


def test_a_child_has_ids_of_its_own(server: CaptureServer) -> None:
    with made(server) as client:
        call(client)
        child = os.fork()
        if child == 0:
            try:
                call(client)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        call(client)
    ids = {request.header("amz-sdk-invocation-id") for request in server.requests}
    assert len(ids) == len(server.requests) == 3
