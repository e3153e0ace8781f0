"""When a call is repeated: the modes, the client's own rate, the clock, and what is said of it."""

import array
import base64
import datetime as dt
import email.utils
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import CapacityNotAvailableError
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.bucket import TokenBucket
from botocore.retries.throttling import CubicCalculator
from hypothesis import given
from hypothesis import strategies as st

import sagewire
from sagewire.client.payload import of_buffer, of_object
from sagewire.exceptions import (
    BodyChangedError,
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    UnseekableStreamError,
)
from sagewire.retries.adaptive import Limiter
from tests.support.capture import DEFAULT_ANSWER, CaptureServer
from tests.support.peer import Peer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "topsecret",
}
NOW = 1767323045  # 2026-01-02T03:04:05Z


def error(status: int, code: str | None = None, date: float | None = None, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    if code is not None:
        lines.append(f"x-amzn-ErrorType: {code}")
    if date is not None:
        lines.append(f"Date: {email.utils.formatdate(date, usegmt=True)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@pytest.fixture
def made(make_client: Any) -> Any:
    """Return what makes a client of a server, for either driver."""

    def client_of(server: CaptureServer, mode: str = "standard", **settings: Any) -> Any:
        attempts = settings.pop("attempts", 3)
        config = sagewire.Config(retries={"mode": mode, "total_max_attempts": attempts}, **settings)
        client = make_client(endpoint_url=server.url, config=config, **KEYS)
        client._ambient.uniform = lambda: 0.0
        client._ambient.now = lambda: NOW
        return client

    return client_of


def call(client: Any, body: Any = b"x") -> Any:
    return client.invoke_endpoint(EndpointName="ep", Body=body)


def outcome(client: Any) -> str:
    try:
        call(client)["Body"].read()
    except (ClientError, sagewire.exceptions.BotoCoreError) as raised:
        return type(raised).__name__
    return "answered"


# The client's own rate


class Clock:
    now = 1000.0

    def current_time(self) -> float:
        return self.now


class Throttling:
    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


steps = st.lists(
    st.tuples(
        st.floats(0, 3) | st.just(0.0) | st.just(0.5),
        st.sampled_from(["answered", "throttled", "take", "take"]),
    ),
    max_size=60,
)


@given(start=st.floats(0, 2e9), steps=steps)
def test_the_limiter_is_botocores_step_by_step(start: float, steps: list[Any]) -> None:
    clock = Clock()
    clock.now = start
    bucket = TokenBucket(max_rate=1, clock=clock)
    theirs = ClientRateLimiter(
        CubicCalculator(starting_max_rate=0, start_time=start),
        RateClocker(clock),
        bucket,
        Throttling(),
        clock,
    )
    ours = Limiter(start)
    for seconds, step in steps:
        clock.now += seconds
        if step == "take":
            wait = 0.0
            if theirs._enabled:
                try:
                    bucket.acquire(block=False)
                except CapacityNotAvailableError:
                    wait = bucket._sleep_amount(1)
            assert ours.take(clock.now) == pytest.approx(wait)
        else:
            theirs.on_receiving_response(throttled=step == "throttled")
            ours.heard(clock.now, throttled=step == "throttled")
        assert ours.rate == pytest.approx(bucket.max_rate)


@pytest.mark.usefixtures("clean_environment")
def test_adaptive_slows_the_client_down_after_a_throttle_and_standard_does_not(made: Any) -> None:
    for mode, held in (("adaptive", True), ("standard", False)):
        with CaptureServer([error(400, "Throttling")]) as server, made(server, mode) as client:
            now, holds, sleeps = [0.0], [], []

            def hold(seconds: float, now: Any = now, holds: Any = holds) -> None:
                holds.append(seconds)
                now[0] += seconds

            client._ambient.monotonic = lambda now=now: now[0]
            client._ambient.hold = hold
            client._ambient.sleep = sleeps.append
            for _ in range(3):
                assert call(client)["Body"].read() == b"{}"
            assert len(sleeps) == 1
            assert len(server.requests) == 4
            assert (sum(holds) > 2) is held
            assert all(seconds > 0 for seconds in holds)


@pytest.mark.usefixtures("clean_environment")
def test_a_wait_for_the_clients_own_rate_is_not_begun_in_vain(made: Any) -> None:
    with CaptureServer([error(400, "Throttling")]) as server, made(server, "adaptive") as client:
        client._ambient.hold = lambda _seconds: pytest.fail("it waits")
        with pytest.raises(sagewire.exceptions.DeadlineExceededError) as raised:
            call(client.with_options(timeout=0.5))
    assert [attempt.reason for attempt in raised.value.attempts] == ["Throttling"]


# What is repeated


def refused_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


CLOSE: Any = {"then": "close"}
SILENT: Any = {"then": "hold"}
HALF: Any = {"steps": [["send", "SFRUUC8x"]], "then": "close"}


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("script", "attempts", "last"),
    [
        ([error(400, "ThrottlingException")], 2, "answered"),
        ([error(400, body='{"__type": "ThrottlingException", "message": null}')], 2, "answered"),
        ([error(429)], 2, "answered"),
        ([error(429, "ModelNotReadyException")], 1, "ModelNotReadyException"),
        ([error(503)], 1, "ClientError"),
        ([error(500, "InternalFailure", body="{}")], 1, "InternalFailure"),
        ([error(400, "RequestTimeout")], 1, "ClientError"),
        ([CLOSE], 1, "ConnectionClosedError"),  # a fresh connection: the model may have run
        ([HALF], 1, "ConnectionClosedError"),
        ([SILENT], 1, "ReadTimeoutError"),
    ],
)
def test_safe_repeats_only_what_never_ran(
    script: list[Any], attempts: int, last: str, made: Any
) -> None:
    with CaptureServer(script) as server, made(server, "safe", read_timeout=0.2) as client:
        assert outcome(client) == last
    assert len(server.requests) == attempts
    agents = {str(request.header("User-Agent")) for request in server.requests}
    assert len(agents) == 1
    assert " m/N,e cfg/retry-mode#safe" in agents.pop()


@pytest.mark.usefixtures("clean_environment")
def test_safe_repeats_where_nobody_listens(make_client: Any) -> None:
    config = sagewire.Config(retries={"mode": "safe"})
    url = f"http://127.0.0.1:{refused_port()}"
    client = make_client(endpoint_url=url, config=config, **KEYS)
    client._ambient.uniform = lambda: 0.0
    with pytest.raises(EndpointConnectionError) as raised:
        call(client)
    assert len(raised.value.attempts) == 3


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("second", "attempts"), [(CLOSE, 2), ({"then": "reset"}, 2), (HALF, 1), (SILENT, 1)]
)
def test_safe_repeats_what_died_on_a_used_connection_without_a_byte(
    second: Any, attempts: int, made: Any
) -> None:
    script = [DEFAULT_ANSWER, second]
    with CaptureServer(script) as server, made(server, "safe", read_timeout=0.2) as client:
        call(client)["Body"].read()
        outcome(client)
    assert [request.connection for request in server.requests[:2]] == [1, 1]
    assert len(server.requests) == 1 + attempts


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive", "safe"])
def test_no_call_is_repeated_after_bytes_of_its_answer_reached_the_caller(
    mode: str, made: Any
) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    script = [DEFAULT_ANSWER, {"steps": [["send", _base64(cut)]], "then": "close"}]
    with CaptureServer(script) as server, made(server, mode) as client:
        call(client)["Body"].read()
        body = call(client)["Body"]
        assert body.read(5) == b"12345"
        with pytest.raises(sagewire.exceptions.IncompleteReadError):
            body.read(5)
        assert len(server.requests) == 2
    script = [{"steps": [["send", _base64(cut)]], "then": "close"}]
    with CaptureServer(script) as server, made(server, mode) as client:
        body = call(client)["Body"]
        with pytest.raises(ResponseStreamingError):
            body.read()
        assert len(server.requests) == 1


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# The clock


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive", "safe"])
@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        ("RequestTimeTooSkewed", 20),
        ("RequestTimeTooSkewed", -20),
        ("InvalidSignatureException", 3600),
        ("SignatureDoesNotMatch", -3600),
    ],
)
def test_a_skew_error_teaches_the_offset_and_is_sent_again_once_and_at_once(
    mode: str, code: str, seconds: int, made: Any
) -> None:
    skewed = error(403, code, NOW + seconds)
    with CaptureServer([skewed]) as server, made(server, mode) as client:
        client._ambient.sleep = lambda pause: pytest.fail("it waits") if pause else None
        result = call(client)
        result["Body"].read()
        assert [attempt.reason for attempt in result.attempts] == [code, None]
        assert result["ResponseMetadata"]["RetryAttempts"] == 1
        # It is the client that has learnt, and its views.
        call(client.with_options(max_attempts=1))["Body"].read()
    dates = [request.header("X-Amz-Date") for request in server.requests]
    assert dates == [stamp(NOW), stamp(NOW + seconds), stamp(NOW + seconds)]


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("code", "seconds", "attempts"),
    [
        ("RequestTimeTooSkewed", 5, 1),  # not what is wrong
        ("InvalidSignatureException", 200, 1),  # a wrong secret, most likely
        ("AccessDeniedException", 3600, 1),
        ("InvalidSignatureException", None, 1),
        ("InvalidSignatureException", 3600, 2),
    ],
)
def test_another_refusal_is_raised_and_a_second_one_too(
    code: str, seconds: int | None, attempts: int, made: Any
) -> None:
    date = None if seconds is None else NOW + seconds
    with CaptureServer([error(403, code, date)] * 3) as server, made(server) as client:
        with pytest.raises(ClientError, match=code) as raised:
            call(client)
        assert len(raised.value.attempts) == len(server.requests) == attempts


