"""The asyncio client in a child of a fork: a loop of its own, connections of its own."""

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.client.loops import LOOPS, client_of
from tests.support.peer import Peer, answer


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return LOOPS[request.param]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let a process with threads fork, as a program would: they are the peer's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def by_connection(link: Any) -> None:
    """Answer with the number of the connection, the second half when it is asked for."""
    while (request := link.request()) is not None:
        whole = answer(b"%s %d" % (request.body, link.number))
        if request.body == b"halves":
            link.send(whole[:-4])
            link.may_end.acquire(timeout=20)
            link.send(whole[-4:])
        else:
            link.send(whole)


async def call(client: Any, body: bytes) -> bytes:
    result = await client.invoke_endpoint(EndpointName="ep", Body=body)
    data: bytes = await result["Body"].read()
    return data


def in_child(run: Callable[[], None]) -> int:
    """Fork; return what the child's `os.waitpid` is to be asked for."""
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(1)
    return child


def ended_well(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_is_used_before_and_after_a_fork(new_loop: Any) -> None:
    """By parent, child and grandchild, by turns, over one connection each."""

    def run(loop: asyncio.AbstractEventLoop, main: Awaitable[bytes]) -> bytes:
        return loop.run_until_complete(main)  # type: ignore[arg-type]

    def descend(generations: int) -> None:
        # Three calls: connecting, the long way and the short one.
        loop = new_loop()
        for _ in range(3):
            own = run(loop, call(client, b"child"))
        assert client.pool.open == 1
        if generations:
            assert ended_well(in_child(lambda: descend(generations - 1)))
            assert run(loop, call(client, b"child")) == own
        run(loop, client.close())
        assert client.pool.open == 0

    with Peer(by_connection) as peer:
        client = client_of(peer)
        loop = new_loop()
        for _ in range(3):
            assert run(loop, call(client, b"parent")) == b"parent 1"
        for _ in range(3):
            assert ended_well(in_child(lambda: descend(1)))
            assert run(loop, call(client, b"parent")) == b"parent 1"
        assert client.pool.open == 1
        run(loop, client.close())
        loop.close()
        assert peer.connections == 1 + 3 * 2


def test_a_fork_inside_a_running_loop_leaves_the_parents_calls_alone(new_loop: Any) -> None:
    def descend() -> None:
        asyncio._set_running_loop(None)  # what a fork inside a task leaves behind
        loop = new_loop()
        for _ in range(3):
            own = loop.run_until_complete(call(client, b"child"))
            assert own != b"child 1"
        assert client.pool.open == 1

    async def main() -> None:
        assert await call(client, b"parent") == b"parent 1"
        halves = (await client.invoke_endpoint(EndpointName="ep", Body=b"halves"))["Body"]
        waiting = asyncio.ensure_future(halves.read())
        await asyncio.sleep(0)
        child = in_child(descend)
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, ended_well, child)
        assert client.pool.busy == 1
        peer.requests[1].link.may_end.release()
        assert await waiting == b"halves 1"
        assert await call(client, b"parent") == b"parent 1"
        await client.close()
        await loop.shutdown_default_executor()

    with Peer(by_connection) as peer:
        client = client_of(peer)
        loop = new_loop()
        loop.run_until_complete(main())
        loop.close()
        assert peer.connections == 2
