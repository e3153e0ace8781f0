"""Event handlers around a call: its answer, its attempts, its errors are boto3's."""

import io
import time
from collections.abc import Iterator
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import botocore.response
import botocore.stub
import pytest

import sagewire
from tests.compat.hooks import (
    ERROR_400,
    ERROR_500,
    EVENT,
    EVENTS,
    KEYS,
    add_header,
    on_both,
    outcome,
    pair,
    when,
)
from tests.support.capture import CaptureServer

pytestmark = pytest.mark.usefixtures("frozen")


class Raw(io.BytesIO):
    def stream(self, **_kwargs: Any) -> Any:
        yield self.read()


def answer(status: int = 200, body: bytes = b"canned") -> Any:
    headers = {"Content-Type": "text/x", "Content-Length": str(len(body))}
    return botocore.awsrequest.AWSResponse("http://x", status, headers, Raw(body))


def test_a_handler_answers_before_anything_is_sent() -> None:
    on_both(when("before-send", lambda **_: answer()), requests=0)
    on_both(when("before-send", lambda **_: answer(400, b'{"message":"no"}')), requests=0)


def test_a_handler_answers_before_the_request_is_made() -> None:
    parsed = {"ResponseMetadata": {"HTTPStatusCode": 200}, "ContentType": "c"}
    on_both(when("before-call", lambda **_: (answer(), dict(parsed))), requests=0)
    refused = {"Error": {"Code": "ModelError", "Message": "m"}, "ResponseMetadata": {}}
    on_both(when("before-call", lambda **_: (answer(424), dict(refused))), requests=0)


def test_an_answer_is_changed_before_and_after_it_is_parsed() -> None:
    def before(response_dict: Any, customized_response_dict: Any, **_: Any) -> None:
        response_dict["headers"]["Content-Type"] = "changed/type"
        customized_response_dict["More"] = 1

    def after(parsed: Any, **_: Any) -> None:
        parsed["After"] = sorted(parsed)

    def both(client: Any) -> None:
        client.meta.events.register("before-parse", before)
        client.meta.events.register("after-call", after)

    on_both(both)
    on_both(both, method="invoke_endpoint_async")


def test_an_errors_code_is_overridden() -> None:
    def override(context: Any, **_: Any) -> None:
        context["error_code_override"] = "ModelError"

    on_both(when("after-call", override), [ERROR_400])


def test_a_handler_wants_another_attempt() -> None:
    def again(attempts: int, **_: Any) -> float | None:
        return 0.01 if attempts < 3 else None

    on_both(when("needs-retry", again), [ERROR_400], requests=3)
    on_both(when(f"needs-retry.{EVENT}", again), requests=3)


def test_a_handler_wants_no_other_attempt() -> None:
    on_both(when(f"needs-retry.{EVENT}", lambda **_: False), [ERROR_500])


def test_retries_are_boto3s_with_handlers() -> None:
    on_both(when("before-send", add_header("X", "1")), [ERROR_500, ERROR_500], requests=3)
    on_both(when("before-send", add_header("X", "1")), [ERROR_500] * 3, requests=3)
    legacy = {"retries": {"mode": "legacy"}}
    on_both(when("before-send", add_header("X", "1")), [ERROR_500], requests=2, config=legacy)


@pytest.mark.parametrize("event", [e for e in EVENTS if e != "after-call-error"])
def test_what_a_handler_raises_is_raised(event: str) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("mine")

    sent = event in ("before-parse", "response-received", "needs-retry", "after-call")
    on_both(when(event, fail), requests=1 if sent else 0)


def test_an_exception_is_told() -> None:
    told: list[Any] = []

    def both(client: Any) -> None:
        client.meta.events.register(
            "after-call-error",
            lambda exception, context, **_: told.append(
                (type(exception).__name__, context["retries"]["attempt"])
            ),
        )
        client.meta.events.register(
            "before-sign", lambda request, **_: request.headers.add_header("X-Bad", "a\nb")
        )

    on_both(both, requests=0)
    assert told[0][0] == told[1][0] == "HTTPClientError"


