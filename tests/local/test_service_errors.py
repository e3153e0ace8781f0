"""What the service refuses by itself, in the words its callers know."""

import http.client
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint
from tests.support.raw_http import connect, exchange, receive_all, receive_answer, signed

LIMIT = 6_291_456


@pytest.fixture
def local():
    with LocalEndpoint({"echo": lambda request: request.body}) as local:
        yield local


def refusal(call, *arguments, **members):
    with pytest.raises(ClientError) as raised:
        call(*arguments, **members)
    response = raised.value.response
    assert len(response["ResponseMetadata"]["RequestId"]) == 36
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def test_an_unknown_endpoint(boto, local):
    client = boto(local)
    for name, shown in (("nope", "nope"), ("a/b c\xe9", "a/b c\xe9"), ('"\n', '"\n')):
        assert refusal(client.invoke_endpoint, EndpointName=name, Body=b"") == (
            400,
            "ValidationError",
            f"Endpoint {shown} of account 123456789012 not found.",
        )
    with pytest.raises(client.exceptions.ValidationError):
        client.invoke_endpoint(EndpointName="nope", Body=b"")


def test_an_unknown_variant(boto, local):
    client = boto(local)
    assert refusal(client.invoke_endpoint, EndpointName="echo", Body=b"", TargetVariant="B") == (
        400,
        "ValidationError",
        "Variant B of endpoint echo of account 123456789012 not found.",
    )


def test_a_body_at_and_over_the_limit(boto, local):
    client = boto(local)
    body = b"x" * LIMIT
    assert client.invoke_endpoint(EndpointName="echo", Body=body)["Body"].read() == body
    for excess in (1, 30_000_000):
        assert refusal(client.invoke_endpoint, EndpointName="echo", Body=body + b"x" * excess) == (
            413,
            "413",
            "HTTP content length exceeded 6291456 bytes.",
        )
    # The refusal does not poison what follows.
    assert client.invoke_endpoint(EndpointName="echo", Body=b"a")["Body"].read() == b"a"


def test_the_limit_can_be_set(boto):
    with LocalEndpoint({"echo": lambda request: b"xx"}, max_body_bytes=1) as local:
        client = boto(local)
        assert refusal(client.invoke_endpoint, EndpointName="echo", Body=b"ab")[0] == 413
        status, code, message = refusal(client.invoke_endpoint, EndpointName="echo", Body=b"a")
        assert (status, code) == (424, "ModelError")
        assert "could not load the entire response body" in message


def test_custom_attributes_at_and_over_the_limit(boto, local):
    client = boto(local)
    attributes = "~" * 1024
    client.invoke_endpoint(EndpointName="echo", Body=b"", CustomAttributes=attributes)
    detected = (
        "1 validation error detected: Value at 'customAttributes' failed to satisfy constraint: "
    )
    assert refusal(
        client.invoke_endpoint, EndpointName="echo", Body=b"", CustomAttributes=attributes + "~"
    ) == (
        400,
        "ValidationError",
        detected + "Member must have length less than or equal to 1024",
    )
    assert refusal(
        client.invoke_endpoint, EndpointName="echo", Body=b"", CustomAttributes="caf\xe9"
    ) == (400, "ValidationError", detected + "Member must consist of visible ASCII characters")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods(local, method):
    parts = urlsplit(local.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    for _ in range(2):
        connection.request(method, "/endpoints/echo/invocations", b"some body")
        response = connection.getresponse()
        assert response.status == 405
        assert response.getheader("x-amzn-ErrorType") == "UnknownOperationException"
        assert response.getheader("Allow") == "POST"
        words = b'{"message":"This operation has the method POST."}'
        assert response.read() == (b"" if method == "HEAD" else words)
    connection.close()


@pytest.mark.parametrize(
    "path", ["/", "/ping", "/endpoints", "/endpoints/echo", "/endpoints/echo/invocations/", "/%"]
)
def test_other_paths(local, path):
    answer = exchange(local, b"POST %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"\r\nx-amzn-errortype: UnknownOperationException\r\n" in answer
    assert answer.endswith(b'{"message":"No operation has this path."}')


def test_expect_continue(local):
    head, _, body = signed(local, body=b"hello", headers={"Expect": "100-continue"}).partition(
        b"\r\n\r\n"
    )
    with connect(local) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        head, body = receive_answer(sock)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"hello"


def test_expect_continue_is_refused_before_the_body_is_sent(local):
    for target, length, status in (
        (b"/nowhere", 5, b"404"),
        (b"/endpoints/echo/invocations", LIMIT + 1, b"413"),
    ):
        with connect(local) as sock:
            sock.sendall(
                b"POST %b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
                % (target, length)
            )
            answer = receive_all(sock)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nconnection: close\r\n" in answer
