"""Where this client differs from boto3 on purpose: what is expected in place of the recording.

docs/differences.md explains each. A value is a dict of replacements for a case's `expect`, or a
function that makes one of it.
"""

import base64
import copy
import hashlib
from collections.abc import Callable
from typing import Any

ANY: Any = object()
Change = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]


def changed(expected: dict[str, Any], change: Change | None) -> dict[str, Any]:
    """Return a case's expectation with our differences in it."""
    if change is None:
        return expected
    return {**expected, **(change(copy.deepcopy(expected)) if callable(change) else change)}


def _header(attempt: dict[str, Any], name: str, value: str) -> None:
    for pair in attempt["headers"]:
        if pair[0] == name:
            pair[1] = value


def _nothing_to_send(expected: dict[str, Any]) -> dict[str, Any]:
    """Send a file positioned beyond its end as an empty body, not as one of -50 bytes."""
    _header(expected["attempts"][0], "Content-Length", "0")
    return {"attempts": expected["attempts"]}


def _text_as_utf8(expected: dict[str, Any]) -> dict[str, Any]:
    """Send a text file of an unsigned call whole, as UTF-8."""
    attempt = expected["attempts"][0]
    data = "na\u00efve".encode()
    attempt["body_b64"] = base64.b64encode(data).decode()
    attempt["body_sha256"] = hashlib.sha256(data).hexdigest()
    attempt["body_len"] = len(data)
    _header(attempt, "Content-Length", str(len(data)))
    return {"attempts": expected["attempts"]}


def _rewound_to_its_offset(expected: dict[str, Any]) -> dict[str, Any]:
    """Send a file again from where the call found it, not from its beginning."""
    first, second = expected["attempts"]
    progress = dict(second["headers"])["amz-sdk-request"]
    again = {**copy.deepcopy(first), "connection": second["connection"]}
    _header(again, "amz-sdk-request", progress)
    return {"attempts": [first, again]}


def _memoryview_again(expected: dict[str, Any]) -> dict[str, Any]:
    """Send a `memoryview` again, as `bytes` are."""
    second = copy.deepcopy(expected["attempts"][0])
    _header(second, "amz-sdk-request", "ttl=20260102T030505Z; attempt=2; max=3")
    return {
        "attempts": [expected["attempts"][0], second],
        "error": None,
        "result": {"HTTPStatusCode": 200, "RetryAttempts": 1},
    }


# A fault of the request itself is not tried again: the second attempt would fail as the first did.
_NOT_TRIED_AGAIN: Change = {"sleeps": []}


# A buffer is sent as its bytes are (test_calls.py compares what arrives).
_ACCEPTED: Change = {
    "error": None,
    "attempts": ANY,
    "result": {"HTTPStatusCode": 200, "RetryAttempts": 0},
}


def _error(kind: str, mro: list[str]) -> Change:
    def change(_expected: dict[str, Any]) -> dict[str, Any]:
        return {
            "error": {
                "type": kind,
                "mro": mro,
                "message": "",
                "message_exact": False,
                "stage": "call",
            },
            "attempts": [],
            "result": None,
            "sleeps": [],
        }

    return change


WIRE: dict[str, Change] = {
    "wire-header-lf": _NOT_TRIED_AGAIN,
    "wire-header-crlf-inject": _NOT_TRIED_AGAIN,
    "wire-header-trailing-lf": _NOT_TRIED_AGAIN,
    "wire-header-content-type-lf": _NOT_TRIED_AGAIN,
    "wire-header-accept-lf": _NOT_TRIED_AGAIN,
    "wire-header-content-type-trailing-lf": _NOT_TRIED_AGAIN,
    "wire-retry-standard-invalid-header": _NOT_TRIED_AGAIN,
    "wire-url-ftp": _NOT_TRIED_AGAIN,
    "wire-header-surrogate": _error("botocore.exceptions.HTTPClientError", ["HTTPClientError"]),
    "wire-body-bytesio-100-at-150": _nothing_to_send,
    "wire-body-file-100-at-150": _nothing_to_send,
    "wire-body-rawfile-100-at-150": _nothing_to_send,
    "wire-body-unsigned-stringio-utf8": _text_as_utf8,
    "wire-retry-legacy-body-file-at-3000": _rewound_to_its_offset,
    "wire-retry-standard-body-bytesio-at-1": _rewound_to_its_offset,
    "wire-retry-adaptive-body-bytesio-at-1": _rewound_to_its_offset,
    "wire-body-type-memoryview": _ACCEPTED,
    "wire-body-type-array": _ACCEPTED,
    "wire-retry-memoryview-unvalidated": _memoryview_again,
    "wire-validate-off-dict-body": _error("builtins.TypeError", ["TypeError"]),
}


