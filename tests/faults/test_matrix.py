"""Every operation and every fault, plain and under TLS: how it ends, and nothing left behind."""

import contextlib
import gc
import socket
import threading
import time
from pathlib import Path

import pytest

import sagewire
from tests.faults.drivers import DRIVERS
from tests.support import frames
from tests.support.deaf import deaf
from tests.support.faults import FAULTS, LONG_SECONDS, SHORT_SECONDS
from tests.support.peer import Peer, answer

# What each operation is answered with, and what a call gives of it.
ANSWERS = {
    "invoke_endpoint": (answer(b"0123456789"), b"0123456789"),
    "invoke_endpoint_async": (
        answer(
            b'{"InferenceId": "id"}',
            status=202,
            headers=[(b"X-Amzn-SageMaker-OutputLocation", b"s3://b/out")],
        ),
        b"s3://b/out",
    ),
    "invoke_endpoint_with_response_stream": (
        answer(
            b"".join(frames.part(piece) for piece in (b"one", b"two", b"three")),
            headers=[(b"Content-Type", b"application/vnd.amazon.eventstream")],
        ),
        b"onetwothree",
    ),
}
OPERATIONS = pytest.mark.parametrize("operation", ANSWERS)
DRIVEN = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
OVER = pytest.mark.parametrize("over", ["plain", "tls"])
# The machine may be busy: a limit is kept if the call ends within this.
PATIENCE_SECONDS = 10.0


def descriptors():
    """Return what this process has open, by number."""
    opened = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the list itself
            opened[descriptor.name] = descriptor.readlink()
    return opened


def held():
    """Return what a call must not leave behind: descriptors, and threads of Python's and others."""
    return descriptors(), threading.enumerate(), sorted(Path("/proc/self/task").iterdir())


@contextlib.contextmanager
def nothing_left_behind():
    """Fail unless all is as it was before the block."""
    gc.collect()
    before = held()
    yield
    end = time.monotonic() + 5
    while held() != before and time.monotonic() < end:
        # A task and what it raised refer to each other, and to what they had.
        gc.collect()
        time.sleep(0.005)
    assert held() == before


def config(**more):
    settings = {
        "retries": {"total_max_attempts": 1},
        "connect_timeout": LONG_SECONDS,
        "read_timeout": LONG_SECONDS,
        **more,
    }
    return sagewire.Config(**settings)


def turn(driver, url, verify, operation, *, deadline=None, calls=1, between=None, **more):
    """Make calls on one client; return what the last one gave, and see that no place is kept."""
    client = driver.open(url, verify=verify, config=config(**more))
    try:
        for _ in range(calls):
            if between is not None:
                between()
            start = time.monotonic()
            data, error = driver.call(client, operation, deadline)
            assert time.monotonic() - start < PATIENCE_SECONDS
            opened, busy, idle, waiting = driver.pool(client)
            assert (busy, waiting) == (0, 0), "a call keeps its place in the pool"
            assert opened == idle <= 1
            if error is not None:
                assert idle == 0 or isinstance(error, sagewire.exceptions.ClientError)
    finally:
        driver.close(client)
    return data, error


def name_of(error):
    return "ok" if error is None else type(error).__name__


@DRIVEN
@OVER
@OPERATIONS
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault(driver, contexts, ca_path, fault, operation, over):
    raw, whole = ANSWERS[operation]
    tls = contexts["proper"] if over == "tls" else None
    with nothing_left_behind(), Peer(fault.script(raw), tls=tls) as peer:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{peer.port}"
        data, error = turn(
            driver,
            url,
            ca_path,
            operation,
            deadline=fault.deadline,
            calls=fault.calls,
            read_timeout=fault.seconds,
            between=peer.join if fault.calls > 1 else None,
        )
        seen = len(peer.requests)
    assert name_of(error) in fault.ends_of(operation), repr(error)
    if error is None:
        assert data == whole
    if fault.requests is not None:
        assert seen == fault.requests


# Where there is no connection.


@DRIVEN
@OVER
@OPERATIONS
def test_nobody_is_there(driver, ca_path, operation, over):
    with nothing_left_behind(), socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"{'https' if over == 'tls' else 'http'}://127.0.0.1:{held.getsockname()[1]}"
        _, error = turn(driver, url, ca_path, operation)
    assert name_of(error) == "EndpointConnectionError"


