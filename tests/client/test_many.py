"""`invoke_many`: order, laziness, bounds, errors, and what an early end leaves behind."""

import collections.abc
import contextvars
import gc
import itertools
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

import sagewire
from sagewire.exceptions import InvalidArgumentError, ModelError, ParamValidationError
from tests.support.peer import Peer, answer, answers

BROKEN = answer(b'{"Message": "m"}', status=424, headers=[(b"x-amzn-ErrorType", b"ModelError")])
PATIENCE_SECONDS = 10


def client_of(peer, make=sagewire.client, **settings):
    retries = settings.pop("retries", {"total_max_attempts": 1})
    return make(
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{peer.port}",
        aws_access_key_id="AKID",
        aws_secret_access_key="SECRET",
        config=sagewire.Config(retries=retries, **settings),
    )


@pytest.fixture
def opened(clean_environment, make_client):
    made = []

    def client(peer, **settings):
        made.append(client_of(peer, make_client, **settings))
        return made[-1]

    yield client
    for each in made:
        each.close()


def echo(link):
    """Answer every request with its own body."""
    while (request := link.request()) is not None:
        link.send(answer(request.body))


def numbered(count):
    return ({"EndpointName": "e", "Body": b"%d" % number} for number in range(count))


def our_threads():
    return [each for each in threading.enumerate() if each.name.startswith("sagewire-many")]