def _client_error(message: str, code: str, **members: Any) -> Change:
    """Take an error answer that boto3 chokes on as a service error, its status kept."""

    def change(_expected: dict[str, Any]) -> dict[str, Any]:
        known = code == "ModelError"
        text = f"An error occurred ({code}) when calling the InvokeEndpoint operation "
        return {
            "error": {
                "type": f"botocore.exceptions.{code if known else 'ClientError'}",
                "mro": ["ClientError", "Exception"],
                "message": f"{text}(reached max retries: 0): {message}",
            }
        }

    return change


def _accepted(expected_length: str, encoding: str | None = None) -> Change:
    """Take an asynchronous call's answer whose body boto3 chokes on, without an `InferenceId`."""
    named = {"x-amzn-requestid": "req-1"} if encoding is None else {"content-encoding": encoding}
    described = {
        **({"RequestId": "req-1"} if encoding is None else {}),
        "HTTPStatusCode": 202,
        "HTTPHeaders": {**named, "content-length": expected_length},
        "MaxAttemptsReached": True,
        "RetryAttempts": 0,
    }
    return {
        "error": None,
        "result": {"ResponseMetadata": described},
        "result_keys": ["ResponseMetadata"],
    }


def _reads(*steps: dict[str, Any]) -> Change:
    return {"read": list(steps)}


def _data(op: list[Any], data: bytes) -> dict[str, Any]:
    return {"op": op, "value": {"b64": base64.b64encode(data).decode()}}


def _entered(op: list[Any], data: bytes) -> dict[str, Any]:
    value = {"b64": base64.b64encode(data).decode()}
    return {"op": op, "value": {"entered": "sagewire.streams.body.StreamingBody", "data": value}}


def _stream_ends(kind: str, mro: list[str], message: str, *parts: bytes) -> Change:
    """Have a stream give its parts and then raise an error that is caught as one of boto3's."""
    events = [
        {"PayloadPart": {"Bytes": {"b64": base64.b64encode(part).decode()}}} for part in parts
    ]
    error = {"type": kind, "mro": mro, "message": message}
    return _reads({"op": ["events"], "value": events, "error": error})


_BROKEN = ("botocore.exceptions.ResponseStreamingError", ["HTTPClientError", "BotoCoreError"])
_STALLED = ("botocore.exceptions.ReadTimeoutError", ["HTTPClientError", "BotoCoreError", "OSError"])
_UNREADABLE = ("botocore.eventstream.InvalidHeaders", ["ParserError", "ValueError"])


def _stream_error(code: str) -> Change:
    """Take an error whose JSON is no object as one without a message."""
    text = (
        f"An error occurred ({code}) when calling the InvokeEndpointWithResponseStream operation: "
    )
    return _stream_ends(
        "botocore.exceptions.EventStreamError", ["EventStreamError", "ClientError"], text
    )


