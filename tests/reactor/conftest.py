"""Fixtures of the reactor's tests: the loops it has to run on, and a pool on the running one."""

import asyncio
import gc
import ssl
from pathlib import Path
from typing import ClassVar

import pytest
import trustme
import uvloop

from sagewire._impl import reactor, transport

URL = "http://sagewire.test/endpoints/ep/invocations"


def debugging():
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop


LOOPS = {"asyncio": asyncio.new_event_loop, "debug": debugging, "uvloop": uvloop.new_event_loop}


def run_on(make_loop, main):
    """Run a coroutine function to its end on a new loop, as `asyncio.run` does."""
    loop = make_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for pool in [pool for pool in Origin.made if pool.event_loop is loop]:
            Origin.made.remove(pool)
            pool.abandon()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a coroutine function on each kind of loop."""
    return lambda main: run_on(LOOPS[request.param], main)


class Origin:
    """A pool for a peer on the running loop, and whole exchanges over it."""

    made: ClassVar = []  # to be abandoned with their loop

    def __init__(self, peer, *, scheme="http", **settings):
        settings = {"read_timeout": 10.0, **settings}
        self._address = (peer.host, peer.port)
        self.pool = reactor.Pool(
            asyncio.get_running_loop(), scheme, peer.host, peer.port, **settings
        )
        self.pool.start()
        self.made.append(self.pool)

    async def take(self):
        taken = self.pool.take_idle(URL)
        if taken is None:
            taken = self.pool.dial([self._address], 0.0, URL, None)
            try:
                await taken.connected()
            except BaseException:
                taken.close()
                raise
        return taken

    async def exchange(self, body=b"{}"):
        connection = await self.take()
        try:
            head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            return await connection.exchange(head % len(body), body, None)
        except BaseException:
            connection.close()
            raise

    async def call(self, body=b"{}"):
        return await read(await self.exchange(body))


async def read(response, amount=None):
    """Read a body as the client does."""
    data = response.read_now(amount)
    if data is not None:
        return data
    try:
        return await response.read(amount)
    except BaseException:
        response.abandon()
        raise


def descriptors():
    """Count this process's open descriptors."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def settle(condition, seconds=5.0):
    """Let the loop run until something has come about."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in time")


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trusting(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return transport.TlsSettings(True, str(path), None, None)


@pytest.fixture(params=["plain", "tls"])
def origin(request, server_tls, trusting):
    """Make the settings of a peer, and of a pool that trusts it, plain and under TLS."""
    if request.param == "plain":
        return {}, {}
    return {"tls": server_tls}, {"scheme": "https", "tls": trusting}
