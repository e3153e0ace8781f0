"""One call as a whole: its attempts, its deadline, the options of a view, the pool's state."""

import base64
import io
import logging
import pickle
import time
from typing import Any

import pytest

import sagewire
from sagewire.client.results import Attempt, Result
from sagewire.exceptions import (
    ClientError,
    ConnectionClosedError,
    DeadlineExceededError,
    EndpointConnectionError,
    InvalidArgumentError,
    NoCredentialsError,
    ReadTimeoutError,
    UnseekableStreamError,
)
from tests.support.capture import DEFAULT_ANSWER, CaptureServer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "topsecret",
}
THROTTLED = (
    b"HTTP/1.1 400 X\r\nx-amzn-RequestId: req-slow\r\nContent-Length: 33\r\n\r\n"
    b'{"__type": "ThrottlingException"}'
)
ERROR_500 = b"HTTP/1.1 500 X\r\nx-amzn-RequestId: req-500\r\nContent-Length: 2\r\n\r\n{}"
MODEL_BODY = (
    b'{"__type":"ModelError","Message":"m","OriginalStatusCode":503,"OriginalMessage":"busy",'
    b'"LogStreamArn":"arn:aws:logs:x"}'
)
MODEL_ERROR = b"HTTP/1.1 424 X\r\nx-amzn-RequestId: req-model\r\nContent-Length: %d\r\n\r\n%b" % (
    len(MODEL_BODY),
    MODEL_BODY,
)


@pytest.fixture
def made(make_client: Any) -> Any:
    """Return what makes a client of a server, for either driver."""

    def client_of(server: CaptureServer, **arguments: Any) -> Any:
        client = make_client(endpoint_url=server.url, **{**KEYS, **arguments})
        client._ambient.uniform = lambda: 0.0
        return client

    return client_of


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def call(client: Any, body: Any = b"x", **more: Any) -> Any:
    return client.invoke_endpoint(EndpointName="ep", Body=body, **more)


def reasons(attempts: tuple[Attempt, ...]) -> list[Any]:
    assert all(0 <= attempt.seconds < 60 for attempt in attempts)
    return [(attempt.reason, attempt.status, attempt.request_id) for attempt in attempts]


@pytest.mark.usefixtures("clean_environment")
def test_a_result_is_boto3s_dict_and_tells_of_its_attempts(made: Any) -> None:
    with CaptureServer([THROTTLED, ERROR_500]) as server, made(server) as client:
        result = call(client)
        body = result.pop("Body")
        assert result == dict(result)
        assert isinstance(result, dict)
        assert list(result) == ["ResponseMetadata", "ContentType"]
        assert reasons(result.attempts) == [
            ("ThrottlingException", 400, "req-slow"),
            ("500", 500, "req-500"),
            (None, 200, "req-ok"),
        ]
        assert body.read() == b"{}"
        assert reasons(call(client).attempts) == [(None, 200, "req-ok")]
        again = pickle.loads(pickle.dumps(result))
        assert again == result
        assert again.attempts == result.attempts
    assert Result().attempts == ()


@pytest.mark.usefixtures("clean_environment")
def test_what_is_told_of_the_attempts_is_not_the_callers_to_change(made: Any) -> None:
    with CaptureServer([THROTTLED]) as server, made(server) as client:
        # The long way, for the throttle's sake, and the short one.
        for result in (call(client), call(client)):
            told = reasons(result.attempts)
            assert told[-1] == (None, 200, "req-ok")
            metadata = result["ResponseMetadata"]
            metadata["HTTPHeaders"]["x-amzn-requestid"] = metadata["RequestId"] = "mine"
            assert reasons(result.attempts) == told
            metadata["HTTPHeaders"].clear()
            metadata.clear()
            assert reasons(result.attempts) == told


@pytest.mark.usefixtures("clean_environment")
def test_a_service_error_tells_of_its_attempts_and_of_the_model(made: Any) -> None:
    with CaptureServer([THROTTLED, MODEL_ERROR]) as server, made(server) as client:
        with pytest.raises(client.exceptions.ModelError) as raised:
            call(client)
        error = raised.value
        assert reasons(error.attempts) == [
            ("ThrottlingException", 400, "req-slow"),
            ("ModelError", 424, "req-model"),
        ]
        assert error.request_id == "req-model"
        assert error.original_status_code == 503
        assert error.original_message == "busy"
        assert error.log_stream_arn == "arn:aws:logs:x"
        again = pickle.loads(pickle.dumps(error))
        assert again.attempts == error.attempts
        assert again.response == error.response


