"""A consumer that stops reading holds at most one buffer, whatever the server sends."""

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

import sagewire
from sagewire._impl import eventstream
from tests.client.loops import KEYS
from tests.support.peer import Peer
from tests.support.received import taken

# What may be held that the consumer has not asked for: a buffer, and under TLS a record or two.
ONE_BUFFER_BYTES = 65_536
MIB = 1 << 20


async def at_rest(port: int, said: threading.Event) -> int:
    """Wait until the server cannot send any more, and the loop has nothing left to do."""
    before = -1
    for _ in range(200):
        await asyncio.sleep(0.05)
        now = taken(port)
        if said.is_set() and now == before:
            return now
        before = now
    raise AssertionError("bytes are taken although nobody reads")


class Endless:
    """A script that says the same for ever; `blocked` once nothing more is taken from it."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self.blocked = threading.Event()

    def __call__(self, link: Any) -> None:
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        link._sock.settimeout(0.3)
        while not link.peer.left.is_set():
            try:
                link._sock.send(self._piece)
            except (TimeoutError, ssl.SSLWantWriteError):
                self.blocked.set()


@pytest.fixture(params=["http", "https"])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return what makes a peer, and a client that trusts it."""
    context, options = None, {}
    if request.param == "https":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        options = {"verify": str(tmp_path / "ca.pem")}

    def made(script: Any) -> Any:
        peer = Peer(script, tls=context)
        url = f"{request.param}://127.0.0.1:{peer.port}"
        return peer, lambda: sagewire.async_client(endpoint_url=url, **options, **KEYS)

    return made


def test_of_a_body(serve: Any) -> None:
    script = Endless(b"x" * MIB)
    peer, make_client = serve(script)

    async def main() -> None:
        async with make_client() as client:
            result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
            assert await result["Body"].read(10) == b"x" * 10
            first = await at_rest(peer.port, script.blocked)
            assert first <= 10 + ONE_BUFFER_BYTES
            script.blocked.clear()
            assert len(await result["Body"].read(4 * MIB)) == 4 * MIB
            then = await at_rest(peer.port, script.blocked)
            assert 4 * MIB <= then <= 4 * MIB * 1.01 + ONE_BUFFER_BYTES
            result["Body"].close()

    with peer:
        asyncio.run(main())


@pytest.mark.parametrize("size", [64, 2000, 3 * MIB])
@pytest.mark.parametrize("way", ["__aiter__", "iter_bytes", "iter_lines"])
def test_of_a_stream(serve: Any, size: int, way: str) -> None:
    part = eventstream.encode_part(b"x" * (size - 1) + b"\n")
    script = Endless(part * max(MIB // len(part), 1))
    peer, make_client = serve(script)

    async def main() -> None:
        async with make_client() as client:
            call = client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")
            stream = (await call)["Body"]
            async for _ in getattr(stream, way)():
                break
            whole = await at_rest(peer.port, script.blocked)
            assert whole <= len(part) * 1.01 + ONE_BUFFER_BYTES
            stream.close()

    with peer:
        asyncio.run(main())


def test_of_an_answer_that_nobody_reads(serve: Any) -> None:
    script = Endless(b"x" * MIB)
    peer, make_client = serve(script)

    async def main() -> None:
        async with make_client() as client:
            result = await client.invoke_endpoint(EndpointName="ep", Body=b"x")
            assert await at_rest(peer.port, script.blocked) <= ONE_BUFFER_BYTES
            result["Body"].close()

    with peer:
        asyncio.run(main())