RESPONSES: dict[str, Change] = {
    # boto3 lets Python's and the HTTP library's own errors through, and loses what came before.
    "resp-es-bad-header-type": _stream_ends(
        *_UNREADABLE, 'Invalid headers: "a" has the unknown type 10', b"hello "
    ),
    "resp-es-header-bad-utf8": _stream_ends(
        *_UNREADABLE, 'Invalid headers: the value of "a" is not UTF-8', b"hello "
    ),
    "resp-es-exc-ModelStreamError-list": _stream_error("ModelStreamError"),
    "resp-es-exc-InternalStreamFailure-list": _stream_error("InternalStreamFailure"),
    "resp-es-chunked-no-end": _stream_ends(
        *_BROKEN,
        "An error occurred while reading from response stream: "
        "('Connection broken: IncompleteRead(0 bytes read)', IncompleteRead(0 bytes read))",
        b"hello ",
    ),
    "resp-es-reset-mid": _stream_ends(
        *_BROKEN,
        "An error occurred while reading from response stream: "
        "(\"Connection broken: ConnectionResetError(104, 'Connection reset by peer')\", "
        "ConnectionResetError(104, 'Connection reset by peer'))",
        b"hello ",
    ),
    "resp-es-hang-mid": _stream_ends(*_STALLED, 'Read timeout on endpoint URL: "None"', b"hello "),
    "resp-es-hang-start": _stream_ends(*_STALLED, 'Read timeout on endpoint URL: "None"'),
    "resp-body-context-manager": _reads(_entered(["with"], b"0123456789"), _data(["read"], b"")),
    "resp-body-context-manager-partial": _reads(
        _entered(["with", 3], b"012"),
        {
            "op": ["read"],
            "error": {
                "type": "botocore.exceptions.IncompleteReadError",
                "mro": ["BotoCoreError"],
                "message": "3 read, but total bytes expected is 10.",
            },
        },
    ),
    "resp-err-model-error-status-bad": _client_error("m", "ModelError"),
    "resp-err-model-error-status-list": _client_error("m", "ModelError"),
    "resp-err-body-type-int": _client_error("boom", "42"),
    "resp-err-json-list-400": _client_error("[1,2]", "400"),
    "resp-err-json-number-400": _client_error("5", "400"),
    "resp-err-json-null-400": _client_error("null", "400"),
    "resp-err-json-true-400": _client_error("true", "400"),
    "resp-err-json-list-500": _client_error("[1,2]", "500"),
    "resp-err-bad-utf8-400": _client_error("\ufffd\ufffd", "400"),
    "resp-err-bad-utf8-500": _client_error("\ufffd\ufffd", "500"),
    "resp-err-gzip-400": {"error": ANY},
    # The input was accepted: an odd body costs the id, not the locations.
    "resp-async-json-list": _accepted("3"),
    "resp-async-json-string": _accepted("5"),
    "resp-async-json-number": _accepted("1"),
    "resp-async-json-bad-utf8": _accepted("19"),
    "resp-async-json-utf16": _accepted("40"),
    "resp-async-gzip": _accepted("39", "gzip"),
    # A head that breaks off is no answer, whatever its first line says.
    "resp-conn-close-mid-head": lambda _expected: {
        "error": {
            "type": "botocore.exceptions.ConnectionClosedError",
            "mro": ["HTTPClientError", "BotoCoreError"],
            "message": "",
            "message_exact": False,
        }
    },
    # What is left of a body is small and already here: it is read and thrown away.
    "resp-reuse-partial-closed": {"second_call_same_connection": True},
}

# There is no session between the arguments and the client: they count as `client()`'s own, which
# boto3 ignores too where no keys come with them.
_OF_THE_ENVIRONMENT: dict[str, Any] = {
    "region": "us-west-2",
    "meta_endpoint_url": "https://runtime.sagemaker.us-west-2.amazonaws.com",
    "partition": "aws",
    "retries": {"mode": "standard"},
    "read_timeout": 60,
    "max_pool_connections": 10,
    "verify": True,
    "signature_version": "v4",
    "keepalive": False,
    "proxies": {},
    "client_cert": [None, None],
    "user_agent_appid": None,
    "effective_timeout": {"connect": 60, "read": 60},
    "credentials": {
        "method": "env",
        "access_key": "AKIDENV",
        "secret_key": "envsecret",
        "token": None,
    },
    "error": None,
    "call": {
        "url": "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/ep/invocations",
        "credential_scope": "AKIDENV/20260102/us-west-2/sagemaker/aws4_request",
    },
}

CONFIG: dict[str, Change] = {
    "config-cred-boto3-token-only": _OF_THE_ENVIRONMENT,
    "config-cred-boto3-account-only": _OF_THE_ENVIRONMENT,
}
