"""Event handlers that change a request: on boto3 and on our client the same bytes are sent."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire
from tests.compat.hooks import (
    ERROR_400,
    ERROR_500,
    EVENT,
    EVENTS,
    add_header,
    comparable,
    described,
    on_both,
    outcome,
    pair,
    when,
)
from tests.support.capture import CaptureServer

pytestmark = pytest.mark.usefixtures("frozen")

NAMES = ["X-One", "x-one", "X-Two", "Accept", "Content-Type", "X-Amzn-Trace-Id", "Date", "Cookie"]
NAMES += ["X-Amz-Content-SHA256", "X-Amz-Meta", "amz-sdk-request", "Connection", "Accept-Encoding"]
PATTERNS = ["{}", "{}.*", "{}.sagemaker-runtime", "{}.runtime.sagemaker.InvokeEndpoint", "{}.*.*"]
PLACES = ["register", "register_first", "register_last"]
added = st.tuples(
    st.sampled_from(["before-call", "request-created", "before-sign", "before-send"]),
    st.sampled_from(PATTERNS),
    st.sampled_from(PLACES),
    st.sampled_from(NAMES),
    st.text("ab ~", max_size=4),
)


def set_once(name: str, value: str) -> Callable[..., None]:
    """Set a header in place of what is there: a second one is a difference we name."""

    def handler(**kwargs: Any) -> None:
        headers = kwargs["request"].headers if "request" in kwargs else kwargs["params"]["headers"]
        for same in [known for known in headers if known.lower() == name.lower()]:
            del headers[same]
        headers[name] = value

    return handler


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(added, max_size=6))
def test_whatever_headers_are_set_wherever_the_same_is_sent(
    both: tuple[CaptureServer, Any, Any], steps: list[Any]
) -> None:
    server, *clients = both
    server.requests.clear()
    for client in clients:
        registered = []
        for event, pattern, place, name, value in steps:
            handler = set_once(name, value)
            getattr(client.meta.events, place)(pattern.format(event), handler)
            registered.append((pattern.format(event), handler))
        outcome(client)
        for name, handler in registered:
            client.meta.events.unregister(name, handler)
    theirs, ours = server.requests
    assert comparable(ours) == comparable(theirs)


@pytest.fixture
def query_pairs(frozen: None) -> Iterator[tuple[CaptureServer, list[tuple[Any, Any]]]]:
    with CaptureServer() as server:
        pairs = [
            pair(server.url + tail, signature_version=version)
            for tail in ("", "/base/?b=1&a=%2F&b=2")
            for version in ("v4-query", "s3v4-query")
        ]
        yield server, pairs
        for client in (client for one in pairs for client in one):
            client.close()


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    which=st.integers(0, 3),
    members=st.dictionaries(st.text("ab/ é", max_size=3), st.text("a &=é", max_size=3)),
    kind=st.sampled_from(["text/csv", "application/x-www-form-urlencoded; charset=utf-8"]),
    name=st.text("ab/ .é", max_size=4),
)
def test_a_call_with_a_signature_in_its_query_is_the_same(
    query_pairs: tuple[CaptureServer, list[tuple[Any, Any]]],
    which: int,
    members: dict[str, str],
    kind: str,
    name: str,
) -> None:
    server, pairs = query_pairs
    server.requests.clear()
    body = json.dumps(members).encode() if members else b""
    for client in pairs[which]:
        outcome(client, EndpointName=name, Body=body, ContentType=kind)
    theirs, ours = server.requests
    assert comparable(ours) == comparable(theirs)


@pytest.fixture
def both() -> Iterator[tuple[CaptureServer, Any, Any]]:
    with CaptureServer() as server:
        theirs, ours = pair(server.url)
        yield server, theirs, ours
        theirs.close()
        ours.close()


@pytest.mark.parametrize("answers", [[], [ERROR_500], [ERROR_400]], ids=["200", "500", "400"])
@pytest.mark.parametrize("method", ["invoke_endpoint", "invoke_endpoint_async"])
def test_the_same_events_happen_in_the_same_order_with_the_same_arguments(
    answers: list[bytes], method: str
) -> None:
    seen: list[list[Any]] = []
    for which in (0, 1):
        log: list[Any] = []
        seen.append(log)
        with CaptureServer(answers) as server:
            client = pair(server.url)[which]

            def note(event_name: str, log: list[Any] = log, **kwargs: Any) -> None:
                log.append((event_name, sorted(kwargs), described(kwargs)))

            for event in EVENTS:
                client.meta.events.register(event, note)
            outcome(client, method)
            client.close()
    assert seen[1] == seen[0]
    assert len(seen[0]) >= 11


@pytest.mark.parametrize("event", ["before-call", "before-sign", "request-created", "before-send"])
@pytest.mark.parametrize("operation", [EVENT, "sagemaker-runtime", "*.InvokeEndpoint", ""])
def test_a_header_is_added_and_signed_as_boto3_signs_it(event: str, operation: str) -> None:
    name = f"{event}.{operation}".strip(".")
    (request,) = on_both(when(name, add_header("X-Trace", "a  b")))
    assert request.header("x-trace") == "a  b"


def test_the_old_name_of_the_service_works() -> None:
    old = "before-sign.runtime.sagemaker.InvokeEndpoint"
    (request,) = on_both(when(old, add_header("X-Trace", "1")))
    assert "x-trace" in str(request.header("authorization"))


def test_parameters_are_replaced_and_changed() -> None:
    def both(client: Any) -> None:
        client.meta.events.register(
            f"provide-client-params.{EVENT}", lambda params, **_: {**params, "Accept": "a/b"}
        )
        client.meta.events.register(
            f"before-parameter-build.{EVENT}", lambda params, **_: params.update(SessionId="s")
        )

    (request,) = on_both(both)
    assert (request.header("accept"), request.header("x-amzn-sagemaker-session-id")) == ("a/b", "s")


def test_parameters_that_a_handler_spoils_are_reported() -> None:
    def spoil(params: Any, **_: Any) -> None:
        params["EndpointName"] = 5

    on_both(when("before-parameter-build", spoil), requests=0)


def test_the_endpoint_is_replaced() -> None:
    with CaptureServer() as other:

        def redirect(builtins: Any, **_: Any) -> None:
            builtins["SDK::Endpoint"] = f"{other.url}/base"

        on_both(when("before-endpoint-resolution", redirect), requests=0)
        theirs, ours = other.requests
        assert ours.target == theirs.target == "/base/endpoints/ep/invocations"


def test_the_url_is_replaced_before_signing() -> None:
    def query(request: Any, **_: Any) -> None:
        request.url += "?b=2&a=1"

    (request,) = on_both(when("before-sign", query))
    assert request.target == "/endpoints/ep/invocations?b=2&a=1"


def test_the_body_is_replaced_before_signing() -> None:
    def replace(request: Any, **_: Any) -> None:
        request.data = b"other"

    (request,) = on_both(when("before-sign", replace))
    assert request.body == b"other"


@pytest.mark.parametrize("unsigned", [botocore.UNSIGNED, "s3v4", "v4-query", "nope", "bearer"])
def test_a_handler_chooses_the_signer(unsigned: Any) -> None:
    requests = 0 if unsigned in ("nope", "bearer") else 1
    on_both(when("choose-signer", lambda **_: unsigned), requests=requests)


def test_an_unsigned_clients_handlers_are_told_botocores_word() -> None:
    told = []

    def choose(signature_version: Any, **_: Any) -> None:
        told.append(signature_version)

    for word in (botocore.UNSIGNED, sagewire.UNSIGNED):
        with CaptureServer() as server:
            client = pair(server.url, signature_version=word)[1]
            client.meta.events.register("choose-signer", choose)
            outcome(client)
            client.close()
        assert server.requests[0].header("authorization") is None
    assert told == [botocore.UNSIGNED] * 2


def test_our_own_word_for_unsigned_works_too() -> None:
    with CaptureServer() as server:
        client = pair(server.url)[1]
        client.meta.events.register("choose-signer", lambda **_: sagewire.UNSIGNED)
        outcome(client)
        client.close()
    assert server.requests[0].header("authorization") is None


def test_the_payload_is_left_unsigned_and_may_then_be_read_once() -> None:
    class Unseekable:
        def __init__(self) -> None:
            self.file = io.BytesIO(b"some bytes")

        def read(self, size: int = -1) -> bytes:
            return self.file.read(size)

    def leave(context: Any, **_: Any) -> None:
        context["payload_signing_enabled"] = False

    for body in (b"bytes", io.BytesIO(b"file")):
        register = when("before-call", leave)
        if hasattr(body, "seek"):
            seek = body.seek
            register = lambda client, seek=seek: (seek(0), when("before-call", leave)(client))  # noqa: E731
        (request,) = on_both(register, Body=body)
        assert request.header("x-amz-content-sha256") == "UNSIGNED-PAYLOAD"
    with CaptureServer() as server:
        client = pair(server.url)[1]
        client.meta.events.register("before-call", leave)
        assert outcome(client, Body=Unseekable())["Body"] == b"{}"
        client.close()
    assert server.requests[0].body == b"some bytes"
    assert server.requests[0].header("transfer-encoding") == "chunked"


def test_a_date_takes_the_place_of_x_amz_date() -> None:
    (request,) = on_both(when("before-sign", add_header("Date", "whatever")))
    assert request.header("date") == "Fri, 02 Jan 2026 03:04:05 -0000"
    assert request.header("x-amz-date") is None


def test_a_given_content_hash_is_signed() -> None:
    (request,) = on_both(when("before-sign", add_header("X-Amz-Content-SHA256", "0" * 64)))
    assert request.header("x-amz-content-sha256") == "0" * 64


@pytest.mark.parametrize("name", ["user-agent", "authorization", "x-amz-date"])
def test_what_boto3_sets_itself_it_sets_over_handlers(name: str) -> None:
    on_both(when("before-sign", add_header(name, "mine")))


def test_a_scope_is_taken_from_the_context() -> None:
    def elsewhere(context: Any, **_: Any) -> None:
        context["signing"] = {"region": "us-west-2", "signing_name": "other"}

    (request,) = on_both(when("before-call", elsewhere))
    assert "/us-west-2/other/aws4_request" in str(request.header("authorization"))


def test_the_trace_of_lambda_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1 2")
    (request,) = on_both(when("before-call", add_header("X", "1")))
    assert request.header("x-amzn-trace-id") == "Root=1%202"
    on_both(when("before-call", add_header("X-Amzn-Trace-Id", "mine")))


@pytest.mark.parametrize("event", ["choose-signer", "before-sign", "provide-client-params"])
def test_presigning_has_its_events(event: str) -> None:
    seen: list[list[Any]] = []
    urls = []
    for client in pair("http://127.0.0.1:8080/?x=1#f"):
        log: list[Any] = []
        seen.append(log)

        def note(event_name: str, log: list[Any] = log, **kwargs: Any) -> None:
            log.append((event_name, sorted(kwargs), described(kwargs)))

        for name in EVENTS:
            client.meta.events.register(name, note)
        if event == "before-sign":
            client.meta.events.register(event, add_header("X-More", "1"))
        if event == "choose-signer":
            client.meta.events.register(event, lambda **_: "s3v4")
        parameters = {"EndpointName": "a/b", "Body": b'{"a":1}', "Accept": "x"}
        urls.append(client.generate_presigned_url("invoke_endpoint", parameters))
    assert urls[1] == urls[0]
    assert seen[1] == seen[0]
    assert len(seen[0]) == 5