def test_the_read_timeout_of_one_call_is_set() -> None:
    def hurry(context: Any, **_: Any) -> None:
        context["read_timeout"] = 0.2

    once = {"retries": {"total_max_attempts": 1}}
    silence: list[Any] = [{"then": "hold"}]
    for which in (0, 1):
        with CaptureServer(silence) as server:
            client = pair(server.url, **once)[which]
            client.meta.events.register("before-call", hurry)
            assert outcome(client)[0] == "ReadTimeoutError"
            client.close()


@pytest.mark.parametrize("timeout", [0, -1, "1", 30, 2.5])
def test_a_read_timeout_is_checked_as_boto3_checks_it(timeout: Any) -> None:
    def choose(context: Any, **_: Any) -> None:
        context["read_timeout"] = timeout

    once = {"retries": {"total_max_attempts": 1}}
    good = timeout in (30, 2.5)
    on_both(when("before-call", choose), requests=1 if good else 0, config=once)


def test_files_are_sent_and_sent_again() -> None:
    with CaptureServer([ERROR_500]) as server:
        client = pair(server.url)[1]
        client.meta.events.register("before-sign", add_header("X", "1"))
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        outcome(client, Body=file)
        client.close()
    assert [request.body for request in server.requests] == [b"456789", b"456789"]


def test_many_calls_at_once_have_their_handlers() -> None:
    with CaptureServer() as server:
        client = pair(server.url)[1]
        client.meta.events.register("before-sign", add_header("X-Trace", "1"))
        wanted = [{"EndpointName": "ep", "Body": str(number)} for number in range(20)]
        assert [result["Body"] for result in client.invoke_many(wanted, concurrency=4)] == [
            b"{}"
        ] * 20
        view = client.with_options(extra_headers={"X-More": "2", "User-Agent": "mine"})
        outcome(view)
        client.close()
    assert all("x-trace" in str(one.header("authorization")) for one in server.requests)
    assert server.connections <= 6
    assert server.requests[-1].header("user-agent") == "mine"
    assert "x-more" in str(server.requests[-1].header("authorization"))


def test_a_deadline_holds_with_handlers() -> None:
    with CaptureServer([{"then": "hold"}] * 3) as server:
        client = pair(server.url)[1]
        client.meta.events.register("before-sign", add_header("X-Trace", "1"))
        started = time.monotonic()
        with pytest.raises(sagewire.exceptions.DeadlineExceededError, match=r"^Deadline of 0.3 s "):
            client.with_options(timeout=0.3).invoke_endpoint(EndpointName="ep", Body=b"")
        assert time.monotonic() - started < 5
        client.close()


def test_the_stubber_works() -> None:
    for client in pair("http://127.0.0.1:9"):
        with botocore.stub.Stubber(client) as stubber:
            body = botocore.response.StreamingBody(io.BytesIO(b"stub"), 4)
            stubber.add_response(
                "invoke_endpoint",
                {"Body": body, "ContentType": "c"},
                {"EndpointName": "ep", "Body": b"{}", "ContentType": "text/csv"},
            )
            assert outcome(client) == {"Body": b"stub", "ContentType": "c"}
            stubber.add_client_error("invoke_endpoint", "ModelError", "m", http_status_code=424)
            with pytest.raises(client.exceptions.ModelError, match="ModelError"):
                client.invoke_endpoint(EndpointName="ep", Body=b"")
            with pytest.raises(botocore.exceptions.ParamValidationError):
                stubber.add_response("invoke_endpoint", {"ContentType": 5})
            expected = {"EndpointName": "other", "Body": b""}
            stubber.add_response("invoke_endpoint", {"Body": body}, expected)
            with pytest.raises(botocore.exceptions.StubAssertionError):
                client.invoke_endpoint(EndpointName="ep", Body=b"")


@pytest.fixture
def running() -> Iterator[CaptureServer]:
    with CaptureServer() as server:
        yield server


def test_nothing_of_it_is_loaded_before_someone_registers(running: CaptureServer) -> None:
    import subprocess
    import sys

    code = (
        "import sys, sagewire\n"
        f"c = sagewire.client(endpoint_url={running.url!r}, **{KEYS!r})\n"
        "c.invoke_endpoint(EndpointName='e', Body=b'')['Body'].read()\n"
        "assert 'sagewire.client.hooked' not in sys.modules\n"
        "c.meta.events.register('before-sign', lambda **kwargs: None)\n"
        "c.invoke_endpoint(EndpointName='e', Body=b'')['Body'].read()\n"
        "assert 'sagewire.client.hooked' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
