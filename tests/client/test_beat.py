"""The loop keeps its beat, whatever hangs and however much there is to do."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import sagewire
from sagewire._impl import eventstream
from sagewire.client import looping
from tests.client.loops import KEYS
from tests.reactor.conftest import settle
from tests.support.pauses import Heart, least
from tests.support.peer import Peer, answer

HANG_SECONDS = 5.0
SIX_MIB = 6 << 20
# Seconds of the loop's thread, for all that it does in one round.
AT_MOST = 0.001
# So much longer it takes where other threads are on the same core, and in the same caches.
SHARED_CORE = 2


class Beat:
    """Beats on the loop, and notes what lies between two beats, in seconds.

    `pauses` by the clock, `work` of the loop's thread. On a machine that does other work the clock
    tells of that work, too; what a thread has computed is its own, whoever else is there.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self.pauses: list[float] = []
        self.work: list[float] = []

    async def __aenter__(self) -> "Beat":  # noqa: PYI034 - as elsewhere
        self._task = asyncio.ensure_future(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        wall, work = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(self._every)
            now, done = time.perf_counter(), time.thread_time()
            self.pauses.append(now - wall - self._every)
            self.work.append(done - work)
            wall, work = now, done


def slow(work: list[float]) -> float:
    """Return what all but a hundredth stay below: the first of anything costs an import."""
    return sorted(work)[len(work) * 99 // 100]


def echo(link: Any) -> None:
    while (request := link.request()) is not None:
        link.send(answer(request.body))


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Yield the URL of a service that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_while_metadata_sts_a_process_and_a_name_hang_for_five_seconds(
    clean_environment: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    hanging = f"{sys.executable} -c 'import time; time.sleep({HANG_SECONDS + 1})'"
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text(
        "[default]\n"
        f"[profile process]\ncredential_process = {hanging}\n"
        "[profile keys]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n"
    )
    looked_up: list[str] = []
    look_up = looping.look_up

    def hang(host: str, port: int) -> Any:
        if host != "models.test":
            return look_up(host, port)
        looked_up.append(host)
        time.sleep(HANG_SECONDS + 0.5)
        return []

    monkeypatch.setattr(looping, "look_up", hang)

    async def main(peer: Peer) -> Beat:
        url = f"http://{peer.host}:{peer.port}"
        steady = sagewire.async_client(endpoint_url=url, **KEYS)
        await (await steady.invoke_endpoint(EndpointName="ep", Body=b"x"))["Body"].read()
        clients = {
            name: sagewire.async_client(endpoint_url=url, region_name="us-east-1", **options)
            for name, options in {
                "metadata": {},
                "sts": {"profile_name": "role"},
                "process": {"profile_name": "process"},
            }.items()
        }
        clients["name"] = sagewire.async_client(endpoint_url="http://models.test:80", **KEYS)
        async with Beat(0.002) as beat:
            calls = {
                name: asyncio.ensure_future(client.invoke_endpoint(EndpointName="ep", Body=b"x"))
                for name, client in clients.items()
            }
            until = time.perf_counter() + HANG_SECONDS
            while time.perf_counter() < until:
                result = await steady.invoke_endpoint(EndpointName="ep", Body=b"x")
                assert await result["Body"].read() == b"x"
                await asyncio.sleep(0.5)
        assert not [name for name, call in calls.items() if call.done()], "all of them hang"
        for call in calls.values():
            call.cancel()
        await asyncio.gather(*calls.values(), return_exceptions=True)
        await steady.close()
        return beat

    with Peer(echo) as peer, silent() as metadata, silent() as sts:
        for name, value in {
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
            "AWS_METADATA_SERVICE_TIMEOUT": "30",
            "AWS_ENDPOINT_URL_STS": sts,
        }.items():
            clean_environment.setenv(name, value)
        beat = asyncio.run(main(peer))
    assert looked_up == ["models.test"]
    assert slow(beat.work) < 0.001
    # By the clock there is what else the machine does; a hang would be seen all the same.
    assert max(beat.pauses) < HANG_SECONDS / 10


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def kept(
    scheme: str, authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path
) -> "Callable[..., None]":
    """Return what makes sure that the loop is not kept by what is done with a client.

    It is given a peer's script, what is done before, and what is measured: it goes on with what the
    one before has returned, and is to return what is expected.
    """
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))

    def measured(
        script: Any, before: Any, work: Any, expected: Any = None, **settings: Any
    ) -> None:
        async def main(peer: Peer) -> float:
            url = f"{scheme}://127.0.0.1:{peer.port}"
            options = {"verify": str(trusted)} if scheme == "https" else {}
            config = sagewire.Config(**{"retries": {"total_max_attempts": 1}, **settings})
            client = sagewire.async_client(endpoint_url=url, config=config, **options, **KEYS)
            given = await before(client)
            async with Heart() as heart:
                outcome = await work(client, given)
            await client.close()
            # Outside of what is measured.
            assert outcome == expected, "what came is not what was sent"
            return heart.longest

        def once() -> float:
            tls = server_tls if scheme == "https" else None
            with Peer(script, tls=tls, backlog=1024) as peer:
                return asyncio.run(main(peer))

        assert least(once, AT_MOST) < AT_MOST * SHARED_CORE

    return measured


async def first_call(client: Any) -> None:
    """Make a client's first call, with whatever is loaded and made for it."""
    result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
    await result["Body"].read()


async def nothing(client: Any) -> None:
    """Do nothing before: what is made for a client's first call is measured, too."""


async def one_call(client: Any, body: Any) -> bytes:
    result = await client.invoke_endpoint(EndpointName="ep", Body=body)
    data: bytes = await result["Body"].read()
    return data


async def at_once(*calls: Any) -> None:
    """Have so many tasks that each round begins a few of them: all at once they are the test's."""
    tasks = []
    for call in calls:
        tasks.append(asyncio.ensure_future(call))
        if len(tasks) % 20 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)


