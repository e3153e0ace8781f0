"""`SageMakerRuntime`: the client whose calls return when the answer's head is here."""

from sagewire.client.ambient import Ambient
from sagewire.client.answers import invoke_endpoint_result
from sagewire.client.attempts import Sender
from sagewire.client.call import Targets, prepare
from sagewire.client.meta import ClientMeta, SageMakerRuntimeExceptions
from sagewire.exceptions import OperationNotPageableError, UnknownSignatureVersionError
from sagewire.model.runtime import INVOKE_ENDPOINT
from sagewire.retries import policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.client.settings import Settings
    from sagewire.client.types import Body as _Body
    from sagewire.client.types import InvokeEndpointResult
    from sagewire.endpoints import Origin

_OPERATIONS = (INVOKE_ENDPOINT,)
# More idle connections than any process can hold open.
_NO_LIMIT = 1_000_000


class SageMakerRuntime:
    """A client for Amazon SageMaker Runtime. Made by `sagewire.client()`.

    May be shared by threads, survives `fork`, pickles unless it holds something that does not, and
    is a context manager that closes its idle connections at the end.
    """

    __slots__ = (
        "__weakref__",
        "_ambient",
        "_sender",
        "_settings",
        "_signed",
        "_targets",
        "_validate",
        "exceptions",
        "meta",
    )

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._ambient = Ambient()
        self._validate = settings.config.parameter_validation
        self._signed = settings.signed
        # Pool, signer and targets are made at the first call: boto3 keeps some errors until then.
        self._sender: Sender | None = None
        self._targets: Targets | None = None
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
            sender = self._sender or self._open()
            request = prepare(
                INVOKE_ENDPOINT,
                self._targets,
                kwargs,
                validate=self._validate,
                signed=self._signed,
            )
            response, described = sender.send(INVOKE_ENDPOINT, request)
            return invoke_endpoint_result(response, described)

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
        if self._sender is not None:
            self._sender.close()

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
        return type(self), (self._settings,)

    def _open(self) -> Sender:
        """Make what the calls need, or raise the error that construction has found."""
        settings = self._settings
        config = settings.config
        if settings.refusal is not None:
            raise settings.refusal
        version = config.signature_version
        if self._signed and version not in ("v4", "s3v4"):
            raise UnknownSignatureVersionError(signature_version=version)
        origin = settings.origin
        assert origin is not None  # noqa: S101 - else there is a refusal
        sender = Sender(
            pool=_pool(origin, settings),
            origin=origin,
            region=settings.region,
            source=settings.source,
            signature=version if self._signed else None,
            policy=policy(settings.retry_mode, settings.max_attempts),
            user_agent=settings.user_agent(),
            read_timeout=config.read_timeout,
            ambient=self._ambient,
        )
        # Two threads may come here together; either's sender will do, and the later one stays.
        self._targets = Targets(origin, INVOKE_ENDPOINT)
        self._sender = sender
        return sender


def _pool(origin: "Origin", settings: "Settings") -> "Any":
    from sagewire._impl import transport

    config = settings.config
    tls = None
    if origin.scheme == "https":
        certificate = key = None
        if isinstance(config.client_cert, (tuple, list)):
            certificate, key = config.client_cert
        elif config.client_cert is not None:
            certificate = config.client_cert
        tls = transport.TlsSettings(settings.verify, settings.ca_bundle, certificate, key)
    return transport.Pool(
        origin.scheme,
        origin.host,
        origin.port,
        # As in urllib3, no positive number means no limit.
        max_idle=min(config.max_pool_connections, _NO_LIMIT)
        if config.max_pool_connections > 0
        else _NO_LIMIT,
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        tls=tls,
        tcp_keepalive=bool(config.tcp_keepalive),
    )
