"""The reactor's pool with the manners of the blocking one, so that one test serves both.

Each operation runs the pool's own loop until it is done.
"""

import asyncio
import contextlib
import threading
import weakref

from sagewire._impl import reactor, transport

# The loops that are about to run, or do: the collector, which drops things anywhere, turns no such.
_IN_USE = set()
_TEMPLATE = transport.Template("x", "agent", [])


class ReactorPool:
    """As `transport.Pool`, each wait under a loop of its own."""

    def __init__(self, scheme, host, port, *, loop=None, twin=reactor, **settings):
        own = loop is None
        self._thread = threading.get_ident()
        self.loop = asyncio.new_event_loop() if own else loop
        self._address = (host.strip("[]"), port)
        self._pool = twin.Pool(self.loop, scheme, host, port, **settings)
        proxy = settings.get("proxy")
        if proxy is not None:
            self._address = (proxy.host.strip("[]"), proxy.port)
        self._pool.start()
        if own:
            # Not `__del__`: of a cycle, the collector may finalize the loop before this.
            weakref.finalize(self, _end, self._pool, self.loop)

    def take(self, url, timeout):
        self.turn()  # the loop hears of idle connections that have ended
        taken = self._pool.take_idle(url)
        if taken is None:
            taken = self._pool.dial([self._address], 0.0, url, limit(timeout))
            self.run(taken.connected())
        return ReactorExchange(self, taken)

    def snapshot(self):
        return self._pool.snapshot()

    def close(self):
        self._pool.close()
        self.turn()

    def turn(self):
        """Let the loop do what it has to do, and no more."""
        if self.loop.is_closed() or self.loop in _IN_USE or asyncio._get_running_loop():
            return
        _IN_USE.add(self.loop)
        try:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        finally:
            _IN_USE.discard(self.loop)

    def let_go(self):
        """Turn for what is dropped, unless the collector drops it on a peer's thread."""
        if threading.get_ident() == self._thread:
            self.turn()

    def run(self, awaitable):
        async def waited():
            return await awaitable

        _IN_USE.add(self.loop)
        try:
            return self.loop.run_until_complete(waited())
        finally:
            _IN_USE.discard(self.loop)


def _end(pool, loop):
    if not loop.is_closed():
        with contextlib.suppress(Exception):
            pool.abandon()
            loop.close()


class ReactorExchange:
    """As `transport.Connection`."""

    def __init__(self, pool, connection):
        self._pool = pool
        self._connection = connection
        self._taken = False

    @property
    def reused(self):
        return self._connection.reused

    def exchange(self, method, target, headers, body, timeout):
        if self._taken:
            raise RuntimeError("the connection is closed or in use")
        self._taken = True
        return ReactorBody(
            self._pool,
            self._pool.run(_exchange(self._connection, method, target, headers, body, timeout)),
        )

    def close(self):
        self._taken = True
        self._connection.close()
        self._pool.turn()


def limit(timeout):
    """Return a deadline as the reactor takes it: what is left, and how long it was."""
    return None if timeout is None else (timeout, timeout)


async def _exchange(connection, method, target, headers, body, timeout):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join([*lines, "", ""]).encode()
    chunked = ("Transfer-Encoding", "chunked") in headers
    try:
        # A reactor sends heads as they are: it is a template that refuses what cannot be sent.
        _TEMPLATE.head(None, 0, "", target, headers, b"", None, None, "id", "attempt=1")
        if isinstance(body, (bytes, bytearray, memoryview)) or body is None:
            return await connection.exchange(head, bytes(body or b""), limit(timeout))
        await connection.begin(head, chunked, limit(timeout))
        for piece in body:
            await connection.send_piece(piece)
        return await connection.finish()
    except BaseException:
        connection.close()
        raise


class ReactorBody:
    """As `transport.Response`."""

    def __init__(self, pool, response):
        self._pool = pool
        self._response = response

    def __getattr__(self, name):
        return getattr(self._response, name)

    def read(self, amount=None):
        data = self._response.read_now(amount)
        return self._pool.run(self._waited(amount)) if data is None else data

    def close(self):
        self._response.close()
        self._pool.turn()

    def __del__(self):
        self._response = None  # dropped, and the loop lets the socket go
        self._pool.let_go()

    def readinto(self, buffer):
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError("buffer: must be writable")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    async def _waited(self, amount):
        try:
            return await self._response.read(amount)
        except BaseException:
            self._response.abandon()
            raise
