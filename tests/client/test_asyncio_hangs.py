"""What hangs or works long does not keep the loop."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sagewire
from sagewire.client import looping
from sagewire.exceptions import NoCredentialsError
from tests.client.loops import KEYS, client_of, echo
from tests.support.pauses import Heart, least, thread_clock
from tests.support.peer import Peer, answer

# As long as a hang lasts; the promise is about five seconds, and nothing depends on the number.
HANG_SECONDS = 1.0


async def beats(until: "asyncio.Future[Any]") -> float:
    """Beat every millisecond until something is done; return the longest pause in seconds."""
    longest, last = 0.0, thread_clock()
    while not until.done():
        await asyncio.sleep(0.001)
        now = thread_clock()
        longest, last = max(longest, now - last), now
    return longest


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
