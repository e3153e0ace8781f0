"""`SageMakerRuntime`: the client whose calls return when the answer's head is here."""

from sagewire.client import shortcuts
from sagewire.client.answers import result
from sagewire.client.blocking import make_sender, send_hooked
from sagewire.client.call import prepare
from sagewire.client.results import Result
from sagewire.client.surface import Surface
from sagewire.model.runtime import (
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_ASYNC,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from sagewire.client.types import Body as _Body
    from sagewire.client.types import (
        InvokeEndpointAsyncResult,
        InvokeEndpointResult,
        InvokeManyResult,
        ResponseStreamResult,
    )
    from sagewire.model.shapes import Operation


def _method(operation: "Operation", documented: "Callable[..., Any]") -> "Callable[..., Result]":
    """Return an operation's method: the short way if there is one, in as little as can be."""

    def method(self: "SageMakerRuntime", *args: "Any", **kwargs: "Any") -> Result:
        shortcut = self._book.get(operation)
        if shortcut is None or args or self._events.active:
            return documented(self, *args, **kwargs)  # type: ignore[no-any-return]
        first = shortcut.invoke(kwargs, self._options.timeout)
        if type(first) is Result:
            return first
        return self._call(operation, kwargs, first)

    method.__name__ = documented.__name__
    method.__qualname__ = f"SageMakerRuntime.{documented.__name__}"
    method.__doc__ = documented.__doc__
    return method


class SageMakerRuntime(Surface):
    """A client for Amazon SageMaker Runtime. Made by `sagewire.client()`.

    May be shared by threads, survives `fork`, pickles unless it holds something that does not, and
    is a context manager that closes its idle connections at the end.
    """

    _make_sender = staticmethod(make_sender)

    if TYPE_CHECKING:

        def invoke_endpoint(  # noqa: D102 - documented in Surface
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
        ) -> InvokeEndpointResult: ...

        def invoke_endpoint_async(  # noqa: D102 - documented in Surface
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

        def invoke_endpoint_with_response_stream(  # noqa: D102 - documented in Surface
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
        ) -> ResponseStreamResult: ...

    else:
        invoke_endpoint = _method(INVOKE_ENDPOINT, Surface.invoke_endpoint)
        invoke_endpoint_async = _method(INVOKE_ENDPOINT_ASYNC, Surface.invoke_endpoint_async)
        invoke_endpoint_with_response_stream = _method(
            INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, Surface.invoke_endpoint_with_response_stream
        )

    def _call(
        self,
        operation: "Operation",
        parameters: "dict[str, Any]",
        first: "tuple[Any, ...] | None" = None,
    ) -> "Result":
        """Make a call that is not plain, or `first` of whose attempts did not succeed."""
        core = self._core
        if self._events.active:
            from sagewire.client.hooked import Hooked

            hooked = Hooked(core, self.meta, operation, parameters, self._options, result)
            return send_hooked(hooked, core)
        sender = core.sender or core.open()
        request = prepare(
            operation,
            core.targets[operation],
            parameters,
            validate=self._validate,
            signed=self._signed,
        )
        if first is None and operation.streams:
            self._book = core.books.of(self._options)
            shortcut = shortcuts.renewed(core, sender, operation, self._options)
            if shortcut is not None:
                first = shortcut.invoke(parameters, self._options.timeout)
                if type(first) is Result:
                    return first
        return sender.send(  # type: ignore[no-any-return]
            operation, request, self._options, first
        )

    def invoke_many(
        self,
        requests: "Iterable[Mapping[str, Any]]",
        *,
        concurrency: int = 64,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> "Iterator[InvokeManyResult]":
        """Make many calls at once, and yield their results with `Body` read, as `bytes`.

        `requests` is any iterable of `invoke_endpoint` keyword mappings. It is used by the thread
        that iterates over the results, and only as they are taken: at most twice `concurrency`
        requests are ahead of them, so that memory is bounded however many there are.

        At most `concurrency` calls are in flight, each on a thread of its own. Results come in the
        order of their requests, or with `ordered=False` as the calls end. A call that fails raises
        its error when its turn has come, and ends the iteration; with `return_exceptions=True` the
        error stands in place of the result. An error of `requests` itself is raised after the
        results before it. Leaving the iteration early ends the calls in flight: their connections
        are closed, and their threads end.

        Threads overlap waiting, not computing: a call here costs 1.6 to 1.9 times the CPU of one in
        a loop (measured at 1 to 64 threads: changing threads is the difference), and all of them
        share one interpreter. So a model that takes milliseconds is served up to `concurrency`
        times as fast as in a loop; one that answers within 100 microseconds hardly faster at all,
        at whatever `concurrency`.

        Raises `InvalidArgumentError` for a `concurrency` below 1 and for `requests` that are no
        iterable of mappings.

        >>> from sagewire.local import LocalEndpoint
        >>> import sagewire
        >>> with LocalEndpoint({"upper": lambda request: request.body.upper()}) as local:
        ...     client = sagewire.client(
        ...         region_name=local.region,
        ...         endpoint_url=local.url,
        ...         credentials=local.credentials,
        ...     )
        ...     requests = ({"EndpointName": "upper", "Body": word} for word in (b"a", b"b", b"c"))
        ...     [result["Body"] for result in client.invoke_many(requests, concurrency=2)]
        [b'A', b'B', b'C']
        """
        from sagewire.client import many

        waiting = many.checked(requests, concurrency)
        return many.results(self, waiting, concurrency, ordered, return_exceptions)

    def generate_presigned_url(
        self,
        ClientMethod: str,  # noqa: N803 - boto3's names
        Params: "Mapping[str, Any] | None" = None,  # noqa: N803
        ExpiresIn: "Any" = 3600,  # noqa: N803
        HttpMethod: "str | None" = None,  # noqa: N803
    ) -> str:
        """Return a URL that whoever has it can call until it expires, without keys of their own.

        `ClientMethod` is the name of an operation's method, `Params` its keyword arguments.
        `ExpiresIn` is in seconds; the service takes at most 604,800 (seven days). `HttpMethod` is
        `POST` unless it is given. A `Body` has to be a JSON object, whose members become query
        parameters; the request itself is then sent with an empty body. Every other parameter is a
        signed header that has to be sent with the URL.

        Raises `UnknownClientMethodError`, `ParamValidationError`, `NoCredentialsError`,
        `UnsupportedSignatureVersionError`, and `ValueError` or `TypeError` that name `Body`.
        """
        from sagewire.client.presign import presigned

        return presigned(
            self._core,
            self.meta,
            (ClientMethod, Params, ExpiresIn, HttpMethod),
            self._settings.source.current,
        )

    def close(self) -> None:
        """Close the idle connections. The client goes on working, with new ones."""
        for pool in self._core.pools():
            pool.close()

    def __enter__(self) -> "SageMakerRuntime":  # noqa: PYI034 - typing is not imported
        """Return the client; leaving the block closes its idle connections."""
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
