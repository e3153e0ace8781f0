"""Back-pressure, and what a turn of the loop may last."""

import asyncio
import threading
import time

from sagewire import implementation
from tests.reactor.conftest import Origin, read, settle
from tests.support.pauses import thread_clock
from tests.support.peer import Peer, answer, answers

MIB = 1 << 20


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
        assert before < 48
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
        await asyncio.sleep(0.3)
        assert not call.done()
        for link in links:
            link.may_end.release()
        assert await call == b"{}"

    links = []

    def remembered(link):
        links.append(link)
        script(link)

    with Peer(remembered, **server) as peer:
        run(main)


class Heart:
    """Beats on the loop, and remembers its longest pause in seconds."""

    def __init__(self):
        self.longest = 0.0

    async def __aenter__(self):
        self._task = asyncio.ensure_future(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_exception):
        self._task.cancel()

    async def _beat(self):
        last = thread_clock()
        while True:
            await asyncio.sleep(0)
            now = thread_clock()
            self.longest = max(self.longest, now - last)
            last = now


def test_large_bodies_do_not_keep_the_loop(run, origin):
    """A hundred megabytes go up and come down in slices; others have their turn in between."""
    server, settings = origin
    body = b"x" * (24 * MIB)

    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body))

    async def main():
        origin = Origin(peer, **settings)
        async with Heart() as heart:
            response = await origin.exchange(body)
            left = len(body)
            while left:
                data = await read(response, MIB)
                left -= len(data)
        # A slice is 256 KiB, a tenth of a millisecond plain; the bound is for a busy machine.
        assert heart.longest < 0.25

    with Peer(script, **server) as peer:
        run(main)


def test_a_hundred_handshakes_at_once_do_not_keep_the_loop(run, server_tls, trusting):
    async def main():
        trusting.load()
        origin = Origin(peer, scheme="https", tls=trusting, max_idle=100)
        async with Heart() as heart:
            found = await asyncio.gather(*(origin.call() for _ in range(100)))
        assert found == [b"{}"] * 100
        # The pure one leaves it to the loop, which takes all that are ready in one go.
        assert heart.longest < (1.0 if implementation == "native" else 2.5)

    with Peer(answers(answer(b"{}")), tls=server_tls) as peer:
        run(main)


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
