"""boto3 itself beside our client: the same event handlers on both, one call each."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import boto3
import botocore.auth
import botocore.endpoint
import botocore.exceptions
import pytest
from botocore.config import Config as BotocoreConfig

import sagewire
from tests.support.capture import Captured, CaptureServer

KEYS = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
ID = "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"
EVENT = "sagemaker-runtime.InvokeEndpoint"
EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "before-parse",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
ERROR_500 = b"HTTP/1.1 500 X\r\nx-amzn-RequestId: r\r\nContent-Length: 2\r\n\r\n{}"
ERROR_400 = (
    b"HTTP/1.1 400 X\r\nx-amzn-RequestId: r\r\nx-amzn-ErrorType: ValidationError\r\n"
    b'Content-Length: 15\r\n\r\n{"message":"m"}'
)
TEXTS = ("signing_name", "region_name", "signature_version", "operation_name", "attempts")
Register = Callable[[Any], None]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = NOW.replace(tzinfo=None)
    for module in (botocore.auth, botocore.endpoint):
        monkeypatch.setattr(module, "get_current_datetime", lambda *_a, **_k: moment)
    monkeypatch.setattr(botocore.endpoint.uuid, "uuid4", lambda: ID)
    monkeypatch.setattr(botocore.endpoint.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr("random.random", lambda: 0.5)
    for version in ("v4", "s3v4", "v4-query"):
        # With awscrt installed botocore signs through it, in another order.
        name = {"v4": "SigV4Auth", "s3v4": "S3SigV4Auth", "v4-query": "SigV4QueryAuth"}[version]
        monkeypatch.setitem(botocore.auth.AUTH_TYPE_MAPS, version, getattr(botocore.auth, name))


SESSION = boto3.Session()


def pair(url: str, **config: Any) -> tuple[Any, Any]:
    theirs = SESSION.client(
        "sagemaker-runtime", endpoint_url=url, config=BotocoreConfig(**config), **KEYS
    )
    ours = sagewire.client(endpoint_url=url, config=sagewire.Config(**config), **KEYS)
    ours._ambient.now = NOW.timestamp
    ours._ambient.new_id = lambda: ID
    ours._ambient.uniform = lambda: 0.5
    ours._ambient.sleep = lambda _seconds: None
    return theirs, ours


def comparable(request: Captured) -> Any:
    headers = [pair for pair in request.headers if pair[0] != "User-Agent"]
    return request.method, request.target, headers, request.body


def outcome(client: Any, method: str = "invoke_endpoint", **parameters: Any) -> Any:
    """Call, and describe what the caller gets."""
    given = {"EndpointName": "ep", "Body": b"{}", "ContentType": "text/csv", **parameters}
    try:
        result = getattr(client, method)(**given)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        return type(error).__name__, str(error), getattr(error, "response", None)
    except (TypeError, ValueError, RuntimeError, KeyError) as error:
        return type(error).__name__
    result = dict(result)
    if "Body" in result:
        result["Body"] = result["Body"].read()
    return result


def on_both(
    register: Register, answers: list[bytes] | None = None, *, requests: int = 1, **parameters: Any
) -> list[Captured]:
    """Register the same on both, call both, hold them equal; return what ours sent."""
    config = parameters.pop("config", {})
    seen = []
    for which in (0, 1):
        with CaptureServer(answers) as server:
            client = pair(server.url, **config)[which]
            register(client)
            result = outcome(client, **parameters)
            client.close()
            seen.append((result, [comparable(request) for request in server.requests]))
            arrived = server.requests
            port = str(server.port)
        seen[-1] = (
            repr(seen[-1][0]).replace(port, "PORT"),
            [
                (verb, without(target, port), [[n, without(v, port)] for n, v in headers], body)
                for verb, target, headers, body in seen[-1][1]
            ],
        )
    assert seen[1] == seen[0]
    assert len(arrived) == requests
    return arrived


def without(value: str, port: str) -> str:
    """Take out of a header what depends on the server's port: it, and a signature over it."""
    return value.replace(port, "PORT").partition("Signature=")[0]


def when(event: str, handler: Callable[..., Any]) -> Register:
    return lambda client: client.meta.events.register(event, handler)


def described(kwargs: dict[str, Any]) -> Any:
    """Write down what can be compared of a handler's arguments."""
    texts = {}
    for name, value in kwargs.items():
        if name in TEXTS:
            texts[name] = value
        elif name in ("model", "operation", "operation_model"):
            texts[name] = value.name, value.service_model.service_id.hyphenize()
        elif name == "builtins":
            ours = ("AWS::Region", "AWS::UseFIPS", "AWS::UseDualStack")
            texts[name] = [value[key] for key in ours]
        elif name == "params":
            texts[name] = sorted(value)
        elif name == "context":
            texts[name] = sorted(key for key in value if not key.startswith("retr"))
        elif name == "request":
            agent = "User-Agent"
            headers = [key for key, _ in value.headers.items() if key != agent]
            texts[name] = type(value).__name__, value.method, headers, value.stream_output
        elif name in ("response_dict", "parsed_response", "parsed"):
            texts[name] = value and sorted(value)
    return texts


def add_header(name: str, value: str) -> Callable[..., None]:
    def handler(**kwargs: Any) -> None:
        headers = kwargs["request"].headers if "request" in kwargs else kwargs["params"]["headers"]
        headers[name] = value

    return handler
