"""The asyncio client: what only asyncio has, and loops in several threads."""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import sagewire
from sagewire.exceptions import IncompleteReadError, InvalidArgumentError, ParamValidationError
from sagewire.sigv4 import Credentials
from tests.client.loops import KEYS, client_of, echo
from tests.support.peer import Peer, answer


def test_a_body_has_aiobotocores_api(run: Any) -> None:
    async def main() -> None:
        async with client_of(peer) as client:

            async def body() -> Any:
                return (await client.invoke_endpoint(EndpointName="ep", Body=b"a\nb\r\n"))["Body"]

            assert await (await body()).read() == b"a\nb\r\na\nb\r\n"
            assert await (await body()).readlines() == [b"a", b"b", b"a", b"b"]
            assert [line async for line in (await body()).iter_lines(2)] == [b"a", b"b"] * 2
            assert [piece async for piece in (await body()).iter_chunks(6)] == [
                b"a\nb\r\na",
                b"\nb\r\n",
            ]
            assert [piece async for piece in await body()] == [b"a\nb\r\na\nb\r\n"]
            one = await body()
            assert await one.anext() == b"a\nb\r\na\nb\r\n"
            with pytest.raises(StopAsyncIteration):
                await one.anext()
            async with await body() as entered:
                buffer = bytearray(3)
                assert await entered.readinto(buffer) == 3
                assert (bytes(buffer), entered.tell()) == (b"a\nb", 3)
            await (await body()).aclose()
            for wrong in (iter, next):
                with pytest.raises(TypeError):
                    wrong(await body())

    with Peer(echo) as peer:
        run(main)


def test_a_body_that_ends_early_is_first_read_into_a_buffer(run: Any) -> None:
    """It ends where the piecewise read of a large buffer begins another piece."""
    data = os.urandom(1 << 18)

    def script(link: Any) -> None:
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + data)

    async def main() -> None:
        async with client_of(peer) as client:
            body = (await client.invoke_endpoint(EndpointName="ep", Body=b""))["Body"]
            buffer = bytearray(1 << 19)
            assert await body.readinto(buffer) == body.tell() == len(data)
            assert buffer.startswith(data)
            for _ in range(2):
                with pytest.raises(IncompleteReadError, match=r"262144 .* 300000"):
                    await body.readinto(buffer)

    with Peer(script) as peer:
        run(main)


def test_a_second_reader_of_a_body_leaves_the_first_one_alone(run: Any) -> None:
    def script(link: Any) -> None:
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal")
        assert go_on.wait(60)
        link.send(b"ves")

    async def main() -> None:
        async with client_of(peer) as client:
            body = (await client.invoke_endpoint(EndpointName="ep", Body=b""))["Body"]
            reading = asyncio.ensure_future(body.read())
            await asyncio.sleep(0.01)
            with pytest.raises(RuntimeError, match="another task is reading this body"):
                await body.read()
            go_on.set()
            assert await asyncio.wait_for(reading, 60) == b"halves"

    go_on = threading.Event()
    with Peer(script) as peer:
        run(main)


def test_a_concurrency_beyond_the_requests_costs_nothing(run: Any) -> None:
    async def main() -> None:
        async with client_of(peer) as client:
            requests = ({"EndpointName": "ep", "Body": b"%d" % n} for n in range(3))
            before = len(asyncio.all_tasks())
            many = client.invoke_many(requests, concurrency=10**12)
            async with contextlib.aclosing(many) as results:
                bodies = [(await results.__anext__())["Body"]]
                assert len(asyncio.all_tasks()) - before <= 4
                bodies += [result["Body"] async for result in results]
            assert bodies == [b"00", b"11", b"22"]

    with Peer(echo) as peer:
        run(main)


def test_one_client_for_several_loops_in_several_threads() -> None:
    problems: list[BaseException] = []

    def work() -> None:
        async def main() -> None:
            for _ in range(5):
                bodies = [os.urandom(6).hex().encode() for _ in range(8)]
                results = await asyncio.gather(
                    *(client.invoke_endpoint(EndpointName="ep", Body=body) for body in bodies)
                )
                for body, result in zip(bodies, results, strict=True):
                    assert await result["Body"].read() == body * 2
            await client.close()

        try:
            asyncio.run(main())
        except BaseException as problem:
            problems.append(problem)

    with Peer(echo) as peer:
        client = client_of(peer)  # made outside of any loop
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not problems
        assert client.pool.busy == 0
        work()  # and once more, on a loop that comes after the others
        assert not problems


