"""What handlers are given and may give back, seen by boto3."""

import threading
import time

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from sagewire.local import LocalEndpoint, Request, Response

OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
SEE = (
    ". See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
    "#logEventViewer:group=/aws/sagemaker/Endpoints/model in account 123456789012 "
    "for more information."
)


def raising(error):
    raise error


@pytest.fixture
def invoke(boto):
    """Invoke a handler once, through boto3."""
    stack = []

    def invoke(handler, body=b"body", **members):
        local = LocalEndpoint({"model": handler}).start()
        stack.append(local)
        return boto(local).invoke_endpoint(EndpointName="model", Body=body, **members)

    yield invoke
    for local in stack:
        local.stop()


@pytest.mark.parametrize(
    ("result", "body", "content_type"),
    [
        (b"bytes", b"bytes", OCTETS),
        (bytearray(b"array"), b"array", OCTETS),
        (memoryview(b"view"), b"view", OCTETS),
        (b"", b"", OCTETS),
        ("t\xe9xt", "t\xe9xt".encode(), TEXT),
        ((b"a,b", "text/csv"), b"a,b", "text/csv"),
        (("{}", "application/json"), b"{}", "application/json"),
        (Response("r"), b"r", TEXT),
        (Response(b"r", content_type="a/b", status=201), b"r", "a/b"),
    ],
)
def test_results(invoke, result, body, content_type):
    answer = invoke(lambda request: result)
    assert answer["Body"].read() == body
    assert answer["ContentType"] == content_type
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_iterators(invoke):
    def handler(request):
        yield b"one,"
        yield b""
        yield bytearray(b"two")

    assert invoke(handler)["Body"].read() == b"one,two"
    assert invoke(lambda request: iter([]))["Body"].read() == b""
    typed = invoke(lambda request: (iter([b"x"]), "text/csv"))
    assert (typed["Body"].read(), typed["ContentType"]) == (b"x", "text/csv")


def test_parts_arrive_as_they_come(invoke):
    go_on = threading.Event()

    def handler(request):
        yield b"first"
        assert go_on.wait(10)
        yield b"second"

    body = invoke(handler)["Body"]
    assert body.read(5) == b"first"
    go_on.set()
    assert body.read() == b"second"


def test_a_slow_reader_holds_back_the_handler(invoke):
    made = 0

    def handler(request):
        nonlocal made
        for _ in range(1000):
            made += 1
            yield b"x" * 100_000

    body = invoke(handler)["Body"]
    time.sleep(0.5)
    ahead = made
    assert ahead < 500
    assert len(body.read()) == 100_000_000
    assert made == 1000


def test_members(invoke):
    seen = []
    invoke(
        lambda request: seen.append(request) or b"",
        b"\x00\xff",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="trace=1; b",
        TargetModel="/m.tar.gz",
        TargetVariant="AllTraffic",
        TargetContainerHostname="second",
        InferenceId="i1",
        EnableExplanations="`true`",
        InferenceComponentName="c1",
        SessionId="NEW_SESSION",
        PrefixAwareId="p1",
    )
    request = seen[0]
    assert isinstance(request, Request)
    assert request.endpoint_name == "model"
    assert request.operation == "InvokeEndpoint"
    assert request.body == b"\x00\xff"
    assert request.content_type == "text/csv"
    assert request.accept == "application/json"
    assert request.custom_attributes == "trace=1; b"
    assert request.target_model == "/m.tar.gz"
    assert request.target_variant == "AllTraffic"
    assert request.target_container_hostname == "second"
    assert request.inference_id == "i1"
    assert request.enable_explanations == "`true`"
    assert request.inference_component_name == "c1"
    assert request.session_id == "NEW_SESSION"
    assert request.prefix_aware_id == "p1"
    assert len(request.headers) == 11
    assert all(name == name.lower() for name, _ in request.headers)


def test_members_that_are_absent(invoke):
    seen = []
    invoke(lambda request: seen.append(request) or b"", b"")
    request = seen[0]
    assert request.body == b""
    assert request.headers == (("x-amzn-sagemaker-inference-id", request.inference_id),)
    assert len(request.inference_id) == 36
    assert request.variant_name == "AllTraffic"
    assert request.content_type is request.session_id is None
    assert repr(request) == "<Request InvokeEndpoint 'model' 0 bytes>"
    assert request == Request("model", "InvokeEndpoint", list(request.headers), b"")
    assert request != Request("model", "InvokeEndpoint", list(request.headers), b"", "other")
    with pytest.raises(AttributeError):
        request.body = b"other"


def test_custom_attributes_travel_back(invoke):
    answer = invoke(
        lambda request: Response(b"", custom_attributes=request.custom_attributes),
        CustomAttributes="a=1; b=~!@",
    )
    assert answer["CustomAttributes"] == "a=1; b=~!@"


