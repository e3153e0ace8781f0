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
    from typing import Any

    from sagewire.client.emitter import Emitter
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


class ServiceId(str):
    """The service's id, a text with botocore's one method.

    >>> ServiceId("SageMaker Runtime").hyphenize()
    'sagemaker-runtime'
    """

    __slots__ = ()

    def hyphenize(self) -> str:
        """Return it as it stands in the names of events."""
        return self.lower().replace(" ", "-")


class ServiceModel:
    """The names of the service, as the API model has them.

    Everything else that botocore's model of the service has (shapes, metadata, documentation) is
    botocore's own, where that is installed; it is loaded when it is asked for.
    """

    def __init__(self, operations: "tuple[Operation, ...]") -> None:
        self.service_name = SERVICE_NAME
        self.service_id = ServiceId(SERVICE_ID)
        self.api_version = API_VERSION
        self.endpoint_prefix = ENDPOINT_PREFIX
        self.signing_name = SIGNING_NAME
        self.operation_names = [operation.name for operation in operations]
        self._operations = {operation.name: operation for operation in operations}

    def operation_model(self, operation_name: str) -> "OperationModel":
        """Return what the API model says of an operation; `KeyError` if there is none."""
        return OperationModel(self, self._operations[operation_name])

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_"):  # before a copy has its attributes, too
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(_botocores(f"service_model.{name}"), name)


class OperationModel:
    """What the API model says of one operation; what is not here is botocore's own, as above."""

    def __init__(self, service_model: ServiceModel, operation: "Operation") -> None:
        self.service_model = service_model
        self.name = self.wire_name = operation.name
        self.has_streaming_input = True
        self.has_streaming_output = operation.body_type == "blob"
        self.has_event_stream_input = False
        self.has_event_stream_output = operation.body_type == "stream"
        self.deprecated = False

    def __repr__(self) -> str:
        return f"OperationModel(name={self.name})"

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        theirs = _botocores(f"operation_model.{name}")
        return getattr(theirs.operation_model(self.name), name)


def _botocores(wanted: str) -> "Any":
    """Return botocore's model of the service; `AttributeError` where it is not installed."""
    try:
        import botocore.session
    except ModuleNotFoundError:
        raise AttributeError(
            f"{wanted}: shapes and other details of the API model are botocore's, which is not "
            "installed (pip install botocore)"
        ) from None
    return botocore.session.Session().get_service_model(SERVICE_NAME)


class ClientMeta:
    """What a client is: its region, endpoint, partition, resolved settings, and its events."""

    __slots__ = (
        "config",
        "endpoint_url",
        "events",
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
        events: "Emitter",
        operations: "tuple[Operation, ...]",
    ) -> None:
        self.region_name = region_name
        self.endpoint_url = endpoint_url
        self.partition = partition
        self.config = config
        self.events = events
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
