"""boto3 itself beside our client: presigned URLs, equal to the letter."""

import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore
import botocore.auth
import botocore.signers
import pytest
from botocore.config import Config as BotocoreConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire

KEYS = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
OPERATIONS = ["invoke_endpoint", "invoke_endpoint_async", "invoke_endpoint_with_response_stream"]
URLS = [
    None,
    "http://127.0.0.1:8080",
    "http://127.0.0.1:8080/base/?b=2&a=%2F&b=1&x",
    "https://user:pass@127.0.0.1:443/a//b/../c#frag",
    "HTTPS://Example.COM/",
    "http://[::1]:8080/?a+b=c%20d",
]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *_a, **_k: NOW.replace(tzinfo=None)
    )
    for version in ("v4-query", "s3v4-query"):
        # With awscrt installed botocore signs through it, in another order.
        theirs = {"v4-query": "SigV4QueryAuth", "s3v4-query": "S3SigV4QueryAuth"}[version]
        monkeypatch.setitem(botocore.auth.AUTH_TYPE_MAPS, version, getattr(botocore.auth, theirs))
    return None


def pair(**arguments: Any) -> tuple[Any, Any]:
    version = arguments.pop("signature_version", None)
    theirs = BotocoreConfig(signature_version=version)
    ours = sagewire.Config(signature_version=version)
    session = boto3.Session()
    return (
        session.client("sagemaker-runtime", config=theirs, **{**KEYS, **arguments}),
        sagewire.client("sagemaker-runtime", config=ours, **{**KEYS, **arguments}),
    )


def outcome(client: Any, *args: Any, **kwargs: Any) -> Any:
    if hasattr(client, "_ambient"):
        client._ambient.now = NOW.timestamp
    try:
        return client.generate_presigned_url(*args, **kwargs)
    except (botocore.exceptions.BotoCoreError, sagewire.exceptions.BotoCoreError) as error:
        return type(error).__name__, str(error)
    except (ValueError, TypeError, KeyError) as error:  # boto3's machinery: the words are ours
        return type(error).__name__


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def has_parameters(value: Any) -> bool:
    """Tell whether an object has any; one of empty lists has none, which is a listed difference."""
    return not isinstance(value, dict) or not value or any(one != [] for one in value.values())


members = values.filter(has_parameters)
bodies = st.one_of(
    members.map(json.dumps),
    members.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=12),
    st.binary(max_size=12).map(bytearray),
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"]))


@pytest.fixture(scope="module")
def clients() -> dict[str, tuple[Any, Any]]:
    return {
        f"{url} {token} {version}": pair(
            endpoint_url=url, aws_session_token=token, signature_version=version
        )
        for url in URLS
        for token, version in ((None, None), ("", "v4"), ("T/+= x", "s3v4"))
    }


@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_both_make_the_same_url(
    frozen: None, clients: dict[str, tuple[Any, Any]], data: st.DataObject
) -> None:
    both = clients[data.draw(st.sampled_from(sorted(clients)))]
    parameters = data.draw(
        st.fixed_dictionaries(
            {"EndpointName": texts},
            optional={
                "Body": bodies,
                "ContentType": texts | st.just("application/x-www-form-urlencoded; charset=utf-8"),
                "Accept": texts,
                "CustomAttributes": texts,
                "InferenceId": texts,
                "RequestTTLSeconds": st.integers(50, 90),
            },
        )
    )
    method = data.draw(st.sampled_from([*OPERATIONS, "close", "InvokeEndpoint", None]))
    life = data.draw(st.sampled_from([3600, 0, -1, 3600.5, "900", None, 10**9, True]))
    verb = data.draw(st.sampled_from([None, "GET", "post", "", "two words", "p\u00f6st"]))
    theirs, ours = (outcome(client, method, parameters, life, verb) for client in both)
    assert ours == theirs


@pytest.mark.parametrize("version", ["nope", "bearer", "v4a", "nope-query", "v4"])
def test_both_refuse_the_same_versions(frozen: None, version: str) -> None:
    parameters = {"EndpointName": "ep", "Body": b""}
    theirs, ours = (
        outcome(client, "invoke_endpoint", parameters) for client in pair(signature_version=version)
    )
    assert ours == theirs


def test_a_file_is_taken_as_boto3_takes_it(frozen: None) -> None:
    for content in (b"", b"{}", b"a\n"):
        theirs, ours = (
            outcome(client, "invoke_endpoint", {"EndpointName": "ep", "Body": io.BytesIO(content)})
            for client in pair()
        )
        assert ours == theirs


def test_an_unsigned_url_is_the_same(frozen: None) -> None:
    for url in URLS:
        theirs = boto3.Session().client(
            "sagemaker-runtime",
            endpoint_url=url,
            region_name="eu-central-1",
            config=BotocoreConfig(signature_version=botocore.UNSIGNED),
        )
        ours = sagewire.client(
            region_name="eu-central-1",
            endpoint_url=url,
            config=sagewire.Config(signature_version=sagewire.UNSIGNED),
        )
        parameters = {"EndpointName": "a b", "Body": b"{}"}
        assert outcome(ours, "invoke_endpoint", parameters) == outcome(
            theirs, "invoke_endpoint", parameters
        )


def test_an_error_about_the_body_names_it() -> None:
    client = pair()[1]
    for body, kind in (
        (b"not json", json.JSONDecodeError),
        (b"\xff", UnicodeDecodeError),
        (b"[1]", TypeError),
        (b'"ab"', ValueError),
        (bytearray(b"{}"), TypeError),
    ):
        with pytest.raises(kind, match="Body: a presigned URL carries the body in its query"):
            client.generate_presigned_url("invoke_endpoint", {"EndpointName": "e", "Body": body})
    with pytest.raises(TypeError, match="Params must be a mapping, not list"):
        client.generate_presigned_url("invoke_endpoint", [])
    with pytest.raises(TypeError, match="HttpMethod must be str, not int"):
        client.generate_presigned_url("invoke_endpoint", {}, HttpMethod=5)
