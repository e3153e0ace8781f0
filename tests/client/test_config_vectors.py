"""Every recorded configuration: environment and files to a client's settings and credentials."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import sagewire
from sagewire._impl import transport
from sagewire.credentials import clock
from sagewire.exceptions import NoCredentialsError
from tests.client import recorded
from tests.client.differences import CONFIG, changed
from tests.support import vectors
from tests.support.capture import CaptureServer
from tests.support.proxy import Proxy

CASES = vectors.load("config.jsonl")


def parameters() -> list[Any]:
    if not CASES:
        absent = pytest.mark.skip(reason="recorded vectors are not part of a clone")
        return [pytest.param({}, id="absent", marks=absent)]
    return [pytest.param(case, id=case["id"]) for case in CASES]


def placed(text: str, home: Path) -> str:
    return text.replace("{HOME}", str(home))


def write_files(files: dict[str, Any], home: Path) -> None:
    for name, content in files.items():
        path = home / name
        if "{SSOCACHE:" in name:
            key = name.partition("{SSOCACHE:")[2].rstrip("}")
            digest = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
            path = home / ".aws" / "sso" / "cache" / f"{digest}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and "b64" in content:
            path.write_bytes(base64.b64decode(content["b64"]))
        elif content is None or isinstance(content, dict):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(placed(content, home).encode())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, server_tls: Any) -> Any:
    """Return a function: a server for a case's answers, which every connection reaches."""

    @contextlib.contextmanager
    def serving(case: dict[str, Any]) -> Iterator[tuple[CaptureServer, list[str]]]:
        answers = [answer["b64"] for answer in case.get("server", [])]
        with (
            monkeypatch.context() as patch,
            CaptureServer(answers, server_tls if case.get("tls") else None) as server,
            recorded.redirected(lambda _host, _port: ("127.0.0.1", server.port)) as dialled,
        ):
            if case.get("tls"):
                # The host's name is a public one: the test's authority is not asked about it.
                unchecked = transport.TlsSettings(False, None, None, None)
                patch.setattr(transport, "TlsSettings", lambda *_given: unchecked)
            yield server, dialled

    return serving


@pytest.mark.parametrize("case", parameters())
def test_a_recorded_configuration_gives_the_same_client(
    case: dict[str, Any],
    clean_environment: Any,
    tmp_path: Path,
    server_tls: Any,
    asked: Any,
    make_client: Any,
) -> None:
    expected = changed(case["expect"], CONFIG.get(case["id"]))
    write_files(case["files"], tmp_path)
    now = recorded.epoch(case["time"])
    clean_environment.setattr(clock, "now", lambda: now)
    clean_environment.setattr(clock, "chance", lambda: 0.5)
    clean_environment.setattr(clock, "sleep", lambda _seconds: None)
    for name, value in case["env"].items():
        clean_environment.setenv(name, placed(value, tmp_path))
    arguments = {
        key: placed(value, tmp_path) if isinstance(value, str) else recorded.unwrapped(value)
        for key, value in {**case["boto3_args"], **case["client"]}.items()
    }
    if "config" in arguments:
        arguments["config"] = sagewire.Config(**arguments["config"])
    if expected.get("error"):
        with asked(case) as (server, dialled):
            with pytest.raises(Exception) as raised, make_client(**arguments) as client:
                client.invoke_endpoint(EndpointName="ep", Body=b"{}")
            same_questions(expected, server, dialled)
        error = expected["error"]
        error = {**error, "message": placed(error["message"], tmp_path)}
        recorded.same_error(error, raised.value)
        return
    with asked(case) as (server, dialled):
        client = make_client(**arguments)
        same_credentials(expected.get("credentials"), client, loose="loose_expiry" in case)
        same_questions(expected, server, dialled)
    with client:
        recorded.frozen(client, case["time"])
        same_settings(expected, client, tmp_path)
        if case["call"] and "call" in expected:
            kwargs = case.get("kwargs", {"EndpointName": "ep", "Body": {"type": "bytes"}})
            with contextlib.ExitStack() as stack:
                kwargs = {name: recorded.body(value, stack) for name, value in kwargs.items()}
                same_call(expected["call"], client, kwargs, server_tls)


