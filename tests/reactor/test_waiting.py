"""What a task that waits for an operation can count on, as it can with a future of asyncio's."""

import asyncio
import contextvars

import pytest

from sagewire import implementation
from tests.reactor.conftest import URL, Origin, read, settle
from tests.support.peer import Peer, answer


def slow(link):
    """Answer so many milliseconds later as the body says."""
    while (request := link.request()) is not None:
        link.peer.left.wait(int(request.body) / 1000)
        link.send(answer(request.body))


def test_tasks_go_on_in_their_own_contexts(run):
    number = contextvars.ContextVar("number")

    async def main():
        origin = Origin(peer, max_idle=32)

        async def work(mine):
            number.set(mine)
            for _ in range(3):
                assert await origin.call(b"1") == b"1"
                assert number.get() == mine
                assert asyncio.current_task() is tasks[mine]

        tasks = [asyncio.ensure_future(work(mine)) for mine in range(32)]
        await asyncio.gather(*tasks)

    with Peer(slow) as peer:
        run(main)


def test_a_task_that_ends_the_program_leaves_the_others_their_answers(run):
    """All answers come in one turn, and the first task ends the loop's run there and then."""
    tasks = []

    async def work(origin, last_words):
        body = await origin.call(b"30")
        if last_words:
            raise KeyboardInterrupt
        return body

    async def main():
        origin = Origin(peer, max_idle=8)
        await asyncio.gather(*(origin.call(b"0") for _ in range(8)))
        tasks.extend(asyncio.ensure_future(work(origin, number == 0)) for number in range(8))
        await asyncio.wait(tasks)

    with Peer(slow) as peer, pytest.raises(KeyboardInterrupt):
        run(main)
    assert isinstance(tasks[0].exception(), KeyboardInterrupt)
    # Those whose answer was there got it, the others were cancelled with the loop: none hangs.
    assert all(task.done() for task in tasks)


@pytest.mark.skipif(implementation != "native", reason="the pure one's coroutines are Python's own")
def test_it_has_the_manners_of_a_future(run):
    told = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, told_of: told.append(told_of))
        origin = Origin(peer)
        connection = origin.pool.dial([(peer.host, peer.port)], 0.0, URL, None)
        await connection.connected()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
        wait = connection.exchange(head, b"20", None)
        assert asyncio.isfuture(wait)
        assert asyncio.ensure_future(wait) is wait
        assert wait.get_loop() is loop
        assert not wait.done()
        assert not wait.cancelled()
        for early in (wait.result, wait.exception):
            with pytest.raises(asyncio.InvalidStateError):
                early()
        called = []
        variable = contextvars.ContextVar("variable", default="outside")
        context = contextvars.copy_context()
        context.run(variable.set, "inside")

        def unwanted(_wait):
            called.append("unwanted")

        def bad(_wait):
            raise ValueError("a callback's own")

        wait.add_done_callback(lambda _wait: called.append(variable.get()), context=context)
        wait.add_done_callback(unwanted)
        wait.add_done_callback(bad)
        wait.add_done_callback(lambda done: called.append(done is wait))
        assert wait.remove_done_callback(unwanted) == 1
        assert wait.remove_done_callback(unwanted) == 0
        response = await asyncio.wait_for(asyncio.shield(wait), 5)
        assert wait.done()
        assert wait.exception() is None
        assert wait.result() is response
        assert called == ["inside", True]
        assert [type(one["exception"]) for one in told] == [ValueError]
        late = []
        wait.add_done_callback(late.append)
        assert not late
        await settle(lambda: late == [wait])
        assert not wait.cancel()
        assert await read(response) == b"20"

    with Peer(slow) as peer:
        run(main)


@pytest.mark.skipif(implementation != "native", reason="the pure one's coroutines are Python's own")
@pytest.mark.parametrize("how", ["cancel", "close"])
def test_giving_it_up_ends_the_connection(run, how):
    def silent(link):
        link.request()
        fates.append(link.stall())

    async def main():
        origin = Origin(peer)
        connection = origin.pool.dial([(peer.host, peer.port)], 0.0, URL, None)
        await connection.connected()
        wait = connection.exchange(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"", None)
        await settle(lambda: peer.requests)
        called = []
        wait.add_done_callback(called.append)
        if how == "cancel":
            assert wait.cancel("because")
            assert not wait.cancel()
            with pytest.raises(asyncio.CancelledError, match="because"):
                wait.result()
        else:
            wait.close()
            wait.close()
        assert wait.cancelled()
        with pytest.raises(asyncio.CancelledError):
            wait.exception()
        with pytest.raises(asyncio.CancelledError):
            await wait
        assert not called or how == "close"
        if how == "cancel":
            await settle(lambda: called == [wait])
        assert origin.pool.snapshot() == (0, 0, 0, 0)
        await settle(lambda: fates)

    fates = []
    with Peer(silent) as peer:
        run(main)


@pytest.mark.skipif(implementation != "native", reason="the pure one's coroutines are Python's own")
def test_a_callback_that_cannot_be_compared_leaves_the_others_where_they_are(run):
    class Strange:
        def __call__(self, _wait):
            told.append("strange")

        def __eq__(self, _other):
            raise ZeroDivisionError

        __hash__ = None

    told = []

    async def main():
        origin = Origin(peer)
        connection = await origin.take()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
        wait = connection.exchange(head, b"5", None)
        wait.add_done_callback(lambda _wait: told.append("first"))
        wait.add_done_callback(Strange())
        wait.add_done_callback(lambda _wait: told.append("last"))
        with pytest.raises(ZeroDivisionError):
            wait.remove_done_callback(print)
        await wait
        await settle(lambda: len(told) == 3)
        assert told == ["first", "strange", "last"]

    with Peer(slow) as peer:
        run(main)
