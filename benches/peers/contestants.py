"""Who is measured: each a function that makes the thing to be done once, set up and ready."""

import datetime
import socket
from collections.abc import Callable

REGION = "us-east-1"
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BODY = b"0.1234567," * 102 + b"1.25"  # 1 KiB of CSV
TARGET = "/endpoints/iris/invocations"
HEADERS = [("Content-Type", "text/csv"), ("Accept", "application/json")]

Once = Callable[[], object]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def sign_sagewire(_port: int) -> Once:
    from sagewire.sigv4 import Credentials, Signer

    signer = Signer(Credentials(KEY, SECRET), region=REGION, service="sagemaker")
    url = _url(8080) + TARGET
    return lambda: signer.sign("POST", url, HEADERS, BODY)


def sign_botocore(_port: int) -> Once:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    auth = SigV4Auth(Credentials(KEY, SECRET), "sagemaker", REGION)
    url, headers = _url(8080) + TARGET, dict(HEADERS)
    return lambda: auth.add_auth(AWSRequest("POST", url, dict(headers), BODY))


def sign_awscrt(_port: int) -> Once:
    from awscrt.auth import (
        AwsCredentialsProvider,
        AwsSignatureType,
        AwsSigningAlgorithm,
        AwsSigningConfig,
        aws_sign_request,
    )
    from awscrt.http import HttpHeaders, HttpRequest
    from awscrt.io import InputStream

    provider = AwsCredentialsProvider.new_static(KEY, SECRET)

    def once() -> object:
        # As botocore's own adapter for awscrt does it: the payload's hash is handed in.
        import hashlib
        import io

        request = HttpRequest(
            "POST", TARGET, HttpHeaders([("Host", "127.0.0.1:8080"), *HEADERS]),
            InputStream(io.BytesIO(BODY)),
        )  # fmt: skip
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region=REGION,
            service="sagemaker",
            date=datetime.datetime.now(datetime.timezone.utc),
            signed_body_value=hashlib.sha256(BODY).hexdigest(),
        )
        return aws_sign_request(request, config).result()

    return once


def sign_requests_aws4auth(_port: int) -> Once:
    from requests import Request
    from requests_aws4auth import AWS4Auth

    auth = AWS4Auth(KEY, SECRET, REGION, "sagemaker")
    prepared = Request("POST", _url(8080) + TARGET, dict(HEADERS), data=BODY).prepare()
    return lambda: auth(prepared.copy())


def call_raw_socket(port: int) -> Once:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = (
        f"POST {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/csv\r\n"
        f"X-Signed: {'x' * 420}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    request = head.encode() + BODY

    def once() -> object:
        connection.sendall(request)
        return connection.recv(65536)

    return once


def call_http_client(port: int) -> Once:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", port)
    headers = {**dict(HEADERS), "X-Signed": "x" * 420}

    def once() -> object:
        connection.request("POST", TARGET, BODY, headers)
        return connection.getresponse().read()

    return once


def call_sagewire(port: int) -> Once:
    import sagewire

    client = sagewire.client(
        "sagemaker-runtime",
        REGION,
        endpoint_url=_url(port),
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )

    def once() -> object:
        return client.invoke_endpoint(
            EndpointName="iris", Body=BODY, ContentType="text/csv", Accept="application/json"
        )["Body"].read()

    return once


def call_boto3(port: int) -> Once:
    import boto3

    client = boto3.client(
        "sagemaker-runtime",
        REGION,
        endpoint_url=_url(port),
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )

    def once() -> object:
        return client.invoke_endpoint(
            EndpointName="iris", Body=BODY, ContentType="text/csv", Accept="application/json"
        )["Body"].read()

    return once


def _parts(client: object) -> Once:
    def once() -> object:
        result = client.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"{}")
        total = 0
        for event in result["Body"]:
            total += len(event["PayloadPart"]["Bytes"])
        return total

    return once


def stream_sagewire(port: int) -> Once:
    import sagewire

    return _parts(
        sagewire.client(
            "sagemaker-runtime",
            REGION,
            endpoint_url=_url(port),
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
    )


def stream_boto3(port: int) -> Once:
    import boto3

    return _parts(
        boto3.client(
            "sagemaker-runtime",
            REGION,
            endpoint_url=_url(port),
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
    )


# name -> (what makes it, run it on the pure implementation, times in one round)
SIGNING = {
    "sagewire": (sign_sagewire, False, 10_000),
    "sagewire, pure": (sign_sagewire, True, 2_000),
    "botocore": (sign_botocore, False, 500),
    "awscrt": (sign_awscrt, False, 1_000),
    "requests-aws4auth": (sign_requests_aws4auth, False, 500),
}
CALLS = {
    "raw socket": (call_raw_socket, False, 2_000),
    "sagewire": (call_sagewire, False, 2_000),
    "sagewire, pure": (call_sagewire, True, 500),
    "http.client": (call_http_client, False, 1_000),
    "boto3": (call_boto3, False, 200),
}
# Each time is a whole stream: benches/peers/streams.py divides by its parts.
STREAMS = {
    "sagewire": (stream_sagewire, False, 20),
    "sagewire, pure": (stream_sagewire, True, 4),
    "boto3": (stream_boto3, False, 2),
}
