"""boto3's exceptions by name and by words, and the few that are ours.

    Exception
     ├─ ClientError                       an answer of the service
     │   ├─ InternalDependencyException, InternalFailure, InternalStreamFailure, ModelError,
     │   │  ModelNotReadyException, ModelStreamError, ServiceUnavailable, ValidationError
     │   └─ EventStreamError              an error inside a response stream
     ├─ BotoCoreError                     everything that went wrong on this side
     │   ├─ ConnectionError               no connection: EndpointConnectionError,
     │   │                                ConnectTimeoutError, SSLError, ProxyConnectionError
     │   ├─ HTTPClientError               a connection that failed: ConnectionClosedError,
     │   │                                ReadTimeoutError, ResponseStreamingError,
     │   │                                DeadlineExceededError
     │   └─ configuration, credentials, parameters, ...
     ├─ ParserError                       a response stream that cannot be read on:
     │                                    ChecksumMismatch, DuplicateHeader, InvalidHeaders,
     │                                    InvalidHeadersLength, InvalidMessageLength,
     │                                    InvalidPayloadLength, NoInitialResponseError
     ├─ SignatureError                    a signature that was not accepted
     └─ InvalidArgumentError (ValueError) an argument of one of our own functions

Both implementations raise these classes by name with fields; the words are made here, once.

Where botocore has been imported, an instance is also an instance of botocore's class of the same
name, so that `except botocore.exceptions.X` catches it. Importing this module never imports
botocore.
"""

from sagewire.bridge import Bridge, rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _state(error: "Any") -> "dict[str, Any] | None":
    """Return what a pickle keeps beside the arguments."""
    return {"attempts": error.attempts} if error.attempts else None


class BotoCoreError(Bridge, Exception):
    """The base of everything that goes wrong on this side of the wire.

    `kwargs` holds the fields that the message was made from. `attempts` are those of the call that
    ended with it, each with `reason`, `status`, `request_id` and `seconds`.
    """

    _counterpart = "botocore.exceptions"
    fmt = "An unspecified error occurred"
    attempts: "tuple[Any, ...]" = ()

    def __init__(self, **kwargs: "Any") -> None:
        message = self.fmt.format(**kwargs)
        Exception.__init__(self, message)
        self.args = (message,)
        self.kwargs = kwargs

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> "Any":
        return rebuild, (self._public or type(self), self.kwargs), _state(self)


# The service's answers


class ClientError(Bridge, Exception):
    """The service answered with an error.

    `response` is boto3's dict (`Error` with `Code` and `Message`, `ResponseMetadata`, and the
    members of a modeled error); `operation_name` is the operation as the API model names it.
    `attempts` are those of the call, each with `reason`, `status`, `request_id` and `seconds`.
    """

    _counterpart = "botocore.exceptions"
    MSG_TEMPLATE = (
        "An error occurred ({error_code}) when calling the {operation_name} "
        "operation{retry_info}: {error_message}"
    )
    attempts: "tuple[Any, ...]" = ()

    def __init__(self, error_response: "dict[str, Any]", operation_name: str) -> None:
        error = error_response.get("Error", {})
        metadata = error_response.get("ResponseMetadata", {})
        retry_info = ""
        if metadata.get("MaxAttemptsReached", False) and "RetryAttempts" in metadata:
            retry_info = f" (reached max retries: {metadata['RetryAttempts']})"
        # Not super(): behind a bridge that is botocore's class, which wants both arguments.
        Exception.__init__(
            self,
            self.MSG_TEMPLATE.format(
                error_code=error.get("Code", "Unknown"),
                error_message=error.get("Message", "Unknown"),
                operation_name=operation_name,
                retry_info=retry_info,
            ),
        )
        self.response = error_response
        self.operation_name = operation_name

    @property
    def request_id(self) -> "str | None":
        """The service's id of the request, or `None` where it sent none."""
        request_id: str | None = self._metadata("RequestId")
        return request_id

    @property
    def original_status_code(self) -> "int | None":
        """The HTTP status that the model's container answered with, for a `ModelError`."""
        return self.response.get("OriginalStatusCode")

    @property
    def original_message(self) -> "str | None":
        """The text that the model's container answered with, for a `ModelError`."""
        return self.response.get("OriginalMessage")

    @property
    def log_stream_arn(self) -> "str | None":
        """The ARN of the log stream of the model's container, for a `ModelError`."""
        return self.response.get("LogStreamArn")

    def _metadata(self, key: str) -> "Any":
        return self.response.get("ResponseMetadata", {}).get(key)

    def __reduce__(self) -> "Any":
        arguments = (self.response, self.operation_name)
        return self._public or type(self), arguments, _state(self)


