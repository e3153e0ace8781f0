"""What is cancelled, closed, failed or dropped leaves nothing behind."""

import asyncio
import contextlib
import gc
import os
import random
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

import sagewire
from sagewire.client import many_aio
from tests.client.loops import client_of, descriptors, echo
from tests.reactor.conftest import settle
from tests.support import frames
from tests.support.peer import Peer, answer


def kept() -> list[int]:
    """Count what calls are made of and has not gone, descriptors, and bytes of memory."""
    gc.collect()
    ours = [
        one
        for one in gc.get_objects()
        if str(type(one).__module__).split(".")[0] in ("sagewire", "asyncio", "_asyncio")
        or type(one).__name__ == "coroutine"
    ]
    # A loop keeps handles that are cancelled, until they are half of all that it has.
    ours = [one for one in ours if not (isinstance(one, asyncio.Handle) and one.cancelled())]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return [len(ours), descriptors(), pages * os.sysconf("SC_PAGE_SIZE")]


def test_cancelled_anywhere_the_client_goes_on(run: Any) -> None:
    """Whole calls beside those that are cancelled get their own answers; nothing is left busy."""

    async def main() -> None:
        chance = random.Random(20261124)
        async with client_of(peer) as client:

            async def call(number: int) -> None:
                sent = f"{number:06}".encode() * chance.choice((1, 200))
                result = await client.invoke_endpoint(EndpointName="ep", Body=sent)
                assert b"".join([piece async for piece in result["Body"]]) == sent * 2

            async def strike(number: int) -> None:
                task = asyncio.ensure_future(call(number))
                for _ in range(chance.randrange(14)):
                    await asyncio.sleep(0)
                if chance.random() < 0.4:
                    await asyncio.sleep(chance.random() * 0.002)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

            before: list[int] = []
            for start in range(0, 2000, 25):
                await asyncio.gather(*(strike(start + step) for step in range(25)))
                await call(start)
                if start == 200:
                    await client.close()
                    await asyncio.sleep(0.1)
                    before = kept()
            assert client.pool.busy == 0
            assert client.pool.open == client.pool.idle
            await client.close()
            await asyncio.sleep(0.1)
            most = [had + more for had, more in zip(before, (40, 60, 16 << 20), strict=True)]
            after = kept()
            assert all(has <= limit for has, limit in zip(after, most, strict=True)), after

    with Peer(echo) as peer:
        run(main)


@pytest.mark.parametrize("place", ["head", "body", "stream"])
def test_the_server_sees_a_cancelled_calls_end_within_50_ms(run: Any, place: str) -> None:
    seen: list[float] = []

    def script(link: Any) -> None:
        link.request()
        if place != "head":
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + frames.part(b"x"))
        link.ended_by_client()
        seen.append(time.perf_counter())

    async def main() -> None:
        delays = []
        async with client_of(peer) as client:

            async def call() -> None:
                if place == "stream":
                    result = await client.invoke_endpoint_with_response_stream(
                        EndpointName="ep", Body=b"x"
                    )
                    async for _ in result["Body"]:
                        pass
                else:
                    result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
                    await result["Body"].read()

            for number in range(20):
                task = asyncio.ensure_future(call())
                await settle(lambda: len(peer.requests) > number)  # noqa: B023 - looked at right here
                await asyncio.sleep(0.005)
                began = time.perf_counter()
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await settle(lambda: len(seen) > number)  # noqa: B023 - as above
                delays.append(seen[number] - began)
            assert client.pool.open == 0
        assert sorted(delays)[10] < 0.05
        assert max(delays) < 1.0  # whatever else the machine does

    with Peer(script) as peer:
        run(main)


def test_a_closed_client_holds_nothing_and_goes_on(run: Any) -> None:
    """Its poll descriptor included, although the client is still there."""

    async def main() -> None:
        gc.collect()  # what other tests have left is not to go meanwhile
        with Peer(echo) as peer:
            before = descriptors()
            client = client_of(peer)
            for _ in range(3):
                result = await client.invoke_endpoint(EndpointName="ep", Body=b"a")
                assert await result["Body"].read() == b"aa"
                await client.close()
                assert client.pool.open == 0
                peer.join()
                assert descriptors() == before

    run(main)


