"""Pings of a local endpoint's containers: who is left out, and what is said when nobody is left."""

import json
import socket
import time

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint
from tests.support.containers import started


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


def test_without_pings_all_count_as_well(boto, container):
    with LocalEndpoint({"model": container.url}, ping_seconds=0) as local:
        client = boto(local)
        invoke(client, b"pinged ill")
        time.sleep(0.3)
        invoke(client)
