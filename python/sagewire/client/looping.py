"""The asyncio driver: turns a call's attempts as a task of the running loop.

What is to be done stands in `client/attempts.py`; here is what takes time. Nothing here keeps the
loop: what has to wait or work for long (names, credentials, files, large hashes) has a thread.
"""

import asyncio
import os
from contextlib import suppress
from functools import partial
from math import floor
from time import monotonic

from sagewire.client.answers import AWAITED_BODIES, answer_of, broken_off, result
from sagewire.client.attempts import HASHED_BY_THE_SIGNER_BYTES, Call, is_streamed
from sagewire.client.connecting import pool_arguments
from sagewire.client.outgoing import faulty_header
from sagewire.client.payload import BufferPayload
from sagewire.client.threads import Shared, in_executor, let_others_run
from sagewire.exceptions import (
    ConnectionError,  # noqa: A004 - boto3's name
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidArgumentError,
    ProxyConnectionError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sagewire.client.hooked import Hooked
    from sagewire.client.messages import AWSPreparedRequest
    from sagewire.client.opening import Core
    from sagewire.client.outgoing import Outgoing
    from sagewire.client.results import Result
    from sagewire.client.sending import Sending
    from sagewire.client.settings import Settings
    from sagewire.client.views import Options
    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation
    from sagewire.sigv4 import Credentials

# Up to this size a body is copied or hashed at once: it takes less than a tenth of a millisecond.
_AT_ONCE_BYTES = 128 * 1024
# The pieces of a body that are sent before others have their turn.
_SENT_AT_ONCE_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024


class Line:
    """What a client has on one loop: a pool, and the work that all tasks wait for together."""

    __slots__ = ("_arguments", "_loaded", "_loop", "pool", "shared")

    def __init__(self, loop: asyncio.AbstractEventLoop, arguments: "dict[str, Any]") -> None:
        self.shared = Shared(loop)
        self._loop = loop
        self._arguments = arguments
        self._loaded = False
        # `None` until it is needed, and again from `close` on.
        self.pool: Any = None
        self.open()

    def open(self) -> "Any":
        """Return the pool, a new one if it is closed."""
        if self.pool is None:
            from sagewire._impl import reactor

            self.pool = reactor.Pool(self._loop, **self._arguments)
            self.pool.start()
        return self.pool

    def close(self) -> bool:
        """Drop idle connections, a few at once; return whether there are none left.

        With the last one, and unless others are in use, the pool goes: it has a descriptor. For the
        loop's own thread, or once the loop is over.
        """
        pool = self.pool
        if pool is None:
            return True
        is_over = self._loop.is_closed()
        if not is_over and not pool.close():
            return False
        if is_over or pool.snapshot()[1] == 0:
            self.pool = None
            pool.abandon()
        return True

    def __del__(self) -> None:
        # The loop watches the pool, and would keep it. It is the loop's thread that may end it.
        pool = getattr(self, "pool", None)
        if pool is None:
            return
        if self._loop.is_closed():
            pool.abandon()
        else:
            with suppress(RuntimeError):  # closed in this very moment
                self._loop.call_soon_threadsafe(_retire, self._loop, pool)

    async def connect(self, url: str, call: Call) -> "Any":
        """Return a new connection."""
        arguments = self._arguments
        proxy = arguments["proxy"]
        if arguments["tls"] is not None and not self._loaded:
            # Some milliseconds of work; what is wrong with the files is told at the handshake.
            await self.shared.wait("tls", _load, arguments["tls"])
            self._loaded = True
        started = monotonic()
        host, port = (
            (arguments["host"], arguments["port"]) if proxy is None else (proxy.host, proxy.port)
        )
        try:
            addresses = await self._resolve(host, port, url, call)
        except ConnectionError as error:
            if proxy is None:
                raise
            raise blamed(proxy, error) from None
        looked_up = monotonic() - started
        pool = self.pool or self.open()
        # Names and certificates have been waited for together: that has ended for all at once.
        while (pause := pool.pause()) is not None and not await pause:
            pool = self.pool or self.open()
        connection = pool.dial(addresses, looked_up, url, call.left())
        try:
            await connection.connected()
        except BaseException:
            connection.close()
            raise
        return connection

    async def _resolve(self, host: str, port: int, url: str, call: Call) -> "list[Any]":
        host = host.strip("[]")
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        limit, left = self._arguments["connect_timeout"], call.left()
        if left is not None:
            limit = left[0] if limit is None else min(limit, left[0])
        try:
            looking = self.shared.wait("addresses", look_up, host, port)
            return await asyncio.wait_for(looking, limit)
        except (TimeoutError, asyncio.TimeoutError):
            call.left()  # raises if it was the deadline
            raise ConnectTimeoutError(endpoint_url=url) from None
        except (OSError, UnicodeError) as error:
            raise EndpointConnectionError(endpoint_url=url, error=str(error)) from None


class AsyncSender:
    """Sends the calls of a client over connections of the running loop."""

    __slots__ = ("_arguments", "_lines", "_process", "failure", "outgoing")

    def __init__(self, outgoing: "Outgoing", arguments: "dict[str, Any]") -> None:
        self.outgoing = outgoing
        self._arguments = arguments
        self._lines: dict[asyncio.AbstractEventLoop, Line] = {}
        self._process = os.getpid()
        # Why no credentials were found before the first call, for that call to raise.
        self.failure: Exception | None = None

    def tell_failure(self) -> None:
        """Raise what the search for credentials has raised, once."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    async def send(
        self,
        operation: "Operation",
        request: "Any",
        options: "Options",
        first: "tuple[Any, ...] | None" = None,
        waited: float = 0.0,
    ) -> "Result":
        """Return the result of the attempt that succeeded; raise as the blocking driver does.

        `first` is how a first attempt on the short way ended (`client/shortcuts.py`); without one,
        the call has waited for so many seconds.
        """
        outgoing = self.outgoing
        ambient = outgoing.ambient
        limited = outgoing.policy.limiter is not None
        call = Call(outgoing, operation, request, options)
        if first is not None:
            call.take_over(*first[:2])
        elif waited:
            call.began_before(waited)
        while True:
            while limited and (seconds := call.begin()):
                await ambient.stay(seconds)
            data = b""
            begun = None
            try:
                ended, first = first, None
                if ended is None:
                    begun = self._begun(call) or self._exchange(call)
                    response = await begun
                else:
                    response = answer_of(ended)
                status = response.status
                if not operation.streams and status < 300:
                    data = await _whole_body(response, request.url)
            except (ConnectionError, HTTPClientError) as error:
                seconds = call.failed(error)
            except Exception as error:
                call.abandon(error)
                raise
            except BaseException:
                # Half a request may be on the connection.
                if begun is not None:
                    begun.close()
                raise
            else:
                if status < 300:
                    described, attempts = call.succeeded(status, response.headers)
                    return result(operation, response, described, attempts, data, AWAITED_BODIES)
                body = await _error_body(response)
                if len(body) > _AT_ONCE_BYTES:
                    seconds = await in_executor(call.refused, status, response.headers, body)
                else:
                    seconds = call.refused(status, response.headers, body)
            await ambient.pause(seconds)
            call.again()

    def _begun(self, call: Call) -> "Any":
        """Begin an attempt for which nothing is to be waited for but the answer.

        Returns what to await; `None` where credentials, a file, a hash or a connection come first.
        """
        outgoing = self.outgoing
        body: Any = call.request.body
        pool = self.pool_here()
        if pool is None or type(body) is not bytes or len(body) > HASHED_BY_THE_SIGNER_BYTES:
            return None
        signer = outgoing.fixed_signer
        if signer is None and outgoing.signature is not None:
            if outgoing.source.at_hand() is None:
                return None
            signer = outgoing.signer()
        return self._attempt(pool, None, call, signer, body)

    async def _exchange(self, call: Call) -> "Any":
        outgoing = self.outgoing
        request = call.request
        line = self.line()
        # Looked up, and a file hashed, before a connection is held; signed when it is.
        if outgoing.signature is None or outgoing.source.at_hand() is not None:
            signer = outgoing.signer()
        else:
            self.tell_failure()
            signer = await line.shared.wait("signer", outgoing.signer)
        body: Any = request.body
        streamed = is_streamed(body)
        if streamed or len(body) > _AT_ONCE_BYTES:
            hashed = await in_executor(call.hashed)
        else:
            hashed = call.hashed()
        pool = line.pool or line.open()
        if not streamed and (begun := self._attempt(pool, None, call, signer, hashed)):
            return await begun
        url = request.url
        template = outgoing.template(call.options)

        def make_head() -> bytes:
            return template.head(
                signer,
                floor(outgoing.ambient.clock()),
                url,
                request.target,
                request.members,
                hashed,
                request.length,
                outgoing.trace_id(),
                call.identity,
                call.progress,
            )

        # What cannot be sent is refused before a connection is taken, or made.
        try:
            make_head()
        except (UnicodeEncodeError, InvalidArgumentError):
            raise faulty_header(request) from None
        connection = pool.take_idle(url) if streamed else None
        if connection is None:
            connection = await line.connect(url, call)
        try:
            if not streamed:
                return await self._attempt(pool, connection, call, signer, hashed)
            await connection.begin(make_head(), request.length is None, call.left())
            in_memory = isinstance(body, BufferPayload)
            return await _send_pieces(connection, call.pieces(), in_memory)
        except (UnicodeEncodeError, InvalidArgumentError):
            connection.close()
            raise faulty_header(request) from None
        except BaseException:
            # Whatever went wrong, half a request may be on this connection.
            connection.close()
            raise

    def _attempt(
        self, pool: "Any", connection: "Any", call: Call, signer: "Any", hashed: "bytes | str"
    ) -> "Any":
        """Send an attempt, over an idle connection if it is given none; `None` if there is none."""
        outgoing = self.outgoing
        ambient = outgoing.ambient
        request = call.request
        options = call.options
        template = outgoing.templates.get(options.extra_headers) or outgoing.template(options)
        try:
            return pool.attempt(
                connection,
                template,
                signer,
                ambient.service_time() if ambient.offset else ambient.now(),
                request.url,
                request.target,
                request.members,
                hashed,
                request.body,
                outgoing.trace_id() if outgoing.in_lambda else None,
                call.identity,
                call.progress,
                None if options.timeout is None else call.left(),
            )
        except (UnicodeEncodeError, InvalidArgumentError):
            raise faulty_header(request) from None

    def pool_here(self) -> "Any":
        """Return the running loop's pool; `None` before there is one."""
        line = self._lines.get(asyncio.get_running_loop())
        return None if line is None else line.pool

    def line(self) -> Line:
        """Return what there is on the running loop."""
        return self._lines.get(asyncio.get_running_loop()) or self._new_line()

    def _new_line(self) -> Line:
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():
            # The parent's loops and connections are none of ours.
            self._process = os.getpid()
            self._lines = {}
        for other, line in list(self._lines.items()):
            if other.is_closed():
                line.close()
                self._lines.pop(other, None)
        line = self._lines[loop] = Line(loop, self._arguments)
        return line

    @property
    def pool(self) -> "AsyncSender":
        """The pools of all loops, as one."""
        return self

    def snapshot(self) -> "tuple[int, ...]":
        """Return how many connections are open, busy and idle, and how many calls wait."""
        if self._process != os.getpid():
            return (0, 0, 0, 0)
        pools = [line.pool for line in list(self._lines.values())]
        counts = [pool.snapshot() for pool in pools if pool is not None]
        return tuple(map(sum, zip((0, 0, 0, 0), *counts, strict=True)))

    def close(self) -> bool:
        """Drop what is idle on the running loop, a few at once, and all of loops that are over.

        Returns whether there is nothing left.
        """
        if self._process != os.getpid():
            return True
        running = asyncio._get_running_loop()  # noqa: SLF001 - the public one raises without one
        is_done = True
        for loop, line in list(self._lines.items()):
            if loop.is_closed() or loop is running:
                is_done = line.close() and is_done
            if loop.is_closed():
                self._lines.pop(loop, None)
        return is_done


def make_sender(outgoing: "Outgoing", origin: "Origin", settings: "Settings") -> AsyncSender:
    """Return a sender without connections."""
    return AsyncSender(outgoing, pool_arguments(origin, settings))


def takes_long(body: "Any") -> bool:
    """Say whether it takes long to make bytes of a body: a file is measured, and some are read."""
    if type(body) is bytes or body is None:
        return False
    if hasattr(body, "read"):
        return True
    size = getattr(body, "nbytes", None)
    if not isinstance(size, int):
        size = len(body) if isinstance(body, (str, bytes, bytearray)) else 0
    return size > _AT_ONCE_BYTES


def look_up(host: str, port: int) -> "list[Any]":
    """Return the addresses of a host, in the order of the system's resolver."""
    import socket

    return [address for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


async def send_hooked(hooked: "Hooked", core: "Core") -> "Result":
    """Send a call on its long way; raises as `AsyncSender.send`, and what a handler raises."""
    ambient = core.ambient
    answer = hooked.begin()
    # A file that is signed is read for it.
    reads = takes_long(hooked.parameters.get("Body"))
    if core.settings.signed and hooked.has_much_to_hash(_AT_ONCE_BYTES):
        # Handlers, and the signing among them, run on the loop's own thread.
        await in_executor(hooked.hash_ahead)
    try:
        while answer is None:
            while pause := hooked.call.begin():
                await ambient.stay(pause)
            hooked.credentials = await _credentials(core)
            request = await in_executor(hooked.request) if reads else hooked.request()
            try:
                response, data = await _answered(hooked, core, request)
            except Exception as error:  # noqa: BLE001 - a handler's too is boto3's to judge
                pause = hooked.failed(error)
            else:
                answer, pause = hooked.received(response, data)
            if answer is None:
                await ambient.pause(pause)
                hooked.call.again()
    except Exception as error:
        hooked.ended(error)
        raise
    except BaseException:
        hooked.drop()  # nobody will read it, and who keeps the traceback keeps it
        raise
    return hooked.result(*answer)


async def _credentials(core: "Core") -> "Callable[[], Credentials]":
    """Return what gives the credentials of this moment, or raises what having them raised."""
    source = core.settings.source
    found = source.at_hand()
    if found is None and core.settings.signed:
        try:
            core.sender.tell_failure()
            found = await core.sender.line().shared.wait("credentials", source.current)
        except Exception as error:  # noqa: BLE001 - raised when it comes to signing
            return partial(_raise, error)
    return partial(_give, found)


def _give(found: "Any") -> "Any":
    return found


def _raise(error: Exception) -> "Any":
    raise error


async def _answered(
    hooked: "Hooked", core: "Core", request: "AWSPreparedRequest"
) -> "tuple[Any, bytes]":
    """Return an attempt's response, and its body if the call itself reads it."""
    call = hooked.call
    response: Any = hooked.before_send(request)
    if response is None:
        sending = hooked.sending(request)
        sender, proxy = core.way_to(sending.origin, call.read_timeout)
        sending.through(proxy)
        line = sender.line()
        pool = line.pool or line.open()
        connection = pool.take_idle(sending.url) or await line.connect(sending.url, call)
        try:
            response = await _send(connection, sending, call)
        except BaseException:
            connection.close()
            raise
    if response.status >= 300:
        return response, await _error_body(response)
    return response, b"" if call.operation.streams else await _whole_body(response, request.url)


async def _send(connection: "Any", sending: "Sending", call: Call) -> "Any":
    lines = [f"{sending.method} {sending.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in sending.headers]
    head = "\r\n".join([*lines, "", ""]).encode()
    body: Any = sending.body
    if isinstance(body, bytes):
        return await connection.exchange(head, body, call.left())
    chunked = any(
        name.lower() == "transfer-encoding" and value == "chunked"
        for name, value in sending.headers
    )
    await connection.begin(head, chunked, call.left())
    return await _send_pieces(connection, body, False)


async def _send_pieces(connection: "Any", pieces: "Iterator[bytes]", here: bool) -> "Any":
    if here:  # in memory
        sent = 0
        for piece in pieces:
            if sent >= _SENT_AT_ONCE_BYTES:
                sent = 0
                await let_others_run()
            await connection.send_piece(piece)
            sent += len(piece)
        return await connection.finish()
    while (piece := await in_executor(next, pieces, None)) is not None:
        await connection.send_piece(piece)
    return await connection.finish()


async def read(response: "Any", amount: int) -> bytes:
    """Read so much of a body, and drop its connection if that is given up."""
    data = response.read_now(amount)
    if data is not None:
        return data  # type: ignore[no-any-return]
    try:
        return await response.read(amount)  # type: ignore[no-any-return]
    except BaseException:
        response.abandon()
        raise


async def _whole_body(response: "Any", url: str) -> bytes:
    """As `answers.whole_body`, awaited."""
    pieces = []
    try:
        while piece := await read(response, _PIECE_BYTES):
            pieces.append(piece)
    except HTTPClientError as error:
        response.close()
        raise broken_off(error, url) from None
    return await _joined(pieces)


async def _error_body(response: "Any") -> bytes:
    """As `answers.error_body`, awaited."""
    pieces = []
    try:
        while piece := await read(response, _PIECE_BYTES):
            pieces.append(piece)
    except HTTPClientError:
        response.close()
    return await _joined(pieces)


async def _joined(pieces: "list[bytes]") -> bytes:
    if len(pieces) * _PIECE_BYTES <= _AT_ONCE_BYTES:
        return b"".join(pieces)
    return await in_executor(b"".join, pieces)  # type: ignore[no-any-return]


def blamed(proxy: "Any", error: Exception) -> Exception:
    """Return a failure to find a proxy as one that names it."""
    words = error.kwargs.get("error", "the connect time-out passed")  # type: ignore[attr-defined]
    return ProxyConnectionError(proxy_url=proxy.url, error=words)


def _retire(loop: asyncio.AbstractEventLoop, pool: "Any") -> None:
    """End a pool whose client is gone; a body of it may still be read."""
    if not pool.retire():
        loop.call_soon(_retire, loop, pool)


def _load(tls: "Any") -> None:
    with suppress(ValueError):
        tls.load()


def _literal(host: str, port: int) -> "tuple[str, int] | None":
    """Return the address that a host is by itself."""
    import socket

    bare = host.partition("%")[0]
    if bare != host:
        return None  # a zone's number is the resolver's to find
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return host, port
    return None
