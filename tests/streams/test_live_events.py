"""Response streams over real sockets: when events come, what faults give, where connections go."""

import contextlib
import gc
import itertools
import ssl
import threading
import time

import pytest
import trustme

import sagewire
from sagewire.exceptions import (
    DeadlineExceededError,
    EventStreamError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from sagewire.streams.aio import AsyncEventStream
from tests.support.frames import exception, part
from tests.support.peer import Peer, answer, answers

TYPE = (b"Content-Type", b"application/vnd.amazon.eventstream")
CHUNKED = answer(headers=[TYPE, (b"Transfer-Encoding", b"chunked")], length=False)
SOON_SECONDS = 0.3


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


@pytest.fixture
def opened(make_client):
    """Make clients of a peer, for either driver, and close them at the end."""
    made = []

    def client(peer, **settings):
        config = sagewire.Config(retries={"total_max_attempts": 1}, **settings)
        made.append(
            make_client(
                region_name="us-east-1",
                endpoint_url=f"{'https' if peer._tls else 'http'}://127.0.0.1:{peer.port}",
                aws_access_key_id="AKID",
                aws_secret_access_key="SECRET",
                config=config,
                verify=False if peer._tls else None,
            )
        )
        return made[-1]

    yield client
    for each in made:
        each.close()


def invoke(client):
    return client.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"{}")["Body"]


def payloads(events):
    return [event["PayloadPart"]["Bytes"] for event in events]


def settled(client, **wanted):
    """Wait until the pool is as it should be; return how it is in the end."""
    for _ in range(200):
        now = client.pool
        if all(getattr(now, name) == count for name, count in wanted.items()):
            break
        time.sleep(0.01)
    return {name: getattr(client.pool, name) for name in wanted}


def certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("framed", ["chunked", "length", "close"])
def test_each_event_comes_before_the_next_is_sent(opened, framed, tls):
    frames = [part(b"line %d\n" % number) for number in range(3)]

    def script(link):
        link.request()
        if framed == "chunked":
            link.send(CHUNKED)
        elif framed == "length":
            link.send(answer(b"".join(frames))[: -sum(map(len, frames))])
        else:
            link.send(answer(length=False))
        for frame in frames:
            link.send(chunk(frame) if framed == "chunked" else frame)
            assert link.may_end.acquire(timeout=10), "the event did not come"
        link.send(LAST if framed == "chunked" else b"")
        link.close()

    with Peer(script, tls=certificate() if tls else None) as peer:
        client = opened(peer, read_timeout=10)
        stream = invoke(client)
        [request] = peer.requests
        seen = []
        for line in stream.iter_lines():
            seen.append(line)
            request.link.may_end.release()
        assert seen == [b"line 0", b"line 1", b"line 2"]


def test_a_stream_that_drips_byte_by_byte(opened):
    data = part("\u20ac 1\r\n".encode()) + part(b"2") + exception("ModelStreamError") + part(b"3")

    def script(link):
        link.request()
        link.send(CHUNKED)
        for place in range(len(data)):
            link.send(chunk(data[place : place + 1]))
        link.send(LAST)
        link.stall()

    with Peer(script) as peer:
        client = opened(peer)
        stream = invoke(client)
        lines = stream.iter_lines()
        assert next(lines) == "\u20ac 1".encode()
        with pytest.raises(EventStreamError):
            next(lines)
        assert list(stream.iter_lines()) == [b"23"]
        assert settled(client, idle=1, busy=0) == {"idle": 1, "busy": 0}


@pytest.mark.parametrize("framed", ["chunked", "length"])
def test_the_connection_serves_the_next_call_when_the_stream_is_done(opened, framed):
    data = part(b"a") + part(b"b")
    raw = CHUNKED + chunk(data) + LAST if framed == "chunked" else answer(data, headers=[TYPE])
    with Peer(answers(raw)) as peer:
        client = opened(peer)
        for _ in range(5):
            assert payloads(invoke(client)) == [b"a", b"b"]
            assert settled(client, open=1, idle=1) == {"open": 1, "idle": 1}
        assert peer.connections == 1


def test_the_connection_is_busy_until_then(opened):
    def script(link):
        while link.request() is not None:
            link.send(CHUNKED + chunk(part(b"a")))
            link.may_end.acquire(timeout=10)
            link.send(LAST)

    with Peer(script) as peer:
        client = opened(peer)
        events = iter(invoke(client))
        next(events)
        assert (client.pool.busy, client.pool.idle) == (1, 0)
        peer.requests[0].link.may_end.release()
        assert list(events) == []
        assert (client.pool.busy, client.pool.idle) == (0, 1)


@pytest.mark.parametrize("how", ["closed", "dropped", "iterator dropped"])
def test_an_abandoned_stream_costs_its_connection(opened, how):
    ended = threading.Event()

    def script(link):
        link.request()
        link.send(CHUNKED + chunk(part(b"a")))
        assert link.ended_by_client() in ("closed", "reset")
        ended.set()

    with Peer(script) as peer:
        client = opened(peer)
        stream = invoke(client)
        events = iter(stream)
        next(events)
        if how == "closed":
            stream.close()
        elif how == "dropped":
            del stream, events
        else:
            del stream
            events.close()
            del events
        gc.collect()
        assert ended.wait(10)
        assert settled(client, open=0) == {"open": 0}


def test_a_stream_that_is_here_already_does_not_cost_it(opened):
    with Peer(answers(CHUNKED + chunk(part(b"a") + part(b"b")) + LAST)) as peer:
        client = opened(peer)
        stream = invoke(client)
        assert payloads(itertools.islice(stream, 1)) == [b"a"]
        stream.close()
        assert settled(client, open=1, idle=1) == {"open": 1, "idle": 1}
        assert payloads(stream) == [b"b"]