def eventually(what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


@pytest.mark.parametrize("concurrency", [1, 2, 16, 64])
def test_results_come_in_order_with_their_bodies_read(opened, concurrency):
    with Peer(echo) as peer:
        client = opened(peer)
        results = list(client.invoke_many(numbered(100), concurrency=concurrency))
        assert [result["Body"] for result in results] == [b"%d" % n for n in range(100)]
        assert list(results[0]) == ["ResponseMetadata", "Body"]
        assert [attempt.status for attempt in results[0].attempts] == [200]
        assert peer.connections <= concurrency
        assert our_threads() == []
        assert client.pool.busy == 0


def test_one_that_is_late_holds_the_others_back_only_in_order(opened):
    may_answer = threading.Event()

    def script(link):
        while (request := link.request()) is not None:
            if request.body == b"0":
                assert may_answer.wait(PATIENCE_SECONDS)
            link.send(answer(request.body))

    with Peer(script) as peer:
        client = opened(peer)
        seen = []
        for result in client.invoke_many(numbered(4), concurrency=4, ordered=False):
            seen.append(result["Body"])
            if len(seen) == 3:
                may_answer.set()
        assert seen[-1] == b"0"
        assert sorted(seen) == [b"0", b"1", b"2", b"3"]
        may_answer.clear()
        results = client.invoke_many(numbered(4), concurrency=4)
        threading.Timer(0.2, may_answer.set).start()
        assert [result["Body"] for result in results] == [b"0", b"1", b"2", b"3"]


def test_no_more_than_concurrency_are_in_flight_and_all_of_them_are(opened):
    now, most, lock = [0], [0], threading.Lock()
    full = threading.Barrier(5)

    def script(link):
        while (request := link.request()) is not None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            if int(request.body) < 5:
                full.wait(PATIENCE_SECONDS)
            with lock:
                now[0] -= 1
            link.send(answer(b""))

    with Peer(script) as peer:
        assert len(list(opened(peer).invoke_many(numbered(60), concurrency=5))) == 60
    assert most[0] == 5


def test_requests_are_taken_as_results_are_and_by_the_same_thread(opened):
    taken, users = [], set()

    def endless():
        for number in itertools.count():
            users.add(threading.get_ident())
            taken.append(number)
            yield {"EndpointName": "e", "Body": b"x"}

    with Peer(echo) as peer:
        results = opened(peer).invoke_many(endless(), concurrency=3)
        assert taken == []
        for given in range(1, 50):
            next(results)
            assert len(taken) <= given + 6
        results.close()
    assert users == {threading.get_ident()}
    assert our_threads() == []


@pytest.mark.usefixtures("clean_environment")
def test_a_client_that_is_collected_closes_its_connections_silently():
    # As boto3's does, whatever of it the collector meets first, hence some rounds. A socket that
    # nobody closed would warn, and warnings are errors here.
    with Peer(echo) as peer:
        for number in range(60):
            if number % 3 == 0:
                gc.collect()
            results = client_of(peer).invoke_many(numbered(3), concurrency=2)
            assert [result["Body"] for result in results] == [b"0", b"1", b"2"]
            del results
        gc.collect()


def test_nothing_to_do(opened):
    with Peer(echo) as peer:
        assert list(opened(peer).invoke_many([])) == []
        assert peer.connections == 0
    assert our_threads() == []


def failing(link):
    while (request := link.request()) is not None:
        link.send(BROKEN if request.body == b"3" else answer(request.body))


def test_an_error_is_raised_when_its_turn_has_come(opened):
    with Peer(failing) as peer:
        seen = []
        with pytest.raises(ModelError, match=r"\(ModelError\)") as raised:
            seen.extend(opened(peer).invoke_many(numbered(100), concurrency=4))
        assert [result["Body"] for result in seen] == [b"0", b"1", b"2"]
        assert [attempt.status for attempt in raised.value.attempts] == [424]
    assert our_threads() == []


@pytest.mark.parametrize("ordered", [True, False])
def test_errors_in_the_place_of_results(opened, ordered):
    requests = [*numbered(6), {"EndpointName": "e"}, {"Body": b"x", "EndpointName": 5}, 7]
    with Peer(failing) as peer:
        results = list(
            opened(peer).invoke_many(
                requests, concurrency=3, ordered=ordered, return_exceptions=True
            )
        )
    kinds = [
        next(kind for kind in (ModelError, ParamValidationError, InvalidArgumentError, dict)
             if isinstance(result, kind))
        for result in results
    ]  # fmt: skip
    expected = [dict] * 3 + [ModelError] + [dict] * 2
    expected += [ParamValidationError] * 2 + [InvalidArgumentError]
    if not ordered:
        kinds.sort(key=repr)
        expected.sort(key=repr)
    assert kinds == expected
    [wrong] = [result for result in results if isinstance(result, InvalidArgumentError)]
    assert str(wrong) == (
        "requests: number 8, counted from 0, is int; "
        "allowed: mappings of invoke_endpoint's keyword arguments"
    )


def test_an_error_of_the_iterable_comes_after_the_results_before_it(opened):
    def requests():
        yield from numbered(3)
        raise LookupError("no more")

    with Peer(echo) as peer:
        seen = []
        with pytest.raises(LookupError, match="no more"):
            seen.extend(opened(peer).invoke_many(requests(), concurrency=2))
        assert [result["Body"] for result in seen] == [b"0", b"1", b"2"]
    assert our_threads() == []


class Ends:
    """Counts the connections that the client has ended."""

    def __init__(self):
        self.waiting = 0
        self.ended = 0
        self._lock = threading.Lock()

    def script(self, link):
        while (request := link.request()) is not None:
            if request.body == b"0":
                link.send(answer(b"0"))
                continue
            with self._lock:
                self.waiting += 1
            how = link.ended_by_client()
            with self._lock:
                self.ended += how in ("closed", "reset")
            return


@pytest.mark.parametrize("how", ["break", "close", "error", "drop"])
def test_leaving_early_ends_what_is_in_flight(opened, how):
    # To ask for the pool turns an asyncio client's loop.
    ends = Ends()
    with Peer(ends.script) as peer:
        client = opened(peer, read_timeout=60)
        results = client.invoke_many(numbered(50), concurrency=8)
        began = time.monotonic()
        if how == "error":

            def consume():
                for _ in results:
                    eventually(lambda: client.pool.busy == ends.waiting == 8)
                    raise KeyError("mine")

            with pytest.raises(KeyError):
                consume()
            results.close()
        else:
            for result in results:
                assert result["Body"] == b"0"
                eventually(lambda: client.pool.busy == ends.waiting == 8)
                break
            if how == "close":
                results.close()
            del results
        # Nobody waited for a time-out, and nothing is left.
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert our_threads() == []
        eventually(lambda: client.pool.busy == 0 and ends.ended == 8)
        assert client.pool.busy == 0
        assert len(peer.requests) == 9
        # The client goes on.
        assert client.invoke_endpoint(EndpointName="e", Body=b"0")["Body"].read() == b"0"


@pytest.mark.blocking  # the call is another thread's
def test_an_innocent_call_of_the_same_client_is_left_alone(opened):
    ends = Ends()

    def script(link):
        request = link.request()
        if request is None:
            return  # ended before it had been sent
        if request.body == b"other":
            link.may_end.acquire(timeout=PATIENCE_SECONDS)
            link.send(answer(b"fine"))
        else:
            ends.script_after(link, request)

    def after(link, request):
        if request.body == b"0":
            link.send(answer(b"0"))
            ends.script(link)
        else:
            ends.waiting += 1
            link.stall()

    ends.script_after = after
    with Peer(script) as peer:
        client = opened(peer, read_timeout=60)
        outcome = []

        def other():
            outcome.append(client.invoke_endpoint(EndpointName="e", Body=b"other")["Body"].read())

        thread = threading.Thread(target=other)
        thread.start()
        eventually(lambda: len(peer.requests) == 1)
        results = client.invoke_many(numbered(3), concurrency=2)
        next(results)
        results.close()
        peer.requests[0].link.may_end.release()
        thread.join(PATIENCE_SECONDS)
        assert outcome == [b"fine"]


def test_leaving_early_ends_a_wait_between_two_attempts(opened):
    with Peer(answers(answer(b"", status=503))) as peer:
        client = opened(peer, retries={"total_max_attempts": 4})
        client._ambient.uniform = lambda: 1e6
        requests = itertools.chain([{"EndpointName": "e", "Body": 5}], numbered(4))
        began = time.monotonic()
        with pytest.raises(ParamValidationError):
            list(client.invoke_many(requests, concurrency=5))
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert our_threads() == []


ALLOWED = "allowed: iterables of mappings, each the keyword arguments of invoke_endpoint"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"concurrency": 0}, "concurrency: it is 0; allowed: integers from 1"),
        ({"concurrency": True}, "concurrency: it is True; allowed: integers from 1"),
        ({"concurrency": 1.5}, "concurrency: it is 1.5; allowed: integers from 1"),
        ({"requests": 5}, f"requests: it is int; {ALLOWED}"),
        ({"requests": {"EndpointName": "e"}}, f"requests: it is dict; {ALLOWED}"),
    ],
)
def test_bad_input_is_refused_at_once(given, words):
    client = sagewire.client(region_name="us-east-1")
    with pytest.raises(InvalidArgumentError) as raised:
        client.invoke_many(**{"requests": [], **given})
    assert str(raised.value) == words