def test_closing_leaves_bodies_that_are_being_read_alone(run: Any) -> None:
    async def main() -> None:
        with Peer(echo) as peer:
            client = client_of(peer)
            body = (await client.invoke_endpoint(EndpointName="ep", Body=b"a" * 500_000))["Body"]
            await client.close()
            assert client.pool.busy == 1
            assert await body.read() == b"a" * 1_000_000
            await client.close()
            assert client.pool.open == 0

    run(main)


def test_a_call_that_has_failed_leaves_nothing(run: Any) -> None:
    def answers_once(link: Any) -> None:
        link.request()
        link.send(answer(b"x"))
        link.request()

    async def main() -> None:
        with Peer(answers_once) as peer:
            config = sagewire.Config(retries={"total_max_attempts": 1})
            client = client_of(peer, config=config)
            result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
            assert await result["Body"].read() == b"x"
            try:  # a new name goes the long way, over the idle connection
                await client.invoke_endpoint(EndpointName="other", Body=b"x")
            except sagewire.exceptions.ConnectionClosedError as error:
                gone = weakref.ref(error)
            await asyncio.sleep(0)  # the turn that woke this task still has it in hand
            gc.collect()
            assert gone() is None

    run(main)


def test_a_client_that_is_dropped_before_its_body_is_read_goes_with_that(run: Any) -> None:
    """Nothing looks now and then whether the body is read."""

    async def main() -> None:
        with Peer(echo) as peer:
            gc.collect()
            before = descriptors()
            client = client_of(peer)
            body = (await client.invoke_endpoint(EndpointName="ep", Body=b"a" * 500_000))["Body"]
            assert await body.read(10) == b"a" * 10
            gone = weakref.ref(client)
            del client
            gc.collect()
            assert gone() is None
            await asyncio.sleep(0.01)
            loop: Any = asyncio.get_running_loop()
            timers = [repr(handle) for handle in getattr(loop, "_scheduled", ())]
            assert not [timer for timer in timers if "_retire" in timer]
            assert len(await body.read()) == 999_990
            del body
            await settle(lambda: descriptors() <= before + 1)  # the peer's own end

    run(main)


def test_clients_that_are_dropped_leave_nothing_on_the_loop(run: Any) -> None:
    async def main() -> None:
        before = 0
        for number in range(30):
            client = client_of(peer)
            result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
            del client
            # A body outlives its client.
            assert await result["Body"].read() == b"xx"
            del result
            await asyncio.sleep(0.01)
            if number == 4:
                gc.collect()
                before = descriptors()
        # The peer is in this process, and has its end of each connection open for a moment.
        for _ in range(100):
            gc.collect()
            if descriptors() <= before + 10:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{descriptors()} descriptors, {before} before")

    with Peer(echo) as peer:
        run(main)


def test_a_call_that_is_slow_to_end_keeps_no_other_in_flight(run: Any) -> None:
    async def main() -> None:
        begun: list[bytes] = []
        cancelled: list[bytes] = []
        may_end = asyncio.Event()

        class Calls:
            async def invoke_endpoint(self, **arguments: Any) -> Any:
                begun.append(arguments["Body"])
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(arguments["Body"])
                    if len(cancelled) == 1:
                        await may_end.wait()
                    raise

        requests = [{"EndpointName": "ep", "Body": b"%d" % number} for number in range(50)]
        calls: Any = Calls()
        crew = many_aio.Crew(calls, many_aio.checked(requests, 40), 40)
        await settle(lambda: len(begun) == 40)
        ending = asyncio.ensure_future(crew.end())
        await settle(lambda: len(cancelled) == 40)
        assert not ending.done()
        may_end.set()
        await ending

    run(main)


@pytest.mark.parametrize("read", [True, False])
def test_bodies_that_outlive_their_loop_are_there_all_the_same(read: bool) -> None:
    with Peer(echo) as peer:
        client = client_of(peer, config=sagewire.Config(max_pool_connections=1))

        async def call() -> Any:
            calls = (client.invoke_endpoint(EndpointName="ep", Body=b"x") for _ in range(8))
            return [result["Body"] for result in await asyncio.gather(*calls)]

        bodies = asyncio.run(call())

        async def end() -> Any:
            return [await body.read() if read else body.close() for body in bodies]

        # More connections than are kept come back to a loop that has no alarm for them.
        assert asyncio.run(end()) == [b"xx" if read else None] * 8
