"""Response streams: each piece is a part, and what breaks is said in the stream."""

import threading
import time

import pytest
from botocore.exceptions import ClientError, EventStreamError

from sagewire.local import LocalEndpoint, Response
from tests.support.raw_http import connect, signed


def parts_of(answer):
    return [event["PayloadPart"]["Bytes"] for event in answer["Body"]]


@pytest.fixture
def stream(boto):
    stack = []
    bodies = []

    def stream(target, body=b"body", local=None, **members):
        local = LocalEndpoint({"model": target}, **(local or {})).start()
        stack.append(local)
        answer = boto(local).invoke_endpoint_with_response_stream(
            EndpointName="model", Body=body, **members
        )
        bodies.append(answer["Body"])
        return answer

    yield stream
    for body in bodies:
        body.close()
    for local in stack:
        local.stop()


def test_each_piece_is_a_part(stream):
    answer = stream(lambda request: iter([b"one", b"", b"two", bytearray(b"three")]))
    assert parts_of(answer) == [b"one", b"two", b"three"]
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/octet-stream"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    assert headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(
    ("result", "parts"), [(b"whole", [b"whole"]), ("t\xe9xt", ["t\xe9xt".encode()]), (b"", [])]
)
def test_a_whole_result_is_one_part(stream, result, parts):
    assert parts_of(stream(lambda request: result)) == parts


def test_a_large_part(stream):
    size = 5_000_000
    assert [len(part) for part in parts_of(stream(lambda r: iter([b"x" * size])))] == [size]


def test_members(stream):
    seen = []

    def handler(request):
        seen.append(request)
        return Response(
            iter([b"x"]),
            content_type="text/event-stream",
            custom_attributes=request.custom_attributes,
            headers={"Set-Cookie": "secret=1"},
        )

    answer = stream(
        handler,
        ContentType="text/csv",
        Accept="text/event-stream",
        CustomAttributes="a=1",
        TargetVariant="AllTraffic",
        InferenceId="i1",
    )
    assert parts_of(answer) == [b"x"]
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("text/event-stream", "a=1")
    assert "set-cookie" not in answer["ResponseMetadata"]["HTTPHeaders"]
    (request,) = seen
    assert request.operation == "InvokeEndpointWithResponseStream"
    assert (request.content_type, request.accept) == ("text/csv", "text/event-stream")
    assert (request.inference_id, request.custom_attributes) == ("i1", "a=1")
    assert request.body == b"body"
    assert "x-amzn-sagemaker-accept" not in dict(request.headers)


def test_parts_arrive_as_they_come(stream):
    go_on = threading.Event()

    def handler(request):
        yield b"first"
        assert go_on.wait(20)
        yield b"second"

    events = iter(stream(handler)["Body"])
    assert next(events)["PayloadPart"]["Bytes"] == b"first"
    go_on.set()
    assert [event["PayloadPart"]["Bytes"] for event in events] == [b"second"]


def test_a_slow_reader_holds_back_the_handler(stream):
    made = 0

    def handler(request):
        nonlocal made
        for _ in range(500):
            made += 1
            yield b"x" * 100_000

    answer = stream(handler)
    time.sleep(0.5)
    assert made < 300
    assert sum(map(len, parts_of(answer))) == 50_000_000
    assert made == 500


def test_an_error_before_the_first_part(stream):
    def handler(request):
        raise ValueError("bad row")

    def late(request):
        raise ValueError("bad row")
        yield b""

    for failing in (handler, late, lambda request: Response(b"ValueError: bad row", status=500)):
        with pytest.raises(ClientError) as raised:
            stream(failing)
        assert raised.value.response["Error"]["Code"] == "ModelError"
        assert raised.value.response["OriginalMessage"] == "ValueError: bad row"
        assert raised.value.response["OriginalStatusCode"] == 500


def test_an_error_after_it_is_in_the_stream(stream, caplog):
    def handler(request):
        yield b"half"
        raise ValueError("bad row")

    answer = stream(handler)
    events = iter(answer["Body"])
    assert next(events)["PayloadPart"]["Bytes"] == b"half"
    with pytest.raises(EventStreamError) as raised:
        next(events)
    error = raised.value.response["Error"]
    assert error == {"Code": "ModelStreamError", "Message": "ValueError: bad row"}
    assert caplog.records[0].exc_info[0] is ValueError


def test_the_streams_time_is_limited(stream):
    leave = threading.Event()

    def handler(request):
        yield b"first"
        leave.wait(20)

    started = time.monotonic()
    events = iter(stream(handler, local={"stream_timeout": 0.5})["Body"])
    assert next(events)["PayloadPart"]["Bytes"] == b"first"
    with pytest.raises(EventStreamError, match=r"ModelStreamError.*invocation timed out"):
        next(events)
    assert time.monotonic() - started < 18
    leave.set()


def test_a_generator_is_closed_when_the_caller_hangs_up(stream):
    closed = threading.Event()

    def handler(request):
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.set()

    stream(handler)["Body"].close()
    assert closed.wait(10)


def test_a_connection_carries_stream_after_stream(boto):
    path = "/endpoints/model/invocations-response-stream"
    endpoints = {"model": lambda request: iter([b"a", b"b"])}
    with LocalEndpoint(endpoints) as local, connect(local) as sock:
        for _ in range(3):
            sock.sendall(signed(local, body=b"x", path=path))
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                piece = sock.recv(65_536)
                assert piece
                data += piece
            assert data.startswith(b"HTTP/1.1 200 OK\r\n")


# Containers


def test_a_containers_chunks_are_parts(stream, container):
    answer = stream(container.url, b"drip 0.1 3")
    assert parts_of(answer) == [b"00000", b"00001", b"00002"]
    assert answer["ContentType"] == "text/plain"


def test_a_containers_whole_answer(stream, container):
    answer = stream(container.url, b"size 100000")
    assert b"".join(parts_of(answer)) == b"x" * 100_000


def test_a_containers_chunks_arrive_as_they_come(stream, container):
    arrivals = [time.monotonic() for _ in stream(container.url, b"drip 0.1 20")["Body"]]
    # The container takes 1.9 s from the first to the last.
    assert arrivals[-1] - arrivals[0] > 1


def test_an_error_of_the_container(stream, container):
    with pytest.raises(ClientError) as raised:
        stream(container.url, b"status 418 it said so")
    assert raised.value.response["OriginalStatusCode"] == 418
    assert raised.value.response["OriginalMessage"] == "it said so"


@pytest.mark.parametrize("body", [b"cut ", b"half "])
def test_a_container_that_breaks_off(stream, container, body):
    events = iter(stream(container.url, body)["Body"])
    assert next(events)["PayloadPart"]["Bytes"] == b"half"
    with pytest.raises(EventStreamError, match=r"ModelStreamError.*was closed before its answer"):
        next(events)


def test_the_container_learns_that_the_caller_hung_up(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        client = boto(local)
        answer = client.invoke_endpoint_with_response_stream(
            EndpointName="model", Body=b"drip 0.01 0"
        )
        next(iter(answer["Body"]))
        answer["Body"].close()
        deadline = time.monotonic() + 20
        while not client.invoke_endpoint(EndpointName="model", Body=b"left ")["Body"].read():
            assert time.monotonic() < deadline
            time.sleep(0.05)
