"""The asyncio client with the manners of the blocking one, so that one test serves both.

Everything that the client gives to be awaited is run on a loop of the client's own. What a body or
a stream of asyncio's has not (to be a file, for one), these have not either.
"""

import asyncio
import contextlib
import copy
import os
import threading
import weakref

import sagewire
from sagewire.client.ambient import sleep


def awaited(*arguments, **options):
    """Make an asyncio client, as `sagewire.client` makes the blocking one."""
    return AwaitedClient(sagewire.async_client(*arguments, **options))


def follow(ambient):
    """Have what a test puts in place of the blocking waits stand for the awaited ones too."""
    slept = ambient.pause

    async def pause(seconds):
        await slept(seconds) if ambient.sleep is sleep else ambient.sleep(seconds)

    async def stay(seconds):
        await slept(seconds) if ambient.hold is sleep else ambient.hold(seconds)

    ambient.pause, ambient.stay = pause, stay


class Turner:
    """A loop, and what is run on it as if it did not wait."""

    _whole = None

    def __init__(self, client=None):
        self._client = client
        self._turn_anew()
        self._thread = threading.get_ident()

    @property
    def _loop(self):
        whole = self._whole or self
        # Used after its end, or in a child of a fork, it has another.
        if whole._turned.is_closed() or whole._process != os.getpid():
            whole._turn_anew()
        return whole._turned

    def _turn_anew(self):
        self._turned = asyncio.new_event_loop()
        self._process = os.getpid()
        # Not `__del__`: of a cycle, the collector may finalize the loop before what is to close it.
        self._end = weakref.finalize(self, _end, self._client, self._turned)

    def _run(self, awaitable):
        async def waited():
            return await awaitable

        return self._loop.run_until_complete(waited())

    def _iterated(self, iterator):
        try:
            while True:
                try:
                    item = self._run(anext(iterator))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if hasattr(iterator, "aclose") and not asyncio._get_running_loop():
                self._run(iterator.aclose())

    def _let_go(self):
        # The collector may drop what is left on a peer's thread, while this one turns the loop.
        if threading.get_ident() == self._thread:
            self._turn()

    def _turn(self):
        if not ((self._whole or self)._turned.is_closed() or asyncio._get_running_loop()):
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()


def _end(client, loop):
    sender = client and client._core.sender
    for line in sender._lines.values() if sender else ():
        if line.pool is not None:
            line.pool.abandon()
    loop.close()


class AwaitedClient(Turner):
    """As `sagewire.SageMakerRuntime`."""

    def __init__(self, client):
        super().__init__(client)
        follow(client._ambient)

    def __getattr__(self, name):
        return getattr(self._client, name)

    def __repr__(self):
        return repr(self._client)

    def __dir__(self):
        return dir(self._client)

    def __copy__(self):
        return AwaitedClient(copy.copy(self._client))

    def __deepcopy__(self, memo):
        return AwaitedClient(copy.deepcopy(self._client, memo))

    def __reduce__(self):
        return AwaitedClient, (self._client,)

    @property
    def pool(self):
        self._turn()
        return self._client.pool

    def invoke_endpoint(self, *arguments, **parameters):
        return self._called(self._client.invoke_endpoint, arguments, parameters)

    def invoke_endpoint_async(self, *arguments, **parameters):
        return self._called(self._client.invoke_endpoint_async, arguments, parameters)

    def invoke_endpoint_with_response_stream(self, *arguments, **parameters):
        method = self._client.invoke_endpoint_with_response_stream
        return self._called(method, arguments, parameters)

    def generate_presigned_url(self, *arguments, **parameters):
        return self._run(self._client.generate_presigned_url(*arguments, **parameters))

    def with_options(self, **options):
        client = self._client.with_options(**options)
        view = object.__new__(AwaitedClient)
        view._client, view._thread = client, self._thread
        view._whole = self._whole or self  # whose loop it uses
        return view

    def invoke_many(self, *arguments, **options):
        return self._iterated(self._client.invoke_many(*arguments, **options))

    def close(self):
        self._run(self._client.close())

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()
        self._run(self._loop.shutdown_default_executor())
        if self._whole is None:  # else the loop is another's
            self._end()

    def _called(self, method, arguments, parameters):
        result = self._run(method(*arguments, **parameters))
        if "Body" in result:
            kind = EventStream if hasattr(result["Body"], "iter_sse") else StreamingBody
            result["Body"] = kind(self, result["Body"])
        return result


class StreamingBody:
    """As `sagewire.StreamingBody`, as far as asyncio's goes."""

    # The recorded cases name the class.
    __module__ = "sagewire.streams.body"

    def __init__(self, client, body):
        self._client = client
        self._body = body
        self._events = None

    def read(self, amt=None):
        return self._client._run(self._body.read(amt))

    def readinto(self, buffer):
        return self._client._run(self._body.readinto(buffer))

    def iter_chunks(self, *arguments, **options):
        return self._client._iterated(self._body.iter_chunks(*arguments, **options))

    def iter_lines(self, *arguments, **options):
        return self._client._iterated(self._body.iter_lines(*arguments, **options))

    def __iter__(self):
        return self._client._iterated(self._body.__aiter__())

    def __next__(self):
        try:
            return self._client._run(self._body.anext())
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self):
        entered = self._client._run(self._body.__aenter__())
        assert entered is self._body
        return self

    def __exit__(self, *exception):
        self._client._run(self._body.__aexit__(*exception))

    def tell(self):
        return self._body.tell()

    def readable(self):
        return self._body.readable()

    def set_socket_timeout(self, timeout):
        self._body.set_socket_timeout(timeout)

    def close(self):
        self._body.close()
        self._client._turn()

    def __del__(self):
        self._body = None
        with contextlib.suppress(Exception):
            self._client._let_go()


class EventStream:
    """As `sagewire.EventStream`."""

    __module__ = "sagewire.streams.events"

    def __init__(self, client, stream):
        self._client = client
        self._stream = stream

    def __iter__(self):
        return self._client._iterated(self._stream.__aiter__())

    def __getattr__(self, name):
        if name.startswith("iter_"):
            method = getattr(self._stream, name)
            return lambda *arguments: self._client._iterated(method(*arguments))
        return getattr(self._stream, name)

    def __reduce__(self):
        return self._stream.__reduce__()

    def get_initial_response(self):
        return self._client._run(self._stream.get_initial_response())

    def close(self):
        self._stream.close()
        self._client._turn()
