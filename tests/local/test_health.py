"""Pings of a local endpoint's containers: who is left out, and what is said when nobody is left."""

import json
import socket
import threading
import time

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint
from tests.support.containers import started
from tests.support.deaf import deaf
from tests.support.peer import Peer, answer


def invoke(client, body=b"x", endpoint="model"):
    return client.invoke_endpoint(EndpointName=endpoint, Body=body)["Body"].read()


def refused(client, endpoint="model"):
    """Return the status and the name of the refusal, or nothing."""
    try:
        invoke(client, endpoint=endpoint)
    except ClientError as error:
        response = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
    return None


def eventually(check, expected, seconds=20):
    deadline = time.monotonic() + seconds
    while (found := check()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_container_that_comes_and_goes(boto, container, free_port):
    """Each endpoint is told about its own containers, whatever those of others do."""
    endpoints = {"model": container.url, "late": f"http://127.0.0.1:{free_port}"}
    with LocalEndpoint(endpoints, ping_seconds=0.1) as local:
        client = boto(local)
        # At once, although nobody knows yet how it is.
        invoke(client)
        assert refused(client, "late") == (429, "ModelNotReadyException")
        with started(free_port) as late:
            eventually(lambda: refused(client, "late"), None)
            late.kill()
            late.wait()
            eventually(lambda: refused(client, "late"), (503, "ServiceUnavailable"))
        invoke(client)


def test_an_ill_container_is_left_out(boto, container, other_container):
    with LocalEndpoint({"model": [container.url, other_container.url]}, ping_seconds=0.1) as local:
        client = boto(local)

        def asked(times=8):
            seen = [json.loads(invoke(client)) for _ in range(times)]
            return {f"http://{dict(each['headers'])['host']}" for each in seen}

        eventually(asked, {container.url, other_container.url})
        # Whoever gets it says from now on that it is ill, and answers all the same.
        invoke(client, b"pinged ill")
        # Eight may be one's by chance, now and then; as many more are not.
        eventually(lambda: len(asked(40)), 1)
        (well,) = asked()
        with LocalEndpoint({"model": well}, ping_seconds=0) as direct:
            invoke(boto(direct), b"pinged ill")
        eventually(lambda: refused(client), (503, "ServiceUnavailable"))
        with LocalEndpoint({"model": well}, ping_seconds=0) as direct:
            invoke(boto(direct), b"pinged well")
        eventually(lambda: refused(client), None)
        assert asked() == {well}


def pinged(peer):
    return b"GET /ping HTTP/1.1" in [request.line for request in list(peer.requests)]


def test_without_pings_nobody_is_asked_and_all_count_as_well(boto):
    """With pings the first one comes at once: it would be there before the last of the calls."""

    def ill(link):
        while (request := link.request()) is not None:
            link.send(answer(b"", status=503 if request.line.startswith(b"GET") else 200))

    with Peer(ill) as peer:
        url = f"http://127.0.0.1:{peer.port}"
        with LocalEndpoint({"model": url}, ping_seconds=0) as local:
            client = boto(local)
            for _ in range(50):
                invoke(client)
            assert not pinged(peer)
        with LocalEndpoint({"model": url}, ping_seconds=60):
            eventually(lambda: pinged(peer), True)


def test_pings_that_nobody_answers_end_with_the_endpoint():
    asked = threading.Event()

    def silent(link):
        link.request()
        asked.set()
        link.stall()

    with Peer(silent) as peer, deaf() as nobody:
        containers = [f"http://127.0.0.1:{port}" for port in (peer.port, nobody)]
        with LocalEndpoint({"model": containers}, ping_seconds=60):
            assert asked.wait(10)
        # They would wait for their two seconds else. The native implementation has no such threads.
        assert not [each for each in threading.enumerate() if each.name == "sagewire-ping"]
