"""Loops of every kind: several at once, closed with calls in flight, in a child of a fork."""

import asyncio
import gc
import os
import threading
import warnings
import weakref

import pytest

from sagewire._impl import reactor
from sagewire.exceptions import ConnectionClosedError, ResponseStreamingError
from tests.reactor.conftest import LOOPS, Origin, descriptors, read, run_on, settle
from tests.support.peer import Peer, answer, answers

OK = answer(b"{}")


def echo(link):
    while (request := link.request()) is not None:
        link.send(answer(request.body * 2))


def silent(link):
    link.request()
    link.stall()


def test_many_tasks_get_their_own_answers(run, origin):
    server, settings = origin

    async def main():
        origin = Origin(peer, max_idle=64, **settings)

        async def work(name):
            for number in range(5):
                body = f"{name}-{number};".encode()
                assert await origin.call(body) == body * 2

        await asyncio.gather(*(work(name) for name in range(64)))
        assert origin.pool.snapshot()[1] == 0
        assert peer.connections <= 64

    with Peer(echo, **server) as peer:
        run(main)


def test_a_burst_finds_its_connections_again_and_the_surplus_goes(run):
    async def main():
        origin = Origin(peer, max_idle=2)
        for _ in range(3):
            await asyncio.gather(*(origin.call() for _ in range(20)))
        assert peer.connections == 20
        assert origin.pool.snapshot() == (20, 0, 20, 0)
        await settle(lambda: origin.pool.snapshot() == (2, 0, 2, 0))
        await origin.call()
        assert peer.connections == 20

    with Peer(answers(OK)) as peer:
        run(main)


def test_a_pool_that_keeps_none(run):
    async def main():
        origin = Origin(peer, max_idle=0)
        await origin.call()
        assert origin.pool.snapshot() == (0, 0, 0, 0)
        await origin.call()
        assert peer.connections == 2

    with Peer(answers(OK)) as peer:
        run(main)


def test_the_loop_hears_of_an_idle_connection_that_ends(run, origin):
    server, settings = origin

    def script(link):
        link.request()
        link.send(OK)
        link.may_end.acquire(timeout=10)
        link.close()

    async def main():
        origin = Origin(peer, **settings)
        await origin.call()
        assert origin.pool.snapshot() == (1, 0, 1, 0)
        peer.requests[0].link.may_end.release()
        await settle(lambda: origin.pool.snapshot() == (0, 0, 0, 0))

    with Peer(script, **server) as peer:
        run(main)


def test_several_loops_in_several_threads():
    problems = []

    def work(make_loop):
        async def main():
            origin = Origin(peer, max_idle=8)
            for _ in range(10):
                bodies = [os.urandom(8).hex().encode() for _ in range(8)]
                found = await asyncio.gather(*(origin.call(body) for body in bodies))
                assert found == [body * 2 for body in bodies]

        try:
            run_on(make_loop, main)
        except BaseException as problem:
            problems.append(problem)

    with Peer(echo) as peer:
        threads = [threading.Thread(target=work, args=(make,)) for make in [*LOOPS.values()] * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not problems


@pytest.mark.parametrize("place", ["head", "body"])
def test_a_loop_that_is_closed_with_calls_in_flight(place):
    """Nothing is said, nothing is left: neither descriptors nor the loop itself."""

    def script(link):
        link.request()
        if place == "body":
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")
        fates.append(link.stall())

    fates = []

    async def forever(origin):
        await read(await origin.exchange())

    def abandoned():
        loop = asyncio.new_event_loop()

        async def main():
            origin = Origin(peer)
            tasks = [asyncio.ensure_future(forever(origin)) for _ in range(5)]
            await settle(lambda: len(peer.requests) == 5)
            await asyncio.sleep(0.05)
            return origin, tasks

        origin, tasks = loop.run_until_complete(main())
        for task in tasks:
            task._log_destroy_pending = False
        loop.close()
        origin.pool.abandon()
        Origin.made.remove(origin.pool)
        return weakref.ref(loop)

    with Peer(script) as peer:
        before = descriptors()
        gone = abandoned()
        gc.collect()
        assert gone() is None
        peer.join()
        assert len(fates) == 5
        assert set(fates) <= {"closed", "reset"}
    assert descriptors() <= before


def test_a_child_of_a_fork_starts_a_loop_of_its_own():
    """The parent's connections, and its loop, go on; nothing is said on them."""
    kept = []

    async def in_parent():
        origin = Origin(peer)
        await origin.call()
        busy = await origin.exchange(b"half")
        kept.append((origin, busy))
        child = os.fork()
        if child == 0:
            os._exit(in_child())
        ended = await asyncio.get_running_loop().run_in_executor(None, os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(ended[1]) == 0
        assert await read(busy) == b"halfhalf"
        assert origin.pool.take_idle("").reused

    def in_child():
        asyncio._set_running_loop(None)
        origin, busy = kept.pop()
        busy.close()
        origin.pool.abandon()
        del origin, busy
        gc.collect()

        async def main():
            return await Origin(peer).call(b"x")

        return 0 if run_on(asyncio.new_event_loop, main) == b"xx" else 1

    with Peer(echo) as peer, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        run_on(asyncio.new_event_loop, in_parent)


def test_a_child_of_a_fork_is_refused_what_its_parent_waits_for():
    """What is on the wire is the parent's, whoever asks first."""

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        go_on.wait(10)
        link.send(b"two")
        link.stall()

    async def in_parent():
        origin = Origin(peer)
        response = await origin.exchange()
        assert await read(response, 3) == b"one"
        go_on.set()
        child = os.fork()
        if child == 0:
            os._exit(in_child(response))
        ended = await asyncio.get_running_loop().run_in_executor(None, os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(ended[1]) == 0
        assert await read(response) == b"two"

    def in_child(response):
        asyncio._set_running_loop(None)
        try:
            run_on(asyncio.new_event_loop, lambda: read(response))
        except ResponseStreamingError as error:
            return 0 if "belongs to the parent" in str(error) else 2
        return 1

    go_on = threading.Event()
    with Peer(script) as peer, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        run_on(asyncio.new_event_loop, in_parent)


def test_closing_a_body_fails_the_read_that_waits_for_it(run):
    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")
        link.stall()

    async def main():
        origin = Origin(peer)
        response = await origin.exchange()
        reading = asyncio.ensure_future(read(response))
        await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="another task is reading this body"):
            await response.read()
        response.close()
        with pytest.raises(ConnectionClosedError):
            await reading
        assert origin.pool.snapshot() == (0, 0, 0, 0)

    with Peer(script) as peer:
        run(main)


def test_an_https_origin_needs_settings():
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="tls: an https origin needs TlsSettings"):
        reactor.Pool(loop, "https", "127.0.0.1", 443)
    loop.close()


def test_waiting_costs_the_loop_nothing(run):
    """Sixty-four calls wait; the loop turns no more often than it is made to."""

    async def main():
        origin = Origin(peer)
        waiting = [asyncio.ensure_future(origin.exchange()) for _ in range(64)]
        await settle(lambda: len(peer.requests) == 64)
        start = os.times()
        await asyncio.sleep(0.5)
        spent = os.times().user + os.times().system - start.user - start.system
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert spent < 0.25  # the peer's own threads poll fifty times a second

    def quiet(link):
        link.request()
        link.peer.left.wait(20)

    with Peer(quiet) as peer:
        run(main)