@DRIVEN
@OVER
@OPERATIONS
def test_nobody_takes_the_connection(driver, ca_path, operation, over):
    with nothing_left_behind(), deaf() as port:
        url = f"{'https' if over == 'tls' else 'http'}://127.0.0.1:{port}"
        _, error = turn(driver, url, ca_path, operation, connect_timeout=SHORT_SECONDS)
    assert name_of(error) == "ConnectTimeoutError"


ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def _says(data):
    def script(link):
        link.send(data)
        link.stall()

    return script


HANDSHAKES = {
    "stalled": (lambda link: link.stall(), ("ConnectTimeoutError",)),
    "closed": (lambda link: link.close(), ("SSLError", "ConnectionClosedError")),
    "reset": (lambda link: link.reset(), ("ConnectionClosedError", "EndpointConnectionError")),
    "an alert": (_says(ALERT), ("SSLError",)),
    "not TLS at all": (_says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("SSLError",)),
    "half a record": (_says(b"\x16\x03\x03\x40"), ("ConnectTimeoutError",)),
}


@DRIVEN
@OPERATIONS
@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_that_fails(driver, ca_path, operation, name):
    script, expected = HANDSHAKES[name]
    limit = SHORT_SECONDS if expected == ("ConnectTimeoutError",) else LONG_SECONDS
    with nothing_left_behind(), Peer(script) as peer:
        url = f"https://127.0.0.1:{peer.port}"
        _, error = turn(driver, url, ca_path, operation, connect_timeout=limit)
    assert name_of(error) in expected


@DRIVEN
@OPERATIONS
def test_a_certificate_for_another_name(driver, contexts, ca_path, operation):
    def never(link):
        raise AssertionError(link.request())

    with nothing_left_behind(), Peer(never, tls=contexts["misnamed"]) as peer:
        _, error = turn(driver, f"https://127.0.0.1:{peer.port}", ca_path, operation)
    assert name_of(error) == "SSLError"
    assert "not valid for '127.0.0.1'" in str(error)


# A connection that ends just as the next call begins.


@DRIVEN
@OVER
@OPERATIONS
@pytest.mark.parametrize("attempts", [1, 2])
def test_a_connection_that_ends_under_the_next_call(
    driver, contexts, ca_path, operation, over, attempts
):
    """Sent twice only as a retry, which is boto3's rule too: never unasked."""
    raw, whole = ANSWERS[operation]

    def script(link):
        link.request()
        link.send(raw)
        if link.request() is not None:
            if link.number == 1:
                return link.close()
            link.send(raw)
        return None

    tls = contexts["proper"] if over == "tls" else None
    with nothing_left_behind(), Peer(script, tls=tls) as peer:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{peer.port}"
        retries = {"total_max_attempts": attempts}
        data, error = turn(driver, url, ca_path, operation, calls=2, retries=retries)
        seen = len(peer.requests)
    if attempts == 1:
        assert (name_of(error), seen) == ("ConnectionClosedError", 2)
    else:
        assert (data, seen) == (whole, 3)


# A large body that is refused.


@DRIVEN
@OVER
@OPERATIONS
@pytest.mark.parametrize("size", [6_000_000, 20_000_000])
def test_a_refused_upload_is_the_services_own_error(
    driver, contexts, ca_path, operation, over, size
):
    words = b'{"message": "too large"}'

    def script(link):
        link.head()
        link.read_some(100_000)
        link.send(
            answer(
                words,
                status=413,
                headers=[
                    (b"Connection", b"close"),
                    (b"x-amzn-ErrorType", b"ValidationError"),
                    (b"x-amzn-RequestId", b"id"),
                ],
            )
        )
        link.close()

    tls = contexts["proper"] if over == "tls" else None
    with nothing_left_behind(), Peer(script, tls=tls) as peer:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{peer.port}"
        response = refused(driver, url, ca_path, operation, size)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert response["Error"] == {"Code": "ValidationError", "Message": "too large"}


def refused(driver, url, verify, operation, size):
    """Return the service's error for a large body, as the dict that it carries."""
    client = driver.open(url, verify=verify, config=config())
    try:
        _, error = driver.call(client, operation, None, b"x" * size)
        assert isinstance(error, sagewire.exceptions.ClientError), repr(error)
        assert driver.pool(client)[1] == 0
        return error.response
    finally:
        driver.close(client)
