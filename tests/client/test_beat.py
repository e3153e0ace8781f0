"""The loop keeps its beat, whatever hangs and however much there is to do."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import sagewire
from sagewire.client import looping
from tests.support.peer import Peer, answer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKID",
    "aws_secret_access_key": "secret",
}
HANG_SECONDS = 5.0
SIX_MIB = 6 << 20


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


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_while_large_bodies_are_hashed_and_go_and_come(tmp_path: Path, scheme: str) -> None:
    body = os.urandom(SIX_MIB)
    trusted = str(tmp_path / "ca.pem")
    context = None
    if scheme == "https":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(trusted)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)

    async def main(peer: Peer) -> Beat:
        client = sagewire.async_client(
            endpoint_url=f"{scheme}://127.0.0.1:{peer.port}",
            verify=trusted if context else None,
            **KEYS,
        )
        async with Beat(0) as beat:
            results = await asyncio.gather(
                *(client.invoke_endpoint(EndpointName="ep", Body=b"x") for _ in range(20))
            )
            for result in results:
                assert await result["Body"].read() == b"x"
            for _ in range(2):
                result = await client.invoke_endpoint(EndpointName="ep", Body=body)
                received = 0
                async for piece in result["Body"].iter_chunks(65_536):
                    received += len(piece)
                assert received == SIX_MIB
                result = await client.invoke_endpoint(EndpointName="ep", Body=body)
                assert await result["Body"].read() == body
        await client.close()
        return beat

    with Peer(echo, tls=context) as peer:
        beat = asyncio.run(main(peer))
    assert len(beat.work) > 100
    assert slow(beat.work) < 0.001


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
