"""How much begins in one round of the loop, and that whoever waits for a later one gets it."""

import asyncio
import time

import pytest

from tests.reactor.conftest import Origin
from tests.support.peer import Peer, answer, answers


@pytest.fixture
def origin():
    with Peer(answers(answer(b"{}"))) as peer:
        yield lambda: Origin(peer)


async def paced(pool, work):
    while (pause := pool.pause()) is not None and not await pause:
        pass
    return work()


def test_a_hundred_that_come_at_once_do_not_all_begin_in_one_round(run, origin):
    began = []

    async def main():
        pool = origin().pool
        rounds = [0]

        def work():
            until = time.perf_counter() + 0.0002
            while time.perf_counter() < until:
                pass
            began.append(rounds[0])

        async def count():
            while True:
                await asyncio.sleep(0)
                rounds[0] += 1

        counting = asyncio.ensure_future(count())
        await asyncio.gather(*(paced(pool, work) for _ in range(100)))
        counting.cancel()

    run(main)
    # Those of half a millisecond, and the last one.
    assert max(map(began.count, began)) <= 4
    assert len(set(began)) >= 25


def test_those_that_are_cancelled_are_passed_over(run, origin):
    async def main():
        pool = origin().pool
        tasks = [asyncio.ensure_future(paced(pool, lambda: time.sleep(0.0003))) for _ in range(100)]
        await asyncio.sleep(0)
        for task in tasks[10::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = run(main)
    assert found[:10] + found[11::2] == [None] * 55
    assert {type(one) for one in found[10::2]} == {asyncio.CancelledError}


def test_there_is_time_again_in_the_next_round(run, origin):
    async def main():
        pool = origin().pool
        assert pool.pause() is None
        time.sleep(0.002)  # noqa: ASYNC251 - it is the round that is used up
        waiting = pool.pause()
        assert waiting is not None
        await waiting
        for _ in range(3):
            await asyncio.sleep(0)
        assert pool.pause() is None

    run(main)


@pytest.mark.parametrize("comes_first", [True, False])
def test_other_work_in_each_round_does_not_make_them_go_one_by_one(run, origin, comes_first):
    async def main():
        pool = origin().pool
        rounds = [0]

        async def others():
            while True:
                until = time.perf_counter() + 0.002
                while time.perf_counter() < until:
                    pass
                rounds[0] += 1
                await asyncio.sleep(0)

        async def call():
            for _ in range(3):
                await paced(pool, lambda: None)
                await asyncio.sleep(0)

        working = [asyncio.ensure_future(others())] if comes_first else []
        calls = [asyncio.ensure_future(call()) for _ in range(60)]
        working += [] if comes_first else [asyncio.ensure_future(others())]
        await asyncio.gather(*calls)
        working[0].cancel()
        return rounds[0]

    # Each has come three times, and none of them has anything to do.
    assert run(main) < 45
