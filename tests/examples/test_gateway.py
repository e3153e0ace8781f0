"""The gateway example under uvicorn, in front of a local endpoint, with a real HTTP client."""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sagewire.local import LocalEndpoint
from sagewire.sigv4 import Credentials
from tests.support.peer import Peer, answer

KEYS = Credentials("AKID", "secret")
ATTRIBUTES = b"X-Amzn-SageMaker-Custom-Attributes"
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "gateway"


def upper(request: Any) -> tuple[bytes, str]:
    return request.body.upper(), "text/plain"


def tokens(_request: Any) -> Iterator[bytes]:
    for number in range(5):
        yield b'{"token": %d}\n' % number


@pytest.fixture(scope="module")
def endless() -> threading.Event:
    return threading.Event()


@pytest.fixture(scope="module")
def gateway(endless: threading.Event) -> Iterator[httpx.Client]:
    def slow(_request: Any) -> bytes:
        time.sleep(1.5)
        return b"late"

    def forever(_request: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"more\n"
                time.sleep(0.02)
        finally:
            endless.set()

    handlers = {"upper": upper, "tokens": tokens, "slow": slow, "forever": forever}
    with LocalEndpoint(handlers) as local, running(local.url, local.credentials) as client:
        yield client


@contextlib.contextmanager
def running(upstream: str, credentials: Credentials) -> Iterator[httpx.Client]:
    """Run the gateway in front of a service, and give a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        environment = {
            **os.environ,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": upstream,
        }
        command = [sys.executable, "-m", "uvicorn", "gateway:app", "--fd", str(listener.fileno())]
        server = subprocess.Popen(
            [*command, "--log-level", "warning"],
            cwd=FOLDER,
            env=environment,
            pass_fds=[listener.fileno()],
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                for _ in range(200):
                    try:
                        if client.get("/health").text == "ok":
                            break
                    except httpx.TransportError:
                        time.sleep(0.05)
                yield client
        finally:
            server.terminate()
            assert server.wait(20) is not None


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process is about to do."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def counted(gateway: httpx.Client, metric: str) -> int:
    """Return a metric's value, 0 if there is none of the name."""
    values = dict(line.rsplit(" ", 1) for line in gateway.get("/metrics").text.splitlines())
    return int(values.get(metric, 0))


def test_an_answer_goes_through(gateway: httpx.Client) -> None:
    headers = {"Content-Type": "text/csv", "Cookie": "secret", "Authorization": "Bearer mine"}
    answer = gateway.post("/models/upper", content=b"hello", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"HELLO")
    assert answer.headers["content-type"].startswith("text/plain")


def test_only_what_the_service_supports_goes_on_either_way() -> None:
    def script(link: Any) -> None:
        link.request()
        given = [(b"Content-Type", b"a/b"), (ATTRIBUTES, b"caf\xe9"), (b"Set-Cookie", b"c=d")]
        link.send(answer(b"{}", headers=given))

    sent = {
        "Content-Type": "text/csv",
        ATTRIBUTES.decode(): "caf\u00e9".encode(),
        "X-Amzn-SageMaker-Target-Model": "theirs.tar.gz",
        "Cookie": "a=b",
        "Authorization": "Bearer mine",
        "X-Amz-Security-Token": "mine",
        "X-Forwarded-For": "10.0.0.1",
    }
    with Peer(script) as peer, running(f"http://127.0.0.1:{peer.port}", KEYS) as gateway:
        answered = gateway.post("/models/a%20b", content=b"hello", headers=sent)
        refused = gateway.post("/models/a", headers={ATTRIBUTES: b"caf\xe9"})
    assert (refused.status_code, refused.json()["message"][-13:]) == (400, "must be UTF-8")
    assert answered.headers["content-type"] == "a/b"
    assert (ATTRIBUTES.lower(), b"caf\xe9") in answered.headers.raw
    assert "set-cookie" not in answered.headers
    (request,) = peer.requests
    assert request.line == b"POST /endpoints/a%20b/invocations HTTP/1.1"
    assert request.body == b"hello"
    assert request.header(ATTRIBUTES) == "caf\u00e9".encode()
    assert request.header(b"authorization").startswith(b"AWS4-HMAC-SHA256 Credential=AKID/")
    names = {name.lower() for name, _ in request.headers}
    assert not names & {b"cookie", b"x-amz-security-token", b"x-forwarded-for"}
    assert b"x-amzn-sagemaker-target-model" not in names


def test_the_services_errors_are_the_callers(gateway: httpx.Client) -> None:
    answer = gateway.post("/models/nobody", content=b"hello")
    assert (answer.status_code, answer.json()["code"]) == (400, "ValidationError")
    assert gateway.post("/models/upper", content=b"x" * 6_291_457).status_code == 413
    refused = gateway.post("/models/upper", content=b"x", headers={"X-Timeout-Seconds": "soon"})
    assert refused.status_code == 400


def test_a_deadline_is_kept(gateway: httpx.Client) -> None:
    start = time.monotonic()
    answer = gateway.post("/models/slow", content=b"x", headers={"X-Timeout-Seconds": "0.2"})
    assert answer.status_code == 504
    assert time.monotonic() - start < 1.4


def test_a_stream_comes_as_server_sent_events(gateway: httpx.Client) -> None:
    with gateway.stream("POST", "/models/tokens/stream", content=b"x") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines == [f'data: {{"token": {number}}}' for number in range(5)]


def test_a_caller_who_leaves_ends_the_stream_at_the_model(
    gateway: httpx.Client, endless: threading.Event
) -> None:
    with gateway.stream("POST", "/models/forever/stream", content=b"x") as answer:
        assert next(answer.iter_lines()) == "data: more"
    assert endless.wait(10)


def test_a_caller_who_leaves_before_the_answer_ends_the_call() -> None:
    """Whether the service has said nothing yet, or half of its answer."""
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def script(link: Any) -> None:
        if link.request().line.split(b"/")[2] == b"half":
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        ended.put(link.ended_by_client())

    with Peer(script) as peer, running(f"http://127.0.0.1:{peer.port}", KEYS) as gateway:
        address = ("127.0.0.1", gateway.base_url.port)
        for number, model in enumerate(("silent", "half"), 1):
            with socket.create_connection(address) as caller:
                head = (
                    f"POST /models/{model} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1\r\n\r\n"
                )
                caller.sendall(head.encode() + b"x")
                until(lambda: len(peer.requests) == number)  # noqa: B023 - asked right here
                assert counted(gateway, "gateway_in_flight") == 1
            assert ended.get(timeout=10) in ("closed", "reset")
            left = 'gateway_answers_total{status="499"}'
            until(lambda: counted(gateway, left) == number)  # noqa: B023 - as above
            assert counted(gateway, "gateway_in_flight") == 0
            assert counted(gateway, "gateway_connections_busy") == 0


def test_metrics_tell(gateway: httpx.Client) -> None:
    gateway.post("/models/upper", content=b"hello")
    text = gateway.get("/metrics").text
    assert 'gateway_answers_total{status="200"}' in text
    assert "gateway_connections_busy" in text
