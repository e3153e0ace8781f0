"""SageMaker Runtime, API version 2017-05-13, as tables.

Source: the service's API reference,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
`tests/client/test_model.py` holds them equal to botocore's service model.
"""

from sagewire.model.shapes import Member, Operation

SERVICE_NAME = "sagemaker-runtime"
SERVICE_ALIASES = ("sagemaker-runtime", "runtime.sagemaker")
SERVICE_ID = "SageMaker Runtime"
API_VERSION = "2017-05-13"
ENDPOINT_PREFIX = "runtime.sagemaker"
SIGNING_NAME = "sagemaker"

# Name -> modeled HTTP status, `None` where the error only occurs inside a stream.
ERRORS: "dict[str, int | None]" = {
    "InternalDependencyException": 530,
    "InternalFailure": 500,
    "InternalStreamFailure": None,
    "ModelError": 424,
    "ModelNotReadyException": 429,
    "ModelStreamError": None,
    "ServiceUnavailable": 503,
    "ValidationError": 400,
}

# Members of the error bodies, in model order, and how they are read.
ERROR_MEMBERS: "dict[str, tuple[tuple[str, type], ...]]" = {
    "InternalDependencyException": (("Message", str),),
    "InternalFailure": (("Message", str),),
    "InternalStreamFailure": (("Message", str),),
    "ModelError": (
        ("Message", str),
        ("OriginalStatusCode", int),
        ("OriginalMessage", str),
        ("LogStreamArn", str),
    ),
    "ModelNotReadyException": (("Message", str),),
    "ModelStreamError": (("Message", str), ("ErrorCode", str)),
    "ServiceUnavailable": (("Message", str),),
    "ValidationError": (("Message", str),),
}

# The most that the model states; clients do not check it, the service does.
_BODY_BYTES = 6_291_456
_ASYNC_BODY_BYTES = 128_000

_ENDPOINT_NAME = Member("EndpointName", "path")
_BODY = Member("Body", "body", type="blob")
_CUSTOM_ATTRIBUTES = Member("CustomAttributes", "header", "X-Amzn-SageMaker-Custom-Attributes")
_TARGET_VARIANT = Member("TargetVariant", "header", "X-Amzn-SageMaker-Target-Variant")
_TARGET_CONTAINER = Member(
    "TargetContainerHostname", "header", "X-Amzn-SageMaker-Target-Container-Hostname"
)
_INFERENCE_ID = Member("InferenceId", "header", "X-Amzn-SageMaker-Inference-Id", minimum=1)
_COMPONENT = Member("InferenceComponentName", "header", "X-Amzn-SageMaker-Inference-Component")
_SESSION_ID = Member("SessionId", "header", "X-Amzn-SageMaker-Session-Id")
_PREFIX_AWARE_ID = Member("PrefixAwareId", "header", "X-Amzn-SageMaker-Prefix-Aware-Id", minimum=1)
_VARIANT = Member("InvokedProductionVariant", "header", "x-Amzn-Invoked-Production-Variant")

INVOKE_ENDPOINT = Operation(
    "InvokeEndpoint",
    method="invoke_endpoint",
    body_limit=_BODY_BYTES,
    path="invocations",
    required=("EndpointName", "Body"),
    inputs=(
        _ENDPOINT_NAME,
        _BODY,
        Member("ContentType", "header", "Content-Type"),
        Member("Accept", "header", "Accept"),
        _CUSTOM_ATTRIBUTES,
        Member("TargetModel", "header", "X-Amzn-SageMaker-Target-Model", minimum=1),
        _TARGET_VARIANT,
        _TARGET_CONTAINER,
        _INFERENCE_ID,
        Member("EnableExplanations", "header", "X-Amzn-SageMaker-Enable-Explanations", minimum=1),
        _COMPONENT,
        _SESSION_ID,
        _PREFIX_AWARE_ID,
    ),
    outputs=(
        Member("ContentType", "header", "Content-Type"),
        _VARIANT,
        _CUSTOM_ATTRIBUTES,
        Member("NewSessionId", "header", "X-Amzn-SageMaker-New-Session-Id"),
        Member("ClosedSessionId", "header", "X-Amzn-SageMaker-Closed-Session-Id"),
        Member("Body", "body", type="blob"),
    ),
    errors=(
        "InternalFailure",
        "ServiceUnavailable",
        "ValidationError",
        "ModelError",
        "InternalDependencyException",
        "ModelNotReadyException",
    ),
)

INVOKE_ENDPOINT_ASYNC = Operation(
    "InvokeEndpointAsync",
    method="invoke_endpoint_async",
    body_limit=_ASYNC_BODY_BYTES,
    path="async-invocations",
    required=("EndpointName",),
    inputs=(
        _ENDPOINT_NAME,
        Member("ContentType", "header", "X-Amzn-SageMaker-Content-Type"),
        Member("Accept", "header", "X-Amzn-SageMaker-Accept"),
        _CUSTOM_ATTRIBUTES,
        _INFERENCE_ID,
        Member("InputLocation", "header", "X-Amzn-SageMaker-InputLocation", minimum=1),
        Member(
            "S3OutputPathExtension",
            "header",
            "X-Amzn-SageMaker-S3OutputPathExtension",
            minimum=1,
        ),
        Member("Filename", "header", "X-Amzn-SageMaker-Filename", minimum=1),
        Member(
            "RequestTTLSeconds",
            "header",
            "X-Amzn-SageMaker-RequestTTLSeconds",
            type="integer",
            minimum=60,
        ),
        Member(
            "InvocationTimeoutSeconds",
            "header",
            "X-Amzn-SageMaker-InvocationTimeoutSeconds",
            type="integer",
            minimum=1,
        ),
        _BODY,
    ),
    outputs=(
        Member("OutputLocation", "header", "X-Amzn-SageMaker-OutputLocation"),
        Member("FailureLocation", "header", "X-Amzn-SageMaker-FailureLocation"),
        Member("InferenceId", "body", type="json"),
    ),
    errors=("InternalFailure", "ServiceUnavailable", "ValidationError"),
)

INVOKE_ENDPOINT_WITH_RESPONSE_STREAM = Operation(
    "InvokeEndpointWithResponseStream",
    method="invoke_endpoint_with_response_stream",
    body_limit=_BODY_BYTES,
    path="invocations-response-stream",
    required=("EndpointName", "Body"),
    inputs=(
        _ENDPOINT_NAME,
        _BODY,
        Member("ContentType", "header", "Content-Type"),
        Member("Accept", "header", "X-Amzn-SageMaker-Accept"),
        _CUSTOM_ATTRIBUTES,
        _TARGET_VARIANT,
        _TARGET_CONTAINER,
        _INFERENCE_ID,
        _COMPONENT,
        _SESSION_ID,
        _PREFIX_AWARE_ID,
    ),
    outputs=(
        Member("ContentType", "header", "X-Amzn-SageMaker-Content-Type"),
        _VARIANT,
        _CUSTOM_ATTRIBUTES,
        Member("Body", "body", type="stream"),
    ),
    errors=(
        "InternalFailure",
        "ServiceUnavailable",
        "ValidationError",
        "ModelError",
        "ModelStreamError",
        "InternalStreamFailure",
    ),
)

OPERATIONS = (INVOKE_ENDPOINT, INVOKE_ENDPOINT_ASYNC, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)
