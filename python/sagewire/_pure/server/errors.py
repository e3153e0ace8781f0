"""The service's errors and their words. Twin: rust/net/src/server/errors.rs.

Statuses and members are the API model's; the words are the ones callers of the service report:

- `Endpoint E of account A not found.` with `ErrorCode`: aws/amazon-sagemaker-examples#293.
- `Received client error (400) from primary with message "..."`: aws/sagemaker-python-sdk#2955.
- `... (0) ... Your invocation timed out ...`: aws/amazon-sagemaker-examples#1407.
- `... could not get a response from the E endpoint ...`: aws/amazon-sagemaker-examples#2815.
- `... and could not load the entire response body`: aws/amazon-sagemaker-examples#4324.
- `HTTP content length exceeded N bytes.` as code 413: aws/sagemaker-python-sdk#171.
- `UnknownOperationException` (404) and a bare 405: the restJson1 router of smithy-lang/smithy-rs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.exceptions import SignatureError

# The account that a local endpoint claims to belong to; AWS's documentation uses the same.
ACCOUNT_ID = "123456789012"
# What the service calls the only container of a model.
CONTAINER = "primary"
# The API model's maximum for `Message` and `OriginalMessage`, in characters.
LONGEST_MESSAGE = 2048
TIME_OUT_WORDS = (
    f"Your invocation timed out while waiting for a response from container {CONTAINER}. Review "
    "the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


class ServiceError(Exception):
    """An answer that is an error: its status, its name for `x-amzn-ErrorType`, its JSON members."""

    __slots__ = ("close", "code", "members", "status")

    def __init__(
        self,
        status: int,
        code: "str | None",
        members: "dict[str, str | int]",
        *,
        close: bool = False,
    ) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.members = members
        self.close = close

    def body(self) -> bytes:
        """Return the JSON text."""
        return json_text(self.members)


def json_text(members: "dict[str, str | int]") -> bytes:
    """Return JSON without spaces, escaping what must be escaped and nothing else."""
    import json

    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def unknown_operation() -> ServiceError:
    """Say that no operation has the path."""
    return ServiceError(
        404, "UnknownOperationException", {"message": "No operation has this path."}
    )


def method_not_allowed() -> ServiceError:
    """Say that the operation has another method."""
    message = "This operation has the method POST."
    return ServiceError(405, "UnknownOperationException", {"message": message})


def body_too_large(limit: int) -> ServiceError:
    """Say that the body is over the limit, without a name, so that callers see the code 413."""
    message = f"HTTP content length exceeded {limit} bytes."
    return ServiceError(413, None, {"message": message}, close=True)


def refused_signature(error: "SignatureError") -> ServiceError:
    """Say why the signature was not accepted."""
    return ServiceError(error.status, error.code, {"message": error.message})


def endpoint_not_found(name: str) -> ServiceError:
    """Say that there is no endpoint of that name."""
    return _validation_error(
        "NO_SUCH_ENDPOINT", f"Endpoint {name} of account {ACCOUNT_ID} not found."
    )


def not_asynchronous(name: str) -> ServiceError:
    """Say that the endpoint does not take requests for later."""
    return _validation_error(
        "NOT_ASYNCHRONOUS", f"Endpoint {name} is not asynchronous: it has no output location."
    )


def variant_not_found(name: str, variant: str) -> ServiceError:
    """Say that `TargetVariant` names no variant of the endpoint."""
    return _validation_error(
        "NO_SUCH_VARIANT",
        f"Variant {variant} of endpoint {name} of account {ACCOUNT_ID} not found.",
    )


def invalid_member(name: str, constraint: str) -> ServiceError:
    """Say which member breaks which rule of the API model.

    Its value is not repeated: some members are marked sensitive there.
    """
    message = (
        f"1 validation error detected: Value at '{name}' failed to satisfy constraint: {constraint}"
    )
    return ServiceError(400, "ValidationError", {"Message": message})


def session_not_found(name: str, session_id: str) -> ServiceError:
    """Say that the session is over, or was never opened here."""
    return _validation_error(
        "NO_SUCH_SESSION", f"Session {session_id} of endpoint {name} not found or expired."
    )


def member_not_supported(name: str, member: str) -> ServiceError:
    """Say that the member means something only on endpoints of another kind."""
    message = f"{member} can't be specified for endpoint {name}."
    return _validation_error("UNSUPPORTED_MEMBER", message)


def access_denied(access_key_id: str, operation: str, region: str, endpoint: str) -> ServiceError:
    """Say that the caller may not call that endpoint, before it is known whether there is one."""
    action = f"sagemaker:{operation}"
    resource = f"arn:aws:sagemaker:{region}:{ACCOUNT_ID}:endpoint/{endpoint.lower()}"
    message = (
        f"User: {access_key_id} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    return ServiceError(403, "AccessDeniedException", {"Message": message})


def model_not_ready() -> ServiceError:
    """Say that the model is not there yet, and will be."""
    message = (
        "The model is being loaded, or its container is being started. Wait and try your request "
        "again."
    )
    return ServiceError(429, "ModelNotReadyException", {"Message": message})


def service_unavailable() -> ServiceError:
    """Say that there is nobody who could answer."""
    message = "No container of the endpoint is healthy. Try your call again."
    return ServiceError(503, "ServiceUnavailable", {"Message": message})


def one_input() -> ServiceError:
    """Say that an asynchronous invocation takes its input from one place."""
    message = (
        "1 validation error detected: Exactly one of 'body' and 'inputLocation' must be specified"
    )
    return ServiceError(400, "ValidationError", {"Message": message})


def request_expired() -> ServiceError:
    """Say that an asynchronous invocation has waited for too long."""
    message = "The request expired: it waited longer than its RequestTTLSeconds."
    return ServiceError(400, "ValidationError", {"Message": message})


def input_not_found(location: str) -> ServiceError:
    """Say that the input of an asynchronous invocation is not where it should be."""
    message = f"The input at {location} cannot be read."
    return ServiceError(400, "ValidationError", {"Message": message})


def not_writable(location: str) -> ServiceError:
    """Say that the result of an asynchronous invocation cannot be where it should be."""
    message = f"The result cannot be written at {location}."
    return ServiceError(400, "ValidationError", {"Message": message})


def scripted(endpoint: str, region: str, status: int, code: str, message: str) -> ServiceError:
    """Say what a test has asked for."""
    if code == "ModelError":
        return model_error(endpoint, region, 500, message)
    return ServiceError(status, code, {"message": message})


def model_error(
    endpoint: str, region: str, status: int, message: "str | None", *, whole: bool = True
) -> ServiceError:
    """Say what the model's container answered; status 0 stands for nothing."""
    kind = "client" if 400 <= status < 500 else "server"
    original = (message or "")[:LONGEST_MESSAGE]
    said = (
        f' with message "{original}"' if whole else " and could not load the entire response body"
    )
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    words = (
        f"Received {kind} error ({status}) from {CONTAINER}{said}. See https://{region}.console.aws."
        f"amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} in account "
        f"{ACCOUNT_ID} for more information."
    )
    return ServiceError(
        424,
        "ModelError",
        {
            "ErrorCode": f"{kind.upper()}_ERROR_FROM_MODEL",
            "LogStreamArn": f"arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{group}",
            "Message": words,
            "OriginalMessage": original,
            "OriginalStatusCode": status,
        },
    )


def model_timed_out(endpoint: str, region: str) -> ServiceError:
    """Say that the model did not answer in time."""
    return model_error(endpoint, region, 0, TIME_OUT_WORDS)


def model_unreachable(endpoint: str, region: str) -> ServiceError:
    """Say that the container refused the connection, or ended it before it answered."""
    message = (
        f"Amazon SageMaker could not get a response from the {endpoint} endpoint. This can occur "
        "when CPU or memory utilization is high. To check your utilization, see Amazon CloudWatch. "
        "To fix this problem, use an instance type with more CPU capacity or memory."
    )
    return model_error(endpoint, region, 0, message)


def model_answer_cut(endpoint: str, region: str) -> ServiceError:
    """Say that the container's answer broke off, or is longer than the service takes."""
    return model_error(endpoint, region, 500, None, whole=False)


def _validation_error(error_code: str, message: str) -> ServiceError:
    return ServiceError(400, "ValidationError", {"ErrorCode": error_code, "Message": message})