def test_a_callable_that_gives_credentials_sees_the_context(run: Any) -> None:
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
    seen: list[str] = []

    def credentials() -> Credentials:
        seen.append(tenant.get())
        return Credentials("AKID", "secret")

    async def main() -> None:
        url = f"http://{peer.host}:{peer.port}"
        client = sagewire.async_client(
            region_name="us-east-1", endpoint_url=url, credentials=credentials
        )
        tenant.set("one")
        result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
        assert await result["Body"].read() == b"xx"
        await client.close()

    with Peer(echo) as peer:
        run(main)
    assert set(seen) == {"one"}


def test_a_proxy_whose_name_nobody_knows(run: Any) -> None:
    async def main() -> None:
        config = sagewire.Config(
            proxies={"http": "http://nobody.invalid:1"}, retries={"total_max_attempts": 1}
        )
        client = sagewire.async_client(endpoint_url="http://h.test", **KEYS, config=config)
        with pytest.raises(sagewire.exceptions.ProxyConnectionError, match=r"nobody\.invalid"):
            await client.invoke_endpoint(EndpointName="ep", Body=b"")

    run(main)


class TestInvokeMany:
    def test_in_order_and_lazily(self, run: Any) -> None:
        taken: list[int] = []

        def requests() -> Iterator[dict[str, Any]]:
            for number in range(100):
                taken.append(number)
                yield {"EndpointName": "ep", "Body": b"%d" % number}

        async def main() -> None:
            async with client_of(peer) as client:
                given = 0
                async for result in client.invoke_many(requests(), concurrency=4):
                    assert result["Body"] == b"%d" % given * 2
                    given += 1
                    assert len(taken) <= given + 8
                assert given == 100

        with Peer(echo) as peer:
            run(main)

    def test_as_they_end_from_an_asynchronous_iterable(self, run: Any) -> None:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            for number in range(30):
                await asyncio.sleep(0)
                yield {"EndpointName": "ep", "Body": b"%d" % number}

        async def main() -> None:
            async with client_of(peer) as client:
                many = client.invoke_many(requests(), concurrency=8, ordered=False)
                found = {result["Body"] async for result in many}
                assert found == {b"%d" % number * 2 for number in range(30)}

        with Peer(echo) as peer:
            run(main)

    def test_errors_are_raised_in_their_turn_or_returned(self, run: Any) -> None:
        requests = [{"EndpointName": "ep", "Body": b"a"}, {"Body": b"b"}, 5]

        async def main() -> None:
            async with client_of(peer) as client:
                many = client.invoke_many(requests, return_exceptions=True)
                first, second, third = [item async for item in many]
                assert first["Body"] == b"aa"
                assert isinstance(second, ParamValidationError)
                assert isinstance(third, InvalidArgumentError)
                many = client.invoke_many(requests)
                assert (await many.__anext__())["Body"] == b"aa"
                with pytest.raises(ParamValidationError):
                    await many.__anext__()
                assert client.pool.busy == 0

        with Peer(echo) as peer:
            run(main)

    @pytest.mark.parametrize("concurrency", [0, -1, True, "4"])
    def test_arguments_that_cannot_be(self, concurrency: Any) -> None:
        client = sagewire.async_client(**KEYS)
        with pytest.raises(InvalidArgumentError, match="concurrency"):
            client.invoke_many([], concurrency=concurrency)
        with pytest.raises(InvalidArgumentError, match="requests"):
            client.invoke_many(5)  # type: ignore[arg-type]

    def test_leaving_early_ends_what_is_in_flight(self, run: Any) -> None:
        def slow(link: Any) -> None:
            while (request := link.request()) is not None:
                if request.body != b"0":
                    link.stall()
                    return
                link.send(answer(b"{}"))

        requests = ({"EndpointName": "ep", "Body": b"%d" % number} for number in range(1000))

        async def main() -> None:
            async with client_of(peer) as client:
                async with contextlib.aclosing(client.invoke_many(requests, concurrency=8)) as many:
                    async for _ in many:
                        break
                assert client.pool.busy == 0

        with Peer(slow) as peer:
            run(main)
