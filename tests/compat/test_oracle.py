"""boto3 itself beside our client, against the same server: what goes out, and what comes back."""

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.config import Config as BotocoreConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire
from tests.conftest import CLIENTS
from tests.support.capture import Captured, CaptureServer

KEYS = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "aws_session_token": "token/with+signs==",
}
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)

# A header's text: no line ends, no lone surrogates, and none of the non-ASCII spaces that boto3
# signs as a space and sends as they are (docs/differences.md).
header_text = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="\r\n\x1c\x1d\x1e\x1f\x85\xa0",
        exclude_categories=["Zs", "Zl", "Zp", "Cs"],
    )
    | st.sampled_from(" \t"),
    max_size=40,
)
optional = {
    name: header_text.filter(bool)
    if name in ("TargetModel", "InferenceId", "EnableExplanations", "PrefixAwareId")
    else header_text
    for name in (
        "ContentType",
        "Accept",
        "CustomAttributes",
        "TargetModel",
        "TargetVariant",
        "TargetContainerHostname",
        "InferenceId",
        "EnableExplanations",
        "InferenceComponentName",
        "SessionId",
        "PrefixAwareId",
    )
}
parameters = st.fixed_dictionaries(
    {"EndpointName": st.text(st.characters(codec="utf-8"), max_size=30)}, optional=optional
).flatmap(lambda chosen: st.permutations(list(chosen.items())).map(dict))
bodies = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(bytearray),
    st.text(st.characters(codec="utf-8"), max_size=100),
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
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "HTTP_PROXY", "http_proxy"):
        patch.delenv(name, raising=False)
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


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(kwargs=parameters, body=bodies)
def test_both_put_the_same_request_on_the_wire(
    pair: tuple[Any, Any], server: CaptureServer, kwargs: dict[str, Any], body: Any
) -> None:
    server.requests.clear()
    for client in pair:
        client.invoke_endpoint(**kwargs, Body=body)["Body"].read()
    theirs, ours = server.requests
    assert comparable(ours) == comparable(theirs)


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=3000), offset=st.integers(0, 3000))
def test_both_send_a_file_from_where_it_stands(
    pair: tuple[Any, Any], server: CaptureServer, data: bytes, offset: int
) -> None:
    server.requests.clear()
    for client in pair:
        file = io.BytesIO(data)
        file.seek(min(offset, len(data)))
        client.invoke_endpoint(EndpointName="ep", Body=file)["Body"].read()
        assert file.tell() == len(data)
    theirs, ours = server.requests
    assert comparable(ours) == comparable(theirs)


anything = st.one_of(
    st.none(),
    st.integers(),
    st.booleans(),
    st.binary(max_size=5),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, max_examples=150)
@given(
    kwargs=st.dictionaries(
        st.sampled_from(
            ["EndpointName", "Body", "ContentType", "TargetModel", "SessionId", "Nope", "body"]
        ),
        anything,
    )
)
def test_both_report_the_same_faults(pair: tuple[Any, Any], kwargs: dict[str, Any]) -> None:
    reports = []
    for client, family in zip(pair, (botocore.exceptions, sagewire.exceptions), strict=True):
        try:
            client.invoke_endpoint(**kwargs)["Body"].read()
        except family.ParamValidationError as error:
            reports.append(str(error))
        except UnicodeEncodeError:
            reports.append("not text")
        else:
            reports.append("")
    assert reports[0] == reports[1]


@pytest.mark.parametrize("field", ["read_timeout", "connect_timeout", "max_pool_connections"])
def test_botocores_config_is_read(field: str) -> None:
    config = BotocoreConfig(retries={"total_max_attempts": 2}, user_agent_extra="x/1", **{field: 7})
    client = sagewire.client(config=config, **KEYS)
    assert getattr(client.meta.config, field) == 7
    assert client.meta.config.retries == {"total_max_attempts": 2, "mode": "standard"}
    assert client.meta.config.user_agent_extra == "x/1"


def test_a_boto3_session_gives_credentials_region_and_profile(
    server: CaptureServer, make_client: Any
) -> None:
    session = boto3.Session("AKIDSESSION", "secret", "token", region_name="ap-south-1")
    server.requests.clear()
    with make_client(session=session, endpoint_url=server.url) as client:
        client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
        client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
    assert client.meta.region_name == "ap-south-1"
    for request in server.requests:
        assert "Credential=AKIDSESSION/" in str(request.header("authorization"))
        assert request.header("x-amz-security-token") == "token"


def test_every_config_field_and_default_is_boto3s() -> None:
    from sagewire.config import DEFAULTS

    assert list(DEFAULTS) == list(BotocoreConfig.OPTION_DEFAULTS)
    assert {name: getattr(sagewire.Config(), name) for name in DEFAULTS} == {
        name: getattr(BotocoreConfig(), name) for name in DEFAULTS
    }