@pytest.mark.usefixtures("clean_environment")
def test_with_one_attempt_the_offset_is_learnt_and_the_error_raised(made: Any) -> None:
    skewed = error(403, "InvalidSignatureException", NOW + 900)
    with CaptureServer([skewed]) as server, made(server, attempts=1) as client:
        with pytest.raises(ClientError):
            call(client)
        call(client)["Body"].read()
    assert [request.header("X-Amz-Date") for request in server.requests] == [
        stamp(NOW),
        stamp(NOW + 900),
    ]


def stamp(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.usefixtures("clean_environment")
def test_each_attempt_is_signed_for_its_own_moment(made: Any) -> None:
    """The clock goes six minutes on between any two attempts, and before any connection is made."""
    moment = [NOW]

    def on(_seconds: float) -> None:
        moment[0] += 360

    script: list[Any] = [error(500), {"then": "close"}]
    with CaptureServer(script) as server, made(server) as client:
        client._ambient.now = lambda: moment[0]
        client._ambient.sleep = on
        call(client)["Body"].read()
    assert [request.header("X-Amz-Date") for request in server.requests] == [
        stamp(NOW),
        stamp(NOW + 360),
        stamp(NOW + 720),
    ]


# What is said


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_second_sending_after_a_timeout_is_said_once(
    mode: str, caplog: pytest.LogCaptureFixture, made: Any
) -> None:
    with (
        CaptureServer([SILENT] * 4) as server,
        made(server, mode, attempts=2, read_timeout=0.1) as client,
        caplog.at_level(logging.WARNING),
    ):
        for _ in range(2):
            with pytest.raises(ReadTimeoutError):
                call(client)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("sagewire", "WARNING")
    assert "sent again: the model may run it more than once" in record.getMessage()


@pytest.mark.usefixtures("clean_environment")
def test_a_body_above_the_limit_is_warned_of_once_before_it_is_sent(
    caplog: pytest.LogCaptureFixture, made: Any, make_client: Any
) -> None:
    caplog.set_level(logging.WARNING)
    body = bytes(6_291_457)
    with CaptureServer() as server, made(server) as client:
        call(client, body[:-1])["Body"].read()
        assert not caplog.records
        for _ in range(2):
            call(client, body)["Body"].read()
        assert [len(request.body) for request in server.requests] == [6_291_456, *[6_291_457] * 2]
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "The body of InvokeEndpoint has 6291457 bytes, and the service takes 6291456"
    )
    nobody = make_client(endpoint_url=f"http://127.0.0.1:{refused_port()}", **KEYS)
    with pytest.raises(EndpointConnectionError):
        call(nobody.with_options(max_attempts=1), body)
    assert len(caplog.records) == 2


