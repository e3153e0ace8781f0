"""What the blocking and the asyncio client have in common: everything that does not wait.

The operations' methods are here, with their documentation; what a call is differs below `_call`.
Their signatures stand in the two classes, for editors: at run time they take any keywords, since
the order of these is the order of the headers.
"""

from sagewire.client.emitter import Emitter
from sagewire.client.meta import ClientMeta, SageMakerRuntimeExceptions
from sagewire.client.opening import Core
from sagewire.client.results import PoolSnapshot
from sagewire.client.views import NO_OPTIONS, Options
from sagewire.exceptions import OperationNotPageableError
from sagewire.model.runtime import (
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_ASYNC,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from typing_extensions import Self

    from sagewire.client.settings import Settings
    from sagewire.model.shapes import Operation

    Client = TypeVar("Client", bound="Surface")

_OPERATIONS = (INVOKE_ENDPOINT, INVOKE_ENDPOINT_ASYNC, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)


class Surface:
    """A client without its way of waiting.

    `_make_sender` makes what sends the calls; `_call` makes one.
    """

    _make_sender: "Callable[..., Any]"

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._core = Core(settings, _OPERATIONS, self._make_sender)
        self._ambient = self._core.ambient
        self._options = NO_OPTIONS
        self._book = self._core.books.of(NO_OPTIONS)
        self._validate = settings.validate
        self._signed = settings.signed
        self.exceptions = SageMakerRuntimeExceptions()
        # boto3's other signatures are put on by the long way of a call, as event handlers are.
        self._events = Emitter()
        self._events.active = self._signed and settings.config.signature_version not in (
            "v4",
            "s3v4",
        )
        self.meta = ClientMeta(
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            partition=settings.partition.name,
            config=settings.shown,
            events=self._events,
            operations=_OPERATIONS,
        )

    def _call(self, operation: "Operation", parameters: "dict[str, Any]") -> "Any":
        raise NotImplementedError

    def invoke_endpoint(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Send `Body` to the model behind an endpoint and return its answer.

        Keyword arguments only, all text but `Body`: `EndpointName` and `Body` (bytes,
        bytearray, text sent as UTF-8, or a seekable binary file sent from where it stands) are
        required; `ContentType`, `Accept`, `CustomAttributes`, `TargetModel`, `TargetVariant`,
        `TargetContainerHostname`, `InferenceId`, `EnableExplanations`,
        `InferenceComponentName`, `SessionId` and `PrefixAwareId` are headers, sent in the order
        in which they are given.

        Returns boto3's dict: `ResponseMetadata`, `ContentType`, `InvokedProductionVariant`,
        `CustomAttributes`, `NewSessionId`, `ClosedSessionId` (those that the service sent), and
        `Body`, a `StreamingBody` to read.

        Raises `ParamValidationError` for parameters that do not fit the API model,
        `NoCredentialsError` without credentials, `ClientError` or one of its subclasses in
        `client.exceptions` for an error of the service or the model, and `ConnectionError` or
        `HTTPClientError` (of `sagewire.exceptions`) or below where the connection failed.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html

        >>> from sagewire.local import LocalEndpoint
        >>> import sagewire
        >>> with LocalEndpoint({"upper": lambda request: request.body.upper()}) as local:
        ...     client = sagewire.client(
        ...         region_name=local.region,
        ...         endpoint_url=local.url,
        ...         credentials=local.credentials,
        ...     )
        ...     result = client.invoke_endpoint(EndpointName="upper", Body=b"hello")
        ...     result["Body"].read()
        b'HELLO'
        """
        if args:
            raise TypeError("invoke_endpoint() only accepts keyword arguments.")
        return self._call(INVOKE_ENDPOINT, kwargs)

    def invoke_endpoint_async(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Queue an input for the model behind an asynchronous endpoint, and return at once.

        Keyword arguments only. `EndpointName` is required. The input is the object in S3 that
        `InputLocation` names, or `Body` (at most 128,000 bytes, of the types that
        `invoke_endpoint` takes). Text: `ContentType`, `Accept`, `CustomAttributes`, `InferenceId`,
        `S3OutputPathExtension`, `Filename`; integers: `RequestTTLSeconds` (from 60),
        `InvocationTimeoutSeconds` (from 1). All but `Body` are headers, sent in the order in which
        they are given.

        Returns boto3's dict: `ResponseMetadata`, and those of `OutputLocation`, `FailureLocation`
        (where the answer, or what went wrong, will be) and `InferenceId` that the service sent.

        Raises as `invoke_endpoint` does.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
        """
        if args:
            raise TypeError("invoke_endpoint_async() only accepts keyword arguments.")
        return self._call(INVOKE_ENDPOINT_ASYNC, kwargs)

    def invoke_endpoint_with_response_stream(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Send `Body` to the model behind an endpoint and return its answer as it is made.

        Keyword arguments only: `EndpointName` and `Body` are required; `ContentType`, `Accept`,
        `CustomAttributes`, `TargetVariant`, `TargetContainerHostname`, `InferenceId`,
        `InferenceComponentName`, `SessionId` and `PrefixAwareId` are headers, sent in the order in
        which they are given.

        Returns boto3's dict: `ResponseMetadata`, `ContentType`, `InvokedProductionVariant`,
        `CustomAttributes` (those that the service sent), and `Body`, an `EventStream`: iterate over
        it, or over its `iter_bytes()`, `iter_lines()`, `iter_sse()` or `iter_json()`.

        Raises what `invoke_endpoint` raises; what goes wrong once the answer has begun is raised by
        the stream.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
        """
        if args:
            words = "invoke_endpoint_with_response_stream() only accepts keyword arguments."
            raise TypeError(words)
        return self._call(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, kwargs)

    def with_options(
        self,
        *,
        timeout: "float | None" = None,
        max_attempts: "int | None" = None,
        extra_headers: "Mapping[str, str] | None" = None,
    ) -> "Self":
        """Return a view of this client whose calls differ in what is given; the pool is shared.

        `timeout` is a deadline in seconds for a whole call: connecting, every attempt, every wait
        between two, and the body. `max_attempts` is the most attempts of a call, the first one
        included. `extra_headers` are sent and signed with every call, after the parameters' own
        and in place of those of the same name; headers of a view's view add up. What is `None` is
        as in the client that is asked.

        Raises `InvalidArgumentError` for a value that cannot be. The calls of a view with a
        `timeout` raise `DeadlineExceededError`, at the latest while the body is read.

        >>> from sagewire import client
        >>> runtime = client(region_name="eu-west-1")
        >>> quick = runtime.with_options(timeout=2.5, max_attempts=1)
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._options = self._options.with_more(timeout, max_attempts, extra_headers)
        view._book = view._core.books.of(view._options)
        return view

    @property
    def pool(self) -> PoolSnapshot:
        """The connections of this moment: `open`, `busy`, `idle`, and the calls `waiting`."""
        sender = self._core.sender
        return PoolSnapshot(*(sender.pool.snapshot() if sender is not None else (0, 0, 0, 0)))

    def can_paginate(self, operation_name: str) -> bool:
        """Return `False`: no operation of this service has pages. `KeyError` for other names."""
        self.meta.method_to_api_mapping[operation_name]
        return False

    def get_paginator(self, operation_name: str) -> "Any":
        """Raise `OperationNotPageableError`: no operation of this service has pages."""
        self.can_paginate(operation_name)
        raise OperationNotPageableError(operation_name=operation_name)

    def get_waiter(self, waiter_name: str) -> "Any":
        """Raise `ValueError`: the service has no waiters."""
        raise ValueError(f"Waiter does not exist: {waiter_name}")

    @property
    def waiter_names(self) -> "list[str]":
        """The names of the service's waiters: none."""
        return []

    def __copy__(self) -> "Self":
        """Return a client of the same settings and event handlers, with a pool of its own."""
        from copy import copy

        return _remade(type(self), self._settings, self._options, copy(self._events))

    def __deepcopy__(self, _memo: "Any") -> "Self":
        """As `copy.copy`: nothing of the settings ever changes."""
        return self.__copy__()

    def __repr__(self) -> str:
        origin = self._settings.origin
        where = "" if origin is None else f" {origin.url}{origin.path}"
        return f"<sagewire.{type(self).__name__} {self.meta.region_name}{where}>"

    def __reduce__(self) -> "Any":
        return _remade, (type(self), self._settings, self._options, self._events)


def _remade(
    cls: "type[Client]", settings: "Settings", options: Options, events: Emitter
) -> "Client":
    """Unpickle a client, or a view of one."""
    made = cls(settings)
    made._options = options
    made._book = made._core.books.of(options)
    made._events = made.meta.events = events
    return made
