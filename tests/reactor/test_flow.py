"""Back-pressure, and what a turn of the loop may last."""

import asyncio
import threading
import time

import pytest

from tests.reactor.conftest import LOOPS, Origin, read, run_on, settle
from tests.support.pauses import Heart, least
from tests.support.peer import Peer, answer, answers
from tests.support.received import taken

MIB = 1 << 20
# Seconds of the loop's thread for all that it does in one round, and what they become where other
# threads are on the same core.
AT_MOST = 0.001
SHARED_CORE = 2


@pytest.fixture(params=["asyncio", "uvloop"])
def kept(request):
    """Make sure that the loop is not kept by what a coroutine function does.

    A debugging loop, which notes for each handle where it was made, is kept by that.
    """

    async def beating(main):
        async with Heart() as heart:
            await main()
        return heart.longest

    def measured(main):
        found = least(lambda: run_on(LOOPS[request.param], lambda: beating(main)), AT_MOST)
        assert found < AT_MOST * SHARED_CORE

    return measured


def test_a_consumer_that_stops_reading_stops_the_server(run, origin):
    """Beyond what the system's own buffers take, nothing is taken off the wire."""
    server, settings = origin
    whole = 96 * MIB
    sent = [0]

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % whole)
        for _ in range(whole // MIB):
            link.send(b"x" * MIB)
            sent[0] += 1

    async def main():
        response = await Origin(peer, **settings).exchange()
        assert await read(response, 10) == b"x" * 10
        await asyncio.sleep(0.3)
        before = sent[0]
        await asyncio.sleep(0.3)
        assert sent[0] == before, "the server goes on although nobody reads"
        assert taken(peer.port) <= 10 + 65_536, "more than a buffer has been taken off the wire"
        left = whole - 10
        while left:
            data = await read(response, 4 * MIB)
            assert data
            left -= len(data)

    with Peer(script, **server) as peer:
        run(main)


def test_a_server_that_stops_reading_stops_the_upload(run, origin):
    server, settings = origin
    body = b"x" * (64 * MIB)

    def script(link):
        link.head()
        link.may_end.acquire(timeout=10)
        link.read_some(len(body))
        link.send(answer(b"{}"))
        link.stall()

    async def main():
        origin = Origin(peer, **settings)
        call = asyncio.ensure_future(origin.call(body))
        await settle(lambda: links)
        await asyncio.sleep(0.3)
        assert not call.done()
        links[0].may_end.release()
        assert await call == b"{}"

    links = []

    def remembered(link):
        links.append(link)
        script(link)

    with Peer(remembered, **server) as peer:
        run(main)


def test_large_bodies_do_not_keep_the_loop(kept, origin):
    """Many megabytes go up and come down in slices; others have their turn in between."""
    server, settings = origin
    body = b"x" * (24 * MIB)

    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body))

    async def main():
        response = await Origin(peer, **settings).exchange(body)
        left = len(body)
        while left:
            left -= len(await read(response, MIB // 4))

    with Peer(script, **server) as peer:
        kept(main)


def test_a_hundred_handshakes_at_once_do_not_keep_the_loop(kept, server_tls, trusting):
    async def main():
        origin = Origin(peer, scheme="https", tls=trusting, max_idle=100)

        async def call():
            while (pause := origin.pool.pause()) is not None and not await pause:
                pass
            return await origin.call()

        found = await asyncio.gather(*(call() for _ in range(100)))
        assert found == [b"{}"] * 100

    trusting.load()
    with Peer(answers(answer(b"{}")), tls=server_tls, backlog=1024) as peer:
        kept(main)


def test_an_answer_wakes_its_task_soon(run):
    """The time between the server's answer and the task that waits for it."""
    said = []

    def script(link):
        while link.request() is not None:
            threading.Event().wait(0.02)
            said.append(time.perf_counter())
            link.send(answer(b"{}"))

    async def main():
        origin = Origin(peer)
        delays = []
        for _ in range(20):
            await origin.call()
            delays.append(time.perf_counter() - said[-1])
        await settle(lambda: True)
        assert sorted(delays)[10] < 0.01

    with Peer(script) as peer:
        run(main)