@pytest.mark.usefixtures("clean_environment")
def test_a_connections_error_tells_of_its_attempts(made: Any) -> None:
    script: list[Any] = [ERROR_500, {"then": "close"}, {"then": "close"}]
    with CaptureServer(script) as server, made(server) as client:
        with pytest.raises(ConnectionClosedError) as raised:
            call(client)
        assert reasons(raised.value.attempts) == [
            ("500", 500, "req-500"),
            ("ConnectionClosedError", None, None),
            ("ConnectionClosedError", None, None),
        ]
        again = pickle.loads(pickle.dumps(raised.value))
        assert again.attempts == raised.value.attempts
    with pytest.raises(EndpointConnectionError) as refused:
        call(client)
    assert [attempt.reason for attempt in refused.value.attempts] == ["EndpointConnectionError"] * 3


@pytest.mark.usefixtures("clean_environment")
def test_errors_that_end_a_call_between_attempts_tell_of_them_too(
    made: Any, make_client: Any
) -> None:
    class Once(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            if server.requests:
                raise OSError
            return super().seek(offset, whence)

    with CaptureServer([ERROR_500]) as server, made(server) as client:
        with pytest.raises(UnseekableStreamError) as raised:
            call(client, Once(b"12"))
        assert [attempt.reason for attempt in raised.value.attempts] == ["500"]
    nobody = make_client(region_name="us-east-1", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(NoCredentialsError) as absent:
        call(nobody)
    assert absent.value.attempts == ()


@pytest.mark.usefixtures("clean_environment")
def test_max_attempts_of_a_view_counts_the_first_and_leaves_the_client_alone(made: Any) -> None:
    with CaptureServer([ERROR_500] * 7) as server, made(server) as client:
        for view, attempts in ((client.with_options(max_attempts=1), 1), (client, 3)):
            before = len(server.requests)
            with pytest.raises(ClientError) as raised:
                call(view)
            assert len(server.requests) - before == attempts
            assert raised.value.response["ResponseMetadata"]["MaxAttemptsReached"] is True
        more = client.with_options(max_attempts=4)
        assert len(call(more.with_options(timeout=60)).attempts) == 4
        said = [request.header("amz-sdk-request") for request in server.requests]
        assert said[0] == "attempt=1; max=1"
        assert said[1] == "attempt=1; max=3"
        assert said[4] == "attempt=1; max=4"


@pytest.mark.usefixtures("clean_environment")
def test_extra_headers_are_sent_and_signed_in_place_of_those_of_the_same_name(made: Any) -> None:
    with CaptureServer() as server, made(server) as client:
        view = client.with_options(extra_headers={"X-Trace": "a b", "accept": "x/y"})
        call(view, ContentType="text/csv", Accept="application/json").pop("Body").read()
        other = view.with_options(extra_headers={"x-trace": "c", "User-Agent": "mine"})
        call(other).pop("Body").read()
        call(client).pop("Body").read()
    first, second, third = server.requests
    names = [name for name, _ in first.headers]
    assert names[2:6] == ["Content-Type", "User-Agent", "X-Trace", "accept"]
    assert first.header("X-Trace") == "a b"
    assert first.header("Accept") == "x/y"
    assert "SignedHeaders=accept;content-type;host;x-amz-date;x-trace" in str(
        first.header("Authorization")
    )
    assert (second.header("X-Trace"), second.header("Accept")) == ("c", "x/y")
    assert second.header("User-Agent") == "mine"
    assert [name.lower() for name, _ in second.headers].count("user-agent") == 1
    assert third.header("X-Trace") is None
    assert str(third.header("User-Agent")).startswith("sagewire/")
    assert first.connection == second.connection == third.connection == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "timeout: it is 0; allowed: a number of seconds above 0"),
        ({"timeout": True}, "timeout: it is True"),
        ({"timeout": "1"}, "timeout: it is '1'"),
        ({"timeout": float("nan")}, "timeout: it is nan"),
        ({"max_attempts": 0}, "max_attempts: it is 0; allowed: a whole number from 1 on"),
        ({"max_attempts": 1.5}, "max_attempts: it is 1.5"),
        ({"extra_headers": [("a", "b")]}, "extra_headers: it is list; allowed: a mapping"),
        ({"extra_headers": {"a b": "c"}}, "extra_headers: 'a b' is no header name"),
        ({"extra_headers": {"HOST": "c"}}, "extra_headers: HOST is one that sagewire sets itself"),
        ({"extra_headers": {"a": 1}}, "extra_headers: the value of a is int; allowed: text"),
        ({"extra_headers": {"a": "secret\nb"}}, "extra_headers: the value of a has a line end"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    options: dict[str, Any], words: str, make_client: Any
) -> None:
    client = make_client(**KEYS)
    with pytest.raises(InvalidArgumentError) as raised:
        client.with_options(**options)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.usefixtures("clean_environment")
def test_a_view_pickles_shares_the_pool_and_may_be_made_before_the_first_call(made: Any) -> None:
    with CaptureServer() as server, made(server) as client:
        view = client.with_options(extra_headers={"X-A": "1"}, timeout=50)
        assert repr(view) == repr(client)
        assert str(client.pool) == "PoolSnapshot(open=0, busy=0, idle=0, waiting=0)"
        held = call(view)
        assert (client.pool.open, client.pool.busy, client.pool.idle) == (1, 1, 0)
        held["Body"].read()
        assert (view.pool.open, view.pool.busy, view.pool.idle, view.pool.waiting) == (1, 0, 1, 0)
        with pickle.loads(pickle.dumps(view)) as again:
            call(again)["Body"].read()
        view.close()
        assert client.pool.open == 0
    assert [request.header("X-A") for request in server.requests] == ["1", "1"]


@pytest.mark.usefixtures("clean_environment")
def test_the_deadline_ends_a_wait_for_the_answer(made: Any) -> None:
    with CaptureServer([{"then": "hold"}]) as server, made(server) as client:
        start = time.monotonic()
        with pytest.raises(DeadlineExceededError) as raised:
            call(client.with_options(timeout=0.25))
        assert time.monotonic() - start < 5
        assert "Deadline of 0.25 s exceeded while waiting for the answer" in str(raised.value)
        assert [attempt.reason for attempt in raised.value.attempts] == ["DeadlineExceededError"]
        assert len(server.requests) == 1


@pytest.mark.usefixtures("clean_environment")
def test_the_deadline_covers_every_attempt_and_no_wait_is_begun_in_vain(made: Any) -> None:
    sleeps: list[float] = []
    with CaptureServer([ERROR_500] * 9) as server, made(server) as client:
        client._ambient.uniform = lambda: 1.0
        now = 0.0

        def sleep(seconds: float) -> None:
            nonlocal now
            sleeps.append(seconds)
            now += seconds

        client._ambient.sleep = sleep
        client._ambient.monotonic = lambda: now
        view = client.with_options(timeout=6, max_attempts=9)
        with pytest.raises(DeadlineExceededError, match=r"6 s .* waiting to try again") as raised:
            call(view)
    assert sleeps == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]  # then 3.2 s, with 2.85 s left
    assert [attempt.reason for attempt in raised.value.attempts] == ["500"] * 7


