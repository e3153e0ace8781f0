"""boto3 itself beside our client: every operation, with whatever the model lets through or not."""

import datetime as dt
import enum
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.config import Config as BotocoreConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire
from sagewire.model.runtime import OPERATIONS
from tests.conftest import CLIENTS
from tests.support.capture import Captured, CaptureServer

KEYS = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
patient = settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def server() -> Iterator[CaptureServer]:
    with CaptureServer() as running:
        yield running


@pytest.fixture(scope="module", params=CLIENTS)
def pair(request: pytest.FixtureRequest, server: CaptureServer) -> Iterator[tuple[Any, Any]]:
    patch = pytest.MonkeyPatch()
    patch.setattr(botocore.auth, "get_current_datetime", lambda *_a, **_k: NOW.replace(tzinfo=None))
    # With awscrt installed botocore signs through it, in another order; the oracle is botocore.
    patch.setitem(botocore.auth.AUTH_TYPE_MAPS, "v4", botocore.auth.SigV4Auth)
    theirs = boto3.Session().client("sagemaker-runtime", endpoint_url=server.url, **KEYS)
    with CLIENTS[request.param](endpoint_url=server.url, **KEYS) as ours:
        ours._ambient.now = NOW.timestamp
        yield theirs, ours
    theirs.close()
    patch.undo()


def comparable(request: Captured) -> Any:
    ignored = ("User-Agent", "amz-sdk-invocation-id")
    headers = [pair for pair in request.headers if pair[0] not in ignored]
    return request.method, request.target, headers, request.body


def outcome(client: Any, method: str, kwargs: dict[str, Any]) -> Any:
    try:
        result = getattr(client, method)(**kwargs)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        return type(error).__name__, str(error)
    except UnicodeEncodeError:
        return "not text"
    if "Body" in result:
        result.pop("Body").close()
    return dict(result)


# No line ends and none of the spaces that boto3 signs as a space (docs/differences.md).
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"])
    | st.sampled_from(" \t"),
    max_size=20,
)
integers = st.sampled_from([-1, 0, 1, 59, 60, 61, 3600, 21601, 10**30, True, False])
bodies = st.one_of(st.binary(max_size=50), st.binary(max_size=50).map(bytearray), texts)
KINDS = {"string": texts, "integer": integers, "blob": bodies}
odd = st.one_of(st.none(), st.integers(), st.floats(), st.lists(st.integers(), max_size=1), texts)


@st.composite
def calls(draw: Any) -> tuple[str, dict[str, Any]]:
    operation = draw(st.sampled_from(OPERATIONS))
    members = {member.name: KINDS[member.type] for member in operation.inputs}
    spoilt = draw(st.sampled_from([None, None, None, *members, "Nope"]))
    chosen = draw(
        st.fixed_dictionaries(
            {name: members[name] for name in operation.required},
            optional={
                name: kind
                for name, kind in members.items()
                if name not in (spoilt, *operation.required)
            },
        )
    )
    if spoilt is not None:
        chosen[spoilt] = draw(odd)
    names = draw(st.permutations(list(chosen)))
    return operation.method, {name: chosen[name] for name in names}


@patient
@given(call=calls())
def test_both_send_or_refuse_the_same(
    pair: tuple[Any, Any], server: CaptureServer, call: tuple[str, dict[str, Any]]
) -> None:
    seen = []
    for client in pair:
        server.requests.clear()
        seen.append((outcome(client, *call), [comparable(request) for request in server.requests]))
    assert seen[1] == seen[0]


class Endpoints(str, enum.Enum):
    A = "my ep"


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


@pytest.mark.parametrize("method", [operation.method for operation in OPERATIONS])
@pytest.mark.parametrize(
    "name", [Endpoints.A, Loud("ep"), 5, 2.5, True, b"a/b\xff", bytearray(b"ep"), ["a"], None]
)
def test_both_find_the_same_endpoint_in_a_name_of_any_type(
    unchecked_pair: tuple[Any, Any], server: CaptureServer, method: str, name: Any
) -> None:
    """A text's own characters count, whatever it is printed as; `None` is no name."""
    seen = []
    for client in unchecked_pair:
        server.requests.clear()
        try:
            getattr(client, method)(EndpointName=name, Body=b"").get("Body", io.BytesIO()).close()
        except KeyError as error:
            seen.append(repr(error))
        else:
            seen.append(server.requests[0].target)
        try:
            url = client.generate_presigned_url(method, {"EndpointName": name, "Body": b""})
            seen[-1] += url.partition("?")[0]
        except KeyError as error:
            seen[-1] += repr(error)
    assert seen[1] == seen[0]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@patient
@given(
    members=st.dictionaries(st.sampled_from(["InferenceId", "inferenceId", "Other"]), values)
    | texts.filter(lambda text: not _is_json(text)),
    status=st.sampled_from([200, 202, 204, 299]),
    headers=st.dictionaries(
        st.sampled_from(["X-Amzn-SageMaker-OutputLocation", "X-Amzn-SageMaker-FailureLocation"]),
        st.text("abc:/ ", max_size=8),
    ),
)
def test_both_read_the_same_from_an_asynchronous_answer(
    pair: tuple[Any, Any],
    server: CaptureServer,
    members: Any,
    status: int,
    headers: dict[str, str],
) -> None:
    body = members.encode() if isinstance(members, str) else json.dumps(members).encode()
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers.items())]
    body = b"" if status == 204 else body
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    results = []
    for client in pair:
        server._answers.append([("send", head + body)])
        results.append(outcome(client, "invoke_endpoint_async", {"EndpointName": "ep"}))
    assert results[1] == results[0]


