"""The gateway example under uvicorn, in front of a local endpoint, with a real HTTP client."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sagewire.local import LocalEndpoint

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
    with LocalEndpoint(handlers) as local, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        credentials = local.credentials
        environment = {
            **os.environ,
            "AWS_REGION": local.region,
            "AWS_DEFAULT_REGION": local.region,
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": local.url,
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


def test_an_answer_goes_through(gateway: httpx.Client) -> None:
    headers = {"Content-Type": "text/csv", "Cookie": "secret", "Authorization": "Bearer mine"}
    answer = gateway.post("/models/upper", content=b"hello", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"HELLO")
    assert answer.headers["content-type"].startswith("text/plain")


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


def test_metrics_tell(gateway: httpx.Client) -> None:
    gateway.post("/models/upper", content=b"hello")
    text = gateway.get("/metrics").text
    assert 'gateway_answers_total{status="200"}' in text
    assert "gateway_connections_busy" in text
