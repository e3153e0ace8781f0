"""sagewire's own client against a local endpoint, and the same call through boto3."""

import pytest

import sagewire
from sagewire.exceptions import ClientError
from sagewire.local import LocalEndpoint, Response


def handler(request):
    if request.body == b"fail":
        raise ValueError("bad row")
    if request.body == b"parts":
        return (b"part" for _ in range(3))
    return Response(
        request.body,
        content_type=request.content_type,
        custom_attributes=request.custom_attributes,
    )


@pytest.fixture
def clients(boto):
    with LocalEndpoint({"model": handler}) as local:
        ours = sagewire.client(
            region_name=local.region, endpoint_url=local.url, credentials=local.credentials
        )
        with ours:
            yield ours, boto(local)


def comparable(answer):
    """Leave out what differs between any two calls, and the retry settings of the two clients."""
    answer["Body"] = answer["Body"].read()
    metadata = answer["ResponseMetadata"]
    headers = metadata["HTTPHeaders"]
    del metadata["RequestId"], headers["x-amzn-requestid"], headers["date"]
    metadata.pop("MaxAttemptsReached", None)
    return dict(answer)


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 1_000_000, b"parts"])
def test_the_same_answer(clients, body):
    ours, theirs = (
        client.invoke_endpoint(
            EndpointName="model", Body=body, ContentType="text/csv", CustomAttributes="a=1"
        )
        for client in clients
    )
    assert comparable(ours) == comparable(theirs)


def test_the_same_errors(clients):
    for members in (
        {"EndpointName": "model", "Body": b"fail"},
        {"EndpointName": "no", "Body": b""},
    ):
        seen = []
        for client in clients:
            with pytest.raises(Exception, match="when calling the InvokeEndpoint") as raised:
                client.invoke_endpoint(**members)
            response = raised.value.response
            response.pop("ResponseMetadata")
            seen.append((type(raised.value).__name__, response))
        assert seen[0] == seen[1]
    with pytest.raises(ClientError) as raised:
        clients[0].invoke_endpoint(EndpointName="model", Body=b"fail")
    assert raised.value.original_status_code == 500
    assert raised.value.original_message == "ValueError: bad row"
