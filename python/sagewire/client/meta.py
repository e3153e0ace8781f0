"""`client.meta`, `client.exceptions`, and what they show of the API model."""

from sagewire import exceptions
from sagewire.exceptions import ClientError as _ClientError
from sagewire.model.runtime import (
    API_VERSION,
    ENDPOINT_PREFIX,
    ERRORS,
    SERVICE_ID,
    SERVICE_NAME,
    SIGNING_NAME,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.config import Config
    from sagewire.exceptions import (
        InternalDependencyException,
        InternalFailure,
        InternalStreamFailure,
        ModelError,
        ModelNotReadyException,
        ModelStreamError,
        ServiceUnavailable,
        ValidationError,
    )
    from sagewire.model.shapes import Operation


class ServiceModel:
    """The names of the service, as the API model has them."""

    __slots__ = ("operation_names",)
    service_name = SERVICE_NAME
    service_id = SERVICE_ID
    api_version = API_VERSION
    endpoint_prefix = ENDPOINT_PREFIX
    signing_name = SIGNING_NAME

    def __init__(self, operations: "tuple[Operation, ...]") -> None:
        self.operation_names = [operation.name for operation in operations]


class ClientMeta:
    """What a client is: its region, endpoint, partition and resolved settings."""

    __slots__ = (
        "config",
        "endpoint_url",
        "method_to_api_mapping",
        "partition",
        "region_name",
        "service_model",
    )

    def __init__(
        self,
        *,
        region_name: str,
        endpoint_url: str,
        partition: str,
        config: "Config",
        operations: "tuple[Operation, ...]",
    ) -> None:
        self.region_name = region_name
        self.endpoint_url = endpoint_url
        self.partition = partition
        self.config = config
        self.service_model = ServiceModel(operations)
        self.method_to_api_mapping = {operation.method: operation.name for operation in operations}


class SageMakerRuntimeExceptions:
    """The service's errors by name, the same classes as in `sagewire.exceptions`.

    >>> SageMakerRuntimeExceptions().ModelError is exceptions.ModelError
    True
    """

    __slots__ = ()
    ClientError = _ClientError

    if TYPE_CHECKING:
        InternalDependencyException: type[InternalDependencyException]
        InternalFailure: type[InternalFailure]
        InternalStreamFailure: type[InternalStreamFailure]
        ModelError: type[ModelError]
        ModelNotReadyException: type[ModelNotReadyException]
        ModelStreamError: type[ModelStreamError]
        ServiceUnavailable: type[ServiceUnavailable]
        ValidationError: type[ValidationError]

    def __getattr__(self, name: str) -> "type[_ClientError]":
        if name in ERRORS:
            return getattr(exceptions, name)  # type: ignore[no-any-return]
        raise AttributeError(
            f"{self!r} object has no attribute {name}. Valid exceptions are: {', '.join(ERRORS)}"
        )

    def __dir__(self) -> "list[str]":
        return [*super().__dir__(), *ERRORS]

    def from_code(self, error_code: str) -> "type[_ClientError]":
        """Return the class for an error's code: `ClientError` for a code that is not modeled."""
        return getattr(exceptions, error_code) if error_code in ERRORS else _ClientError