def test_done_gives_the_connection_back_where_the_end_is_here(opened):
    data = part(b"data: a\n\ndata: [DONE]\n\n")
    with Peer(answers(CHUNKED + chunk(data) + LAST)) as peer:
        client = opened(peer)
        for _ in range(3):
            assert list(invoke(client).iter_sse()) == ["a"]
        assert peer.connections == 1


BROKEN = {
    "inside an event": (answer(length=False) + part(b"a") + part(b"b")[:-3], "inside an event"),
    "before its length": (answer(part(b"a") + part(b"b"))[: -len(part(b"b"))],
                          r"IncompleteRead\(\d+ bytes read, \d+ more expected\)"),
    "no last chunk": (CHUNKED + chunk(part(b"a")), r"IncompleteRead\(0 bytes read\)"),
    "inside a chunk": (CHUNKED + chunk(part(b"a")) + chunk(part(b"b"))[:-9],
                       r"IncompleteRead\(0 bytes read\)"),
    "no chunk": (CHUNKED + chunk(part(b"a")) + b"huh\r\n", r"IncompleteRead\(0 bytes read\)"),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_stream_that_is_cut_short_is_an_error_after_what_arrived(opened, how):
    raw, words = BROKEN[how]
    with Peer(answers(raw, then="close")) as peer:
        client = opened(peer)
        stream = invoke(client)
        seen = []
        with pytest.raises(ResponseStreamingError, match=words):
            seen.extend(stream)
        assert payloads(seen) == [b"a"]
        assert list(stream) == list(stream.iter_lines()) == []
        assert settled(client, open=0) == {"open": 0}


def test_the_whole_stream_cut_at_every_byte(opened):
    """Over real connections that end anywhere: never less than arrived, never a silent end."""
    frames = [part(b"one"), part(b""), part("\u20ac\n".encode())]
    data = b"".join(frames)
    ends = list(itertools.accumulate(map(len, frames), initial=0))

    def script(link):
        link.request()
        link.send(answer(data)[: -len(data)] + data[: link.number - 1])

    with Peer(script) as peer:
        client = opened(peer)
        for cut in range(len(data) + 1):
            seen = []
            if cut == len(data):
                seen.extend(invoke(client))
            else:
                with pytest.raises(ResponseStreamingError):
                    seen.extend(invoke(client))
            assert len(seen) == sum(end <= cut for end in ends) - 1


def test_a_reset_comes_after_what_arrived(opened):
    def script(link):
        link.request()
        link.send(CHUNKED + chunk(part(b"a") + part(b"b")) + chunk(part(b"c")[:20]))
        link.may_end.acquire(timeout=10)
        link.reset()

    with Peer(script) as peer:
        client = opened(peer)
        events = iter(invoke(client))
        seen = [next(events)]
        peer.requests[0].link.may_end.release()
        with pytest.raises(ResponseStreamingError):
            seen.extend(events)
        assert payloads(seen)[0] == b"a"
        assert payloads(seen) == [b"a", b"b"]


def stalling(link):
    link.request()
    link.send(CHUNKED + chunk(part(b"a")))
    link.stall()


def test_a_stalled_stream_times_out(opened):
    with Peer(stalling) as peer:
        client = opened(peer, read_timeout=SOON_SECONDS)
        stream = invoke(client)
        seen = []
        with pytest.raises(ReadTimeoutError):
            seen.extend(stream)
        assert payloads(seen) == [b"a"]
        assert settled(client, open=0) == {"open": 0}


def test_the_deadline_covers_the_stream(opened):
    def script(link):
        link.request()
        link.send(CHUNKED)
        with contextlib.suppress(OSError):  # the client's end
            while not link.peer.left.is_set():
                link.send(chunk(part(b"a")))
                time.sleep(0.02)

    with Peer(script) as peer:
        client = opened(peer, read_timeout=10).with_options(timeout=1.5)
        seen = []
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError, match=r"Deadline of 1\.5 s exceeded"):
            seen.extend(invoke(client))
        assert seen
        assert time.monotonic() - began < 15


@pytest.mark.blocking
def test_one_thread_reads_at_a_time(opened):
    with Peer(stalling) as peer:
        stream = invoke(opened(peer, read_timeout=2 * SOON_SECONDS))
        assert payloads(itertools.islice(stream, 1)) == [b"a"]
        barrier = threading.Barrier(2)
        outcomes = []

        def read():
            barrier.wait()
            try:
                list(stream)
            except Exception as error:
                outcomes.append((type(error), str(error)))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        words = "another thread is reading this stream"
        assert outcomes[0] == (RuntimeError, words)
        assert issubclass(outcomes[1][0], ReadTimeoutError)


def test_results_have_boto3s_keys(opened):
    headers = [
        TYPE,
        (b"X-Amzn-SageMaker-Content-Type", b"text/event-stream"),
        (b"x-Amzn-Invoked-Production-Variant", b"v"),
        (b"X-Amzn-SageMaker-Custom-Attributes", b"c"),
    ]
    with Peer(answers(answer(part(b"a"), headers=headers))) as peer:
        client = opened(peer)
        result = client.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"{}")
        assert list(result) == [
            "ResponseMetadata",
            "ContentType",
            "InvokedProductionVariant",
            "CustomAttributes",
            "Body",
        ]
        assert (result["ContentType"], result["CustomAttributes"]) == ("text/event-stream", "c")
        assert [attempt.status for attempt in result.attempts] == [200]
        kind = type(getattr(result["Body"], "_stream", result["Body"]))
        assert kind in (sagewire.EventStream, AsyncEventStream)
        result["Body"].close()