@pytest.mark.usefixtures("clean_environment")
def test_a_slow_attempt_leaves_less_for_the_next(made: Any) -> None:
    slow = {"steps": [["sleep", 0.3], ["send", ""]], "then": "close"}
    with CaptureServer([slow, {"then": "hold"}]) as server, made(server) as client:
        start = time.monotonic()
        with pytest.raises(DeadlineExceededError) as raised:
            call(client.with_options(timeout=2.0))
        assert 1.9 < time.monotonic() - start < 10
    assert "Deadline of 2 s" in str(raised.value)
    assert [attempt.reason for attempt in raised.value.attempts] == [
        "ConnectionClosedError",
        "DeadlineExceededError",
    ]


@pytest.mark.usefixtures("clean_environment")
def test_a_read_timeout_is_no_deadline(caplog: pytest.LogCaptureFixture, made: Any) -> None:
    config = sagewire.Config(read_timeout=0.1)
    with (
        CaptureServer([{"then": "hold"}]) as server,
        made(server, config=config) as client,
        caplog.at_level(logging.WARNING),
        pytest.raises(ReadTimeoutError),
    ):
        call(client.with_options(timeout=30, max_attempts=1))
    assert not caplog.records


@pytest.mark.usefixtures("clean_environment")
def test_a_result_says_how_long_its_parts_took(made: Any) -> None:
    slow = {"steps": [["sleep", 0.1], ["send", _encoded(DEFAULT_ANSWER)]]}
    with CaptureServer([slow]) as server, made(server) as client:
        result = call(client)
        timing = result.timing
        assert timing.queue == timing.tls == timing.body == 0
        assert 0 < timing.connect < 10
        assert 0 < timing.send < 10
        assert 0.09 < timing.first_byte < 10
        result["Body"].read()
        assert result.timing.body > 0
        assert result.timing.connect == timing.connect
        del result["Body"]
        again = pickle.loads(pickle.dumps(result))
        assert again.timing.first_byte == timing.first_byte
        assert call(client).timing.connect == 0
    assert Result().timing is None