def test_headers_that_the_api_does_not_support_stay_here(invoke):
    headers = {
        "X-Amzn-SageMaker-New-Session-Id": "s1; Expires=2030-01-01T00:00:00Z",
        "X-Amzn-SageMaker-Closed-Session-Id": "s0",
        "X-Amzn-Invoked-Production-Variant": "a lie",
        "Set-Cookie": "secret=1",
    }
    answer = invoke(lambda request: Response(b"", headers=headers))
    assert answer["NewSessionId"] == "s1; Expires=2030-01-01T00:00:00Z"
    assert answer["ClosedSessionId"] == "s0"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert "set-cookie" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(
    ("handler", "status", "message"),
    [
        (lambda request: raising(ValueError("bad row")), 500, "ValueError: bad row"),
        (lambda request: raising(SystemExit(3)), 500, "SystemExit: 3"),
        (
            lambda request: None,
            500,
            (
                "TypeError: the handler returned NoneType; allowed: bytes, str, "
                "(bytes, content_type), a Response, or an iterator of bytes"
            ),
        ),
        (
            lambda request: {"a": 1},
            500,
            (
                "TypeError: the handler returned dict; allowed: bytes, str, (bytes, content_type), "
                "a Response, or an iterator of bytes"
            ),
        ),
        (
            lambda request: iter(["text"]),
            500,
            "TypeError: the handler's iterator gave str; allowed: bytes",
        ),
        (
            lambda request: (b"", "text\r\nX: y"),
            500,
            (
                "InvalidArgumentError: headers: header 0 (content-type): the value has a carriage "
                "return at position 4; allowed: Latin-1 text without carriage return, line feed "
                "and NUL"
            ),
        ),
        (
            lambda request: (b"", "text\x07"),
            500,
            (
                "InvalidArgumentError: headers: the value of content-type has a control character "
                "at position 4; allowed: visible characters, spaces and tabs"
            ),
        ),
        (lambda request: Response("no such row", status=404), 404, "no such row"),
        (lambda request: Response(iter([b"a", b"b"]), status=503), 503, "ab"),
        (lambda request: Response("moved", status=302), 302, "moved"),
        (lambda request: Response(b'\xff"\n', status=400), 400, '\ufffd"\n'),
    ],
)
def test_failures_become_model_errors(invoke, handler, status, message):
    with pytest.raises(ClientError) as raised:
        invoke(handler)
    response = raised.value.response
    kind = "client" if 400 <= status < 500 else "server"
    words = f'Received {kind} error ({status}) from primary with message "{message}"' + SEE
    assert response["Error"] == {"Code": "ModelError", "Message": words}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == message
    assert response["LogStreamArn"] == (
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/model"
    )
    assert type(raised.value).__name__ == "ModelError"


async def coroutine(request):
    return b""


def test_a_coroutine_is_refused_and_closed(invoke):
    with pytest.raises(ClientError, match="the handler returned coroutine"):
        invoke(coroutine)


def test_the_traceback_is_logged_and_not_sent(invoke, caplog):
    with pytest.raises(ClientError) as raised:
        invoke(lambda request: raising(ValueError("bad row")))
    assert "Traceback" not in str(raised.value)
    (record,) = caplog.records
    assert record.name == "sagewire.local"
    assert record.getMessage() == "the handler of endpoint model failed"
    assert record.exc_info[0] is ValueError


def test_a_failure_in_the_middle_breaks_the_body(invoke, caplog):
    def handler(request):
        yield b"half"
        raise ValueError("bad row")

    body = invoke(handler)["Body"]
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert caplog.records[0].exc_info[0] is ValueError


def test_a_generator_is_closed_when_the_caller_hangs_up(invoke):
    closed = threading.Event()

    def handler(request):
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.set()

    invoke(handler)["Body"].close()
    assert closed.wait(5)


def test_a_handler_keeps_its_thread_locals(boto):
    local_to_thread = threading.local()

    def handler(request):
        local_to_thread.count = getattr(local_to_thread, "count", 0) + 1
        return str(local_to_thread.count)

    with LocalEndpoint({"model": handler}) as local:
        client = boto(local)
        counts = [
            int(client.invoke_endpoint(EndpointName="model", Body=b"")["Body"].read())
            for _ in range(20)
        ]
    assert max(counts) > 5


def test_a_long_message_is_cut(invoke):
    with pytest.raises(ClientError) as raised:
        invoke(lambda request: Response("\xe9" * 5000, status=400))
    assert raised.value.response["OriginalMessage"] == "\xe9" * 2048


@pytest.mark.parametrize("status", [0, 100, 600, 200.0, True, "200"])
def test_a_response_has_a_final_status(status):
    with pytest.raises(ValueError, match=r"^status: .* is no final status; allowed: 200 to 599$"):
        Response(b"", status=status)


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_a_handler_whose_exception_has_no_text(boto):
    with LocalEndpoint({"model": lambda request: raising(Unspeakable())}) as local:
        client = boto(local)
        # More calls than there are workers: none of these may be lost to it.
        for _ in range(4):
            with pytest.raises(ClientError) as raised:
                client.invoke_endpoint(EndpointName="model", Body=b"")
            message = raised.value.response["OriginalMessage"]
            assert message == "Unspeakable: its text cannot be had (RuntimeError)"


def test_an_iterator_that_cannot_be_closed(boto, caplog):
    class Parts:
        def __init__(self):
            self.left = [b"a", b"b"]

        def __next__(self):
            if not self.left:
                raise StopIteration
            return self.left.pop(0)

        def close(self):
            raise RuntimeError("stays open")

    with LocalEndpoint({"model": lambda request: Parts()}) as local:
        client = boto(local)
        for _ in range(4):
            answer = client.invoke_endpoint(EndpointName="model", Body=b"")
            assert answer["Body"].read() == b"ab"
    assert "stays open" in caplog.text


def test_a_content_type_among_the_headers(invoke):
    answer = invoke(lambda request: Response(b"r", headers={"Content-Type": "a/b"}))
    assert answer["ContentType"] == "a/b"
