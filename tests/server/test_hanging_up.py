"""Callers who hang up, or do not read, and containers that close: nobody works or waits in vain."""

import contextlib
import socket
import struct
import threading
import time

import pytest
from botocore.exceptions import ClientError

from tests.support.containers import started
from tests.support.front_door import Door
from tests.support.raw_http import connect, exchange, signed


def ended_by(door):
    """Return how the model's last call ended: somebody hung up, or it was not noticed in time."""
    client = door.client()
    deadline = time.monotonic() + 10
    left = b""
    while not left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = client.invoke_endpoint(EndpointName="e", Body=b"left ")["Body"].read()
    return left


@pytest.mark.parametrize("does", [b"watch 20", b"begin 20"], ids=["thinks", "has begun"])
@pytest.mark.parametrize("operation", ["invocations", "invocations-response-stream"])
def test_a_caller_that_hangs_up_cancels_the_models_call(operation, does):
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}) as door:
        with connect(door) as sock:
            sock.sendall(signed(door, "e", does, path=f"/endpoints/e/{operation}"))
            if does.startswith(b"begin") and operation.endswith("stream"):
                arrived = b""
                while b"begun" not in arrived:
                    arrived += sock.recv(65_536)
            else:
                # The model has the call; what comes before its caller is gone is another test's.
                time.sleep(0.1)
        assert ended_by(door) == b"hung up"


def test_a_caller_that_hangs_up_between_two_parts_of_a_handlers():
    closed, leave = threading.Event(), threading.Event()

    def handler(_request):
        try:
            yield b"begun"
            leave.wait(20)
            while True:
                yield b"more"
        finally:
            closed.set()

    path = "/endpoints/e/invocations-response-stream"
    with Door({"e": {"A": (1.0, handler)}}) as door:
        with connect(door) as sock:
            sock.sendall(signed(door, "e", path=path))
            arrived = b""
            while b"begun" not in arrived:
                arrived += sock.recv(65_536)
        leave.set()
        assert closed.wait(10)


def test_a_caller_that_only_ends_its_side_gets_a_quick_answer():
    with Door({"e": {"A": (1.0, lambda request: time.sleep(0.2) or b"here")}}) as door:
        assert exchange(door, signed(door, "e")).endswith(b"\r\n\r\nhere")


def test_a_container_that_ends_every_connection_is_not_asked_for_ever():
    """It accepts and closes, before anything was sent: each call tries it once, and is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []

        def close():
            with contextlib.suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    accepted.append(1)
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.close()

        thread = threading.Thread(target=close, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Door({"e": {"A": (1.0, [url])}}) as door:
            client = door.client()
            for _ in range(5):
                with pytest.raises(ClientError, match="ModelError"):
                    client.invoke_endpoint(EndpointName="e", Body=b"x")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(accepted) == 5
