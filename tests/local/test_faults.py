"""Failures and delays that a test scripts, call by call."""

import contextlib
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import LocalEndpoint

OPERATIONS = ("invoke_endpoint", "invoke_endpoint_with_response_stream", "invoke_endpoint_async")


@pytest.fixture
def local():
    with LocalEndpoint({"echo": lambda request: request.body}) as local:
        yield local


def call(client, name="echo", operation="invoke_endpoint"):
    answer = getattr(client, operation)(EndpointName=name, Body=b"x")
    if operation == OPERATIONS[1]:
        answer["Body"].close()
    return answer


def failure(client, *arguments):
    with pytest.raises(ClientError) as raised:
        call(client, *arguments)
    return raised.value.response


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("InternalDependencyException", 530),
        ("InternalFailure", 500),
        ("ModelNotReadyException", 429),
        ("ServiceUnavailable", 503),
        ("ThrottlingException", 400),
        ("ValidationError", 400),
    ],
)
def test_errors_of_the_service(boto, local, operation, code, status):
    client = boto(local)
    local.fail_with(code, "in these words")
    response = failure(client, "echo", operation)
    assert response["Error"] == {"Code": code, "Message": "in these words"}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(client, "echo", operation)


def test_a_model_error(boto, local):
    local.fail_with("ModelError", "bad row")
    response = failure(boto(local))
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"] == "bad row"
    assert response["LogStreamArn"].endswith("/aws/sagemaker/Endpoints/echo")


def test_any_other_error(boto, local):
    local.fail_with("TeapotException", status=418)
    response = failure(boto(local))
    assert response["Error"] == {
        "Code": "TeapotException",
        "Message": "TeapotException, as the test has asked for.",
    }
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 418


def test_the_script_is_used_up_in_order(boto, local):
    client = boto(local)
    local.let_pass(times=2)
    local.fail_with("ServiceUnavailable", times=2)
    local.fail_with("InternalFailure")
    seen = []
    for _ in range(6):
        try:
            seen.append(call(client)["Body"].read().decode())
        except ClientError as error:
            seen.append(error.response["Error"]["Code"])
    assert seen == ["x", "x", "ServiceUnavailable", "ServiceUnavailable", "InternalFailure", "x"]


def test_a_client_that_tries_again_is_answered(boto, local):
    local.fail_with("ServiceUnavailable", times=2)
    client = boto(local, retries={"mode": "standard", "max_attempts": 3})
    answer = call(client)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


@pytest.mark.parametrize("operation", OPERATIONS)
def test_delays(boto, local, operation):
    client = boto(local)
    local.delay(0.4)
    local.fail_with("InternalFailure", delay=0.4)
    for expected in (0.4, 0.4, 0.0):
        started = time.monotonic()
        with contextlib.suppress(client.exceptions.InternalFailure):
            call(client, "echo", operation)
        assert expected <= time.monotonic() - started < expected + 30


@pytest.mark.parametrize("operation", OPERATIONS)
def test_dropped_connections(boto, local, operation):
    client = boto(local)
    local.drop_connection()
    local.drop_connection(delay=0.1)
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            call(client, "echo", operation)
    call(client, "echo", operation)


def test_what_is_refused_anyway_uses_up_nothing(boto, local):
    local.fail_with("InternalFailure")
    assert failure(boto(local, secret_access_key="wrong"))["Error"]["Code"] == (
        "InvalidSignatureException"
    )
    assert failure(boto(local))["Error"]["Code"] == "InternalFailure"


def test_each_endpoint_has_a_script(boto, container):
    endpoints = {"a": lambda request: b"a", "b": container.url}
    with LocalEndpoint(endpoints) as local:
        client = boto(local)
        local.fail_with("InternalFailure", endpoint="b")
        assert call(client, "a")["Body"].read() == b"a"
        assert failure(client, "b")["Error"]["Code"] == "InternalFailure"
        call(client, "b")
        with pytest.raises(InvalidArgumentError) as raised:
            local.delay(1)
        assert str(raised.value) == "endpoint: which one is not said; allowed: a, b"
        with pytest.raises(InvalidArgumentError) as raised:
            local.delay(1, endpoint="c")
        assert str(raised.value) == "endpoint: 'c' is none of them; allowed: a, b"


def test_stop_does_not_wait_for_a_delay(boto, local):
    import threading

    local.delay(30)
    failures = []

    def try_it():
        try:
            call(boto(local))
        except ConnectionClosedError as error:
            failures.append(error)

    thread = threading.Thread(target=try_it)
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    local.stop()
    assert time.monotonic() - started < 15
    thread.join(10)
    assert len(failures) == 1


NAMES = (
    "AccessDeniedException, InternalDependencyException, InternalFailure, ModelError, "
    "ModelNotReadyException, ServiceUnavailable, ThrottlingException, ValidationError"
)


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        (
            "fail_with",
            {"code": "no code"},
            (
                f"code: 'no code' is no error's name; allowed: letters, digits and dots, "
                f"for example {NAMES}"
            ),
        ),
        (
            "fail_with",
            {"code": "Other"},
            (
                f"status: not given, and not known for 'Other'; "
                f"allowed: 400 to 599, or one of the errors {NAMES}"
            ),
        ),
        (
            "fail_with",
            {"code": "Other", "status": 302},
            "status: 302 is out of range; allowed: 400 to 599",
        ),
        ("delay", {"seconds": -1}, "seconds: -1 is out of range; allowed: 0 to 86400 seconds"),
        ("drop_connection", {"times": 0}, "times: 0 is out of range; allowed: 1 to 1000000"),
    ],
)
def test_scripts_that_cannot_be(local, method, arguments, words):
    with pytest.raises(InvalidArgumentError) as raised:
        getattr(local, method)(**arguments)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("fail_with", {"code": 5}, "code must be str, not int"),
        ("fail_with", {"code": "E", "message": b""}, "message must be str, not bytes"),
        ("delay", {"seconds": "1"}, "seconds must be a number, not str"),
        ("let_pass", {"times": 1.0}, "times must be int, not float"),
    ],
)
def test_scripts_of_a_wrong_type(local, method, arguments, words):
    with pytest.raises(TypeError) as raised:
        getattr(local, method)(**arguments)
    assert str(raised.value) == words


def test_before_the_start():
    with pytest.raises(RuntimeError, match="not started"):
        LocalEndpoint({"echo": lambda request: b""}).delay(1)