def same_questions(expected: dict[str, Any], server: CaptureServer, dialled: list[str]) -> None:
    """Compare what STS, SSO, a container's or an instance's service was asked, and where."""
    assert len(server.requests) == len(expected.get("requests", []))
    recorded_requests = [dict(wanted) for wanted in expected.get("requests", [])]
    for request, wanted in zip(server.requests, recorded_requests, strict=True):
        assert (request.method, request.target) == (wanted.pop("method"), wanted.pop("target"))
        form = wanted.pop("form", None)
        if form is not None:
            assert dict(parse_qsl(request.body.decode("ascii"))) == form
        authorization = request.header("authorization")
        scope = wanted.pop("authorization", None)
        if authorization and authorization.startswith("AWS4-HMAC-SHA256"):
            authorization = authorization.partition("Credential=")[2].partition(",")[0]
        assert authorization == scope
        for name in ("x-amz-security-token", "x-aws-ec2-metadata-token", "x-amz-sso_bearer_token"):
            assert request.header(name) == wanted.pop(name, None)
        for name, value in wanted.items():
            assert request.header(name) == value, name
    # Our client's own pool is made, and not used, where the call fails for lack of credentials.
    others = [address for address in dialled if not address.startswith("runtime.sagemaker.")]
    assert others == expected.get("dialled", [])


def same_settings(expected: dict[str, Any], client: Any, home: Path) -> None:
    settings = client._settings
    config = client.meta.config
    assert client.meta.region_name == expected["region"]
    assert client.meta.partition == expected["partition"]
    assert client.meta.endpoint_url == expected["meta_endpoint_url"]
    assert config.retries == expected["retries"]
    assert config.read_timeout == expected["read_timeout"]
    assert config.connect_timeout == expected["effective_timeout"]["connect"]
    assert config.max_pool_connections == expected["max_pool_connections"]
    assert config.signature_version == expected["signature_version"]
    assert bool(config.tcp_keepalive) == expected["keepalive"]
    assert config.user_agent_appid == expected["user_agent_appid"]
    proxy = settings.proxy
    scheme = settings.endpoint_url.partition(":")[0]
    assert (proxy.url if proxy else None) == expected["proxies"].get(scheme)
    verify = settings.ca_bundle if settings.verify and settings.ca_bundle else settings.verify
    wanted = expected["verify"]
    assert verify == (placed(wanted, home) if isinstance(wanted, str) else wanted)


def same_credentials(expected: dict[str, Any] | None, client: Any, *, loose: bool) -> None:
    source = client._settings.source
    if expected is None:
        with pytest.raises(NoCredentialsError):
            source.current()
        return
    found = source.current()
    assert source.method == expected["method"]
    assert (found.access_key_id, found.secret_access_key) == (
        expected["access_key"],
        expected["secret_key"],
    )
    assert (found.token or None) == expected["token"]
    if not loose:
        expiry = found.expires_at and found.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert expiry == expected.get("expiry")


def same_call(
    expected: dict[str, Any], client: Any, kwargs: dict[str, Any], server_tls: Any
) -> None:
    tls = server_tls if expected["url"].startswith("https") else None
    client._settings.verify = False
    authority = expected["url"].partition("://")[2].partition("/")[0]
    with CaptureServer([], tls) as server, contextlib.ExitStack() as stack:
        port = server.port
        if client._settings.proxy is not None:
            route = {f"{authority}:443": ("127.0.0.1", server.port)}
            port = stack.enter_context(Proxy(route=route)).port
        stack.enter_context(recorded.redirected(lambda _host, _port: ("127.0.0.1", port)))
        if "error" in expected:
            with pytest.raises(Exception) as raised:
                client.invoke_endpoint(**kwargs)
            recorded.same_error(expected["error"], raised.value)
            return
        client.invoke_endpoint(**kwargs)["Body"].read()
        client.close()
    (request,) = server.requests
    scheme, _, rest = expected["url"].partition("://")
    host, slash, path = rest.partition("/")
    assert (request.scheme, request.header("host"), request.target) == (scheme, host, slash + path)
    if "credential_scope" in expected:
        assert f"Credential={expected['credential_scope']}," in request.header("authorization")
    assert request.header("x-amz-security-token") == expected.get("security_token")
