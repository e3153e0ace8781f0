"""The asyncio client: cancellation, loops, what may hang, and what only asyncio has."""

import asyncio
import contextlib
import contextvars
import gc
import os
import random
import socket
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

import sagewire
from sagewire.client import looping
from sagewire.exceptions import InvalidArgumentError, NoCredentialsError, ParamValidationError
from sagewire.sigv4 import Credentials
from tests.reactor.conftest import settle
from tests.support import frames
from tests.support.pauses import Heart, least, thread_clock
from tests.support.peer import Peer, answer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKID",
    "aws_secret_access_key": "secret",
}
# As long as a hang lasts; the promise is about five seconds, and nothing depends on the number.
HANG_SECONDS = 1.0


def echo(link: Any) -> None:
    while (request := link.request()) is not None:
        link.send(answer(request.body * 2))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    """Run a coroutine function on a new loop of either kind."""
    make = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[request.param]

    def runner(main: Any) -> Any:
        loop = make()
        try:
            return loop.run_until_complete(main())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    return runner


def client_of(peer: Any, **options: Any) -> Any:
    url = f"http://{peer.host}:{peer.port}"
    return sagewire.async_client(endpoint_url=url, **{**KEYS, **options})


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


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


async def beats(until: "asyncio.Future[Any]") -> float:
    """Beat every millisecond until something is done; return the longest pause in seconds."""
    longest, last = 0.0, thread_clock()
    while not until.done():
        await asyncio.sleep(0.001)
        now = thread_clock()
        longest, last = max(longest, now - last), now
    return longest


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


def test_a_name_that_hangs_does_not_keep_the_loop(run: Any, monkeypatch: Any) -> None:
    def hang(host: str, port: int) -> Any:
        asked.append(host)
        time.sleep(HANG_SECONDS)
        return [("127.0.0.1", port)]

    asked: list[str] = []
    monkeypatch.setattr(looping, "look_up", hang)

    async def main() -> None:
        url = f"http://models.test:{peer.port}"
        async with sagewire.async_client(endpoint_url=url, **KEYS) as client:
            calls = asyncio.gather(
                *(client.invoke_endpoint(EndpointName="ep", Body=b"x") for _ in range(8))
            )
            longest = await beats(calls)
            for result in await calls:
                assert await result["Body"].read() == b"xx"
        assert asked == ["models.test"], "tasks that wait for one name wait together"
        # A millisecond is promised; the bound is for a busy machine.
        assert longest < HANG_SECONDS / 3

    with Peer(echo) as peer:
        run(main)


def test_a_look_up_ends_with_the_connect_timeout_and_the_deadline(
    run: Any, monkeypatch: Any
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(looping, "look_up", lambda _host, _port: ended.wait(20))

    async def main() -> None:
        config = sagewire.Config(connect_timeout=0.1, retries={"total_max_attempts": 1})
        url = "http://models.test:80"
        async with sagewire.async_client(endpoint_url=url, config=config, **KEYS) as client:
            with pytest.raises(sagewire.exceptions.ConnectTimeoutError):
                await client.invoke_endpoint(EndpointName="ep", Body=b"x")
        config = sagewire.Config(connect_timeout=30)
        async with sagewire.async_client(endpoint_url=url, config=config, **KEYS) as client:
            quick = client.with_options(timeout=0.1)
            with pytest.raises(sagewire.exceptions.DeadlineExceededError):
                await quick.invoke_endpoint(EndpointName="ep", Body=b"x")
        ended.set()

    run(main)


def test_a_credential_process_that_hangs_does_not_keep_the_loop(
    run: Any, clean_environment: Any, tmp_path: Path
) -> None:
    script = tmp_path / "keys.py"
    script.write_text(
        f"import time; time.sleep({HANG_SECONDS});"
        'print(\'{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "secret"}\')'
    )
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")

    async def main() -> None:
        url = f"http://{peer.host}:{peer.port}"
        client = sagewire.async_client(region_name="us-east-1", endpoint_url=url)
        calls = asyncio.gather(
            *(client.invoke_endpoint(EndpointName="ep", Body=b"x") for _ in range(4))
        )
        longest = await beats(calls)
        for result in await calls:
            assert await result["Body"].read() == b"xx"
        await client.close()
        assert longest < HANG_SECONDS / 3

    with Peer(echo) as peer:
        run(main)


@contextlib.contextmanager
def silent_service() -> Iterator[int]:
    """Yield a port where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("service", ["imds", "ecs"])
def test_a_metadata_service_that_hangs_does_not_keep_the_loop(
    run: Any, clean_environment: Any, service: str
) -> None:
    async def main() -> None:
        client = sagewire.async_client(region_name="us-east-1", endpoint_url="http://127.0.0.1:9")
        call = asyncio.ensure_future(client.invoke_endpoint(EndpointName="ep", Body=b"x"))
        longest = await beats(call)
        with pytest.raises(NoCredentialsError if service == "imds" else Exception):
            await call
        assert longest < HANG_SECONDS / 3

    with silent_service() as port:
        if service == "imds":
            clean_environment.setenv("AWS_EC2_METADATA_DISABLED", "false")
            where = f"http://127.0.0.1:{port}"
            clean_environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", where)
            clean_environment.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
            run(main)
        else:
            where = f"http://127.0.0.1:{port}/keys"
            clean_environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", where)

            async def impatient() -> None:
                client = sagewire.async_client(
                    region_name="us-east-1", endpoint_url="http://127.0.0.1:9"
                )
                call = asyncio.ensure_future(client.invoke_endpoint(EndpointName="ep", Body=b"x"))
                beating = asyncio.ensure_future(beats(call))
                await asyncio.sleep(HANG_SECONDS)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert await beating < HANG_SECONDS / 3

            run(impatient)


def test_a_large_body_and_a_file_do_not_keep_the_loop(run: Any, tmp_path: Path) -> None:
    data = os.urandom(6 << 20)
    path = tmp_path / "body"
    path.write_bytes(data)

    def count(link: Any) -> None:
        while (request := link.request()) is not None:
            link.send(answer(b"%d" % len(request.body)))

    async def main() -> float:
        async with client_of(peer) as client:
            await (await client.invoke_endpoint(EndpointName="ep", Body=b"x"))["Body"].read()
            with path.open("rb") as file:
                async with Heart() as heart:
                    for body in (data, file):
                        result = await client.invoke_endpoint(EndpointName="ep", Body=body)
                        assert await result["Body"].read() == b"%d" % len(data)
        return heart.longest

    with Peer(count) as peer:
        # Of the loop's thread, for all of a round; twice that where its core is shared.
        assert least(lambda: run(main), 0.001) < 0.002


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


def test_a_proxy_whose_name_nobody_knows(run: Any) -> None:
    async def main() -> None:
        config = sagewire.Config(
            proxies={"http": "http://nobody.invalid:1"}, retries={"total_max_attempts": 1}
        )
        client = sagewire.async_client(endpoint_url="http://h.test", **KEYS, config=config)
        with pytest.raises(sagewire.exceptions.ProxyConnectionError, match=r"nobody\.invalid"):
            await client.invoke_endpoint(EndpointName="ep", Body=b"")

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
    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

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
                before = descriptors()
        # The peer is in this process, and has its end of each connection open for a moment.
        for _ in range(100):
            if descriptors() <= before + 10:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{descriptors()} descriptors, {before} before")

    with Peer(echo) as peer:
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
