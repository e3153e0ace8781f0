"""`AsyncSageMakerRuntime`: the client whose calls are awaited."""

# Some are needed at the first call or answer only. All are loaded with the client, while there is
# time for it: a loop has none.
from sagewire._impl import eventstream, reactor, sigv4, transport  # noqa: F401
from sagewire.client import many_aio, shortcuts
from sagewire.client.answers import AWAITED_BODIES, result
from sagewire.client.call import prepare
from sagewire.client.looping import make_sender, send_hooked, takes_long
from sagewire.client.results import Result
from sagewire.client.surface import Surface
from sagewire.client.threads import in_executor, in_thread, let_others_run
from sagewire.retries import standard  # noqa: F401
from sagewire.streams import aio as _streams  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
    from typing import Any

    from sagewire.client.opening import Core
    from sagewire.client.types import (
        AwaitedInvokeEndpointResult,
        AwaitedResponseStreamResult,
        InvokeEndpointAsyncResult,
        InvokeManyResult,
    )
    from sagewire.client.types import Body as _Body
    from sagewire.model.shapes import Operation


class AsyncSageMakerRuntime(Surface):
    """A client for Amazon SageMaker Runtime under asyncio. Made by `sagewire.async_client()`.

    Every method that waits is awaited; arguments, results and errors are those of the blocking
    client. It belongs to no loop: each loop that it is used on, in whatever thread, gets
    connections of its own. It survives `fork`, and pickles unless it holds something that does not.

    A call that is cancelled, at whatever point, ends its connection at once.
    """

    _make_sender = staticmethod(make_sender)

    if TYPE_CHECKING:

        async def invoke_endpoint(  # noqa: D102 - documented in Surface
            self,
            *,
            EndpointName: str,  # noqa: N803 - boto3's names
            Body: _Body,  # noqa: N803
            ContentType: str = ...,  # noqa: N803
            Accept: str = ...,  # noqa: N803
            CustomAttributes: str = ...,  # noqa: N803
            TargetModel: str = ...,  # noqa: N803
            TargetVariant: str = ...,  # noqa: N803
            TargetContainerHostname: str = ...,  # noqa: N803
            InferenceId: str = ...,  # noqa: N803
            EnableExplanations: str = ...,  # noqa: N803
            InferenceComponentName: str = ...,  # noqa: N803
            SessionId: str = ...,  # noqa: N803
            PrefixAwareId: str = ...,  # noqa: N803
        ) -> AwaitedInvokeEndpointResult: ...

        async def invoke_endpoint_async(  # noqa: D102 - documented in Surface
            self,
            *,
            EndpointName: str,  # noqa: N803
            ContentType: str = ...,  # noqa: N803
            Accept: str = ...,  # noqa: N803
            CustomAttributes: str = ...,  # noqa: N803
            InferenceId: str = ...,  # noqa: N803
            InputLocation: str = ...,  # noqa: N803
            S3OutputPathExtension: str = ...,  # noqa: N803
            Filename: str = ...,  # noqa: N803
            RequestTTLSeconds: int = ...,  # noqa: N803
            InvocationTimeoutSeconds: int = ...,  # noqa: N803
            Body: _Body = ...,  # noqa: N803
        ) -> InvokeEndpointAsyncResult: ...

        async def invoke_endpoint_with_response_stream(  # noqa: D102 - documented in Surface
            self,
            *,
            EndpointName: str,  # noqa: N803
            Body: _Body,  # noqa: N803
            ContentType: str = ...,  # noqa: N803
            Accept: str = ...,  # noqa: N803
            CustomAttributes: str = ...,  # noqa: N803
            TargetVariant: str = ...,  # noqa: N803
            TargetContainerHostname: str = ...,  # noqa: N803
            InferenceId: str = ...,  # noqa: N803
            InferenceComponentName: str = ...,  # noqa: N803
            SessionId: str = ...,  # noqa: N803
            PrefixAwareId: str = ...,  # noqa: N803
        ) -> AwaitedResponseStreamResult: ...

    async def _call(self, operation: "Operation", parameters: "dict[str, Any]") -> "Result":
        core = self._core
        pool = None if core.sender is None else core.sender.pool_here()
        first, waited = None, 0.0
        if pool is not None:
            if (pause := pool.pause()) is not None:
                waited = await self._paused(pool, pause)
            shortcut = self._book.get(operation)
            if shortcut is not None and not self._events.active:
                first = await self._shortly(pool, shortcut, parameters, waited)
                if type(first) is Result:
                    return first
        sender = core.sender or await _opened(core)
        if self._events.active:
            from sagewire.client.hooked import Hooked

            hooked = Hooked(core, self.meta, operation, parameters, self._options, awaited_result)
            hooked.call.began_before(waited)
            return await send_hooked(hooked, core)
        arguments = (operation, core.targets[operation], parameters)
        if takes_long(parameters.get("Body")):
            request = await in_executor(
                lambda: prepare(*arguments, validate=self._validate, signed=self._signed)
            )
        else:
            request = prepare(*arguments, validate=self._validate, signed=self._signed)
        at_hand = not self._signed or self._settings.source.at_hand() is not None
        if first is None and operation.streams and at_hand:
            self._book = core.books.of(self._options)
            shortcuts.renewed(core, sender, operation, self._options, AWAITED_BODIES)
        return await sender.send(  # type: ignore[no-any-return]
            operation, request, self._options, first, waited
        )

    async def _paused(self, pool: "Any", pause: "Any") -> float:
        """Wait until a call may begin; return how many of its seconds that took."""
        monotonic = self._core.ambient.monotonic
        began = monotonic()
        while pause is not None and not await pause:
            pause = pool.pause()  # it is to be asked again
        return monotonic() - began

    async def _shortly(
        self, pool: "Any", shortcut: "Any", parameters: "dict[str, Any]", waited: float
    ) -> "Any":
        """Make a call on its short way; `None` if it has none, or how its first attempt ended."""
        timeout = self._options.timeout
        if timeout is not None and waited >= timeout:
            return None  # what is raised then is the long way's to say
        begun = pool.call(shortcut, parameters, timeout, waited)
        if begun is None:
            return None
        try:
            return await begun
        except BaseException:
            # Given up: half a request may be on the connection.
            begun.close()
            raise

    def invoke_many(
        self,
        requests: "Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]",
        *,
        concurrency: int = 64,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> "AsyncIterator[InvokeManyResult]":
        """Make many calls at once; iterate with `async for` over the results, `Body` as `bytes`.

        `requests` is any iterable, plain or asynchronous, of `invoke_endpoint` keyword mappings. It
        is used only as results are taken: at most twice `concurrency` requests are ahead of them,
        so that memory is bounded however many there are. At most `concurrency` calls are in flight.

        Results come in the order of their requests, or with `ordered=False` as the calls end. A
        call that fails raises its error when its turn has come, and ends the iteration; with
        `return_exceptions=True` the error stands in place of the result. An error of `requests`
        itself is raised after the results before it. Leaving the iteration early (`aclose`, which
        `contextlib.aclosing` calls) cancels the calls in flight.

        Raises `InvalidArgumentError` for a `concurrency` below 1 and for `requests` that are no
        iterable of mappings.
        """
        waiting = many_aio.checked(requests, concurrency)
        return many_aio.results(self, waiting, concurrency, ordered, return_exceptions)

    async def generate_presigned_url(
        self,
        ClientMethod: str,  # noqa: N803 - boto3's names
        Params: "Mapping[str, Any] | None" = None,  # noqa: N803
        ExpiresIn: "Any" = 3600,  # noqa: N803
        HttpMethod: "str | None" = None,  # noqa: N803
    ) -> str:
        """Return a URL that whoever has it can call until it expires, without keys of their own.

        As the blocking client's; awaited, since having credentials may take a wait.
        """
        from sagewire.client.presign import presigned

        arguments = (ClientMethod, Params, ExpiresIn, HttpMethod)
        source = self._settings.source
        if source.at_hand() is None:
            return await in_thread(  # type: ignore[no-any-return]
                presigned, self._core, self.meta, arguments, source.current
            )
        return presigned(self._core, self.meta, arguments, source.current)

    async def close(self) -> None:
        """Close this loop's idle connections. The client goes on working, with new ones."""
        for pool in self._core.pools():
            while not pool.close():  # thousands would keep the loop
                await let_others_run()

    async def __aenter__(self) -> "AsyncSageMakerRuntime":  # noqa: PYI034 - typing is not imported
        """Return the client; leaving the block closes its idle connections."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()


def awaited_result(
    operation: "Operation",
    response: "Any",
    described: "dict[str, Any]",
    attempts: "tuple[tuple[Any, ...], ...]",
    data: bytes,
) -> "Result":
    """As `answers.result`, the body to be awaited."""
    return result(operation, response, described, attempts, data, AWAITED_BODIES)


async def _opened(core: "Core") -> "Any":
    """Return the sender, once it is known where the credentials are from: requests say so."""
    settings = core.settings
    failure = None
    if settings.signed and settings.refusal is None and settings.source.at_hand() is None:
        try:
            await in_thread(settings.source.current)
        except Exception as error:  # noqa: BLE001 - told when it comes to signing
            failure = error
    sender = core.sender or core.open()
    sender.failure = failure
    return sender