class InternalDependencyException(ClientError):
    """The service's own dependency failed (530)."""


class InternalFailure(ClientError):
    """The service failed (500)."""


class InternalStreamFailure(ClientError):
    """The service failed while it streamed an answer."""


class ModelError(ClientError):
    """The model's container answered with an error (424)."""


class ModelNotReadyException(ClientError):
    """The model is being loaded (429)."""


class ModelStreamError(ClientError):
    """The model's container failed while it streamed an answer."""


class ServiceUnavailable(ClientError):
    """The service is not available for the moment (503)."""


class ValidationError(ClientError):
    """The service refused the request's input (400)."""


class EventStreamError(ClientError):
    """An error that arrived inside a response stream.

    `error_code` is `ModelStreamError`'s `ErrorCode`, which boto3 drops, or `None`.
    """

    def __init__(
        self,
        error_response: "dict[str, Any]",
        operation_name: str,
        error_code: "str | None" = None,
    ) -> None:
        ClientError.__init__(self, error_response, operation_name)
        self.error_code = error_code

    def __reduce__(self) -> "Any":
        fields = (self.response, self.operation_name, self.error_code)
        return self._public or type(self), fields


# Connections


class ConnectionError(BotoCoreError):  # noqa: A001 - boto3's name
    """No connection to the endpoint."""

    fmt = "An HTTP Client failed to establish a connection: {error}"


class EndpointConnectionError(ConnectionError):
    """The endpoint refused the connection, has no address, or cannot be reached."""

    fmt = 'Could not connect to the endpoint URL: "{endpoint_url}"'


class ConnectTimeoutError(ConnectionError, OSError):
    """No connection within `connect_timeout` seconds."""

    fmt = 'Connect timeout on endpoint URL: "{endpoint_url}"'


class SSLError(ConnectionError, OSError):
    """The TLS handshake failed, or the certificate is not trusted."""

    fmt = "SSL validation failed for {endpoint_url} {error}"


class ProxyConnectionError(ConnectionError, OSError):
    """The proxy refused."""

    fmt = 'Failed to connect to proxy URL: "{proxy_url}"'


class HTTPClientError(BotoCoreError):
    """A connection that failed in use."""

    fmt = "An HTTP Client raised an unhandled exception: {error}"


class ConnectionClosedError(HTTPClientError):
    """The connection ended before a whole answer's head had arrived.

    Also, as in boto3, where a file of `client_cert` cannot be read: then the words say so. `kwargs`
    has a true `stale` where not a byte had, on a connection that had served before: as a rule it
    was closed while it was idle.
    """

    fmt = (
        "Connection was closed before we received a valid response "
        'from endpoint URL: "{endpoint_url}".'
    )

    def __init__(self, **kwargs: "Any") -> None:
        if "cause" in kwargs:
            self.fmt = f"{type(self).fmt} {{cause}}"
        super().__init__(**kwargs)


class ReadTimeoutError(HTTPClientError, OSError):
    """Nothing arrived for `read_timeout` seconds."""

    fmt = 'Read timeout on endpoint URL: "{endpoint_url}"'


class ResponseStreamingError(HTTPClientError):
    """The answer's body broke off."""

    fmt = "An error occurred while reading from response stream: {error}"


class DeadlineExceededError(HTTPClientError, TimeoutError):
    """The deadline of the whole call has passed."""

    fmt = 'Deadline of {seconds:g} s exceeded while {stage} on endpoint URL: "{endpoint_url}"'


class IncompleteReadError(BotoCoreError):
    """The body is shorter than its `Content-Length`."""

    fmt = "{actual_bytes} read, but total bytes expected is {expected_bytes}."


