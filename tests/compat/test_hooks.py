"""boto3 itself beside our client: the same event handlers on both, the same bytes sent."""

import datetime as dt
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.endpoint
import botocore.exceptions
import botocore.retries.standard
import botocore.stub
import pytest
from botocore.config import Config as BotocoreConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire
from tests.support.capture import Captured, CaptureServer

KEYS = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
ID = "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"
EVENT = "sagemaker-runtime.InvokeEndpoint"
EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "before-parse",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
ERROR_500 = b"HTTP/1.1 500 X\r\nx-amzn-RequestId: r\r\nContent-Length: 2\r\n\r\n{}"
ERROR_400 = (
    b"HTTP/1.1 400 X\r\nx-amzn-RequestId: r\r\nx-amzn-ErrorType: ValidationError\r\n"
    b'Content-Length: 15\r\n\r\n{"message":"m"}'
)
TEXTS = ("signing_name", "region_name", "signature_version", "operation_name", "attempts")
Register = Callable[[Any], None]


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = NOW.replace(tzinfo=None)
    for module in (botocore.auth, botocore.endpoint):
        monkeypatch.setattr(module, "get_current_datetime", lambda *_a, **_k: moment)
    monkeypatch.setattr(botocore.endpoint.uuid, "uuid4", lambda: ID)
    monkeypatch.setattr(botocore.endpoint.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr("random.random", lambda: 0.5)
    for version in ("v4", "s3v4", "v4-query"):
        # With awscrt installed botocore signs through it, in another order.
        name = {"v4": "SigV4Auth", "s3v4": "S3SigV4Auth", "v4-query": "SigV4QueryAuth"}[version]
        monkeypatch.setitem(botocore.auth.AUTH_TYPE_MAPS, version, getattr(botocore.auth, name))


SESSION = boto3.Session()


def pair(url: str, **config: Any) -> tuple[Any, Any]:
    theirs = SESSION.client(
        "sagemaker-runtime", endpoint_url=url, config=BotocoreConfig(**config), **KEYS
    )
    ours = sagewire.client(endpoint_url=url, config=sagewire.Config(**config), **KEYS)
    ours._ambient.now = NOW.timestamp
    ours._ambient.new_id = lambda: ID
    ours._ambient.uniform = lambda: 0.5
    ours._ambient.sleep = lambda _seconds: None
    return theirs, ours


def comparable(request: Captured) -> Any:
    headers = [pair for pair in request.headers if pair[0] != "User-Agent"]
    return request.method, request.target, headers, request.body


def outcome(client: Any, method: str = "invoke_endpoint", **parameters: Any) -> Any:
    """Call, and describe what the caller gets."""
    given = {"EndpointName": "ep", "Body": b"{}", "ContentType": "text/csv", **parameters}
    try:
        result = getattr(client, method)(**given)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        return type(error).__name__, str(error), getattr(error, "response", None)
    except (TypeError, ValueError, RuntimeError, KeyError) as error:
        return type(error).__name__
    result = dict(result)
    if "Body" in result:
        result["Body"] = result["Body"].read()
    return result


def on_both(
    register: Register, answers: list[bytes] | None = None, *, requests: int = 1, **parameters: Any
) -> list[Captured]:
    """Register the same on both, call both, hold them equal; return what ours sent."""
    config = parameters.pop("config", {})
    seen = []
    for which in (0, 1):
        with CaptureServer(answers) as server:
            client = pair(server.url, **config)[which]
            register(client)
            result = outcome(client, **parameters)
            client.close()
            seen.append((result, [comparable(request) for request in server.requests]))
            arrived = server.requests
            port = str(server.port)
        seen[-1] = (
            repr(seen[-1][0]).replace(port, "PORT"),
            [
                (verb, without(target, port), [[n, without(v, port)] for n, v in headers], body)
                for verb, target, headers, body in seen[-1][1]
            ],
        )
    assert seen[1] == seen[0]
    assert len(arrived) == requests
    return arrived


def without(value: str, port: str) -> str:
    """Take out of a header what depends on the server's port: it, and a signature over it."""
    return value.replace(port, "PORT").partition("Signature=")[0]


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


def when(event: str, handler: Callable[..., Any]) -> Register:
    return lambda client: client.meta.events.register(event, handler)


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


def described(kwargs: dict[str, Any]) -> Any:
    """Write down what can be compared of a handler's arguments."""
    texts = {}
    for name, value in kwargs.items():
        if (
            name in ("signing_name", "region_name", "signature_version", "operation_name")
            or name == "attempts"
        ):
            texts[name] = value
        elif name in ("model", "operation", "operation_model"):
            texts[name] = value.name, value.service_model.service_id.hyphenize()
        elif name == "builtins":
            ours = ("AWS::Region", "AWS::UseFIPS", "AWS::UseDualStack")
            texts[name] = [value[key] for key in ours]
        elif name == "params":
            texts[name] = sorted(value)
        elif name == "context":
            texts[name] = sorted(key for key in value if not key.startswith("retr"))
        elif name == "request":
            agent = "User-Agent"
            headers = [key for key, _ in value.headers.items() if key != agent]
            texts[name] = type(value).__name__, value.method, headers, value.stream_output
        elif name in ("response_dict", "parsed_response", "parsed"):
            texts[name] = value and sorted(value)
    return texts


def add_header(name: str, value: str) -> Callable[..., None]:
    def handler(**kwargs: Any) -> None:
        headers = kwargs["request"].headers if "request" in kwargs else kwargs["params"]["headers"]
        headers[name] = value

    return handler


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


def test_the_trace_of_lambda_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1 2")
    (request,) = on_both(when("before-call", add_header("X", "1")))
    assert request.header("x-amzn-trace-id") == "Root=1%202"
    on_both(when("before-call", add_header("X-Amzn-Trace-Id", "mine")))


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
