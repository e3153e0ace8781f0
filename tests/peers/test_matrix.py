"""Every client and every route: what they sign verifies, what is changed on the way does not.

The clients are those that people have, unmodified: boto3, aiobotocore, the AWS CLI, the AWS SDK for
Rust, and ours, blocking and for asyncio.
"""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from sagewire.local import LocalEndpoint, Response
from sagewire.sigv4 import Credentials
from tests.support.files import wait_for
from tests.support.peers import (
    ASYNC,
    INVOKE,
    PEERS,
    PRESIGNERS,
    STREAM,
    may_be_missing,
    what_is_missing,
)
from tests.support.tampering import Tampering

# The AWS CLI has no command for response streams.
MATRIX = [
    (name, operation)
    for name in PEERS
    for operation in (INVOKE, STREAM, ASYNC)
    if (name, operation) != ("aws-cli", STREAM)
]
MEMBERS = {
    "ContentType": "text/csv",
    "Accept": "application/json",
    "CustomAttributes": "trace=1; b~",
    "InferenceId": "i-1",
}


def answer(request):
    if request.body == b"fail":
        raise ValueError("bad row")
    seen = Response(
        iter([b"one,", request.body]) if request.operation.endswith("Stream") else request.body,
        content_type="a/b",
        custom_attributes=request.custom_attributes,
    )
    answer.seen.append(request)
    return seen


def breaking(request):
    yield b"half"
    raise ValueError("bad row")


@pytest.fixture
def local():
    answer.seen = []
    with LocalEndpoint({"model": {"one": answer}, "breaking": breaking}) as local:
        yield local


def require(request, name):
    """Skip the test, or fail it, if a peer is not here."""
    missing = what_is_missing(name)
    if missing:
        # A run that `make` has prepared must have it.
        if request.config.getoption("--require") and not may_be_missing(name):
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
def call(request, local):
    """Return a way to call through the client of this row."""
    require(request, request.param)

    def call(operation, endpoint="model", body=b"5.1,3.5", at=local, **members):
        return PEERS[request.param](operation, endpoint, body, members, at)

    return call


rows = pytest.mark.parametrize(
    ("call", "operation"), MATRIX, indirect=["call"], ids=["-".join(row) for row in MATRIX]
)


class Elsewhere:
    """The same endpoint with other credentials, or at another URL."""

    def __init__(self, local, url=None, credentials=None):
        for_it = LocalEndpoint({}, credentials=credentials or local.credentials)
        key, self.region = for_it.credentials, local.region
        self.url = url or local.url
        self.environment = {
            **local.environment,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        }
        self.client_arguments = {
            **local.client_arguments,
            "endpoint_url": self.url,
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret_access_key,
        }


@rows
def test_a_call_is_answered(call, operation, local):
    told = call(operation, **MEMBERS)
    expected = {
        "ContentType": "a/b",
        "CustomAttributes": "trace=1; b~",
        "InvokedProductionVariant": "one",
    }
    if operation == STREAM:
        assert told == {**expected, "Parts": [b"one,", b"5.1,3.5"]}
    elif operation == INVOKE:
        assert told == {**expected, "Body": b"5.1,3.5"}
    else:
        assert told["InferenceId"] == "i-1"
        assert wait_for(local.s3_path(told["OutputLocation"])) == b"5.1,3.5"
    (seen,) = answer.seen
    assert seen.body == b"5.1,3.5"
    assert seen.content_type == "text/csv"
    assert seen.accept == "application/json"
    assert seen.custom_attributes == "trace=1; b~"
    assert seen.inference_id == "i-1"


@rows
def test_another_secret_is_refused(call, operation, local):
    wrong = Credentials(local.credentials.access_key_id, "not the secret")
    told = call(operation, at=Elsewhere(local, credentials=wrong))
    assert told == {"error": "InvalidSignatureException"}
    assert answer.seen == []


@rows
def test_what_is_changed_on_the_way_is_refused(call, operation, local):
    with Tampering(local.url, b"5.1,3.5", b"5.1,3.6") as relay:
        told = call(operation, at=Elsewhere(local, relay.url))
        assert told == {"error": "InvalidSignatureException"}
        assert relay.changed == 1
        # It is the change that is refused, not the way.
        assert "error" not in call(operation, body=b"other", at=Elsewhere(local, relay.url))
        assert relay.changed == 1


@rows
def test_errors_have_their_names(call, operation, local):
    assert call(operation, "nowhere") == {"error": "ValidationError"}
    told = call(operation, body=b"fail")
    if operation == ASYNC:
        failure = json.loads(wait_for(local.s3_path(told["FailureLocation"])))
        assert failure["OriginalMessage"] == "ValueError: bad row"
    else:
        assert told == {"error": "ModelError"}


@pytest.mark.parametrize(
    "call", [name for name, operation in MATRIX if operation == STREAM], indirect=True
)
def test_a_stream_that_breaks_off(call):
    told = call(STREAM, "breaking")
    assert told["Parts"] == [b"half"]
    assert told["error"] == "ModelStreamError"


@pytest.fixture
def presign(request):
    """Return a way to presign with the client of this row."""
    require(request, request.param)
    return PRESIGNERS[request.param]


@pytest.mark.parametrize("presign", PRESIGNERS, indirect=True)
@pytest.mark.parametrize(
    ("operation", "status"),
    [(INVOKE, 200), (STREAM, 200), (ASYNC, 202)],
    ids=[INVOKE, STREAM, ASYNC],
)
def test_a_presigned_url(presign, operation, status, local):
    # boto3 puts a body into the query, whatever it is for: there is none in what is signed.
    parameters, headers = {"Body": b"", "ContentType": "text/csv"}, {"Content-Type": "text/csv"}
    if operation == ASYNC:
        parameters = {"InputLocation": "s3://inputs/there"}
        headers = {"X-Amzn-SageMaker-InputLocation": "s3://inputs/there"}
        source = local.s3_path("s3://inputs/there")
        source.parent.mkdir()
        source.write_bytes(b"")
    url = presign(operation, {"EndpointName": "model", **parameters}, local)
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"

    def post(target, body):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, response.getheader("x-amzn-sagemaker-outputlocation")

    good, output = post(target, b"")
    assert good == status
    if operation == ASYNC:
        wait_for(local.s3_path(output))
    assert [(seen.operation, seen.body) for seen in answer.seen] == [(named(operation), b"")]
    assert post(target, b"5.1,3.6")[0] == 403
    for old, new in (
        ("/model/", "/modem/"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=3601"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA257"),
    ):
        assert old in target
        assert post(target.replace(old, new), b"")[0] in (400, 403)
    assert len(answer.seen) == 1


def named(operation):
    """Return an operation's name in the API model."""
    return "".join(word.capitalize() for word in operation.split("_"))