class BodyChangedError(BotoCoreError):
    """A file's length changed while it was being sent. Ours: boto3 has no check.

    The connection is dropped before the request is complete, so that no model sees half a body.
    """

    fmt = (
        "Body changed while it was being sent: {expected_bytes} bytes were announced, "
        "the file now has {actual_bytes}."
    )


class UnseekableStreamError(BotoCoreError):
    """A body had to be sent again and could not be rewound."""

    fmt = "Need to rewind the stream {stream_object}, but stream is not seekable."


# Parameters


class ParamValidationError(BotoCoreError):
    """The call's parameters do not fit the API model; every finding has a line."""

    fmt = "Parameter validation failed:\n{report}"


class DataNotFoundError(BotoCoreError):
    """There is no API model of that version."""

    fmt = "Unable to load data for: {data_path}"


class UnknownServiceError(DataNotFoundError):
    """Only `sagemaker-runtime` is spoken here."""

    fmt = "Unknown service: '{service_name}'. Valid service names are: {known_service_names}"


class OperationNotPageableError(BotoCoreError):
    """No operation of this service has pages."""

    fmt = "Operation cannot be paginated: {operation_name}"


class UnknownClientMethodError(BotoCoreError):
    """The client has no such method."""

    fmt = "Client does not have method: {method_name}"


# Configuration


class NoRegionError(BotoCoreError):
    """No region is configured."""

    fmt = "You must specify a region."


class InvalidRegionError(BotoCoreError, ValueError):
    """The region's name is malformed."""

    fmt = "Provided region_name '{region_name}' doesn't match a supported format."


class EndpointResolutionError(BotoCoreError):
    """No endpoint fits the settings."""

    fmt = "{msg}"


class InvalidEndpointConfigurationError(BotoCoreError):
    """The endpoint does not go with another setting."""

    fmt = "Invalid endpoint configuration: {msg}"


class EndpointVariantError(BotoCoreError):
    """The partition has no endpoint of that variant."""

    fmt = "Unable to construct a modeled endpoint with the following variant(s) {tags}: "


class InvalidConfigError(BotoCoreError):
    """A setting is malformed."""

    fmt = "{error_msg}"


class InvalidRetryConfigurationError(BotoCoreError):
    """`retries` has an unknown key."""

    fmt = (
        'Cannot provide retry configuration for "{retry_config_option}". '
        "Valid retry configuration options are: {valid_options}"
    )


class InvalidMaxRetryAttemptsError(InvalidRetryConfigurationError):
    """The number of attempts is too small."""

    fmt = (
        'Value provided to "max_attempts": {provided_max_attempts} must '
        "be an integer greater than or equal to {min_value}."
    )


class InvalidRetryModeError(InvalidRetryConfigurationError):
    """The retry mode is unknown."""

    fmt = 'Invalid value provided to "mode": "{provided_retry_mode}" must be one of: {valid_modes}'


class InvalidDefaultsMode(BotoCoreError):
    """The defaults mode is unknown."""

    fmt = (
        "Client configured with invalid defaults mode: {mode}. "
        "Valid defaults modes include: {valid_modes}."
    )


class InvalidChecksumConfigError(BotoCoreError):
    """A checksum setting has an unknown value."""

    fmt = (
        "Unsupported configuration value for {config_key}. "
        "Expected one of {valid_options} but got {config_value}."
    )


class InvalidProxiesConfigError(BotoCoreError):
    """A file of `proxies_config` cannot be used; `kwargs["error"]` says why."""

    fmt = "Invalid configuration value(s) provided for proxies_config."


class ProfileNotFound(BotoCoreError):
    """The profile is in none of the files."""

    fmt = "The config profile ({profile}) could not be found"


class ConfigParseError(BotoCoreError):
    """A config file cannot be read."""

    fmt = "Unable to parse config file: {path}"


class ConfigNotFound(BotoCoreError):
    """A config file that was named is missing."""

    fmt = "The specified config file ({path}) could not be found."


class UnknownSignatureVersionError(BotoCoreError):
    """The signature version is unknown."""

    fmt = "Unknown Signature Version: {signature_version}."


