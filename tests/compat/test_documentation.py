"""The examples of boto3's own documentation for this service, run unchanged but for the import."""

from typing import Any

import boto3
import botocore.loaders
import pytest

import sagewire
from tests.support.capture import CaptureServer

OPERATIONS = ["invoke_endpoint", "invoke_endpoint_async", "invoke_endpoint_with_response_stream"]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the examples leave to the environment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")


def example(documentation: str) -> str:
    """Return the `Request Syntax` of an operation, one choice made where it offers some."""
    lines = documentation.partition("**Request Syntax**")[2].partition("::")[2].splitlines()
    code = []
    for line in lines[1:]:
        if line.strip() and not line.startswith("  "):
            break
        code.append(line.strip())
    return " ".join(code).replace("b'bytes'|file", "b'bytes'").strip()


def sent(module: Any, code: str, server: CaptureServer) -> Any:
    server.requests.clear()
    names = {"boto3": module}
    # As the documentation of the client begins.
    exec(f"client = boto3.client('sagemaker-runtime')\n{code}", names)
    response, client = names["response"], names["client"]
    if "Body" in response:
        response["Body"].close()
    client.close()
    (request,) = server.requests
    varying = ("user-agent", "authorization", "amz-sdk-invocation-id", "x-amz-date")
    headers = [pair for pair in request.headers if pair[0].lower() not in varying]
    return request.method, request.target, headers, request.body


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_request_syntax_runs(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("sagemaker-runtime")
    code = example(str(getattr(client, operation).__doc__))
    client.close()
    assert code.startswith(f"response = client.{operation}(")
    assert "EndpointName='string'" in code
    with CaptureServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        theirs = sent(boto3, code, server)
        assert sent(sagewire, code, server) == theirs
    assert len(theirs[2]) > 8  # all the members are there


def test_there_are_no_other_examples() -> None:
    client = boto3.client("sagemaker-runtime")
    examples = botocore.loaders.Loader().load_service_model("sagemaker-runtime", "examples-1")
    assert examples["examples"] == {}
    for name in ("can_paginate", "close", "generate_presigned_url", "get_paginator", "get_waiter"):
        assert "= client." not in str(getattr(client, name).__doc__)
    for operation in OPERATIONS:
        assert str(getattr(client, operation).__doc__).count("= client.") == 1
    client.close()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_member_and_error_is_documented_here_too(operation: str) -> None:
    client = boto3.client("sagemaker-runtime")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    client.close()
    documentation = getattr(sagewire.SageMakerRuntime, operation).__doc__
    for member in [*model.input_shape.members, *model.output_shape.members]:
        assert f"`{member}`" in documentation, member
