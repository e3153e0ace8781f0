"""The asyncio client with the manners of the blocking one, so that one test serves both.

Everything that the client gives to be awaited is run on a loop of the client's own. What a body or
a stream of asyncio's has not (to be a file, for one), these have not either.
"""

import asyncio
import contextlib
import threading

import sagewire


def awaited(*arguments, **options):
    """Make an asyncio client, as `sagewire.client` makes the blocking one."""
    return AwaitedClient(sagewire.async_client(*arguments, **options))


class AwaitedClient:
    """As `sagewire.SageMakerRuntime`."""

    def __init__(self, client):
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._whole = None
        self._thread = threading.get_ident()

    def __getattr__(self, name):
        return getattr(self._client, name)

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
        view = object.__new__(AwaitedClient)
        view._client = self._client.with_options(**options)
        view._loop = self._loop
        view._whole = self._whole or self  # whose loop it uses
        view._thread = self._thread
        return view

    def close(self):
        self._run(self._client.close())

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()
        self._run(self._loop.shutdown_default_executor())
        self._end()

    def __del__(self):
        if self._whole is None and not self._loop.is_closed():
            self._end()

    def _end(self):
        sender = self._client._core.sender
        for line in sender._lines.values() if sender is not None else ():
            if line.pool is not None:
                line.pool.abandon()
        self._loop.close()

    def _called(self, method, arguments, parameters):
        result = self._run(method(*arguments, **parameters))
        if "Body" in result:
            kind = EventStream if hasattr(result["Body"], "iter_sse") else StreamingBody
            result["Body"] = kind(self, result["Body"])
        return result

    def _run(self, awaitable):
        async def waited():
            return await awaitable

        return self._loop.run_until_complete(waited())

    def _iterated(self, iterator):
        while True:
            try:
                item = self._run(iterator.__anext__())
            except StopAsyncIteration:
                return
            yield item

    def _let_go(self):
        # The collector may drop what is left on a peer's thread, while this one turns the loop.
        if threading.get_ident() == self._thread:
            self._turn()

    def _turn(self):
        if not (self._loop.is_closed() or asyncio._get_running_loop()):
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()


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

    def get_initial_response(self):
        return self._client._run(self._stream.get_initial_response())

    def close(self):
        self._stream.close()
        self._client._turn()
