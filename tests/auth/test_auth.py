"""`sagewire.auth`: the real clients, signed, against the local endpoint, which verifies."""

import asyncio
import datetime as dt
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from sagewire.auth import AiohttpAuth, HttpxAuth, RequestsAuth
from sagewire.exceptions import InvalidArgumentError, NoCredentialsError
from sagewire.local import LocalEndpoint
from sagewire.sigv4 import Credentials
from tests.support.capture import CaptureServer

# An escape that need not be one: what is signed is what is sent, whichever way a client writes it.
PATH = "/endpoints/%61b/invocations"
SIGNED = ("authorization", "x-amz-date", "x-amz-security-token")
Headers = dict[str, str]


def with_requests(auth: Any, url: str, headers: Headers, body: Any) -> tuple[int, bytes]:
    answer = requests.post(url, data=body, headers=headers, auth=RequestsAuth(**auth), timeout=20)
    return answer.status_code, answer.content


def with_httpx(auth: Any, url: str, headers: Headers, body: Any) -> tuple[int, bytes]:
    with httpx.Client(auth=HttpxAuth(**auth), timeout=20) as client:
        answer = client.post(url, content=body, headers=headers)
        return answer.status_code, answer.content


def with_async_httpx(auth: Any, url: str, headers: Headers, body: Any) -> tuple[int, bytes]:
    async def call() -> tuple[int, bytes]:
        async with httpx.AsyncClient(auth=HttpxAuth(**auth), timeout=20) as client:
            answer = await client.post(url, content=body, headers=headers)
            return answer.status_code, answer.content

    return asyncio.run(call())


def with_aiohttp(auth: Any, url: str, headers: Headers, body: Any) -> tuple[int, bytes]:
    async def call() -> tuple[int, bytes]:
        async with aiohttp.ClientSession(middlewares=[AiohttpAuth(**auth)]) as session:
            import yarl

            exact = yarl.URL(url, encoded=True)
            async with session.post(exact, data=body, headers=headers) as answer:
                return answer.status, await answer.read()

    return asyncio.run(call())


CLIENTS = [with_requests, with_httpx, with_async_httpx, with_aiohttp]
each = pytest.mark.parametrize("call", CLIENTS, ids=lambda call: call.__name__[5:])
Call = Callable[[Any, str, Headers, Any], tuple[int, bytes]]


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEndpoint]:
    with LocalEndpoint({"ab": lambda request: request.body}) as endpoint:
        yield endpoint


def keys(local: LocalEndpoint, **more: Any) -> dict[str, Any]:
    return {"region": local.region, "credentials": local.credentials, **more}


@each
@pytest.mark.parametrize("body", [b"", b"1,2,3", b"x" * 100_000], ids=len)
def test_a_signed_request_is_accepted(call: Call, local: LocalEndpoint, body: bytes) -> None:
    headers = {"Content-Type": "text/csv", "X-Amzn-SageMaker-Target-Variant": "AllTraffic"}
    answer = call(keys(local), f"{local.url}{PATH}?b=2&a=1%20c", headers, body)
    assert answer == (200, body)


@each
def test_a_wrong_key_is_refused(call: Call, local: LocalEndpoint) -> None:
    wrong = Credentials(local.credentials.access_key_id, "wrong")
    status, answer = call(keys(local, credentials=wrong), local.url + PATH, {}, b"x")
    assert status == 403
    assert b"signature" in answer.lower()


@pytest.mark.parametrize(
    "body", ["text", bytearray(b"bytes"), None], ids=["str", "bytearray", "none"]
)
def test_requests_sends_other_bodies(local: LocalEndpoint, body: Any) -> None:
    sent = b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)
    assert with_requests(keys(local), local.url + PATH, {}, body) == (200, sent)


def test_requests_sends_a_file_from_where_it_stands(local: LocalEndpoint) -> None:
    file = io.BytesIO(b"0123456789" * 200_000)
    file.seek(7)
    answer = with_requests(keys(local), local.url + PATH, {}, file)
    assert answer == (200, file.getvalue()[7:])


def test_what_can_be_read_once_is_refused(local: LocalEndpoint) -> None:
    with pytest.raises(TypeError, match=r"^data: generator can be read once"):
        with_requests(keys(local), local.url + PATH, {}, (piece for piece in [b"x"]))


def test_requests_refuses_a_file_of_text(local: LocalEndpoint) -> None:
    with pytest.raises(TypeError, match=r"^data: the file gives text; open it in binary mode"):
        with_requests(keys(local), local.url + PATH, {}, io.StringIO("text"))


def test_aiohttp_sends_what_it_has_to_read_first(local: LocalEndpoint) -> None:
    async def pieces() -> Any:
        yield b"one"
        yield b"two"

    for body, sent in ((pieces(), b"onetwo"), (io.BytesIO(b"file"), b"file"), ("text", b"text")):
        assert with_aiohttp(keys(local), local.url + PATH, {}, body) == (200, sent)


