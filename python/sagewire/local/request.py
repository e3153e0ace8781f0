"""What a handler is given: the request as the service would hand it to a model's container."""

# What an endpoint with one variant calls it, in the console and in the SDK.
ONLY_VARIANT = "AllTraffic"


class Request:
    """One request to an endpoint. Its attributes cannot be changed.

    `headers` are the headers that the API of the operation supports, as (name, value) pairs in the
    order of arrival, names in lower case, values as the bytes on the wire read as Latin-1. A member
    that the caller did not give is None, but for `inference_id`, which every request has.
    """

    __slots__ = ("_body", "_endpoint_name", "_headers", "_operation", "_variant_name")

    def __init__(
        self,
        endpoint_name: str,
        operation: str,
        headers: "list[tuple[str, str]]",
        body: bytes,
        variant_name: str = ONLY_VARIANT,
    ) -> None:
        self._endpoint_name = endpoint_name
        self._operation = operation
        self._headers = tuple(headers)
        self._body = body
        self._variant_name = variant_name

    @property
    def endpoint_name(self) -> str:
        """The name under which the endpoint was called."""
        return self._endpoint_name

    @property
    def variant_name(self) -> str:
        """The production variant that was chosen for it."""
        return self._variant_name

    @property
    def operation(self) -> str:
        """The operation, named as in the API model."""
        return self._operation

    @property
    def headers(self) -> "tuple[tuple[str, str], ...]":
        """The headers that passed, in order."""
        return self._headers

    @property
    def body(self) -> bytes:
        """The bytes that the caller sent."""
        return self._body

    @property
    def content_type(self) -> "str | None":
        """`ContentType`: the media type of `body`."""
        return self._header("content-type")

    @property
    def accept(self) -> "str | None":
        """`Accept`: the media type that the caller wants."""
        return self._header("accept")

    @property
    def custom_attributes(self) -> "str | None":
        """`CustomAttributes`, verbatim."""
        return self._header("x-amzn-sagemaker-custom-attributes")

    @property
    def target_model(self) -> "str | None":
        """`TargetModel`: which model of a multi-model endpoint."""
        return self._header("x-amzn-sagemaker-target-model")

    @property
    def target_variant(self) -> "str | None":
        """`TargetVariant`: which production variant."""
        return self._header("x-amzn-sagemaker-target-variant")

    @property
    def target_container_hostname(self) -> "str | None":
        """`TargetContainerHostname`: which container of a multi-container endpoint."""
        return self._header("x-amzn-sagemaker-target-container-hostname")

    @property
    def inference_id(self) -> "str | None":
        """`InferenceId`: the caller's name for this inference, or the one that it was given."""
        return self._header("x-amzn-sagemaker-inference-id")

    @property
    def enable_explanations(self) -> "str | None":
        """`EnableExplanations`: an expression that says whether to explain."""
        return self._header("x-amzn-sagemaker-enable-explanations")

    @property
    def inference_component_name(self) -> "str | None":
        """`InferenceComponentName`: which inference component."""
        return self._header("x-amzn-sagemaker-inference-component")

    @property
    def session_id(self) -> "str | None":
        """`SessionId`: a stateful session, or `NEW_SESSION`."""
        return self._header("x-amzn-sagemaker-session-id")

    @property
    def prefix_aware_id(self) -> "str | None":
        """`PrefixAwareId`: what requests with the same prompt prefix have in common."""
        return self._header("x-amzn-sagemaker-prefix-aware-id")

    def _header(self, name: str) -> "str | None":
        return next((value for known, value in self._headers if known == name), None)

    def __repr__(self) -> str:
        return f"<Request {self._operation} {self._endpoint_name!r} {len(self._body)} bytes>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> "tuple[object, ...]":
        return (
            self._endpoint_name,
            self._variant_name,
            self._operation,
            self._headers,
            self._body,
        )
