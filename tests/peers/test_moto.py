"""A server that was not written here: the client, and boto3 beside it, against moto's.

moto has no route for response streams (5.2): both clients are told so, and in the same words.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest
import requests

import sagewire

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ours(url: str) -> Iterator[Any]:
    requests.post(f"{url}/moto-api/reset", timeout=20)
    with sagewire.client("sagemaker-runtime", endpoint_url=url, **KEYS) as client:
        yield client


@pytest.fixture
def theirs(url: str) -> Iterator[Any]:
    client = boto3.client("sagemaker-runtime", endpoint_url=url, **KEYS)
    yield client
    client.close()


def answer_with(url: str, which: str, *results: dict[str, Any]) -> None:
    """Queue what moto answers next."""
    queue = {"account_id": "123456789012", "region": "us-east-1", "results": list(results)}
    answer = requests.post(f"{url}/moto-api/static/sagemaker/{which}", json=queue, timeout=20)
    assert answer.status_code == 201


def described(result: dict[str, Any]) -> Any:
    """Write down a result without what is new in every answer."""
    shown = {key: value for key, value in result.items() if key not in ("ResponseMetadata", "Body")}
    body = result["Body"].read() if "Body" in result else None
    return shown, body, result["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_invoke_endpoint(url: str, ours: Any, theirs: Any) -> None:
    results = [
        {
            "Body": f"answer {number}",
            "ContentType": "text/x",
            "InvokedProductionVariant": "blue",
            "CustomAttributes": "a=b",
        }
        for number in (1, 2)
    ]
    answer_with(url, "endpoint-results", *results)
    calls = [
        {"EndpointName": "ep", "Body": b"1,2", "Accept": "text/x", "TargetVariant": variant}
        for variant in ("one", "two")
    ]
    mine = [described(ours.invoke_endpoint(**call)) for call in calls]
    assert [body for _, body, _ in mine] == [b"answer 1", b"answer 2"]
    assert mine[0][0] == {
        "ContentType": "text/x",
        "InvokedProductionVariant": "blue",
        "CustomAttributes": "a=b",
    }
    # moto knows a request again by its headers and body: boto3's, then, were the same as ours.
    assert [described(theirs.invoke_endpoint(**call)) for call in calls] == mine


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_invoke_endpoint_async(url: str, ours: Any, theirs: Any) -> None:
    answer_with(
        url,
        "async-endpoint-results",
        {"data": json.dumps({"a": 1})},
        {"is_failure": True, "data": ""},
    )
    calls = [
        {"EndpointName": "ep", "InputLocation": f"s3://b/{key}", "InferenceId": f"id-{key}"}
        for key in ("in", "bad")
    ]
    for call in calls:
        mine, _, status = described(ours.invoke_endpoint_async(**call))
        assert (status, mine["InferenceId"]) == (200, call["InferenceId"])
        assert mine["OutputLocation"].startswith("s3://")
        assert (described(theirs.invoke_endpoint_async(**call)))[0] == mine


def test_invoke_endpoint_with_response_stream(ours: Any, theirs: Any) -> None:
    told = []
    for client in (ours, theirs):
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")
        response = raised.value.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        told.append((status, response["Error"], str(raised.value)))
    assert told[0] == told[1]
    assert told[0][0] == 404