# Bodies


BUFFERS: list[Any] = [
    memoryview(b"abcdef"),
    memoryview(b"aXbXcXdXeXfX")[::2],
    array.array("B", b"abcdef"),
    array.array("H", [0x6261, 0x6463, 0x6665]),
]


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("body", BUFFERS, ids=["memoryview", "strided", "array", "wide"])
@pytest.mark.parametrize("validate", [True, False])
def test_a_buffer_is_sent_as_its_bytes_are(body: Any, validate: bool, made: Any) -> None:
    with CaptureServer() as server, made(server, parameter_validation=validate) as client:
        client._ambient.new_id = lambda: "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"
        for each in (b"abcdef", body):
            call(client, each)["Body"].read()
    expected, got = server.requests
    assert got.body == b"abcdef"
    assert got.headers == expected.headers


SIX_MIB = array.array("d", range(786_432))


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("body", [SIX_MIB, bytearray(SIX_MIB)], ids=["array", "bytearray"])
def test_a_large_buffer_is_hashed_once_sent_and_sent_again_piece_by_piece(
    body: Any, made: Any
) -> None:
    with CaptureServer([error(500)]) as server, made(server) as client:
        call(client, body)["Body"].read()
    assert [request.body == SIX_MIB.tobytes() for request in server.requests] == [True, True]
    first, second = (request.header("Authorization") for request in server.requests)
    assert first == second
    sizes = [len(piece) for piece in of_buffer(body).pieces()]  # type: ignore[union-attr]
    assert sum(sizes) == len(SIX_MIB) * 8
    assert max(sizes) <= 131_072


