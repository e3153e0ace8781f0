"""`SageMakerRuntime`: the client whose calls return when the answer's head is here."""

from sagewire.client.blocking import make_sender
from sagewire.client.call import prepare
from sagewire.client.meta import ClientMeta, SageMakerRuntimeExceptions
from sagewire.client.opening import Core
from sagewire.client.results import PoolSnapshot
from sagewire.client.views import NO_OPTIONS, Options
from sagewire.exceptions import OperationNotPageableError
from sagewire.model.runtime import INVOKE_ENDPOINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.client.results import Result
    from sagewire.client.settings import Settings
    from sagewire.client.types import Body as _Body
    from sagewire.client.types import InvokeEndpointResult
    from sagewire.model.shapes import Operation

_OPERATIONS = (INVOKE_ENDPOINT,)


class SageMakerRuntime:
    """A client for Amazon SageMaker Runtime. Made by `sagewire.client()`.

    May be shared by threads, survives `fork`, pickles unless it holds something that does not, and
    is a context manager that closes its idle connections at the end.
    """

    __slots__ = (
        "__weakref__",
        "_ambient",
        "_core",
        "_options",
        "_settings",
        "_signed",
        "_validate",
        "exceptions",
        "meta",
    )

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._core = Core(settings, _OPERATIONS, make_sender)
        self._ambient = self._core.ambient
        self._options = NO_OPTIONS
        self._validate = settings.config.parameter_validation
        self._signed = settings.signed
        self.exceptions = SageMakerRuntimeExceptions()
        self.meta = ClientMeta(
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            partition=settings.partition.name,
            config=settings.config,
            operations=_OPERATIONS,
        )

    if TYPE_CHECKING:

        def invoke_endpoint(  # noqa: D102 - documented below
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

    else:

        def invoke_endpoint(self, *args: "Any", **kwargs: "Any") -> "dict[str, Any]":
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

    def _call(self, operation: "Operation", parameters: "dict[str, Any]") -> "Result":
        core = self._core
        sender = core.sender or core.open()
        request = prepare(
            operation,
            core.targets[operation],
            parameters,
            validate=self._validate,
            signed=self._signed,
        )
        return sender.send(operation, request, self._options)  # type: ignore[no-any-return]

    def with_options(
        self,
        *,
        timeout: "float | None" = None,
        max_attempts: "int | None" = None,
        extra_headers: "Mapping[str, str] | None" = None,
    ) -> "SageMakerRuntime":
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
        for name in SageMakerRuntime.__slots__:
            if name != "__weakref__":
                setattr(view, name, getattr(self, name))
        view._options = self._options.with_more(timeout, max_attempts, extra_headers)
        return view

    @property
    def pool(self) -> PoolSnapshot:
        """The connections of this moment: `open`, `busy`, `idle`, and the calls `waiting`."""
        sender = self._core.sender
        return PoolSnapshot(*(sender.pool.snapshot() if sender is not None else (0, 0, 0, 0)))

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
        from sagewire.client.presign import Unsigned

        url = Unsigned(self._settings, ClientMethod, Params, ExpiresIn, HttpMethod)
        if url.version is None:
            return url.bare()
        return url.signed(self._settings.source.current(), int(self._ambient.now()))

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

    def close(self) -> None:
        """Close the idle connections. The client goes on working, with new ones."""
        if self._core.sender is not None:
            self._core.sender.pool.close()

    def __enter__(self) -> "SageMakerRuntime":  # noqa: PYI034 - typing is not imported
        """Return the client; leaving the block closes its idle connections."""
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        origin = self._settings.origin
        where = "" if origin is None else f" {origin.url}{origin.path}"
        return f"<sagewire.SageMakerRuntime {self.meta.region_name}{where}>"

    def __reduce__(self) -> "Any":
        return _remade, (type(self), self._settings, self._options)


def _remade(
    cls: "type[SageMakerRuntime]", settings: "Settings", options: Options
) -> SageMakerRuntime:
    """Unpickle a client, or a view of one."""
    made = cls(settings)
    made._options = options
    return made