@each
def test_credentials_are_asked_again_when_they_expire(call: Call) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    given = [
        Credentials("AKIDFIRST", "s", "t1", expires_at=now - dt.timedelta(seconds=1)),
        Credentials("AKIDSECOND", "s", "t2", expires_at=now + dt.timedelta(hours=1)),
    ]
    asked = []

    def ask() -> Credentials:
        asked.append(1)
        return given[min(len(asked), 2) - 1]

    # One object for all requests, as in a program.
    auth = {"region": "us-east-1", "credentials": ask}
    made = {kind: kind(**auth) for kind in (RequestsAuth, HttpxAuth, AiohttpAuth)}
    with CaptureServer() as server:
        for _ in range(3):
            for kind, module in ((RequestsAuth, with_requests), (HttpxAuth, with_httpx)):
                if call is module:
                    _send_with(made[kind], server.url)
            if call in (with_async_httpx, with_aiohttp):
                asyncio.run(_send_async_with(made, call, server.url))
    used = [str(request.header("authorization")).partition("/")[0] for request in server.requests]
    assert [key.rpartition("=")[2] for key in used] == ["AKIDFIRST", "AKIDSECOND", "AKIDSECOND"]
    assert [request.header("x-amz-security-token") for request in server.requests] == [
        "t1",
        "t2",
        "t2",
    ]


def _send_with(auth: Any, url: str) -> None:
    if isinstance(auth, HttpxAuth):
        httpx.post(url, content=b"x", auth=auth)
    else:
        requests.post(url, data=b"x", auth=auth, timeout=20)


async def _send_async_with(made: dict[Any, Any], call: Call, url: str) -> None:
    if call is with_async_httpx:
        async with httpx.AsyncClient(auth=made[HttpxAuth]) as client:
            await client.post(url, content=b"x")
    else:
        session = aiohttp.ClientSession(middlewares=[made[AiohttpAuth]])
        async with session, session.post(url, data=b"x") as answer:
            await answer.read()


def redirect(url: str) -> bytes:
    return f"HTTP/1.1 307 X\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


TEMPORARY = Credentials("AKID", "secret", "token")


@pytest.mark.parametrize("elsewhere", [True, False], ids=["other origin", "same origin"])
@pytest.mark.parametrize("call", [with_requests, with_aiohttp], ids=["requests", "aiohttp"])
def test_a_redirect_has_no_signature_and_no_token(call: Call, elsewhere: bool) -> None:
    with CaptureServer() as other, CaptureServer() as first:
        target = f"{other.url if elsewhere else first.url}/to/%7Epath?x=%2F"
        first._answers.append([("send", redirect(target))])
        auth = {"region": "us-east-1", "credentials": TEMPORARY}
        assert call(auth, first.url + "/from", {}, b"x") == (200, b"{}")
    signed, *rest = first.requests
    (unsigned,) = rest or other.requests
    assert all(signed.header(name) for name in SIGNED)
    assert unsigned.target.startswith("/to/")
    assert unsigned.body == b"x"
    assert not any(unsigned.header(name) for name in SIGNED)


def test_what_comes_after_a_redirect_is_signed_again() -> None:
    async def calls(url: str) -> None:
        auth = AiohttpAuth(TEMPORARY, region="us-east-1")
        async with aiohttp.ClientSession(middlewares=[auth]) as session:
            for path in ("/from", "/next"):
                async with session.post(url + path, data=b"x") as answer:
                    await answer.read()

    with CaptureServer() as other, CaptureServer([redirect(other.url)]) as first:
        asyncio.run(calls(first.url))
    assert [bool(request.header("authorization")) for request in first.requests] == [True, True]
    assert [bool(request.header("authorization")) for request in other.requests] == [False]


def test_httpx_signs_no_redirect() -> None:
    with CaptureServer() as other, CaptureServer([redirect(other.url)]) as first:
        auth = HttpxAuth(TEMPORARY, region="us-east-1")
        with httpx.Client(auth=auth, follow_redirects=True) as client:
            client.post(first.url, content=b"x")
    assert first.requests[0].header("authorization")
    assert other.requests[0].header("authorization") is None


def test_a_request_that_is_sent_again_is_signed_again() -> None:
    prepared = requests.Request("POST", "http://h/", data=b"x").prepare()
    auth = RequestsAuth(TEMPORARY, region="us-east-1")
    auth(auth(prepared))
    assert [name.lower() for name in prepared.headers if name.lower() in SIGNED] == [
        "x-amz-date",
        "x-amz-security-token",
        "authorization",
    ]


@each
def test_no_credentials(call: Call, clean_environment: Any) -> None:
    with pytest.raises(NoCredentialsError):
        call({"region": "us-east-1"}, "http://127.0.0.1:9/", {}, b"")


@each
def test_credentials_are_found_in_the_environment(
    call: Call, clean_environment: Any, local: LocalEndpoint
) -> None:
    clean_environment.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
    clean_environment.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)
    assert call({"region": local.region}, local.url + PATH, {}, b"x")[0] == 200


@pytest.mark.parametrize("kind", [RequestsAuth, HttpxAuth, AiohttpAuth])
def test_wrong_arguments_and_no_secrets(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"^credentials: expected sagewire.sigv4.Credentials"):
        kind("AKID", region="us-east-1")
    with pytest.raises(InvalidArgumentError, match=r"^region:"):
        kind(TEMPORARY, region="us/east")
    assert repr(kind(TEMPORARY, region="r")) == f"{kind.__name__}(region='r', service='sagemaker')"


def test_no_client_is_loaded_before_its_class_is_asked_for() -> None:
    code = (
        "import sys, sagewire.auth\n"
        "from sagewire.auth import RequestsAuth, AiohttpAuth\n"
        "assert not {'httpx', 'requests', 'aiohttp', 'asyncio'} & set(sys.modules)\n"
        "from sagewire.auth import HttpxAuth\n"
        "assert 'httpx' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