@pytest.mark.parametrize(
    ("body", "then"),
    [(b"", None), (b"{}", None), (b"{}", "read")],
)
def test_a_body_takes_a_time_out_when_boto3s_does(
    pair: tuple[Any, Any], server: CaptureServer, body: bytes, then: str | None
) -> None:
    """Also an empty one that nobody has read: programs set the time-out before they look."""
    seen = []
    for client in pair:
        server._answers.append(
            [("send", b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)]
        )
        answered = client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"]
        if then is not None:
            getattr(answered, then)()
        try:
            answered.set_socket_timeout(5)
        except AttributeError:
            seen.append("too late")
        else:
            seen.append("")
            assert answered.read() == body
        answered.close()
    assert seen[1] == seen[0]


names = st.sampled_from(["ModelError", "ValidationError", "ModelStreamError", "Nope", "ns#A:b", ""])
leaves = st.none() | st.booleans() | st.integers() | texts
error_members = st.fixed_dictionaries(
    {},
    optional={
        "message": leaves,
        "Message": leaves,
        "code": leaves | names,
        "Code": leaves | names,
        "__type": names,
        "OriginalStatusCode": st.integers(-5, 999) | st.sampled_from(["500", " 7 ", True, None]),
        "OriginalMessage": leaves,
        "LogStreamArn": leaves,
        "ErrorCode": leaves,
    },
)


@patient
@given(
    members=error_members | st.sampled_from(["", "  ", "<html>", "no json", " <html>x", "<HTML>"]),
    status=st.sampled_from([301, 304, 400, 403, 424, 429, 500, 503, 530, 599]),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "x-amzn-RequestId": st.sampled_from(["r1", ""]),
            "x-amz-request-id": st.just("r2"),
            "x-amz-id-2": st.just("h"),
            "x-amzn-ErrorType": names,
            "x-amzn-query-error": st.sampled_from(["A;B", "A", ";", "A;B;C", "A;"]),
        },
    ),
    method=st.sampled_from([operation.method for operation in OPERATIONS]),
)
def test_both_raise_the_same_error(
    pair_without_retries: tuple[Any, Any],
    server: CaptureServer,
    members: Any,
    status: int,
    headers: dict[str, str],
    method: str,
) -> None:
    body = members.encode() if isinstance(members, str) else json.dumps(members).encode()
    body = b"" if status == 304 else body
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    raised = []
    for client in pair_without_retries:
        server._answers.append([("send", head + body)])
        with pytest.raises(botocore.exceptions.ClientError) as error:
            getattr(client, method)(EndpointName="ep", Body=b"")
        value = error.value
        raised.append((type(value).__name__, str(value), value.response, value.operation_name))
    assert raised[1] == raised[0]
    assert [list(one[2]) for one in raised[1:]] == [list(raised[0][2])]


@pytest.mark.parametrize("method", [operation.method for operation in OPERATIONS])
@pytest.mark.parametrize("body", [b"", b'{"InferenceId": "i"}', b'{"InferenceId": null}', b"text"])
def test_status_300_has_the_members_of_a_success(
    pair_without_retries: tuple[Any, Any], server: CaptureServer, method: str, body: bytes
) -> None:
    head = (
        "HTTP/1.1 300 X\r\nContent-Type: a/b\r\nX-Amzn-SageMaker-Content-Type: c/d\r\n"
        "X-Amzn-SageMaker-Custom-Attributes: e\r\nX-Amzn-SageMaker-OutputLocation: s3://b/k\r\n"
        f"x-amz-request-id: r\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    raised = []
    for client in pair_without_retries:
        server._answers.append([("send", head.encode() + body)])
        with pytest.raises(botocore.exceptions.ClientError) as error:
            getattr(client, method)(EndpointName="ep", Body=b"")
        if method.endswith("stream"):
            error.value.response["Body"] = "boto3 has an empty stream there"
        raised.append((str(error.value), list(error.value.response.items())))
    assert raised[1] == raised[0]


@pytest.fixture(scope="module", params=CLIENTS)
def pair_without_retries(
    request: pytest.FixtureRequest, server: CaptureServer
) -> Iterator[tuple[Any, Any]]:
    once = {"retries": {"total_max_attempts": 1}}
    theirs = boto3.Session().client(
        "sagemaker-runtime", endpoint_url=server.url, config=BotocoreConfig(**once), **KEYS
    )
    config = sagewire.Config(**once)
    with CLIENTS[request.param](endpoint_url=server.url, config=config, **KEYS) as ours:
        yield theirs, ours
    theirs.close()


@pytest.fixture(scope="module")
def unchecked_pair(server: CaptureServer) -> Iterator[tuple[Any, Any]]:
    off = {"parameter_validation": False}
    theirs = boto3.Session().client(
        "sagemaker-runtime", endpoint_url=server.url, config=BotocoreConfig(**off), **KEYS
    )
    config = sagewire.Config(**off)
    with sagewire.client(endpoint_url=server.url, config=config, **KEYS) as ours:
        yield theirs, ours
    theirs.close()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
