"""One request and its answer, from the route to the container.

Twin: rust/net/src/server/exchange.rs.

The order is the service's: is there such an operation, is the body acceptable, is the signature
right, is there such an endpoint, are the members valid; then the model is asked.
"""

from sagewire._pure.headers import filter_request, filter_response
from sagewire._pure.server import errors
from sagewire._pure.server.container import (
    AnswerCutError,
    Container,
    ContainerTimedOutError,
    ContainerUnreachableError,
)
from sagewire._pure.server.errors import ServiceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewire._pure.server.call import Answer

    Pairs = list[tuple[str, str]]

# What an endpoint with one variant calls it, in the console and in the SDK.
ONLY_VARIANT = "AllTraffic"
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
INVOKED_VARIANT = "x-amzn-invoked-production-variant"
LONGEST_CUSTOM_ATTRIBUTES = 1024


def checked_headers(
    operation: str, endpoint: str, endpoints: "Mapping[str, object]", headers: "Pairs"
) -> "Pairs":
    """Return what the model may see of the headers; raise the service's error for bad members."""
    if operation != "InvokeEndpoint":
        raise errors.operation_not_answered(operation)
    if endpoint not in endpoints:
        raise errors.endpoint_not_found(endpoint)
    kept = filter_request(headers, operation)
    for name, value in kept:
        if name == CUSTOM_ATTRIBUTES:
            _check_custom_attributes(value)
        elif name == TARGET_VARIANT and value != ONLY_VARIANT:
            raise errors.variant_not_found(endpoint, value)
    return kept


def _check_custom_attributes(value: str) -> None:
    if len(value) > LONGEST_CUSTOM_ATTRIBUTES:
        raise errors.custom_attributes_too_long()
    if not value.isascii():
        raise errors.custom_attributes_not_visible()


def forward(
    container: Container, endpoint: str, region: str, headers: "Pairs", body: bytes
) -> "Answer":
    """Ask a container; raise the service's error when it does not answer."""
    try:
        return container.invoke(headers, body)
    except ContainerUnreachableError:
        raise errors.model_unreachable(endpoint, region) from None
    except ContainerTimedOutError:
        raise errors.model_timed_out(endpoint, region) from None
    except AnswerCutError:
        raise errors.model_answer_cut(endpoint, region) from None


def relayed_headers(
    answer: "Answer", operation: str, endpoint: str, region: str, max_body_bytes: int
) -> "Pairs":
    """Return the headers of a good answer; raise the service's error for any other."""
    if not 200 <= answer.status < 300:
        message = (answer.body or b"").decode("utf-8", "replace")
        raise errors.model_error(endpoint, region, answer.status, message)
    if answer.body is not None and len(answer.body) > max_body_bytes:
        raise errors.model_answer_cut(endpoint, region)
    kept = filter_response(answer.headers, operation)
    kept = [(name.lower(), value) for name, value in kept]
    kept = [(name, value) for name, value in kept if name != INVOKED_VARIANT]
    return [*kept, (INVOKED_VARIANT, ONLY_VARIANT)]


def error_headers(error: ServiceError) -> "Pairs":
    """Return the headers that say which error it is."""
    headers = [("content-type", "application/json")]
    if error.code is not None:
        headers.insert(0, ("x-amzn-errortype", error.code))
    if error.status == 405:
        headers.append(("allow", "POST"))
    return headers