def test_by_a_hundred_calls_that_connect_at_once(kept: Any) -> None:
    async def work(client: Any, _: None) -> None:
        await at_once(*(one_call(client, b"x") for _ in range(100)))

    kept(echo, first_call, work, max_pool_connections=100)


def test_by_a_hundred_tasks_that_call_and_call(kept: Any) -> None:
    async def work(client: Any, _: None) -> None:
        async def calls() -> None:
            for _ in range(5):
                await one_call(client, b"x")

        await at_once(*(calls() for _ in range(100)))

    kept(echo, first_call, work, max_pool_connections=100)


def test_by_a_clients_first_call(kept: Any) -> None:
    async def work(client: Any, _: None) -> None:
        await one_call(client, b"x")

    kept(echo, nothing, work)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, str])
def test_by_six_mib_that_are_hashed_and_go_and_come(kept: Any, kind: Any) -> None:
    data = os.urandom(SIX_MIB // 2).hex().encode()
    body = data.decode() if kind is str else kind(data)

    async def work(client: Any, _: None) -> bytes:
        return await one_call(client, body)

    kept(echo, first_call, work, data)


def test_by_a_file(kept: Any, tmp_path: Path) -> None:
    path = tmp_path / "body"
    data = os.urandom(SIX_MIB)
    path.write_bytes(data)

    async def work(client: Any, _: None) -> bytes:
        with path.open("rb") as file:
            return await one_call(client, file)

    kept(echo, first_call, work, data)


def test_by_six_mib_that_a_handler_sees(kept: Any) -> None:
    data = os.urandom(SIX_MIB)

    async def before(client: Any) -> None:
        client.meta.events.register("before-send", lambda **_: None)
        await first_call(client)

    async def work(client: Any, _: None) -> bytes:
        return await one_call(client, data)

    kept(echo, before, work, data)


@pytest.mark.parametrize("way", ["read", "readinto", "pieces", "lines", "long lines"])
def test_by_six_mib_however_they_are_read(kept: Any, way: str) -> None:
    data = (b"x" * 79 + b"\n") * (SIX_MIB // 80)
    buffer = bytearray(len(data))

    def script(link: Any) -> None:
        assert link.request() is not None
        link.send(answer(b"x"))
        assert link.request() is not None
        if way == "read":
            link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            link.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        else:
            link.send(answer(data))

    async def work(client: Any, _: None) -> None:
        body = (await client.invoke_endpoint(EndpointName="ep", Body=b"x"))["Body"]
        read = 0
        if way == "read":
            read = len(await body.read())
        elif way == "readinto":
            read = await body.readinto(buffer)
        elif way == "pieces":
            async for piece in body.iter_chunks(65_536):
                read += len(piece)
        else:
            async for line in body.iter_lines(1024 if way == "lines" else 1 << 20):
                read += len(line) + 1
        assert read == len(data)

    kept(script, first_call, work)


@pytest.mark.parametrize("size", [64, 1 << 18])
@pytest.mark.parametrize("way", ["iter_bytes", "iter_lines"])
def test_by_a_stream_that_never_waits(kept: Any, size: int, way: str) -> None:
    part = eventstream.encode_part((b"x" * 31 + b"\n") * (size // 32))
    count = SIX_MIB // 2 // size

    def script(link: Any) -> None:
        assert link.request() is not None
        link.send(answer(b"x"))
        assert link.request() is not None
        link.send(answer(part * count))

    async def before(client: Any) -> None:
        await first_call(client)

    async def work(client: Any, _: None) -> None:
        stream = client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")
        read = 0
        async for piece in getattr((await stream)["Body"], way)():
            read += len(piece) + (way == "iter_lines")
        assert read == count * size

    kept(script, before, work)


def test_by_fifty_deadlines_that_pass_at_once(kept: Any) -> None:
    def script(link: Any) -> None:
        if link.number == 1:
            link.request()
            link.send(answer(b"x"))
        link.request()
        link.stall()

    async def failing(client: Any) -> None:
        with pytest.raises(sagewire.exceptions.ReadTimeoutError):
            await one_call(client, b"x")

    async def work(client: Any, _: None) -> None:
        await at_once(*(failing(client) for _ in range(50)))

    kept(script, first_call, work, read_timeout=0.3)


def test_by_three_hundred_connections_that_are_closed(kept: Any) -> None:
    async def before(client: Any) -> None:
        call = client.invoke_endpoint
        calls = [call(EndpointName="ep", Body=b"x") for _ in range(300)]
        for result in await asyncio.gather(*calls):
            await result["Body"].read()
        assert client.pool.idle > 200

    async def work(client: Any, _: None) -> None:
        await client.close()
        assert client.pool.open == 0

    kept(echo, before, work, max_pool_connections=300)


def test_by_leaving_two_hundred_calls_in_flight(kept: Any) -> None:
    def script(link: Any) -> None:
        while (request := link.request()) is not None and request.body == b"x":
            link.send(answer(b"{}"))
        link.stall()

    async def before(client: Any) -> Any:
        bodies = (b"x" if number < 200 else b"y" for number in range(400))
        requests = ({"EndpointName": "ep", "Body": body} for body in bodies)
        many = client.invoke_many(requests, concurrency=200, ordered=False)
        for _ in range(200):
            await many.__anext__()
        await settle(lambda: client.pool.busy == 200)
        return many

    async def work(client: Any, many: Any) -> None:
        await many.aclose()
        assert client.pool.busy == 0

    kept(script, before, work, max_pool_connections=200)


def test_by_a_large_error(kept: Any) -> None:
    def script(link: Any) -> None:
        assert link.request() is not None
        link.send(answer(b"x"))
        assert link.request() is not None
        link.send(answer(b'{"Message": "%b"}' % (b"x" * SIX_MIB), status=400))

    async def work(client: Any, _: None) -> None:
        with pytest.raises(sagewire.exceptions.ClientError):
            await one_call(client, b"x")

    kept(script, first_call, work)


@pytest.mark.parametrize("amount", [None, SIX_MIB])
@pytest.mark.parametrize("framed", ["by length", "in chunks"])
def test_a_large_body_that_breaks_off_says_so_in_boto3s_words(
    amount: "int | None", framed: str
) -> None:
    """Piece by piece and joined in a thread, it is still one read."""

    def script(link: Any) -> None:
        link.request()
        data = b"x" * 3_000_000
        if framed == "by length":
            link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIX_MIB + data)
        else:
            link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            link.send(b"%x\r\n%b\r\n%x\r\n" % (len(data), data, len(data)))

    def read(peer: Peer) -> Any:
        client = sagewire.client(endpoint_url=f"http://127.0.0.1:{peer.port}", **KEYS)
        with client:
            return client.invoke_endpoint(EndpointName="ep", Body=b"x")["Body"].read(amount)

    async def awaited(peer: Peer) -> Any:
        async with sagewire.async_client(
            endpoint_url=f"http://127.0.0.1:{peer.port}", **KEYS
        ) as client:
            result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
            try:
                return await result["Body"].read(amount)
            finally:
                assert client.pool.open == 0

    def outcome(work: Any) -> Any:
        try:
            return work()
        except sagewire.exceptions.HTTPClientError as error:
            return type(error), str(error)

    with Peer(script) as peer:
        expected = outcome(lambda: read(peer))
        assert outcome(lambda: asyncio.run(awaited(peer))) == expected
    if amount is None or framed == "in chunks":
        assert "3000000" in expected[1]
    else:
        assert len(expected) == 3_000_000
