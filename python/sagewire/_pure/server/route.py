"""From method and target to an operation and an endpoint. Twin: rust/net/src/server/route.rs.

The paths are the API model's: `POST /endpoints/{EndpointName}/` and one of three last parts.
"""

from sagewire._pure.server import errors

OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}


def route(method: str, target: str) -> "tuple[str, str]":
    """Return the operation and the endpoint's name, decoded; raise the service's error if none."""
    path = target.partition("?")[0]
    parts = path.split("/")
    if len(parts) != 4 or parts[0] or parts[1] != "endpoints" or parts[3] not in OPERATIONS:
        raise errors.unknown_operation()
    if method != "POST":
        raise errors.method_not_allowed()
    return OPERATIONS[parts[3]], _decoded(parts[2])


def _decoded(part: str) -> str:
    if "%" not in part and part.isascii():
        return part
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(part.encode("latin-1")).decode("utf-8", "replace")
