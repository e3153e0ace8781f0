"""Containers behind an endpoint: real processes, forwarded to over HTTP."""

import json
import socket
import threading
import time

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint

UNREACHABLE = (
    'Received server error (0) from primary with message "Amazon SageMaker could not get a '
    "response from the model endpoint. This can occur when CPU or memory utilization is high. To "
    "check your utilization, see Amazon CloudWatch. To fix this problem, use an instance type with "
    'more CPU capacity or memory.". See '
)
TIMED_OUT = (
    'Received server error (0) from primary with message "Your invocation timed out while waiting '
    "for a response from container primary. Review the latency metrics for each container in "
    'Amazon CloudWatch, resolve the issue, and try again.". See '
)
CUT = "Received server error (500) from primary and could not load the entire response body. See "


def invoke(client, body, **members):
    return client.invoke_endpoint(EndpointName="model", Body=body, **members)


def failure(client, body):
    with pytest.raises(ClientError) as raised:
        invoke(client, body)
    assert raised.value.response["Error"]["Code"] == "ModelError"
    return raised.value.response


def test_a_request_is_forwarded(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        answer = invoke(
            boto(local), b"hello", ContentType="text/csv", CustomAttributes="t", TargetModel="m"
        )
        seen = json.loads(answer["Body"].read())
    assert seen["path"] == "/invocations"
    assert seen["length"] == 5
    assert len(dict(seen["headers"]).pop("x-amzn-sagemaker-inference-id")) == 36
    assert [pair for pair in seen["headers"] if pair[0] != "x-amzn-sagemaker-inference-id"] == [
        ["host", container.url.removeprefix("http://")],
        ["content-type", "text/csv"],
        ["x-amzn-sagemaker-custom-attributes", "t"],
        ["x-amzn-sagemaker-target-model", "m"],
        ["content-length", "5"],
    ]
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "from the container"
    assert answer["NewSessionId"] == "s1; Expires=2030-01-01T00:00:00Z"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert sorted(answer["ResponseMetadata"]["HTTPHeaders"]) == [
        "content-length",
        "content-type",
        "date",
        "x-amzn-invoked-production-variant",
        "x-amzn-requestid",
        "x-amzn-sagemaker-custom-attributes",
        "x-amzn-sagemaker-new-session-id",
    ]


def test_a_path_before_invocations(boto, container):
    with LocalEndpoint({"model": container.url + "/a/b/"}) as local:
        seen = json.loads(invoke(boto(local), b"x")["Body"].read())
    assert seen["path"] == "/a/b/invocations"


def test_the_connection_is_kept(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        client = boto(local)
        numbers = {json.loads(invoke(client, b"x")["Body"].read())["connection"] for _ in range(5)}
    assert len(numbers) == 1


def test_a_stale_connection_is_not_used(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        client = boto(local)
        for _ in range(20):
            assert invoke(client, b"closing ")["Body"].read() == b"closing"
            time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 404, 500, 503, 302, 599])
def test_an_error_of_the_container(boto, container, status):
    with LocalEndpoint({"model": container.url}) as local:
        response = failure(boto(local), f"status {status} it said so".encode())
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == "it said so"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_is_one(boto, container, status):
    with LocalEndpoint({"model": container.url}) as local:
        answer = invoke(boto(local), f"status {status} ".encode())
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["Body"].read() == b""


def test_a_chunked_answer(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        assert invoke(boto(local), b"chunked one two three")["Body"].read() == b"onetwothree"


def test_large_bodies_both_ways(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        client = boto(local)
        assert json.loads(invoke(client, b"x" * 6_291_456)["Body"].read())["length"] == 6_291_456
        assert len(invoke(client, b"size 6291456")["Body"].read()) == 6_291_456


@pytest.mark.parametrize("body", [b"cut ", b"size 6291457"])
def test_an_answer_that_is_not_whole(boto, container, body):
    with LocalEndpoint({"model": container.url}) as local:
        response = failure(boto(local), body)
    assert response["Error"]["Message"].startswith(CUT)
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"] == ""


@pytest.mark.parametrize("body", [b"hangup ", b"nonsense ", b"die "])
def test_no_answer(boto, container, body):
    with LocalEndpoint({"model": container.url}) as local:
        response = failure(boto(local), body)
    assert response["Error"]["Message"].startswith(UNREACHABLE)
    assert response["OriginalStatusCode"] == 0


def test_nothing_listens(boto):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with LocalEndpoint({"model": f"http://127.0.0.1:{port}"}, ping_seconds=0) as local:
        response = failure(boto(local), b"")
    assert response["Error"]["Message"].startswith(UNREACHABLE)


def test_a_name_that_does_not_resolve(boto):
    with LocalEndpoint({"model": "http://container.invalid"}, ping_seconds=0) as local:
        response = failure(boto(local), b"")
    assert response["Error"]["Message"].startswith(UNREACHABLE)


def test_a_killed_container_and_its_successor(boto, container):
    with LocalEndpoint({"model": container.url}, ping_seconds=0) as local:
        client = boto(local)
        invoke(client, b"x")
        container.kill()
        container.wait()
        assert failure(client, b"x")["OriginalStatusCode"] == 0


def test_a_container_killed_in_the_middle(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        threading.Timer(0.3, container.kill).start()
        response = failure(boto(local), b"sleep 10")
    assert response["Error"]["Message"].startswith(UNREACHABLE)


def test_the_models_time_is_limited(boto, container):
    with LocalEndpoint({"model": container.url}, model_timeout=0.3) as local:
        started = time.monotonic()
        response = failure(boto(local), b"sleep 5")
        assert time.monotonic() - started < 2
    assert response["Error"]["Message"].startswith(TIMED_OUT)
    assert response["OriginalStatusCode"] == 0


def test_handlers_and_containers_side_by_side(boto, container):
    endpoints = {"model": container.url, "echo": lambda request: request.body}
    with LocalEndpoint(endpoints) as local:
        client = boto(local)
        assert client.invoke_endpoint(EndpointName="echo", Body=b"x")["Body"].read() == b"x"
        assert json.loads(invoke(client, b"x")["Body"].read())["length"] == 1