def test_views_and_contexts_reach_the_calls(opened):
    spans = contextvars.ContextVar("spans")
    spans.set("outer")
    seen = []

    class Request(collections.abc.Mapping):
        def __iter__(self):
            seen.append(spans.get())
            return iter(("EndpointName", "Body"))

        def __len__(self):
            return 2

        def __getitem__(self, name):
            return {"EndpointName": "e", "Body": b"1"}[name]

    with Peer(echo) as peer:
        view = opened(peer).with_options(extra_headers={"X-Team": "a"})
        requests = [Request(), Request()]
        assert len(list(view.invoke_many(requests, concurrency=2))) == 2
        assert {request.header(b"X-Team") for request in peer.requests} == {b"a"}
    assert set(seen) == {"outer"}


def test_what_waits_in_the_queue_is_signed_when_it_is_sent(opened):
    """Behind four connections, while the clock goes on for many minutes."""
    clock, late, lock = [1_700_000_000], [], threading.Lock()

    def script(link):
        while (request := link.request()) is not None:
            stamp = request.header(b"X-Amz-Date").decode() + "+0000"
            signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ%z").timestamp()
            with lock:
                late.append(clock[0] - signed)
                clock[0] += 1
            link.send(answer(b""))

    with Peer(script) as peer:
        client = opened(peer)
        client._ambient.now = lambda: float(clock[0])
        assert sum(1 for _ in client.invoke_many(numbered(2_000), concurrency=4)) == 2_000
    assert clock[0] == 1_700_002_000
    assert max(late) < 60


PROGRAM = """
import os, sys, threading
sys.path.insert(0, {root!r})
from tests.support.peer import Peer, answer
import sagewire

def script(link):
    while (request := link.request()) is not None:
        if request.body == b"slow":
            link.stall()
        link.send(answer(request.body))

peer = Peer(script).__enter__()
client = sagewire.client(
    region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{{peer.port}}",
    aws_access_key_id="AKID", aws_secret_access_key="SECRET",
)
{body}
"""
ROOT = str(Path(__file__).resolve().parents[2])


def run(body):
    program = PROGRAM.format(root=ROOT, body=body)
    return subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )


def test_an_interpreter_that_exits_with_calls_in_flight_exits():
    ended = run(
        """
requests = [{"EndpointName": "e", "Body": body} for body in (b"a", b"slow", b"slow")]
results = client.invoke_many(requests, concurrency=3)
print(next(results)["Body"])
"""
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "b'a'\n", "")


def test_a_child_does_not_go_on_with_its_parents_calls():
    ended = run(
        """
requests = ({"EndpointName": "e", "Body": b"a"} for _ in range(40))
results = client.invoke_many(requests, concurrency=2)
next(results)
child = os.fork()
if child == 0:
    try:
        list(results)
    except RuntimeError as error:
        os.write(1, str(error).encode())
        os._exit(0)
    os._exit(1)
print(os.waitpid(child, 0)[1], len(list(results)))
peer.__exit__(None, None, None)
"""
    )
    assert ended.stdout == "invoke_many was begun in the parent of this process0 39\n", ended