class UnsupportedSignatureVersionError(BotoCoreError):
    """The signature version cannot presign."""

    fmt = "Signature version(s) are not supported: {signature_version}"


# Credentials


class NoAuthTokenError(BotoCoreError):
    """No bearer token was found."""

    fmt = "Unable to locate authorization token"


class NoCredentialsError(BotoCoreError):
    """No credentials were found."""

    fmt = "Unable to locate credentials"


class PartialCredentialsError(BotoCoreError):
    """A key without its secret."""

    fmt = "Partial credentials found in {provider}, missing: {cred_var}"


class CredentialRetrievalError(BotoCoreError):
    """A source of credentials failed."""

    fmt = "Error when retrieving credentials from {provider}: {error_msg}"


# Event streams


class ParserError(Bridge, Exception):
    """An event stream that cannot be read on: what comes next is no event."""

    _counterpart = "botocore.eventstream"

    def __init__(self, message: str, **fields: "Any") -> None:
        Exception.__init__(self, message)
        self.__dict__.update(fields)

    def __reduce__(self) -> "Any":
        return rebuild, (self._public or type(self), self.__dict__)


class ChecksumMismatch(ParserError):
    """The bytes of an event are not those that were sent."""

    def __init__(self, expected: int, calculated: int) -> None:
        words = f"Checksum mismatch: expected 0x{expected:08x}, calculated 0x{calculated:08x}"
        ParserError.__init__(self, words, expected=expected, calculated=calculated)


class DuplicateHeader(ParserError):
    """A header stands twice in an event."""

    def __init__(self, header: str) -> None:
        ParserError.__init__(self, f'Duplicate header present: "{header}"', header=header)


class InvalidHeadersLength(ParserError):
    """The headers of an event are longer than is allowed, or than the event."""

    def __init__(self, length: int, maximum: int = 131_072) -> None:
        words = f"Header length of {length} exceeded the maximum of {maximum}"
        ParserError.__init__(self, words, length=length, maximum=maximum)


class InvalidPayloadLength(ParserError):
    """The payload of an event is longer than is allowed."""

    def __init__(self, length: int) -> None:
        words = f"Payload length of {length} exceeded the maximum of 25165824"
        ParserError.__init__(self, words, length=length)


class InvalidMessageLength(ParserError):
    """An event states a length that is shorter than its own framing. Ours."""

    def __init__(self, length: int) -> None:
        words = f"Message length of {length} is below the minimum of 16"
        ParserError.__init__(self, words, length=length)


class InvalidHeaders(ParserError, ValueError):
    """The headers of an event cannot be read. Ours: boto3 lets Python's own errors through."""

    def __init__(self, problem: str) -> None:
        ParserError.__init__(self, f"Invalid headers: {problem}", problem=problem)


class NoInitialResponseError(ParserError):
    """The stream does not begin with an initial response."""

    def __init__(self) -> None:
        ParserError.__init__(self, "First event was not of the initial-response type")


# Ours alone


class InvalidArgumentError(ValueError):
    """An argument of one of our functions: which one, what was wrong, what is allowed."""

    def __init__(self, *, argument: str, problem: str, allowed: str) -> None:
        super().__init__(f"{argument}: {problem}; allowed: {allowed}")
        self.argument = argument
        self.problem = problem
        self.allowed = allowed

    def __reduce__(self) -> "Any":
        fields = {"argument": self.argument, "problem": self.problem, "allowed": self.allowed}
        return rebuild, (type(self), fields)


class SignatureError(Exception):
    """A signature was not accepted.

    `code` and `status` are AWS's: the exception name that the service puts into
    `x-amzn-ErrorType`, and the HTTP status that goes with it.
    """

    def __init__(self, *, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message

    def __reduce__(self) -> "Any":
        fields = {"code": self.code, "status": self.status, "message": self.message}
        return rebuild, (type(self), fields)


def __getattr__(name: str) -> "Any":
    """Return an exception of the sources of credentials, which few programs ever load."""
    if not name.startswith("_"):  # as the import system's own questions do
        from sagewire import credential_exceptions

        if name in credential_exceptions.NAMES:
            return getattr(credential_exceptions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
