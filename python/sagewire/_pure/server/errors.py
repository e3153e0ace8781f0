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
        import json

        return json.dumps(self.members, ensure_ascii=False, separators=(",", ":")).encode()


def unknown_operation() -> ServiceError:
    """Say that no operation has the path."""
    return ServiceError(
        404, "UnknownOperationException", {"message": "No operation has this path."}
    )


def operation_not_answered(operation: str) -> ServiceError:
    """Say that the operation exists, and that this endpoint does not answer it."""
    message = f"This endpoint does not answer {operation}."
    return ServiceError(404, "UnknownOperationException", {"message": message})


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


def variant_not_found(name: str, variant: str) -> ServiceError:
    """Say that `TargetVariant` names no variant of the endpoint."""
    return _validation_error(
        "NO_SUCH_VARIANT",
        f"Variant {variant} of endpoint {name} of account {ACCOUNT_ID} not found.",
    )


def custom_attributes_too_long() -> ServiceError:
    """Say that `CustomAttributes` has more than 1024 characters."""
    return _invalid_custom_attributes("Member must have length less than or equal to 1024")


def custom_attributes_not_visible() -> ServiceError:
    """Say that `CustomAttributes` has something else than visible ASCII, space and tab."""
    return _invalid_custom_attributes("Member must consist of visible ASCII characters")


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
    message = (
        f"Your invocation timed out while waiting for a response from container {CONTAINER}. "
        "Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, "
        "and try again."
    )
    return model_error(endpoint, region, 0, message)


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


def _invalid_custom_attributes(constraint: str) -> ServiceError:
    # The member is marked sensitive in the API model: its value is not repeated.
    message = (
        "1 validation error detected: Value at 'customAttributes' failed to satisfy constraint: "
        f"{constraint}"
    )
    return ServiceError(400, "ValidationError", {"Message": message})
