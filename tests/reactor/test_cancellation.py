"""Cancellation: the server sees the end soon, and nothing is left behind, wherever it strikes."""

import asyncio
import random
import time

import pytest

from tests.reactor.conftest import Origin, descriptors, read, settle
from tests.support.peer import Peer, answer

CANCELLATIONS = 1500


@pytest.mark.parametrize("place", ["connect", "head", "body", "upload"])
def test_the_server_sees_the_end_at_once(run, place, server_tls, trusting):
    seen = []

    def script(link):
        if place != "connect":  # else a handshake that never comes
            link.head()
        if place == "body":
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")
        if place == "upload":
            link.may_end.acquire(timeout=0.1)
        link.ended_by_client()
        seen.append(time.perf_counter())

    async def main():
        origin = Origin(peer, **settings)

        async def call():
            if place == "connect":
                await origin.take()
            await read(await origin.exchange(b"x" * (1 << 26) if place == "upload" else b"{}"))

        task = asyncio.ensure_future(call())
        await asyncio.sleep(0.2)
        cancelled = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert origin.pool.snapshot() == (0, 0, 0, 0)
        await settle(lambda: seen)
        # 50 ms are promised; the peer looks every 20 ms, and the machine may be busy.
        assert seen[0] - cancelled < 0.5

    settings = {"scheme": "https", "tls": trusting} if place == "connect" else {}
    with Peer(script) as peer:
        run(main)


def test_cancelled_anywhere_thousands_of_times(run, origin):
    """Whole calls run on beside those that are cancelled, and get their own answers."""
    server, settings = origin

    def script(link):
        while (request := link.request()) is not None:
            kind = request.body[:1]
            data = answer(request.body * 40)
            if kind == b"s":
                for place in range(0, len(data), 700):
                    link.send(data[place : place + 700])
            else:
                link.send(data)

    async def main():
        chance = random.Random(20261124)
        origin = Origin(peer, max_idle=16, **settings)
        before = descriptors()
        fates = {"cancelled": 0, "done": 0}

        async def call(number):
            kind = "sf"[number % 2]
            body = f"{kind}{number:06}".encode() * chance.choice((1, 3))
            response = await origin.exchange(body)
            data = b""
            while piece := await read(response, 512):
                data += piece
            assert data == body * 40

        async def strike(number):
            task = asyncio.ensure_future(call(number))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.003)
            task.cancel()
            try:
                await task
                fates["done"] += 1
            except asyncio.CancelledError:
                fates["cancelled"] += 1

        for start in range(0, CANCELLATIONS, 30):
            await asyncio.gather(*(strike(start + step) for step in range(30)))
            await call(start)
        assert fates["cancelled"] > CANCELLATIONS / 50
        await asyncio.sleep(0.05)
        is_open, busy, idle, waiting = origin.pool.snapshot()
        assert (busy, waiting) == (0, 0)
        assert is_open == idle <= 46
        while not origin.pool.close():
            pass
        await settle(lambda: descriptors() <= before + 5 + len(peer._sockets), 10.0)
        assert origin.pool.snapshot() == (0, 0, 0, 0)

    with Peer(script, **server) as peer:
        run(main)


@pytest.mark.parametrize("how", ["timeout", "wait_for", "dropped"])
def test_every_way_to_give_a_call_up(run, how):
    def silent(link):
        link.request()
        link.stall()

    async def main():
        origin = Origin(peer)
        if how == "wait_for":
            with pytest.raises((TimeoutError, asyncio.TimeoutError)):
                await asyncio.wait_for(origin.call(), 0.05)
        elif how == "timeout":
            if not hasattr(asyncio, "timeout"):
                pytest.skip("asyncio.timeout came with Python 3.11")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await origin.call()
        else:
            coroutine = origin.call()
            for _ in range(3):
                coroutine.send(None)
                await asyncio.sleep(0.05)
                if peer.requests:
                    break
            coroutine.close()
        await settle(lambda: origin.pool.snapshot() == (0, 0, 0, 0))

    with Peer(silent) as peer:
        run(main)


def test_cancelled_in_the_same_moment_as_the_answer(run):
    """The answer is there when the task is cancelled: nothing is resolved twice, nothing leaks."""

    def script(link):
        while link.request() is not None:
            link.send(answer(b"{}"))

    async def main():
        origin = Origin(peer)
        for turns in range(60):
            task = asyncio.ensure_future(origin.call())
            await settle(lambda: len(peer.requests) > turns)  # noqa: B023 - looked at right here
            for _ in range(turns % 12):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await settle(lambda: origin.pool.snapshot()[1] == 0)
        assert await origin.call() == b"{}"

    with Peer(script) as peer:
        run(main)
