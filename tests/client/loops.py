"""The asyncio client on either kind of loop: what its tests share."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvloop

import sagewire
from tests.support.peer import answer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKID",
    "aws_secret_access_key": "secret",
}


def echo(link: Any) -> None:
    while (request := link.request()) is not None:
        link.send(answer(request.body * 2))


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Any:
    """Run a coroutine function on a new loop of either kind."""

    def runner(main: Any) -> Any:
        loop = LOOPS[request.param]()
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
