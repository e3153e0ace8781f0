"""Signed calls are answered, everything else is refused, before anything else is looked at."""

import http.client
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint
from sagewire.sigv4 import Credentials
from tests.support.raw_http import exchange, signed


@pytest.fixture(scope="module")
def local():
    with LocalEndpoint({"echo": lambda request: request.body}) as local:
        yield local


def status_and_code(answer):
    status = int(answer[9:12])
    code = re.search(rb"\r\nx-amzn-errortype: ([^\r]*)\r\n", answer)
    return status, code and code[1].decode()


def test_a_signed_request(local):
    answer = exchange(local, signed(local, body=b"hello"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


def test_an_unsigned_request(local):
    answer = exchange(
        local,
        b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    )
    assert status_and_code(answer)[0] == 403
    assert b"MissingAuthenticationToken" in answer


def test_every_changed_part_is_refused(local):
    whole = signed(local, body=b"hello", headers={"Content-Type": "text/csv"})
    changes = [
        (b"hello", b"hellO"),
        (b"text/csv", b"text/css"),
        (b"Host: 127", b"Host: 128"),
        (b"/invocations", b"/invocations?a=b"),
        (b"/echo/", b"/echp/"),
        (b"Signature=", b"Signature=0"),
        (b"/us-east-1/", b"/us-east-2/"),
        (b"/sagemaker/", b"/sagemaked/"),
        (b"SignedHeaders=content-type;", b"SignedHeaders="),
        (b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA255"),
        (local.credentials.access_key_id.encode(), b"AKIAUNKNOWN"),
        (b"X-Amz-Date: 2", b"X-Amz-Date: 1"),
    ]
    for old, new in changes:
        assert old in whole, old
        status, code = status_and_code(exchange(local, whole.replace(old, new, 1)))
        assert status in (400, 403), new
        assert code, new


def test_any_changed_digit_of_the_signature_is_refused(local):
    whole = signed(local, body=b"hello")
    start = whole.index(b"Signature=") + len(b"Signature=")
    for place in range(start, start + 64, 7):
        other = b"0" if whole[place : place + 1] != b"0" else b"1"
        changed = whole[:place] + other + whole[place + 1 :]
        assert status_and_code(exchange(local, changed))[0] == 403


def test_another_secret(boto, local):
    client = boto(local, secret_access_key="wrong")
    with pytest.raises(ClientError) as raised:
        client.invoke_endpoint(EndpointName="echo", Body=b"x")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert raised.value.response["Error"]["Code"]
    assert local.credentials.secret_access_key not in str(raised.value.response)


def test_an_unknown_endpoint_is_not_told_to_strangers(local):
    answer = exchange(local, b"POST /endpoints/nope/invocations HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status_and_code(answer)[0] == 403


def test_a_token_is_demanded(boto):
    credentials = Credentials("AKID", "SECRET", token="TOKEN")
    with LocalEndpoint({"echo": lambda request: b"ok"}, credentials=credentials) as local:
        assert boto(local).invoke_endpoint(EndpointName="echo", Body=b"")["Body"].read() == b"ok"
        with pytest.raises(ClientError):
            boto(local, token="OTHER").invoke_endpoint(EndpointName="echo", Body=b"")


def test_a_presigned_url(boto, local):
    url = boto(local).generate_presigned_url(
        "invoke_endpoint", {"EndpointName": "echo", "Body": b"", "ContentType": "text/csv"}
    )
    parts = urlsplit(url)
    for body, target, status in (
        (b"", f"{parts.path}?{parts.query}", 200),
        (b"x", f"{parts.path}?{parts.query}", 403),
        (b"", f"{parts.path}?{parts.query}".replace("echo", "echp"), 403),
        (b"", f"{parts.path}?{parts.query}0", 400),
    ):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.request("POST", target, body, {"Content-Type": "text/csv"})
        assert connection.getresponse().status == status, target
        connection.close()


def test_a_clock_that_is_off(local, monkeypatch):
    import botocore.auth

    now = datetime.now(timezone.utc)
    for seconds, status in ((-280, 200), (280, 200), (-360, 403), (360, 403)):
        shown = (now + timedelta(seconds=seconds)).replace(tzinfo=None)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda shown=shown: shown)
        assert status_and_code(exchange(local, signed(local)))[0] == status, seconds


def test_another_region_and_names_that_need_encoding(boto):
    with LocalEndpoint({"echo": lambda request: b"ok"}, region="eu-west-3") as local:
        client = boto(local)
        assert client.invoke_endpoint(EndpointName="echo", Body=b"")["Body"].read() == b"ok"
        with pytest.raises(ClientError, match="ValidationError"):
            client.invoke_endpoint(EndpointName="a%2Fb c/\xe9", Body=b"")