@pytest.mark.usefixtures("clean_environment")
def test_a_bytearray_belongs_to_its_owner_again_when_a_call_has_failed(made: Any) -> None:
    body = bytearray(300_000)
    with CaptureServer([error(400)]) as server, made(server) as client:
        try:
            call(client, body)
        except ClientError:
            body.clear()  # whatever the traceback holds
    assert not body


def test_a_buffer_that_changes_its_size_is_not_half_sent() -> None:
    body = bytearray(300_000)
    pieces = of_buffer(body).pieces()  # type: ignore[union-attr]
    next(pieces)
    body += b"more"
    with pytest.raises(BodyChangedError, match="300000 bytes were announced, the file now"):
        next(pieces)


@pytest.mark.parametrize(
    "body", [5, 2.5, None, [b"a"], {"a": 1}, object(), iter([b"a"]), (b"a" for _ in "a")]
)
def test_what_is_no_buffer_is_refused_in_boto3s_words(body: Any, make_client: Any) -> None:
    client = make_client(**KEYS)
    with pytest.raises(
        sagewire.exceptions.ParamValidationError,
        match=r"Invalid type for parameter Body.*valid types: <class 'bytes'>",
    ):
        call(client, body)


def pieces() -> Iterator[Any]:
    yield from (b"a", b"", "\u00e9", bytearray(b"b"), memoryview(b"c"))


UNCHECKED = {"parameter_validation": False, "signature_version": sagewire.UNSIGNED}


@pytest.mark.usefixtures("clean_environment")
def test_an_iterator_of_an_unsigned_client_is_sent_in_chunks(made: Any) -> None:
    with CaptureServer() as server, made(server, **UNCHECKED) as client:
        call(client, pieces())["Body"].read()
    (request,) = server.requests
    assert request.header("transfer-encoding") == "chunked"
    assert request.body == "a\u00e9bc".encode()
    assert request.chunks == [1, 2, 1, 1]


@pytest.mark.usefixtures("clean_environment")
def test_an_iterator_is_not_sent_again(made: Any) -> None:
    words = "^Need to rewind the stream <generator"
    with (
        CaptureServer([error(500)]) as server,
        made(server, **UNCHECKED) as client,
        pytest.raises(UnseekableStreamError, match=words),
    ):
        call(client, pieces())
    assert len(server.requests) == 1
    with pytest.raises(TypeError, match=r"^Body: a piece is int; allowed: bytes and text"):
        list(of_object(iter([1]), signed=False).pieces())  # type: ignore[union-attr]


def test_numpys_arrays_are_buffers_and_its_objects_are_not() -> None:
    import numpy

    from sagewire.model.report import is_buffer

    assert is_buffer(numpy.zeros((2, 3), "f4"))
    assert is_buffer(numpy.zeros((4, 4))[:, 1])
    assert not is_buffer(numpy.array([object()]))
    assert not is_buffer(numpy.float64(1))
    assert not is_buffer(numpy.array(["2026"], "M8[D]"))


# Ten thousand in a queue


@pytest.mark.usefixtures("clean_environment")
def test_ten_thousand_calls_behind_four_connections_send_no_expired_signature(
    make_client: Any,
) -> None:
    """All are asked for at once; the clock goes on, six minutes with every hundred answers."""
    answered = 0
    early: list[float] = []
    lock = threading.Lock()

    def now() -> float:
        return NOW + answered // 100 * 360

    def serve(link: Any) -> None:
        nonlocal answered
        while (request := link.request()) is not None:
            signed = dt.datetime.strptime(
                request.header(b"X-Amz-Date").decode(), "%Y%m%dT%H%M%SZ"
            ).replace(tzinfo=dt.timezone.utc)
            with lock:
                early.append(float(request.body) - signed.timestamp())
                answered += 1
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    class Turn(Mapping[str, Any]):
        """A request whose body says when its turn came, by the same clock."""

        def __getitem__(self, key: str) -> Any:
            return {"EndpointName": "ep", "Body": f"{now()}"}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(("EndpointName", "Body"))

        def __len__(self) -> int:
            return 2

    with Peer(serve) as peer:
        client = make_client(endpoint_url=f"http://{peer.host}:{peer.port}", **KEYS)
        client._ambient.now = now
        results = client.invoke_many((Turn() for _ in range(10_000)), concurrency=4)
        assert {result["Body"] for result in results} == {b"{}"}
        assert peer.connections <= 4
        client.close()
    assert len(early) == 10_000
    assert max(early) <= 0
    assert now() == NOW + 100 * 360
